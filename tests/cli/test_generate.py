"""``generate_samples.py`` on a snapshot of a short run."""

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, sampling, video
from mocogan_chainer.cli import generate, train
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation import found_videos


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory, tiny_dataset):
    """One short run of every form, in a folder of its own."""
    folder = tmp_path_factory.mktemp("runs")
    small = ["video_length=10", *(f"model.n_filters_{n}=2" for n in ("gen", "idis", "vdis"))]
    places = [f"out={folder}/result", f"tensorboard={folder}/runs"]
    rest = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--max_iteration", "2", "--num_gen_samples", "2"]
    for model in ("normal", "cgan", "infogan"):
        assert train.main(["--model", model, *rest, "--set", *small, *places]) == 0
    return {model: folder / "result" / model / "snapshot_latest.npz" for model in ("normal", "cgan", "infogan")}


def run(snapshot, out, *arguments):
    return generate.main([str(snapshot), str(out), *map(str, arguments)])


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("model", ["normal", "cgan", "infogan"])
def test_a_snapshot_alone_is_enough(snapshots, tmp_path, model):
    assert run(snapshots[model], tmp_path, "--num", 2, "--format", "frames") == 0
    assert names(tmp_path) == ["video_00000", "video_00001"]
    frames = sorted((tmp_path / "video_00000").iterdir())
    assert len(frames) == 10
    sampler, _ = builder.load_sampler(snapshots[model])
    expected = next(sampling.random_videos(sampler, 2, 10, 0, 16))[2]
    assert np.array_equal(video.read_frames(frames), expected)


def test_the_moving_average_is_what_is_sampled(snapshots):
    snapshot, _ = builder.load_snapshot(snapshots["infogan"])
    sampler, _ = builder.load_sampler(snapshots["infogan"])
    weights = sampler.generator.to_rgb.W.array
    assert np.array_equal(weights, snapshot.arrays["trainer/updater/average:generator/to_rgb/W"])
    assert not np.array_equal(weights, snapshot.arrays["trainer/updater/model:generator/to_rgb/W"])


def test_every_format_and_option(snapshots, tmp_path, capsys):
    options = ["--num", 2, "--length", 6, "--category", "all", "--fps", 10, "--format", "mp4,gif", "--grid", "2x3"]
    assert run(snapshots["infogan"], tmp_path, *options, "--interpolate", 4) == 0
    stems = {f"video_{c}_{i:05d}" for c in ("0_up", "1_left") for i in (0, 1)} | {"grid_2x3", "interpolation"}
    assert set(names(tmp_path)) == {f"{stem}.{suffix}" for stem in stems for suffix in ("mp4", "gif")}
    for stem, columns, rows in (("video_0_up_00000", 1, 1), ("grid_2x3", 3, 2), ("interpolation", 4, 1)):
        with Image.open(tmp_path / f"{stem}.gif") as gif:
            assert (gif.width, gif.height) == (columns * 16 + 2 * (columns - 1), rows * 16 + 2 * (rows - 1))
            assert gif.n_frames == 6
    out, err = capsys.readouterr()
    assert "4 videos, 1 grid and 1 interpolation of 6 frames in" in out
    assert "warning" not in err


def test_videos_of_an_earlier_run_are_told_of(snapshots, tmp_path, capsys):
    """They would be evaluated with the new ones, or, in a truer format, in their place."""

    def warnings(*arguments):
        assert run(snapshots["normal"], tmp_path, *arguments) == 0
        return [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]

    end = "; remove them, or name another folder"
    (tmp_path / "video_notes.txt").touch()
    assert warnings("--num", 3, "--format", "gif") == []
    assert warnings("--num", 3, "--format", "frames") == []
    assert warnings("--num", 2, "--format", "gif,frames") == [
        f"warning: {tmp_path} has 1 video of an earlier run (video_00002), which evaluate.py would count too{end}"
    ]
    assert warnings("--num", 4, "--format", "mp4,gif") == [
        f"warning: {tmp_path} has 3 of these videos of an earlier run in a truer format (video_00000), which "
        f"evaluate.py would use in place of these{end}"
    ]
    found, _ = found_videos.find(tmp_path)
    assert [video.form for video in found] == [0, 0, 0, 1]


