"""``evaluate.py`` on snapshots that continue videos, with a forecaster that is known."""

import math
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import builder, video
from mocogan_chainer.cli import evaluate
from mocogan_chainer.datasets.writer import open_writer
from mocogan_chainer.evaluation import result
from mocogan_chainer.evaluation.metrics import average_content_distance
from mocogan_chainer.evaluation_runs import summary
from mocogan_chainer.features import catalogue, weights
from tests.evaluation.fakes import Brightening, Means

SIZE = 16  # of the forecaster; the data's frames are twice as large
LENGTHS = {"up": (9, 6, 4), "down": (7,)}
TRAINED = 6  # frames
STEP = 3  # by which a real video brightens; the mean future does by 4
LONG_ENOUGH = 3


def brightening(length, level):
    """Four quarters, each of one grey, that brighten from frame to frame."""
    quarters = np.array([[0, 10], [20, 30]], np.uint8).repeat(SIZE, axis=0).repeat(SIZE, axis=1)
    steps = np.arange(length, dtype=np.uint8)[:, None, None, None]
    return quarters[None, :, :, None] + steps * STEP + np.uint8(level) + np.zeros(3, np.uint8)


REAL = {f"{name}{i}": brightening(n, 40 + 20 * i) for name, lengths in LENGTHS.items() for i, n in enumerate(lengths)}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp("motions") / "data"
    with open_writer(out, "motions", 2 * SIZE, class_names=("up", "down")) as writer:
        for name, frames in REAL.items():
            writer.add(frames, name, name[:-1], split="train" if name == "up0" else "test")
    return out


@pytest.fixture(autouse=True)
def workplace(monkeypatch, tmp_path):
    """A snapshot of a forecaster, and stand-ins for networks."""
    (tmp_path / "weights").mkdir()
    for file in weights.FILES.values():
        (tmp_path / "weights" / file.file).write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Means, "to_device", lambda network, device: None, raising=False)
    monkeypatch.setattr(catalogue, "load", lambda name, path: Means(classes=400))
    monkeypatch.setattr(weights, "remark", lambda name, digest: "")
    return learn(monkeypatch)


def learn(monkeypatch, every_nth=1, trained=TRAINED):
    np.savez("ahead.npz", weights=np.zeros(3))
    forecaster = Brightening(SIZE)
    made = builder.Generator(forecaster, trained, every_nth, "motions", "up")
    monkeypatch.setattr(builder, "load_generator", lambda path, gpu: made)
    return forecaster


def run(*arguments):
    return evaluate.main([str(argument) for argument in arguments])


def measured(metric, data, *arguments, out="evaluation"):
    assert run(metric, "--fake", "ahead.npz", "--real", data, "--out", out, *arguments) == 0
    (path,) = (found for found in sorted((Path(out)).glob("*.json")))
    return result.read(path)


