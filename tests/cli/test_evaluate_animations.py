"""``evaluate.py`` on snapshots that animate photos: with an animator that is known, and once with a trained one."""

import math
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import builder, video
from mocogan_chainer.cli import evaluate, train
from mocogan_chainer.datasets.writer import open_writer
from mocogan_chainer.evaluation import result, similarity
from mocogan_chainer.evaluation.metrics import average_content_distance
from mocogan_chainer.features import catalogue, weights
from tests.evaluation.fakes import Fading, Means

SIZE = 16  # of the animator; the data's frames are twice as large
LENGTHS = {"happy": (7, 4, 5), "sad": (6,)}


def moving(length, level):
    """Four quarters, each of one grey, that brighten from frame to frame."""
    quarters = np.array([[0, 10], [20, 30]], np.uint8).repeat(SIZE, axis=0).repeat(SIZE, axis=1)
    steps = np.arange(length, dtype=np.uint8)[:, None, None, None]
    return quarters[None, :, :, None] + steps * 3 + np.uint8(level) + np.zeros(3, np.uint8)


REAL = {f"{name}{i}": moving(n, 40 + 20 * i) for name, lengths in LENGTHS.items() for i, n in enumerate(lengths)}
TESTED = (("happy1", 4), ("happy2", 5))
HELD_OUT = ("happy1", "happy2", "sad0")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("faces") / "data"
    with open_writer(out, "expressions", 2 * SIZE, class_names=("happy", "sad")) as writer:
        for name, frames in REAL.items():
            writer.add(frames, name, name[:-1], split="test" if name in HELD_OUT else "train")
    return out


@pytest.fixture(autouse=True)
def workplace(monkeypatch, tmp_path):
    """A snapshot of a happy animator, and stand-ins for networks."""
    (tmp_path / "weights").mkdir()
    for file in weights.FILES.values():
        (tmp_path / "weights" / file.file).write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Means, "to_device", lambda network, device: None, raising=False)
    monkeypatch.setattr(catalogue, "load", lambda name, path: Means(classes=400))
    monkeypatch.setattr(weights, "remark", lambda name, digest: "")
    learn(monkeypatch, "happy")


def learn(monkeypatch, class_name, every_nth=1):
    np.savez("happy.npz", weights=np.zeros(3))
    made = builder.Generator(Fading(SIZE), 16, every_nth, "expressions", class_name)
    monkeypatch.setattr(builder, "load_generator", lambda path, gpu: made)


def run(*arguments):
    return evaluate.main([str(argument) for argument in arguments])


def measured(metric, *arguments, out="evaluation"):
    assert run(metric, "--fake", "happy.npz", "--out", out, *arguments) == 0
    (path,) = (found for found in sorted((Path(out)).glob("*.json")))
    return result.read(path)