def test_what_is_too_wide_is_said_before_any_video(snapshots, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(video, "MOST_SIDE", 100)
    assert run(snapshots["normal"], tmp_path, "--num", 2, "--interpolate", 6, "--format", "mp4") == 2
    assert f"error: {tmp_path}/interpolation.mp4: 106 x 16 pixels, but H.264 has at most" in capsys.readouterr().err
    assert names(tmp_path) == []


@pytest.mark.parametrize(("asked", "lengths"), [("5,3,5", [3, 5]), ("3,5,...,9", [3, 5, 7, 9]), ("4", [4])])
def test_one_video_at_many_lengths(snapshots, tmp_path, capsys, asked, lengths):
    assert run(snapshots["normal"], tmp_path, "--num", 0, "--format", "frames", "--lengths", asked) == 0
    assert names(tmp_path) == [f"length_{length:05d}" for length in lengths]
    sampler, _ = builder.load_sampler(snapshots["normal"])
    for length in lengths:
        frames = video.read_frames(sorted((tmp_path / f"length_{length:05d}").iterdir()))
        assert np.array_equal(frames, sampler.render(sampler.draw(0, [0], [0], length))[0])
    noun = "length" if len(lengths) == 1 else "lengths"
    assert f"and one video at {len(lengths)} {noun}, in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--length", "18"], "error: length=18: use 16 or 20\n"),
        (["--lengths", "16,18,19"], "error: --lengths 18: length=18: use 16 or 20\n"),
        (["--lengths", "16,17,...,20"], "error: --lengths 17: length=17: use 16 or 20\n"),
    ],
)
def test_a_length_that_the_model_has_not(tmp_path, monkeypatch, capsys, arguments, message):
    class Fours:
        class_names = ()

        def draw(self, seed, contents, motions, length, categories=None):
            if length % 4:
                raise ConfigError(f"length={length}: use 16 or 20")

    config = {"model_name": "fours", "fps": 8, "video_length": 16}
    monkeypatch.setattr(builder, "load_sampler", lambda path, gpu: (Fours(), config))
    assert run("s.npz", tmp_path / "out", *arguments) == 2
    assert capsys.readouterr().err == message
    assert not (tmp_path / "out").exists()


def test_the_same_seed_gives_the_same_bytes_whatever_the_batch(snapshots, tmp_path):
    for batchsize in (1, 3, 16):
        options = ["--num", 5, "--seed", 7, "--batchsize", batchsize, "--format", "gif,mp4"]
        assert run(snapshots["infogan"], tmp_path / str(batchsize), *options) == 0
    for name in names(tmp_path / "1"):
        assert len({(tmp_path / b / name).read_bytes() for b in ("1", "3", "16")}) == 1


@pytest.mark.parametrize("category", ["up", "0"])
def test_a_category_by_name_or_number(snapshots, tmp_path, category):
    assert run(snapshots["cgan"], tmp_path, "--num", 1, "--category", category, "--format", "gif") == 0
    assert names(tmp_path) == ["video_0_up_00000.gif"]


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (
            "infogan",
            ["--category", "upp"],
            "--category upp: it must be all or one of 0 (up), 1 (left) (did you mean up?)",
        ),
        ("infogan", ["--category", "2"], "--category 2: it must be all or one of"),
        ("normal", ["--category", "0"], "--category 0: this model has no categories"),
        ("normal", ["--category", "all"], "has no categories"),
        ("normal", ["--grid", "4"], "--grid 4: it must be CONTENTxMOTION"),
        ("normal", ["--format", "avi"], "--format=avi: it must be one of mp4, gif, frames"),
        ("normal", ["--num", "-1"], "--num=-1: it must be between 0 and"),
        ("normal", ["--length", "0"], "--length=0: it must be between 1 and"),
        ("normal", ["--fps", "0"], "--fps=0.0: it must be between"),
        ("normal", ["--gpu", "97"], "gpu=97: no such device: "),
        ("normal", ["--gpu", "-5"], "gpu=-5: it must be between -1 and"),
        ("normal", ["--length", "1" + "0" * 22], "it must be between 1 and 10000"),
        ("normal", ["--interpolate", "4000"], "--interpolate=4000: it must be between 2 and 200"),
        ("normal", ["--grid", "100x2"], "--grid 100x2: it must be CONTENTxMOTION, each from 1 to 99"),
        ("normal", ["--lengths", "16;20"], "--lengths 16;20: it must be T,T,... or T,T,...,T in equal steps"),
        ("normal", ["--lengths", "16,20,...,47"], "--lengths 16,20,...,47: it must be T,T,..."),
        ("normal", ["--lengths", "16,16,...,48"], "--lengths 16,16,...,48: it must be T,T,..."),
        ("normal", ["--lengths", "4,0"], "--lengths=0: it must be between 1 and"),
        ("normal", ["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_mistakes_are_one_line(snapshots, tmp_path, capsys, model, arguments, message):
    capsys.readouterr()
    assert run(snapshots[model], tmp_path / "out", *arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert not (tmp_path / "out").exists()


def test_the_output_must_be_a_folder(snapshots, tmp_path, capsys):
    (tmp_path / "out").touch()
    assert run(snapshots["normal"], tmp_path / "out") == 2
    assert "a file stands where a folder is needed" in capsys.readouterr().err