def error(capsys, metric, *arguments):
    assert run(metric, "--fake", "ahead.npz", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def decibels(*differences):
    return [10 * math.log10(255**2 / d**2) for d in differences]


class TestPredictions:
    def test_the_mean_future_and_a_copy(self, data, workplace):
        """Three frames are seen of six; the mean future is 1, 2 and 3 too bright, and a copy 3, 6 and 9 too dark."""
        found = measured("psnr", data, "--split", "test")
        assert found.others["per frame"] == pytest.approx(decibels(1, 2, 3))
        assert found.value == pytest.approx(np.mean(decibels(1, 2, 3)))
        assert found.others["copy-last-frame per frame"] == pytest.approx(decibels(3, 6, 9))
        gain = 20 * math.log10(3)
        assert found.others["gain over copy-last-frame per frame"] == pytest.approx([gain] * 3)
        assert found.others["gain over copy-last-frame"] == pytest.approx(gain)
        assert len(found.others["optical-flow per frame"]) == 3
        p = found.protocol
        assert (p.frames, p.split, p.reference_samples, p.size, p.stride) == (6, "test", 2, SIZE, 1)
        assert p.reference.endswith(", frames scaled to 16 x 16")  # of all classes
        assert dict(p.settings) == {"context": 3, "peak": 255, "equal_frames": "leave out"}
        assert ", mean futures: " in found.evaluated_reference
        assert {asked[0] for asked in workplace.asked} == {3}

    def test_videos_that_are_too_short_are_counted(self, data):
        found = measured("psnr", data)
        assert found.protocol.reference_samples == LONG_ENOUGH
        assert found.counts["videos unreadable or too short"] == 1
        assert any("gives 4 frames at stride 1, fewer than frames=6" in warning for warning in found.warnings)

    def test_the_best_of_several_futures(self, data, workplace):
        found = measured("psnr", data, "--split", "test", "--futures", 4, "--seed", 9)
        steps = [[1 + seed % 7 for seed in seeds] for _, _, seeds in workplace.asked if len(seeds) == 4]
        assert len(steps) == 2
        scores = [[np.mean(decibels(*(abs(s - STEP) * t for t in (1, 2, 3)))) for s in of if s != STEP] for of in steps]
        assert all(STEP not in of for of in steps)  # else its frames would equal the true ones
        assert found.others["best of K"] == pytest.approx(np.mean([max(video) for video in scores]))
        assert found.others["mean of K"] == pytest.approx(np.mean(scores))
        assert found.counts["futures of a video"] == 4

    def test_results_of_fewer_and_of_more_futures_stand_side_by_side(self, data):
        for number in (2, 9):
            assert run("psnr", "--fake", "ahead.npz", "--real", data, "--split", "test", "--futures", number) == 0
        found = [result.read(path).counts["futures of a video"] for path in Path("evaluation").glob("*.json")]
        assert sorted(found) == [2, 9]

    def test_futures_of_two_seeds_have_nothing_in_common(self, data, workplace):
        """The first of each is that which other metrics take, and fewer futures are the first of more."""
        drawn = {}
        for seed, number in ((0, 5), (1, 5), (0, 2)):
            workplace.asked.clear()
            rest = ["--split", "test", "--seed", seed, "--frames", 4]
            measured("psnr", data, *rest, "--futures", number, out=f"psnr{seed}{number}")
            drawn[seed, number] = [seeds for _, _, seeds in workplace.asked if None not in seeds]
            workplace.asked.clear()
            measured("fvd", data, *rest, out=f"fvd{seed}{number}")
            singles = [seeds for _, _, seeds in workplace.asked]
            assert [seeds[:1] for seeds in drawn[seed, number]] == singles
        first, second = ({seed for seeds in drawn[which] for seed in seeds} for which in ((0, 5), (1, 5)))
        assert len(first) == len(second) == 5 * 3
        assert not first & second
        assert [seeds[:2] for seeds in drawn[0, 5]] == drawn[0, 2]

    def test_a_snapshot_is_summed_once(self, data, monkeypatch):
        summed = []
        monkeypatch.setattr(weights, "sha256", lambda path: summed.append(str(path)) or "ab" * 32)
        assert run("all", "--real", data, "--fake", "ahead.npz", "--features", "shape-colour", "--frames", 5) == 0
        assert summed.count("ahead.npz") == 1

    def test_five_unless_told(self, data):
        assert measured("ssim", data).counts["futures of a video"] == 5

    def test_the_user_chooses_context_and_frames(self, data, workplace):
        found = measured("psnr", data, "--context", 1, "--frames", 3)
        assert found.others["per frame"] == pytest.approx(decibels(1, 2))
        assert not [name for name in found.others if "optical" in name]  # nobody knows a motion from one frame
        assert found.protocol.reference_samples == 4
        assert {asked[:2] for asked in workplace.asked} == {(1, 2)}

    def test_at_the_snapshots_stride(self, data, monkeypatch):
        learn(monkeypatch, every_nth=2)
        found = measured("psnr", data, "--frames", 4)
        assert found.others["per frame"] == pytest.approx(decibels(6 - 4))
        assert (found.protocol.stride, found.protocol.reference_samples) == (2, 2)

    def test_what_is_said(self, data, capsys):
        measured("psnr", data, "--split", "test")
        said = capsys.readouterr().out
        assert f"psnr of the predictions: {np.mean(decibels(1, 2, 3)):.2f}" in said
        assert f"the copy of the last frame seen: {np.mean(decibels(3, 6, 9)):.4g}" in said
        assert "the motion of the last two frames seen, going on: " in said
        assert "psnr of the best of 5 futures of each video: " in said
        assert "better than both baselines at frames 1..3 of the horizon (by more than two standard errors)" in said
        assert list(Path("evaluation").glob("*.png"))

    def test_videos_of_the_training_are_warned_of(self, data):
        assert "may have been trained on these videos" in measured("psnr", data, "--frames", 4).warnings[-1]

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--context", 4], "--context=4: it must be between 1 and 3"),
            (["--frames", 3], "frames=3: it must be more than context=3, whose frames are among them"),
            (["--length", 9], "--length 9: this snapshot continues real videos; --frames T says how many frames"),
            (["--futures", 0], "--futures=0: it must be between 1 and 1000"),
            (["--frames", 10], "--frames 10: the longest video of "),
            (["--frames", 10], "/data has 9 frames at stride 1; use at most 9"),
            (["--frames", 5, "--every-nth", 4], "/data has 3 frames at stride 4; use at most 3"),
            (["--every-nth", 2], "ahead.npz: its videos have 6 frames, as trained, and the longest video of "),
            (["--every-nth", 2], "/data has 5 frames at stride 2; use --frames 5, or a smaller number"),
            (["--frames", 8, "--split", "test"], "/data has 7 frames at stride 1; use at most 7"),
        ],
    )
    def test_mistakes(self, data, capsys, arguments, said):
        assert said in error(capsys, "psnr", "--real", data, *arguments)

    def test_a_folder_of_the_same_predictions_is_of_the_same_protocol(self, tmp_path):
        with open_writer(tmp_path / "small", "motions", SIZE) as writer:
            for name in ("down0", "up0", "up1"):
                writer.add(REAL[name][:6, ::2, ::2], name)
                seen = REAL[name][:3, ::2, ::2]
                future = seen[-1] + 4 * np.arange(1, 4, dtype=np.uint8)[:, None, None, None]
                video.write_frames(Path("predictions", name), np.concatenate([seen, future]))
        made = measured("ssim", tmp_path / "small")
        rest = ["--fake", "predictions", "--context", 3, "--frames", 6, "--out", "files"]
        assert run("ssim", "--real", tmp_path / "small", *rest) == 0
        (path,) = Path("files").glob("*.json")
        found = result.read(path)
        assert found.value == made.value
        assert found.protocol == made.protocol
        assert found.others.items() <= made.others.items()

    def test_a_folder_of_predictions(self, data, capsys):
        assert run("psnr", "--real", data, "--fake", data, "--context", 2, "--frames", 4) == 0
        (path,) = Path("evaluation").glob("*.json")
        assert "optical-flow" in result.read(path).others
        assert run("psnr", "--real", data, "--fake", data, "--futures", 2) == 2
        assert "--futures 2: only a snapshot that continues videos makes several" in capsys.readouterr().err