def error(capsys, metric, *arguments):
    assert run(metric, "--fake", "happy.npz", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def true(name, stride=1):
    """The real video at the animator's size: each quarter is of one grey, so that scaling changes nothing else."""
    return REAL[name][::stride, ::2, ::2]


def made(name, stride=1):
    first, length = true(name, stride)[0].astype(float), len(true(name, stride))
    alphas = [i / (length - 1) for i in range(length)]
    return np.stack([np.round((1 - a) * first + a * (255 - first)) for a in alphas]).astype(np.uint8)


def decibels(a, b):
    return 10 * math.log10(255**2 / np.mean((a.astype(float) - b) ** 2))


class TestPredictions:
    def test_against_the_held_out_videos_of_the_class(self, data):
        found = measured("psnr", "--real", data, "--split", "test")
        own = [np.mean([decibels(made(n)[i], true(n)[i]) for i in range(1, t)]) for n, t in TESTED]
        assert found.value == pytest.approx(np.mean(own))
        copies = [np.mean([decibels(true(n)[0], frame) for frame in true(n)[1:]]) for n, _ in TESTED]
        assert found.others["copy-last-frame"] == pytest.approx(np.mean(copies))
        p = found.protocol
        assert (p.frames, p.split, p.reference_samples, p.size) == (None, "test", 2, SIZE)
        assert p.resize == "area where they shrink, linear where they grow"
        assert p.reference.endswith(", class happy, frames scaled to 16 x 16")
        assert dict(p.settings)["context"] == 1
        assert dict(p.settings)["alphas"] == "linear from 0 to 1"
        assert not found.warnings

    def test_ssim_at_the_snapshots_stride(self, data, monkeypatch):
        learn(monkeypatch, "happy", every_nth=2)
        found = measured("ssim", "--real", data)
        own = [similarity.ssim(made(n, 2)[1:], true(n, 2)[1:]).mean() for n in ("happy0", "happy1", "happy2")]
        assert found.value == pytest.approx(np.mean(own))
        assert found.protocol.stride == 2

    def test_what_the_user_says_of_context_and_frames(self, data):
        found = measured("psnr", "--real", data, "--split", "test", "--context", 2, "--frames", 4)
        own = [np.mean([decibels(made(n)[i], true(n)[i]) for i in (2, 3)]) for n, _ in TESTED]
        assert found.value == pytest.approx(np.mean(own))
        assert found.protocol.frames == 4

    def test_fewer_videos(self, data):
        assert measured("psnr", "--real", data, "--samples", 2).protocol.reference_samples == 2

    def test_videos_of_the_training_are_warned_of(self, data):
        (warning,) = measured("psnr", "--real", data).warnings
        assert "of the split all, so the snapshot may have been trained on these videos; --split test" in warning

    def test_a_class_that_nobody_knows(self, data, monkeypatch):
        learn(monkeypatch, None)
        (warning,) = measured("psnr", "--real", data, "--split", "test").warnings
        assert "videos are taken, of the classes happy, sad, and the snapshot does not say which it learned" in warning
        learn(monkeypatch, "angry")
        found = measured("psnr", "--real", data, "--split", "test", out="other")
        assert found.protocol.reference_samples == 3
        assert "of the classes happy, sad, and the snapshot learned angry" in found.warnings[0]

    @pytest.mark.parametrize("metric", ["psnr", "ssim"])
    def test_photos_have_no_truth(self, metric, capsys):
        for name in REAL:
            video.write_frames(Path("photos", name), true(name)[:1])
        said = error(capsys, metric, "--real", "photos")
        assert "photos: its videos have one frame each; a photo has no truth to compare with" in said

    def test_another_length(self, data, capsys):
        assert "--length 9: the animation is compared with its real video" in error(
            capsys, "psnr", "--real", data, "--length", 9
        )


class TestContent:
    def colours(self, frames):
        return frames.reshape(len(frames), -1, 3).mean(axis=1)

    def measured(self, data, *more, **how):
        return measured("acd", "--real", data, "--split", "test", "--features", "shape-colour", *more, **how)

    @pytest.fixture(autouse=True)
    def nothing_is_dark(self, monkeypatch):
        """So that a frame's colour is the mean over all of it."""
        monkeypatch.setattr(average_content_distance, "shape_colours", self.colours)

    def distances(self, name):
        rows, photo = self.colours(made(name)), self.colours(true(name)[:1])
        return np.linalg.norm(rows - photo, axis=1).mean()

    def test_against_the_photo(self, data):
        found = self.measured(data, "--measure", "first-frame")
        assert found.value == pytest.approx(np.mean([self.distances(n) for n, _ in TESTED]))
        assert found.protocol.name == "acd-i-shape-colour"
        assert dict(found.protocol.settings)["first_frame"] == "the given one"
        assert found.protocol.frames is None
        beside = [3 * 3**0.5 * np.mean(range(1, t)) for _, t in TESTED]  # each colour gains 3 a frame
        assert found.others["of the real videos by first-frame"] == pytest.approx(np.mean(beside))

    def test_of_all_pairs(self, data):
        found = self.measured(data)
        assert found.protocol.name == "acd-shape-colour"
        assert found.others["by first-frame"] == self.measured(data, "--measure", "first-frame", out="i").value
        assert "first_frame" not in dict(found.protocol.settings)

    def test_photos_of_any_length(self, capsys):
        for name in REAL:
            video.write_frames(Path("photos", name), true(name)[:1])
        rest = ["--real", "photos", "--features", "shape-colour"]
        assert "--length T says how many frames to make of each" in error(capsys, "acd", *rest)
        found = measured("acd", *rest, "--length", 5)
        assert found.counts["frames"] == 5 * len(REAL)
        assert dict(found.protocol.settings)["evaluated_length"] == 5
        slower = measured("acd", *rest, "--length", 10, "--frames", 5, out="slower")
        assert dict(slower.protocol.settings)["evaluated_length"] == 10  # the first half of the way, at half the pace


class TestOthers:
    def test_distances(self, data):
        rest = ["--real", data, "--frames", 4]
        found = measured("fvd", *rest)
        assert found.spread_kind.endswith("both sets together, pair by pair")
        assert found.counts["evaluated"] == found.counts["reference"] == 3
        assert "class happy" in found.protocol.reference
        assert "animated" in found.evaluated_reference

    def test_all(self, data, capsys):
        assert run("all", "--real", data, "--fake", "happy.npz", "--features", "shape-colour", "--frames", 4) == 0
        said = capsys.readouterr().out
        written = {result.read(path).protocol.metric for path in Path("evaluation").glob("*.json")}
        assert written >= {"fvd", "acd", "psnr", "ssim"}
        assert "is: not run: evaluate.py is has no meaning for happy.npz: it animates given pictures" in said
        assert "mcs: not run: evaluate.py mcs has no meaning for happy.npz: it animates" in said

    def test_what_it_needs(self, data, capsys):
        assert run("precalc", "--real", data, "--out", "real.npz", "--frames", 4) == 0
        capsys.readouterr()
        for arguments in (["acd"], ["fvd", "--real", "real.npz", "--frames", 4]):
            said = error(capsys, *arguments)
            assert "this snapshot animates pictures, the first frames of real videos: name with --real" in said
        assert run("precalc", "--fake", "happy.npz", "--out", "fake.npz") == 2
        assert capsys.readouterr().err == (
            "error: --fake happy.npz: precalc stores sets that stand alone, and this snapshot's videos are made of "
            "real pictures; measure them with evaluate.py fvd --real DATASET_OR_VIDEOS --fake happy.npz\n"
        )

    def test_a_split_of_nothing(self, capsys):
        assert "--split test: a part of the real set; name the set with --real" in error(
            capsys, "acd", "--split", "test"
        )


def test_with_a_trained_snapshot(data, tmp_path, monkeypatch):
    """The numbers of a ResNet of 32 pixels, from what its snapshot makes of the photos."""
    happy = tmp_path / "happy"
    with open_writer(happy, "expressions", 2 * SIZE, class_names=("happy",)) as writer:
        for name in ("happy0", "happy1"):
            writer.add(REAL[name], name, "happy", split="test" if name in HELD_OUT else "train")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    small = ["model.generator=resnet_6blocks", "model.fine_size=32", "model.ngf=2", "model.ndf=2"]
    rest = ["--dataset", str(happy), "--max_iteration", "2", "--num_gen_samples", "1", "--set", "video_length=4"]
    assert train.main(["--model", "affinegan", *rest, *small]) == 0
    (snapshot,) = Path("result").glob("*/snapshot_latest.npz")

    assert run("psnr", "--real", data, "--fake", snapshot, "--split", "test") == 0
    animator, _ = builder.load_sampler(snapshot)
    own = [animator.animate(REAL[n][:1], np.linspace(0, 1, t))[0] for n, t in TESTED]
    expected = [
        np.mean([decibels(frames[i], REAL[n][i]) for i in range(1, t)])
        for frames, (n, t) in zip(own, TESTED, strict=True)
    ]
    (path,) = Path("evaluation").glob("*.json")
    found = result.read(path)
    assert found.value == pytest.approx(np.mean(expected))
    assert found.protocol.reference.endswith(", class happy")  # of its own size
    assert found.protocol.resize == "none"
