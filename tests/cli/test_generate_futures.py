"""``generate_samples.py`` of a model that continues clips: here one whose frames grow lighter by what its seed says."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, video
from mocogan_chainer.cli import generate
from mocogan_chainer.datasets.writer import open_writer

SIZE = 32
MOST = 4
LENGTH = 10
GREEN, RED, BLUE = (22, 150, 70), (220, 40, 45), (50, 110, 220)


class Lightening:
    """Frame t to come is the last given one plus t, or plus a step t times that a seed gives; it notes its calls."""

    size = SIZE
    most_context = MOST
    transfers_motion = True

    def __init__(self):
        self.calls = []

    def forecast(self, context, length, seeds):
        assert context.dtype == np.uint8
        assert context.shape[1:] == (SIZE, SIZE, 3)
        self.calls.append((context[:, 0, 0, 0].tolist(), length, list(seeds)))
        steps = [1 if seed is None else 2 + seed % 5 for seed in seeds]
        return np.array([[context[-1] + step * t for t in range(1, length + 1)] for step in steps], np.uint8)

    def transfer(self, content, clip):
        self.calls.append((content[:, 0, 0, 0].tolist(), clip[:, 0, 0, 0].tolist()))
        return clip // 2 + content[-1] // 2


@pytest.fixture
def forecaster(monkeypatch):
    made = Lightening()
    config = {"model_name": "prediction", "fps": 10, "video_length": LENGTH, "every_nth": 2}
    monkeypatch.setattr(builder, "load_sampler", lambda path, gpu: (made, config))
    return made


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def clip(length, first=0, height=SIZE, width=SIZE):
    """Frame t is ``first + t`` all over."""
    return np.broadcast_to(np.arange(first, first + length)[:, None, None, None], (length, height, width, 3)).astype(
        np.uint8
    )


def pictures(folder, length, first=0, **size):
    """A folder of pictures 1.png, 2.png, ..., 10.png, whose order by letters is another one."""
    Path(folder).mkdir(parents=True)
    for i, frame in enumerate(clip(length, first, **size), 1):
        Image.fromarray(frame).save(Path(folder, f"{i}.png"))


def prepared(folder, splits, length=12, size=SIZE):
    """A prepared dataset: the video i shows 20 * i + t."""
    with open_writer(folder, "tiny", size) as writer:
        for i, split in enumerate(splits):
            writer.add(clip(length, 20 * i, size, size), id=f"v{i}", split=split)


def run(*arguments):
    return generate.main(["snapshot.npz", "out", *map(str, arguments)])


def names(folder="out"):
    return sorted(path.name for path in Path(folder).iterdir())


def levels(name):
    """The grey level of each frame that was written as a picture."""
    frames = video.read_frames(sorted(Path("out", name).iterdir()))
    assert all(len(np.unique(frame)) == 1 for frame in frames)
    return frames[:, 0, 0, 0].tolist()


def gif_frames(path):
    with Image.open(path) as gif:
        frames = []
        for i in range(gif.n_frames):
            gif.seek(i)
            frames.append(np.array(gif.convert("RGB")))
    return np.array(frames)


def lines(picture):
    """The colours of the lines around frames in a row of a picture, from left to right."""
    found = []
    for colour in (GREEN, RED, BLUE):
        close = (np.abs(picture.astype(int) - colour).max(-1) < 12).sum(0) > SIZE
        lefts = np.flatnonzero(np.diff(close.astype(int), prepend=0) == 1)
        found += [(int(left), colour) for left in lefts]
    return [colour for _, colour in sorted(found)][::2]  # each has a left and a right side


def test_a_folder_of_pictures_is_one_clip(place, forecaster, capsys):
    pictures("walk", 20, first=5)
    assert run("--context", "walk", "--format", "frames,gif,mp4", "--futures", 2) == 0
    stems = ["walk_future_1", "walk_future_2", "walk_mean"]
    files = {f"{stem}{suffix}" for stem in stems for suffix in ("", ".gif", ".mp4")}
    assert set(names()) == files | {"walk.gif", "walk.png"}
    assert levels("walk_mean") == [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    (context, length, seeds) = forecaster.calls[0]
    assert (context, length, seeds[0], len(seeds)) == ([5, 6, 7, 8], LENGTH - MOST, None, 3)
    step = 2 + seeds[2] % 5
    assert levels("walk_future_2") == [5, 6, 7, 8, *(8 + step * t for t in range(1, 7))]
    with Image.open("out/walk_mean.gif") as gif:
        assert (gif.size, gif.n_frames, gif.info["duration"]) == ((SIZE, SIZE), LENGTH, 100)
    last = capsys.readouterr().out
    assert last == "1 clip continued, 2 futures each, in out; side by side: walk.gif and walk.png\n"


@pytest.mark.parametrize(
    ("options", "given", "length"),
    [
        ([], [0, 2, 4, 6], 6),
        (["--every-nth", 1], [0, 1, 2, 3], 6),
        (["--every-nth", 3, "--given", 2], [0, 3], 8),
        (["--given", 1, "--length", 50], [0], 50),
    ],
)
def test_which_frames_of_a_video_are_given(place, forecaster, options, given, length):
    frames = clip(24)
    video.write_gif("walk.gif", frames * 10, 10)
    assert run("--context", "walk.gif", "--futures", 0, *options) == 0
    context, made, seeds = forecaster.calls[0]
    assert context == [10 * i for i in given]
    assert (made, seeds) == (length, [None])


def test_the_middle_square_is_taken_and_scaled(place, forecaster):
    frames = np.zeros((8, 48, 96, 3), np.uint8)
    frames[:, :, 24:72] = 200  # what lies left and right of it stays dark
    video.write_gif("wide.gif", frames, 10)
    Path("wide").mkdir()
    Image.fromarray(frames[0]).save("wide/1.png")
    Image.fromarray(frames[0]).save("wide.jpg", quality=95)
    for context in ("wide.gif", "wide", "wide.jpg"):
        assert run("--context", context, "--futures", 0, "--format", "frames") == 0
        first = video.read_image("out/wide_mean/0001.png")
        assert first.shape == (SIZE, SIZE, 3)
        assert np.abs(first.astype(int) - 200).max() <= 3


def test_a_photo_is_a_context_of_one_frame(place, forecaster):
    Image.fromarray(clip(1, 50)[0]).save("anna.png")
    assert run("--context", "anna.png", "--futures", 1, "--format", "frames") == 0
    assert forecaster.calls[0][:2] == ([50], LENGTH - 1)
    assert levels("anna_mean") == list(range(50, 60))
    with Image.open("out/anna.gif") as gif:
        three = gif.size
    pictures("walk", 10)
    assert run("--context", "walk", "--futures", 1, "--format", "frames") == 0
    with Image.open("out/walk.gif") as gif:
        assert gif.size[0] > three[0]  # given, mean, future 1; and truth, which a photo does not have


def test_a_folder_of_videos_and_what_cannot_be_read(place, forecaster, capsys):
    video.write_gif("all/up/b.gif", clip(9, 10), 10)
    video.write_gif("all/a.gif", clip(9, 20), 10)
    Path("all/broken.mp4").write_bytes(b"no video")
    pictures("all/up/pics", 5, first=30)
    assert run("--context", "all", "--futures", 0, "--every-nth", 1) == 0
    assert {name for name in names() if name.endswith(".png")} == {"a.png", "up_b.png", "up_pics.png"}
    assert [context for context, *_ in forecaster.calls] == [[20, 21, 22, 23], [10, 11, 12, 13], [30, 31, 32, 33]]
    out, err = capsys.readouterr()
    assert out == "3 clips continued, the mean future of each, in out; side by side: NAME.gif and NAME.png\n"
    assert "left out: all/broken.mp4: cannot be decoded as a video" in err
    assert run("--context", "all", "--futures", 0, "--num", 2) == 0
    assert len(forecaster.calls) == 5
    assert run("--context", "all", "--futures", 0, "--given", 4) == 0
    assert len(forecaster.calls) == 8
    assert run("--context", "all", "--futures", 0, "--given", 4, "--every-nth", 4) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: all: nothing to continue: no clip in it can be used (4 looked at)"
    )


def test_of_a_dataset_the_held_out_part_first(place, forecaster):
    prepared("data", ["train", "train", "test", "train", "test", "train"], length=13)
    assert run("--context", "data", "--futures", 0) == 0
    assert [context for context, *_ in forecaster.calls] == [[20 * v + t for t in (0, 2, 4, 6)] for v in (2, 4, 0, 1)]
    assert {name for name in names() if name.endswith(".mp4")} == {f"v{i}_mean.mp4" for i in (2, 4, 0, 1)}
    forecaster.calls.clear()
    assert run("--context", "data", "--futures", 0, "--num", 5) == 0
    assert [context[0] for context, *_ in forecaster.calls] == [40, 80, 0, 20, 60]


def test_a_dataset_of_another_size_is_scaled(place, forecaster):
    prepared("data", [""], size=16)
    assert run("--context", "data", "--futures", 0, "--every-nth", 1) == 0
    assert forecaster.calls[0][0] == [0, 1, 2, 3]


def test_futures_do_not_depend_on_their_number(place, forecaster):
    pictures("walk", 4)
    seeds = {}
    for options in ((5, 0, 16), (2, 0, 16), (5, 0, 2), (5, 1, 16)):
        forecaster.calls.clear()
        assert run("--context", "walk", "--futures", options[0], "--seed", options[1], "--batchsize", options[2]) == 0
        assert max(len(call[2]) for call in forecaster.calls) <= options[2]
        seeds[options] = [seed for call in forecaster.calls for seed in call[2]]
    assert seeds[5, 0, 16] == seeds[5, 0, 2]
    assert seeds[2, 0, 16] == seeds[5, 0, 16][:3]
    assert len({*seeds[5, 0, 16], *seeds[5, 1, 16]}) == 11  # the mean one is common to both


def test_the_moving_picture(place, forecaster):
    """Its lines are green while frames are given and red while they are made, and truth that ended goes dark."""
    pictures("walk", 7, first=100)
    assert run("--context", "walk", "--futures", 1) == 0
    frames = gif_frames("out/walk.gif")
    assert frames.shape == (LENGTH, 150, 4 * 110 + 8, 3)
    assert lines(frames[0]) == [GREEN] * 4
    assert lines(frames[MOST - 1]) == [GREEN] * 4
    assert lines(frames[MOST]) == [BLUE, RED, RED]  # the given one is held, in a grey line
    assert lines(frames[7]) == [RED, RED]
    centres = frames[:, 70, 59::110].astype(int)[..., 0]
    step = 2 + forecaster.calls[0][2][1] % 5
    assert np.abs(centres[:, 0] - [100, 101, 102, *[103] * 7]).max() <= 3
    assert np.abs(centres[:, 1] - [*range(100, 107), 64, 64, 64]).max() <= 3
    assert np.abs(centres[:, 2] - np.arange(100, 110)).max() <= 3
    assert np.abs(centres[4:, 3] - (103 + step * np.arange(1, 7))).max() <= 3
    titles = frames[:, 4:20]
    assert not np.array_equal(titles[0, :, :110], titles[4, :, :110])  # "given" becomes "given (held)"
    assert np.array_equal(titles[0, :, 228:], titles[9, :, 228:])


def test_the_strip(place, forecaster):
    pictures("walk", 30, first=100)
    assert run("--context", "walk", "--futures", 2, "--length", 15) == 0
    sheet = video.read_image("out/walk.png")
    assert len(sheet) == 2 * 20 + 4 * 110
    rows = [sheet[20 + 110 * i : 20 + 110 * (i + 1)] for i in range(4)]
    assert lines(rows[0][:102]) == [GREEN] + [BLUE] * 9
    assert lines(rows[1][:102]) == [GREEN] + [RED] * 9
    moments = [3, 4, 6, 8, 9, 11, 13, 14, 16, 18]
    assert rows[0][50, 64 + 51 :: 110][:10, 0].tolist() == [100 + moment for moment in moments]
    step = 2 + forecaster.calls[0][2][2] % 5
    expected = [100 + t if t < MOST else 103 + step * (t - 3) for t in moments]
    assert rows[3][50, 64 + 51 :: 110][:10, 0].tolist() == expected


def test_many_futures_are_written_and_some_are_shown(place, forecaster):
    pictures("walk", 4)
    assert run("--context", "walk", "--futures", 14, "--format", "frames") == 0
    assert len([name for name in names() if "future" in name]) == 14
    with Image.open("out/walk.png") as strip:
        assert strip.size[1] == 2 * 20 + 13 * 110
    with Image.open("out/walk.gif") as gif:
        assert gif.size == (7 * 110 + 8, 2 * 126 + 24)  # given, mean, and twelve


def test_a_long_clip_is_shown_in_part(place, forecaster, monkeypatch, capsys):
    monkeypatch.setattr("mocogan_chainer.generation.sheets.MOST_PIXELS", 228 * 150 * 6)
    pictures("walk", 4)
    assert run("--context", "walk", "--futures", 0, "--format", "frames") == 0
    assert len(gif_frames("out/walk.gif")) == 6
    assert len(names("out/walk_mean")) == LENGTH
    assert "walk.gif shows the first 6 of 10 frames; the videos have all" in capsys.readouterr().err


def test_names_are_unique_with_their_endings(place, forecaster):
    """A clip may be called as another one's result would be."""
    for i, name in enumerate(("a", "a_mean", "A_future_1", "b.c")):
        video.write_gif(f"all/{name}.gif", clip(5, 20 * i), 10)
    assert run("--context", "all", "--futures", 1, "--format", "gif") == 0
    sheets = {name for name in names() if name.endswith(".png")}
    assert len(sheets) == 4
    assert "b_c.png" in sheets
    assert len([name for name in names() if name.endswith(".gif")]) == 12