class TestSets:
    def distance(self, evaluated, real):
        """The Fréchet distance of the numbers that the stand-in makes of clips, computed in the plain way."""
        a, b = (np.array([self.features(video) for video in videos]) for videos in (evaluated, real))
        (mean_a, cov_a), (mean_b, cov_b) = ((x.mean(axis=0), np.cov(x, rowvar=False)) for x in (a, b))
        roots = np.sqrt(np.maximum(np.linalg.eigvals(cov_a @ cov_b).real, 0))
        return np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a + cov_b) - 2 * roots.sum()

    @staticmethod
    def features(video):
        """Of a clip at twice 8 bits less 1: each quarter is of one grey, which scaling (nearly) keeps."""
        x = video[..., 0] / 127.5 - 1
        return x.mean(), x.std(), x[-1].mean()

    def test_fvd_of_beginnings_and_a_future_of_the_seed(self, data, workplace):
        found = measured("fvd", data, "--split", "test", "--seed", 5, "--frames", 6)
        assert found.spread_kind.endswith("both sets together, pair by pair")
        assert found.counts["evaluated"] == found.counts["reference"] == 2
        assert found.counts["evaluated left out"] == found.counts["reference left out"] == 1
        real = [REAL[name][:6] for name in ("up1", "down0")]
        copies = [np.concatenate([video[:3], video[[2, 2, 2]]]) for video in real]
        assert found.others["copy-last-frame"] == pytest.approx(self.distance(copies, real), rel=0.05)
        assert found.others["optical-flow"] >= 0
        steps = [1 + seeds[0] % 7 for _, _, seeds in workplace.asked]
        futures = [video[2:3] + np.arange(1, 4)[:, None, None, None] * s for video, s in zip(real, steps, strict=True)]
        ahead = [np.concatenate([video[:3], future]) for video, future in zip(real, futures, strict=True)]
        assert found.value == pytest.approx(self.distance(ahead, real), rel=0.05, abs=1e-6)
        p = found.protocol
        assert p.reference.endswith(", frames scaled to 16 x 16, the first 6 frames at stride 1")
        assert (p.split, p.stride, p.frames, dict(p.settings)["context"]) == ("test", 1, 6, 3)
        assert ", futures of seed 5: " in found.evaluated_reference

    def test_the_real_clips_begin_where_the_predicted_ones_do(self, tmp_path, monkeypatch):
        """Clips of 16 frames of 18: where the future is the truth the distance is 0, however clips are drawn."""
        with open_writer(tmp_path / "long", "motions", SIZE) as writer:
            for number in range(6):
                writer.add(brightening(20, 20 * number)[:, ::2, ::2], f"long{number}")
        forecaster = learn(monkeypatch, trained=18)
        monkeypatch.setattr(forecaster, "step", lambda seed: STEP)
        found = measured("fvd", tmp_path / "long")
        assert found.value == pytest.approx(0, abs=1e-9)
        assert found.others["copy-last-frame"] > 1e-3
        assert (found.protocol.frames, dict(found.protocol.settings)["evaluated_length"]) == (16, 18)

    def test_the_stride_is_recorded(self, data, monkeypatch):
        learn(monkeypatch, every_nth=2)
        p = measured("fvd", data, "--frames", 3, "--context", 2, "--split", "test").protocol
        assert p.stride == 2
        assert p.reference.endswith("the first 3 frames at stride 2")

    def test_baselines_are_said(self, data, capsys):
        found = measured("fvd", data, "--frames", 4)
        said = capsys.readouterr().out
        copy = result.shown(found.others["copy-last-frame"], found.others["copy-last-frame spread"])
        assert f"fvd of a baseline, the copy of the last frame seen: {copy}\n" in said
        assert "better than" not in said

    def test_others_have_no_baselines(self, data):
        found = measured("fid", data, "--frames", 4, "--context", 1)
        assert not found.others
        assert dict(found.protocol.settings)["context"] == 1

    def test_clips_longer_than_the_videos(self, data, capsys):
        said = error(capsys, "fvd", "--real", data)
        assert "its videos have 6 frames, as trained, and fvd-i3d takes clips of 16; use --frames 16" in said

    def test_content(self, data, monkeypatch):
        monkeypatch.setattr(
            average_content_distance, "shape_colours", lambda video: video.reshape(len(video), -1, 3).mean(axis=1)
        )
        rest = ["--split", "test", "--features", "shape-colour", "--measure", "first-frame"]
        found = measured("acd", data, *rest)
        assert found.others["of the real videos by first-frame"] == pytest.approx(STEP * 3 * 3**0.5)  # 1 to 5 steps
        assert found.protocol.frames == TRAINED
        assert found.counts["videos unreadable or too short"] == 1

    @pytest.mark.parametrize("metric", ["is", "mcs"])
    def test_what_has_no_meaning(self, metric, data, capsys):
        real = ["--real", data] * (metric == "mcs")
        assert f"evaluate.py {metric} has no meaning for ahead.npz: it continues given videos" in error(
            capsys, metric, *real
        )

    def test_all(self, data, capsys):
        assert run("all", "--real", data, "--fake", "ahead.npz", "--features", "shape-colour", "--frames", 5) == 0
        said = capsys.readouterr().out
        written = {result.read(path).protocol.metric for path in Path("evaluation").glob("*.json")}
        assert written >= {"fvd", "acd", "psnr", "ssim"}
        assert "mcs: not run: evaluate.py mcs has no meaning for ahead.npz: it continues given videos" in said

    def test_what_it_needs(self, data, capsys):
        assert run("precalc", "--real", data, "--out", "real.npz", "--frames", 4) == 0
        capsys.readouterr()
        for arguments in (["acd"], ["fvd", "--real", "real.npz", "--frames", 4]):
            said = error(capsys, *arguments)
            assert "this snapshot continues videos, the first frames of real ones: name with --real" in said
        assert run("precalc", "--fake", "ahead.npz", "--out", "fake.npz") == 2
        assert capsys.readouterr().err == (
            "error: --fake ahead.npz: precalc stores sets that stand alone, and this snapshot's videos go on from real "
            "ones; measure them with evaluate.py fvd --real DATASET_OR_VIDEOS --fake ahead.npz\n"
        )

    def test_context_of_what_has_none(self, data, capsys):
        assert run("fvd", "--real", data, "--fake", data, "--context", 2) == 2
        assert "--context 2: fvd takes whole videos; only a snapshot that continues videos" in capsys.readouterr().err


