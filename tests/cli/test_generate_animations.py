"""``generate_samples.py`` of a model that animates photos: here one that darkens them by alpha."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, video
from mocogan_chainer.cli import generate, train

SIZE = 32


class Darkening:
    """An animator whose frame at alpha is the photo times 1 - alpha / 2; it notes how many photos it gets at once."""

    size = SIZE

    def __init__(self):
        self.batches = []

    def animate(self, photos, alphas):
        assert photos.shape[1:] == (SIZE, SIZE, 3)
        assert photos.dtype == np.uint8
        self.batches.append(len(photos))
        return darkened(photos[:, None], np.reshape(alphas, (1, -1, 1, 1, 1)))


def darkened(photo, alpha):
    return (photo * (1 - alpha / 2)).astype(np.uint8)


@pytest.fixture
def animator(monkeypatch):
    made = Darkening()
    config = {"model_name": "affinegan", "fps": 10, "video_length": 16}
    monkeypatch.setattr(builder, "load_sampler", lambda path, gpu: (made, config))
    return made


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with photos/ in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    return tmp_path


def photo(path, red=200, height=SIZE, width=SIZE):
    """A photo of one shade of red from left to right and of blue from top to bottom; return its pixels."""
    y, x = np.mgrid[:height, :width]
    pixels = np.dstack([np.full_like(x, red), x * 255 // width, y * 255 // height]).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def run(*arguments):
    return generate.main(["snapshot.npz", "out", *map(str, arguments)])


def names(folder="out"):
    return sorted(path.name for path in Path(folder).iterdir())


def frames(name):
    return video.read_frames(sorted(Path("out", name).iterdir()))


def test_a_photo_becomes_a_video(place, animator, capsys):
    pixels = photo(place / "anna.png")
    assert run("--images", "anna.png", "--format", "gif,mp4,frames") == 0
    assert names() == ["anna", "anna.gif", "anna.mp4", "anna_alphas.png", "anna_input.png", "index.html"]
    assert np.array_equal(video.read_image("out/anna_input.png"), pixels)
    expected = [darkened(pixels, i / 10) for i in range(11)]
    assert np.array_equal(frames("anna"), expected)
    assert np.array_equal(video.read_image("out/anna_alphas.png"), np.concatenate(expected, axis=1))
    with Image.open("out/anna.gif") as gif:
        assert (gif.n_frames, gif.size, gif.info["duration"]) == (11, (SIZE, SIZE), 100)
    assert capsys.readouterr().out == "1 video of 11 frames in out; the page: out/index.html\n"


@pytest.mark.parametrize(
    ("options", "alphas"),
    [
        (["--interval", 0.25], [0, 0.25, 0.5, 0.75, 1]),
        (["--alpha", "0:1.3"], [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3]),
        (["--alpha", "0:1.2", "--interval", 0.5], [0, 0.5, 1, 1.2]),
        (["--alpha", "0:1", "--interval", 0.333], [0, 0.333, 0.666, 1]),
        (["--alpha=-0.5:.5", "--interval", 0.5], [-0.5, 0, 0.5]),
        (["--alpha", "0.5:0.5"], [0.5]),
        (["--alpha", "0.5:1", "--interval", 3], [0.5, 1]),
    ],
)
def test_how_far_it_goes(place, animator, options, alphas):
    pixels = photo(place / "anna.png", red=100)
    assert run("--images", "anna.png", "--format", "frames", *options) == 0
    assert np.array_equal(frames("anna"), [darkened(pixels, alpha) for alpha in alphas])
    captions = re.findall(r"<li>([-\d.]+)</li>", (place / "out" / "index.html").read_text())
    assert captions == [f"{alpha:g}" for alpha in alphas]


def test_a_folder_in_its_order_and_what_is_no_photo_is_named(place, animator, capsys):
    shades = {"b10.png": 30, "b9.jpg": 60, "c.png": 90, "a.webp": 120}
    for name, red in shades.items():
        photo(place / "photos" / name, red)
    (place / "photos" / "notes.txt").write_text("hello")
    (place / "photos" / "more").mkdir()
    assert run("--images", "photos", "--format", "gif") == 0
    err = capsys.readouterr().err
    left_out = [line for line in err.splitlines() if "left out" in line]
    assert left_out[0].endswith("left out: photos/notes.txt: cannot be read as an image: not an image")
    assert "left out: photos/more: a folder" in left_out[1]
    assert len(left_out) == 2
    assert {name for name in names() if name.endswith(".gif")} == {"a.gif", "b9.gif", "b10.gif", "c.gif"}
    page = (place / "out" / "index.html").read_text()
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["a.webp", "b9.jpg", "b10.png", "c.png"]
    assert "4 photos animated by affinegan" in page
    for name, red in shades.items():
        assert np.abs(video.read_image(f"out/{name.split('.')[0]}_input.png")[..., 0].mean() - red) < 3


def test_a_few_photos_at_a_time(place, animator):
    for i in range(7):
        photo(place / "photos" / f"{i}.png", red=30 * i)
    assert run("--images", "photos", "--format", "frames", "--batchsize", 3) == 0
    assert animator.batches == [3, 3, 1]
    for i in range(7):
        assert (frames(str(i))[0, ..., 0] == 30 * i).all()


def test_names_are_unique(place, animator):
    for name in ("x.png", "x.jpg", "X.bmp"):
        photo(place / "photos" / name)
    assert run("--images", "photos", "--format", "gif") == 0
    assert {name for name in names() if name.endswith(".gif")} == {"X.gif", "x_2.gif", "x_3.gif"}
    assert re.findall(r"<h2>(.*?)</h2>", (place / "out" / "index.html").read_text()) == ["X.bmp", "x.jpg", "x.png"]


@pytest.mark.parametrize(
    ("formats", "shown", "linked"),
    [
        ("mp4", "mp4", {"MP4"}),
        ("gif,mp4", "mp4", {"MP4", "GIF"}),
        ("gif", "gif", {"GIF"}),
        ("frames", "gif", {"frames"}),
    ],
)
def test_the_page_shows_what_there_is(place, animator, formats, shown, linked):
    photo(place / "anna.png")
    assert run("--images", "anna.png", "--format", formats) == 0
    page = (place / "out" / "index.html").read_text()
    assert f'src="./anna.{shown}"' in page
    assert {name for _, name in re.findall(r'<a href="([^"]+)">(\w+)</a>', page)} == linked
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        assert (place / "out" / address).exists()


def test_a_long_video_has_a_short_strip(place, animator):
    photo(place / "anna.png")
    assert run("--images", "anna.png", "--format", "gif", "--interval", 0.01) == 0
    strip = video.read_strip("out/anna_alphas.png")
    captions = re.findall(r"<li>([\d.]+)</li>", (place / "out" / "index.html").read_text())
    assert len(strip) == len(captions) == 16
    assert (captions[0], captions[-1]) == ("0", "1")
    assert [int(frame[0, 0, 0]) for frame in strip] == [int(200 * (1 - float(alpha) / 2)) for alpha in captions]


def test_crops(place, animator):
    photo(place / "wide.png", height=40, width=80)
    for crop, first in (("center", 20 / 80), ("none", 0)):
        assert run("--images", "wide.png", "--format", "gif", "--crop", crop) == 0
        assert int(video.read_image("out/wide_input.png")[0, 0, 1]) == pytest.approx(255 * first, abs=6)


def test_photos_without_a_face_are_left_out(place, animator, capsys):
    photo(place / "photos" / "sky.png")
    assert run("--images", "photos", "--crop", "face") == 2
    first, last = capsys.readouterr().err.splitlines()
    assert first.endswith("left out: photos/sky.png: no face found; --crop center takes the middle")
    assert last == "error: photos: nothing to animate: it holds no photo that can be used (1 looked at)"
    assert names(".") == ["photos"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "affinegan animates photos; name one, or a folder of them: --images PHOTO_OR_FOLDER"),
        (["--images", "gone"], "gone: no such photo or folder"),
        (["--images", "photos"], "photos: an empty folder; put photos into it"),
        (["--images", "notes.txt"], "notes.txt: cannot be read as an image: not an image"),
        (["--grid", "3x3"], "--grid 3x3: affinegan animates photos; use --images, --interval, --alpha, --crop"),
        (["--images", "a.png", "--num", 0], "--num 0: affinegan animates photos; use --images"),
        (["--images", "a.png", "--seed", 0], "--seed 0: affinegan animates photos; use --images"),
        (["--images", "a.png", "--category", "up"], "--category up: affinegan animates photos; use --images"),
        (["--images", "a.png", "--length", 8], "--length 8: affinegan animates photos; use --images"),
        (["--images", "a.png", "--lengths", "8,9"], "--lengths 8,9: affinegan animates photos; use --images"),
        (["--images", "a.png", "--interval", 0], "--interval=0.0: it must be between 0.001 and 20"),
        (["--images", "a.png", "--interval", "nan"], "--interval=nan: it must be a finite number"),
        (["--images", "a.png", "--alpha", "1"], "--alpha 1: it must be START:STOP from -10 to 10, START first"),
        (["--images", "a.png", "--alpha", "1:0"], "--alpha 1:0: it must be START:STOP from -10 to 10, START first"),
        (["--images", "a.png", "--alpha", "0:11"], "--alpha 0:11: it must be START:STOP from -10 to 10"),
        (["--images", "a.png", "--alpha", "0:nan"], "--alpha 0:nan: it must be START:STOP from -10 to 10"),
        (
            ["--images", "a.png", "--alpha", "0:10", "--interval", 0.001],
            "--interval 0.001: 10001 frames from alpha 0 to 10, and a video has at most 1001; use a larger interval",
        ),
        (["--images", "a.png", "--crop", "middle"], "--crop=middle: it must be one of face, center, none"),
        (["--images", "a.png", "--margin", 0.1], "--margin 0.1: it needs --crop face"),
        (["--images", "a.png", "--crop", "face", "--detector", "x"], "detector=x: no such file"),
        (["--images", "a.png", "--format", "webm"], "--format=webm: it must be one of mp4, gif, frames"),
    ],
)
def test_mistakes_are_one_line(place, animator, capsys, arguments, message):
    (place / "notes.txt").write_text("hello")
    photo(place / "a.png")
    assert run(*arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"error: {message}")
    assert err.count("\n") == 1
    assert not (place / "out").exists()


def test_photos_are_never_written_over(place, animator, capsys):
    """Neither where OUT is their folder, nor where their folder has the name that a photo's frames would get."""
    (place / "out").mkdir()
    photo(place / "out" / "anna.gif")
    before = (place / "out" / "anna.gif").read_bytes()
    for images in ("out", "out/anna.gif", "./photos/../out"):
        assert run("--images", images) == 2
        assert "error: out: the photos are there and could be replaced; name another folder" in capsys.readouterr().err
    assert names() == ["anna.gif"]
    assert (place / "out" / "anna.gif").read_bytes() == before

    (place / "out" / "me").mkdir()
    photo(place / "out" / "me" / "0012.png")
    photo(place / "out" / "me" / "me.png")
    assert run("--images", "out/me", "--format", "frames", "--interval", 0.5) == 0
    assert names("out/me") == ["0012.png", "me.png"]
    assert len(frames("me_2")) == 3


def test_a_model_of_codes_takes_no_photos(place, tiny_dataset, capsys):
    small = ["video_length=10", *(f"model.n_filters_{n}=2" for n in ("gen", "idis", "vdis"))]
    arguments = ["--model", "normal", "--dataset", tiny_dataset, "--batchsize", 4, "--max_iteration", 1, "--set"]
    assert train.main([*map(str, arguments), *small]) == 0
    for option, value in (("images", "photos"), ("interval", "0.1"), ("alpha", "0:1"), ("crop", "none")):
        capsys.readouterr()
        assert generate.main(["result/normal/snapshot_latest.npz", "out", f"--{option}", value]) == 2
        message = f"error: --{option} {value}: normal makes videos of codes; leave it out, or use --num, --length, "
        assert capsys.readouterr().err.startswith(message)
    assert not (place / "out").exists()