def test_motion_from_another_clip(place, forecaster, capsys):
    video.write_gif("walk.gif", clip(20, 100), 10)
    pictures("wave", 7, first=40)
    Image.fromarray(clip(1, 80)[0]).save("anna.png")
    assert run("--context", "walk.gif", "--motion-from", "wave", "--format", "frames,mp4") == 0
    assert names() == ["walk.gif", "walk_moved", "walk_moved.mp4"]
    assert forecaster.calls == [([100, 102, 104, 106], list(range(40, 47)))]
    assert levels("walk_moved") == [53 + t // 2 for t in range(40, 47)]
    assert capsys.readouterr().out == "1 clip moved as wave, in out; side by side: walk.gif\n"
    frames = gif_frames("out/walk.gif")
    assert lines(frames[0]) == [GREEN, GREEN, RED]
    centres = frames[:, 70, 59::110].astype(int)[..., 0]
    for shown, expected in zip(
        centres.T, ([106] * 7, range(40, 47), [53 + t // 2 for t in range(40, 47)]), strict=True
    ):
        assert np.abs(shown - list(expected)).max() <= 3

    forecaster.calls.clear()
    assert run("--context", "anna.png", "--motion-from", "walk.gif", "--length", 5) == 0
    assert forecaster.calls == [([80], [100, 102, 104, 106, 108])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "prediction continues clips; name one, or a folder of them: --context CLIP_OR_IMAGES"),
        (["--context", "gone"], "gone: no such file or folder; it must be a photo, a video file, a folder of pictures"),
        (["--context", "empty"], "empty: no picture and no video in it; it must be a photo, a video file"),
        (["--context", "notes.txt"], "notes.txt: cannot be read as an image: not an image"),
        (["--context", "bad.mp4"], "bad.mp4: cannot be decoded as a video"),
        (["--context", "walk", "--given", 0], "--given=0: it must be between 1 and 4"),
        (["--context", "walk", "--given", 5], "--given=5: it must be between 1 and 4"),
        (["--context", "a.png", "--given", 2], "a.png: 1 frame, and --given 2 asks for more; lower it"),
        (["--context", "walk", "--futures", 101], "--futures=101: it must be between 0 and 100"),
        (["--context", "walk", "--every-nth", 0], "--every-nth=0: it must be between 1 and 10000"),
        (["--context", "walk", "--length", 0], "--length=0: it must be between 1 and 10000"),
        (["--context", "walk", "--num", 0], "--num 0: there is nothing to make then; it must be at least 1"),
        (["--context", "walk", "--seed", -1], "--seed=-1: it must be between 0 and"),
        (["--grid", "3x3"], "--grid 3x3: prediction continues clips; use --context, --given, --every-nth, --futures, "),
        (["--images", "a.png"], "--images a.png: prediction continues clips; use --context"),
        (["--lengths", "8,9"], "--lengths 8,9: prediction continues clips; use --context"),
        (
            ["--context", "a.png", "--motion-from", "walk", "--futures", 0],
            "--futures 0: with --motion-from the other clip says how things move, without noise; use one or the other",
        ),
        (["--context", "a.png", "--motion-from", "walk", "--seed", 0], "--seed 0: with --motion-from the other clip"),
        (["--context", "a.png", "--motion-from", "gone"], "gone: no such file or folder"),
        (["--context", "a.png", "--motion-from", ""], "--motion-from is empty; name one clip: a video file or folder"),
        (
            ["--context", "a.png", "--motion-from", "a.png"],
            "--motion-from a.png: a photo; it must be one clip: a video file or folder of pictures",
        ),
        (["--context", "a.png", "--motion-from", "all"], "--motion-from all: a folder of videos; it must be one clip"),
        (["--context", "a.png", "--motion-from", "data"], "--motion-from data: a prepared dataset; it must be one"),
        (
            ["--context", "a.png", "--motion-from", "walk", "--length", 9],
            "walk: 8 frames to take the motion from, and at least 9 are needed; use a longer clip",
        ),
        (
            ["--context", "a.png", "--motion-from", "walk", "--every-nth", 8],
            "walk: 1 frame to take the motion from, and at least 2 are needed; use a longer clip, or a smaller",
        ),
    ],
)
def test_mistakes_are_one_line(place, forecaster, capsys, arguments, message):
    pictures("walk", 8)
    video.write_gif("all/a.gif", clip(3), 10)
    prepared("data", [""])
    Path("empty").mkdir()
    Path("notes.txt").write_text("hello")
    Path("bad.mp4").write_bytes(b"no video")
    Image.fromarray(clip(1)[0]).save("a.png")
    assert run(*arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not forecaster.calls
    assert not (place / "out").exists()


def test_a_model_that_does_not_transfer_motion(place, forecaster, capsys):
    forecaster.transfers_motion = False
    pictures("walk", 8)
    assert run("--context", "walk", "--motion-from", "walk") == 2
    assert capsys.readouterr().err == (
        "error: --motion-from walk: this prediction did not learn to read the motion of clips; train one with "
        "--set model.motion_encoder=video, or omit --motion-from\n"
    )


def test_frames_must_be_left_to_come(place, forecaster, capsys):
    forecaster.most_context = LENGTH
    pictures("walk", 12)
    assert run("--context", "walk") == 2
    end = "it was trained on clips of 10, so no frame is left to predict; say how many with --length T\n"
    assert capsys.readouterr().err == f"error: prediction is given 10 frames: {end}"
    assert run("--context", "walk", "--given", 10) == 2
    assert capsys.readouterr().err == f"error: --given 10: {end}"
    assert run("--context", "walk", "--length", 2, "--futures", 0) == 0
    assert forecaster.calls == [(list(range(10)), 2, [None])]


@pytest.mark.parametrize(
    ("context", "reason"),
    [
        ("out", "out is there and could be replaced; name another folder"),
        ("out/1.png", "out/1.png is there and could be replaced"),
        ("./out/../out", "./out/../out is there and could be replaced"),
        (".", "it lies in ., and results would pass for clips the next time; name another folder"),
    ],
)
def test_what_is_continued_is_never_written_over(place, forecaster, capsys, context, reason):
    pictures("out", 5)
    video.write_gif("walk.gif", clip(5), 10)
    before = {name: Path("out", name).read_bytes() for name in names()}
    assert run("--context", context) == 2
    assert capsys.readouterr().err.startswith(f"error: out: {reason}")
    assert run("--context", "walk.gif", "--motion-from", "out") == 2
    assert capsys.readouterr().err.startswith("error: out: out is there and could be replaced")
    assert {name: Path("out", name).read_bytes() for name in names()} == before


def test_nor_where_its_folder_has_a_result_s_name(place, forecaster):
    pictures("out/a_mean", 5, first=9)
    video.write_gif("a.gif", clip(5), 10)
    pictures("out/a", 20, first=70)
    assert run("--context", "out/a_mean", "--format", "frames", "--futures", 0) == 0
    assert levels("a_mean") == [9, 10, 11, 12, 13]
    assert run("--context", "a.gif", "--motion-from", "out/a", "--format", "frames") == 0
    assert len(names("out/a")) == 20


def test_pictures_beside_videos_and_folders_beside_pictures(place, forecaster, capsys):
    pictures("walk", 4)
    pictures("walk/more", 4)
    assert run("--context", "walk", "--futures", 0) == 0
    assert "left out: walk/more: a folder beside pictures" in capsys.readouterr().err
    video.write_gif("walk/a.gif", clip(4, 30), 10)
    assert run("--context", "walk", "--futures", 0, "--every-nth", 1) == 0
    assert "left out: walk/1.png: an image beside videos, the first of 4" in capsys.readouterr().err
    assert [context[0] for context, *_ in forecaster.calls] == [0, 30, 0]


def test_other_models_continue_no_clips(place, monkeypatch, capsys):
    class Codes:
        class_names = ()

    class Animating:
        size = SIZE

        def animate(self, photos, alphas):
            raise AssertionError

    for sampler, message in (
        (Codes(), "m makes videos of codes; leave it out, or use --num, --length, --seed, --category"),
        (Animating(), "m animates photos; use --images, --interval"),
    ):
        config = {"model_name": "m", "fps": 8, "video_length": 16, "every_nth": 1}
        monkeypatch.setattr(builder, "load_sampler", lambda path, gpu, made=(sampler, config): made)
        for option, value in (("context", "x"), ("given", "2"), ("every-nth", "2"), ("futures", "0")):
            assert run(f"--{option}", value) == 2
            assert capsys.readouterr().err.startswith(f"error: --{option} {value}: {message}")
        assert run("--motion-from", "x") == 2
        assert capsys.readouterr().err.startswith(f"error: --motion-from x: {message}")