class TestSummary:
    def of(self, *ahead, behind=(), baselines=("copy-last-frame", "optical-flow")):
        """A result that is ahead of each baseline by 3 standard errors at these of 7 frames, or behind."""
        gains = [3.0 if frame in ahead else -3.0 if frame in behind else 1.0 for frame in range(1, 8)]
        others = {"per frame": gains}
        for name in baselines:
            others |= {
                name: 20.0,
                f"gain over {name} per frame": gains,
                f"gain over {name} per frame spread": [1.0] * 7,
            }
        protocol = result.Protocol(metric="psnr", name="psnr")
        numbers = {"value": 25.0, "spread": None, "spread_kind": "", "counts": {}, "versions": {}, "seconds": 0}
        return summary.lines(result.Result(protocol=protocol, evaluated="a", others=others, **numbers))

    @pytest.mark.parametrize(
        ("ahead", "said"),
        [
            ((3, 4, 5, 6, 7), "at frames 3..7 of"),
            ((1, 3, 4), "at frames 1, 3..4 of"),
            ((2,), "at frame 2 of"),
            ((), "at no frame of"),
        ],
    )
    def test_where_it_is_ahead(self, ahead, said):
        expected = f"better than both baselines {said} the horizon (by more than two standard errors)"
        assert expected in self.of(*ahead)

    def test_where_it_is_behind(self):
        said = self.of(7, behind=(1, 2, 4))
        assert said[-2] == "worse than the copy of the last frame seen at frames 1..2, 4"
        assert said[-1] == "worse than the motion of the last two frames seen, going on at frames 1..2, 4"
        assert not [line for line in self.of(7) if line.startswith("worse")]

    def test_of_one_baseline(self):
        said = self.of(1, baselines=("copy-last-frame",))
        assert [line for line in said if line.startswith("better than the baseline at frame 1 of")]
        assert said[0] == "psnr of the predictions: 25"

    def test_of_none(self):
        assert self.of(1, baselines=()) == []
