"""``evaluate.py`` as typed, with a stand-in for the networks whose weights are large."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import preprocessing, video
from mocogan_chainer.cli import evaluate, generate, train
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import DataError, OutputError
from mocogan_chainer.evaluation import result, statistics
from mocogan_chainer.evaluation.prepared_videos import PreparedVideos
from mocogan_chainer.evaluation_runs import metrics
from mocogan_chainer.features import catalogue, i3d, weights
from tests.evaluation.fakes import Means

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Thirty videos of 32 frames of 16 pixels, in two classes and two splits."""
    out = tmp_path_factory.mktemp("evaluated") / "data"
    preprocessing.prepare("shapes", None, out, num=30, size=16, length=32, split=0.5)
    return out


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory, data):
    """A short run on the data."""
    return trained(tmp_path_factory.mktemp("run"), data)


def trained(folder, data, *settings):
    small = ["video_length=16", *(f"model.n_filters_{n}=2" for n in ("gen", "idis", "vdis"))]
    places = [f"out={folder}/result", f"tensorboard={folder}/runs"]
    rest = ["--dataset", str(data), "--batchsize", "4", "--max_iteration", "2", "--num_gen_samples", "2"]
    assert train.main(["--model", "infogan", *rest, "--set", *small, *places, *settings]) == 0
    return folder / "result" / "infogan" / "snapshot_latest.npz"


@pytest.fixture(autouse=True)
def networks(monkeypatch, tmp_path):
    """Every network is the stand-in, whose weights are there."""
    (tmp_path / "weights").mkdir()
    for file in weights.FILES.values():
        (tmp_path / "weights" / file.file).write_bytes(b"weights")
    monkeypatch.chdir(tmp_path)
    Means.to_device = lambda network, device: None
    monkeypatch.setattr(catalogue, "load", lambda name, path: Means(classes=101 if name.endswith("ucf101") else 400))
    monkeypatch.setattr(weights, "remark", lambda name, digest: "")


def run(*arguments):
    return evaluate.main([str(argument) for argument in arguments])


def the_result(tmp_path):
    (path,) = (tmp_path / "evaluation").glob("*.json")
    return result.read(path)


def error(capsys, *arguments):
    assert run(*arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


class TestDistances:
    @pytest.mark.parametrize("metric", ["fvd", "fid", "prd"])
    def test_a_snapshot_against_its_data(self, metric, data, snapshot, tmp_path, capsys):
        assert run(metric, "--real", data, "--fake", snapshot, "--samples", 25) == 0
        said = capsys.readouterr().out
        found = the_result(tmp_path)
        assert found.value >= 0
        assert found.counts["evaluated"] == found.counts["reference"] == 25
        assert found.markdown_row() in said
        assert "25 videos, and" in said
        (markdown,) = (tmp_path / "evaluation").glob("*.md")
        assert markdown.read_text() == f"{result.HEADER}\n{found.markdown_row()}\n"
        pictures = list((tmp_path / "evaluation").glob("*.png"))
        assert len(pictures) == (metric == "prd")

    def test_sampled_on_the_fly_is_the_same_as_from_files(self, data, snapshot, tmp_path):
        assert run("fvd", "--real", data, "--fake", snapshot, "--samples", 8) == 0
        direct = the_result(tmp_path)
        assert generate.main([str(snapshot), "samples", "--num", "8", "--format", "frames"]) == 0
        rest = ["--samples", 8, "--every-nth", 2, "--out", "files"]
        assert run("fvd", "--real", data, "--fake", "samples", *rest) == 0
        (path,) = (tmp_path / "files").glob("*.json")
        assert result.read(path).value == pytest.approx(direct.value, rel=1e-9)
        assert result.read(path).protocol == direct.protocol

    def test_the_set_itself(self, data, tmp_path):
        assert run("fvd", "--real", data, "--fake", data, "--frames", 32) == 0
        assert the_result(tmp_path).value == pytest.approx(0, abs=1e-3)

    def test_the_split_is_part_of_the_protocol(self, data, tmp_path):
        assert run("fvd", "--real", data, "--fake", data, "--split", "test") == 0
        found = the_result(tmp_path).protocol
        assert (found.split, found.reference_samples) == ("test", len(PreparedDataset.open(data, "test")))

    def test_too_few_frames_for_the_network(self, data, capsys):
        said = error(capsys, "fvd", "--real", data, "--fake", data, "--frames", 1)
        assert "--frames 1: I3D" in said
        assert "needs at least 2" in said

    def test_videos_too_short_for_a_clip(self, data, capsys):
        for i, frames in enumerate(np.zeros((2, 5, 16, 16, 3), np.uint8)):
            video.write_frames(Path("short", str(i)), frames)
        said = error(capsys, "fvd", "--real", "short", "--fake", data, "--frames", 6)
        assert "0 of its videos gave a clip, and 2 are needed" in said
        assert "5 frames, and a clip takes 6" in said

    @pytest.mark.parametrize(
        "arguments",
        [
            ["fvd", "--real", "DATA", "--fake", "DATA"],
            ["fvd", "--real", "DATA", "--fake", "frames"],
            ["fvd", "--real", "frames", "--fake", "DATA"],
            ["prd", "--real", "DATA", "--fake", "SNAPSHOT"],
            ["acd", "--fake", "DATA"],
            ["psnr", "--real", "DATA", "--fake", "frames"],
            ["precalc", "--real", "DATA", "--out", "x.npz"],
        ],
    )
    def test_frames_that_no_video_of_a_dataset_has(self, arguments, data, snapshot, capsys, monkeypatch):
        """It is said at once: no video is read for that."""
        for i, frames in enumerate(np.zeros((30, 12, 16, 16, 3), np.uint8)):
            video.write_frames(Path("frames", str(i)), frames)
        monkeypatch.setattr(PreparedVideos, "read", lambda *arguments: pytest.fail("a video was read"))
        arguments = [{"DATA": data, "SNAPSHOT": snapshot}.get(name, name) for name in arguments]
        stride = 3 if "--real" in arguments else 1
        paced = ["--every-nth", 3] * (stride == 3)
        there = {1: 32, 3: 11}[stride]
        said = error(capsys, *arguments, "--frames", there + 1, *paced)
        assert said == (
            f"error: --frames {there + 1}: the longest video of {data} has {there} frames at stride {stride}; "
            f"use at most {there}\n"
        )

    def test_a_clip_may_begin_anew_at_a_video_s_end(self, data):
        assert run("fid", "--protocol", "fid-resnext101-evan", "--real", data, "--fake", data, "--frames", 40) == 0

    def test_the_real_sets_stride_is_that_of_the_training(self, data, snapshot, tmp_path):
        assert run("fvd", "--real", data, "--fake", snapshot, "--samples", 5, "--frames", 4) == 0
        assert the_result(tmp_path).protocol.stride == 2  # what it was trained with
        rest = ["--frames", 4, "--every-nth", 3, "--out", "third"]
        assert run("fvd", "--real", data, "--fake", snapshot, "--samples", 5, *rest) == 0
        (path,) = (tmp_path / "third").glob("*.json")
        assert result.read(path).protocol.stride == 3

    def test_real_videos_that_are_evaluated_have_the_pace_of_the_real_set(self, data, tmp_path):
        assert run("fvd", "--real", data, "--fake", data, "--every-nth", 2) == 0
        found = the_result(tmp_path)
        assert found.value == pytest.approx(0, abs=1e-3)
        assert dict(found.protocol.settings)["evaluated_stride"] == 2

    def test_inception_score(self, snapshot, tmp_path, monkeypatch):
        monkeypatch.setattr(
            "mocogan_chainer.evaluation_runs.networks._mean_clip",
            lambda recipe: (np.zeros((3, 16, 112, 112)), "a" * 64),
        )
        assert run("is", "--fake", snapshot, "--samples", 6, "--splits", 2) == 0
        found = the_result(tmp_path)
        assert found.protocol.name == "is-c3d"
        assert found.counts["evaluated"] == 12
        assert len(found.others["parts"]) == 2
        assert dict(found.protocol.settings)["mean_sha256"] == "a" * 64

    def test_inception_score_of_a_prepared_dataset(self, data, tmp_path, monkeypatch):
        """Its order may mean something, and that of consecutive parts must not; its pace is the one asked for."""
        monkeypatch.setattr(
            "mocogan_chainer.evaluation_runs.networks._mean_clip",
            lambda recipe: (np.zeros((3, 16, 112, 112)), "a" * 64),
        )
        scored, score = [], metrics.inception_score

        def inception_score(videos, indices, *arguments, **options):
            scored.extend(indices)
            return score(videos, indices, *arguments, **options)

        monkeypatch.setattr(metrics, "inception_score", inception_score)
        assert run("is", "--fake", data, "--samples", 10, "--splits", 3, "--every-nth", 2) == 0
        assert sorted(scored) == list(range(30)) != scored
        assert the_result(tmp_path).protocol.stride == 2


class TestStatistics:
    def test_stored_statistics_stand_for_the_set(self, data, snapshot, tmp_path, capsys):
        assert run("precalc", "--real", data, "--out", "real.npz", "--every-nth", 2) == 0
        assert "real.npz: fvd-i3d, 30 videos of" in capsys.readouterr().out
        assert run("fvd", "--real", "real.npz", "--fake", snapshot, "--samples", 30) == 0
        stored = the_result(tmp_path)
        assert run("fvd", "--real", data, "--fake", snapshot, "--samples", 30, "--out", "direct") == 0
        (path,) = (tmp_path / "direct").glob("*.json")
        assert result.read(path).value == pytest.approx(stored.value, rel=1e-9)
        assert result.read(path).protocol == stored.protocol

    def test_statistics_of_another_pace_are_refused(self, data, snapshot, capsys):
        assert run("precalc", "--real", data, "--out", "real.npz") == 0
        said = error(capsys, "fvd", "--real", "real.npz", "--fake", snapshot)
        assert "frame number 1 of the real videos, and the snapshot was trained with 2" in said
        assert run("fvd", "--real", "real.npz", "--fake", snapshot, "--samples", 3, "--every-nth", 1) == 0
        assert run("fvd", "--real", "real.npz", "--fake", data, "--samples", 3) == 0  # nothing says otherwise

    def test_another_split_than_the_statistics(self, data, snapshot, capsys):
        assert run("precalc", "--real", data, "--split", "test", "--out", "real.npz") == 0
        said = error(capsys, "fvd", "--real", "real.npz", "--fake", data, "--split", "train")
        assert "--split train: real.npz is of the split test" in said

    def test_the_evaluated_sets_statistics(self, data, snapshot, tmp_path, capsys):
        for part in (1, 2):
            assert (
                run("precalc", "--fake", snapshot, "--samples", 9, "--out", f"{part}.npz", "--part", f"{part}/2") == 0
            )
        assert run("merge", "fake.npz", "1.npz", "2.npz") == 0
        assert run("fvd", "--real", data, "--every-nth", 2, "--fake", "fake.npz", "--samples", 9) == 0
        stored = the_result(tmp_path)
        assert run("fvd", "--real", data, "--fake", snapshot, "--samples", 9, "--out", "direct") == 0
        (path,) = (tmp_path / "direct").glob("*.json")
        direct = result.read(path)
        assert direct.value == pytest.approx(stored.value, rel=1e-9)
        assert direct.evaluated_reference == stored.evaluated_reference
        assert "9 samples of 16 frames, seed 0" in direct.evaluated_reference

    def test_stored_and_direct_are_of_one_protocol_at_each_length(self, data, snapshot, tmp_path):
        """Two lengths have two protocols, and that of the default length is the same without the option."""
        rest, digests = ["--real", data, "--samples", 9], {}
        for length in (16, 32):
            assert run("precalc", "--fake", snapshot, *rest[2:], "--length", length, "--out", "fake.npz") == 0
            for way, given in (("stored", "fake.npz"), ("direct", snapshot)):
                more = ["--length", length] if way == "direct" else []
                out = f"{way}{length}"
                assert run("fvd", *rest, "--every-nth", 2, "--fake", given, *more, "--out", out) == 0
                (path,) = (tmp_path / out).glob("*.json")
                digests[way, length] = result.read(path).protocol.digest()
        assert run("fvd", *rest, "--fake", snapshot) == 0
        assert digests["stored", 16] == digests["direct", 16] == the_result(tmp_path).protocol.digest()
        assert digests["stored", 32] == digests["direct", 32] != digests["direct", 16]

    def test_stored_and_direct_are_of_one_protocol_at_a_stride(self, data, tmp_path):
        """Another set of filmed videos, which is taken at a pace, too."""
        protocols = []
        assert run("precalc", "--fake", data, "--every-nth", 2, "--samples", 20, "--out", "fake.npz") == 0
        for given in ("fake.npz", data):
            rest = ["--real", data, "--every-nth", 2, "--samples", 20, "--out", f"by_{Path(given).name}"]
            assert run("fvd", "--fake", given, *rest) == 0
            (path,) = (tmp_path / rest[-1]).glob("*.json")
            protocols.append(result.read(path).protocol)
        assert protocols[0] == protocols[1]
        assert dict(protocols[0].settings)["evaluated_stride"] == 2

    @pytest.mark.parametrize("metric", ["fvd", "prd"])
    def test_what_statistics_cannot_change_any_more(self, metric, data, snapshot, capsys):
        assert run("precalc", "--fake", snapshot, "--samples", 25, "--out", "fake.npz") == 0
        sets = ["--real", data, "--fake", "fake.npz"]
        said = error(capsys, metric, *sets, "--length", 99)
        assert "--length 99: frames in each video of statistics cannot be chosen any more, and fake.npz has 16" in said
        assert "or, if fake.npz was made of a snapshot, make it again with evaluate.py precalc --length 99" in said
        said = error(capsys, metric, *sets, "--samples", 7)
        assert "--samples 7: videos of statistics cannot be chosen any more, and fake.npz has 25" in said
        assert run(metric, *sets, "--length", 16, "--samples", 25) == 0

    def test_as_many_samples_as_statistics_were_asked_for(self, data, capsys):
        """One of the five videos is too short for a clip, and four are stored."""
        for i, length in enumerate((16, 16, 15, 16, 16)):
            video.write_frames(Path("fake", str(i)), np.full((length, 16, 16, 3), 40 * i, np.uint8))
        assert run("precalc", "--fake", "fake", "--samples", 5, "--out", "fake.npz") == 0
        sets = ["--real", data, "--every-nth", 2, "--fake", "fake.npz"]
        for samples in (4, 5, 6):
            assert run("fvd", *sets, "--samples", samples, "--out", f"of{samples}") == 0
        capsys.readouterr()
        assert "fake.npz has 4; leave --samples away, or make" in error(capsys, "fvd", *sets, "--samples", 3)

    def test_the_pace_of_statistics_is_asked_for_where_nobody_said_it(self, data, capsys):
        for i in range(2):
            video.write_frames(Path("fake", str(i)), np.zeros((16, 16, 16, 3), np.uint8))
        assert run("precalc", "--real", data, "--out", "real.npz") == 0
        assert f"warning: {data}: every frame was taken" in capsys.readouterr().out
        assert run("fvd", "--real", "real.npz", "--fake", "fake") == 0
        assert "warning: real.npz: every frame was taken" in capsys.readouterr().out
        for more in (["--every-nth", 1], ["--every-nth", 2]):
            assert run("precalc", "--real", data, *more, "--out", "real.npz") == 0
            assert run("fvd", "--real", "real.npz", "--fake", "fake", *more) == 0
            assert "every frame was taken" not in capsys.readouterr().out

    def test_files_of_g3an_on_either_side(self, data, tmp_path, capsys):
        np.savez("theirs.npz", mu=np.zeros(3), sigma=np.eye(3))
        assert run("precalc", "--real", data, "--out", "real.npz") == 0
        assert run("fvd", "--real", "theirs.npz", "--fake", "theirs.npz") == 0
        found = the_result(tmp_path)
        assert (found.value, found.spread) == (pytest.approx(0), None)
        for given in ("real.npz", data):
            assert run("fvd", "--real", given, "--fake", "theirs.npz", "--out", "other") == 0
            assert "| unknown against 30 |" in capsys.readouterr().out

    def test_either_set_and_no_more(self, data, capsys):
        for sets in ([], ["--real", data, "--fake", data]):
            assert "give either --real or --fake" in error(capsys, "precalc", *sets, "--out", "x.npz")
        assert run("precalc", "--real", data, "--out", "x.npz") == 0
        assert "statistics already" in error(capsys, "precalc", "--fake", "x.npz", "--out", "y.npz")
        assert "the videos themselves are needed" in error(capsys, "precalc", "--real", "x.npz", "--out", "y.npz")

    def test_parts_by_several_processes(self, data, capsys):
        assert run("precalc", "--real", data, "--out", "whole.npz") == 0
        for part in (1, 2, 3):
            assert run("precalc", "--real", data, "--out", f"{part}.npz", "--part", f"{part}/3") == 0
        assert run("merge", "joined.npz", "3.npz", "1.npz", "2.npz") == 0
        assert "joined.npz: fvd-i3d, 30 videos of 3 parts" in capsys.readouterr().out
        joined, whole = statistics.load("joined.npz"), statistics.load("whole.npz")
        np.testing.assert_allclose(joined.gaussian.covariance, whole.gaussian.covariance, rtol=1e-9)
        assert joined.protocol == whole.protocol

    @pytest.mark.parametrize("part", ["0/3", "4/3", "1", "1/0", "a/b"])
    def test_parts_that_are_none(self, part, data, capsys):
        assert f"--part {part}: it must be I/N" in error(
            capsys, "precalc", "--real", data, "--out", "x.npz", "--part", part
        )

    def test_the_file_must_be_named_as_one(self, data, capsys):
        assert "a file whose name ends in .npz" in error(capsys, "precalc", "--real", data, "--out", "folder")

    def test_files_of_g3an(self, data, snapshot, tmp_path, capsys):
        np.savez("theirs.npz", mu=np.zeros(3), sigma=np.eye(3))
        assert run("fid", "--real", "theirs.npz", "--fake", snapshot, "--samples", 9) == 0
        assert "does not say how its features were made" in capsys.readouterr().out

    def test_statistics_of_another_protocol(self, data, snapshot, capsys):
        assert run("precalc", "--real", data, "--out", "real.npz", "--every-nth", 2) == 0
        said = error(capsys, "fid", "--real", "real.npz", "--fake", snapshot)
        assert "made for fvd-i3d, and fid-resnext101-g3an takes other features: network is I3D" in said


class TestComparing:
    def test_two_results_of_one_protocol(self, data, snapshot, tmp_path, capsys):
        for seed in (0, 1):
            assert run("fvd", "--real", data, "--fake", data, "--samples", 20, "--out", f"out{seed}") == 0
        (a,), (b,) = (list((tmp_path / f"out{seed}").glob("*.json")) for seed in (0, 1))
        capsys.readouterr()
        assert run("compare", a, b) == 0
        assert re.search(r"difference: .*: none", capsys.readouterr().out)

    def test_unlike_protocols_are_refused_by_field(self, data, tmp_path, capsys):
        for samples in (10, 20):
            assert run("fvd", "--real", data, "--fake", data, "--samples", samples, "--out", f"out{samples}") == 0
        (a,), (b,) = (list((tmp_path / f"out{samples}").glob("*.json")) for samples in (10, 20))
        capsys.readouterr()
        said = error(capsys, "compare", a, b)
        assert "reference_samples is 10 and 20; evaluated_samples is 10 and 20" in said

    def test_what_is_no_result(self, tmp_path, capsys):
        (tmp_path / "a.json").write_text("{}")
        assert "a.json: no result of evaluate.py" in error(capsys, "compare", "a.json", "a.json")
        assert "b.json: no such file" in error(capsys, "compare", "b.json", "a.json")


class TestWithoutNetworks:
    def test_the_content_of_shapes(self, data, tmp_path):
        assert run("acd", "--real", data, "--fake", data) == 0
        found = the_result(tmp_path)
        assert found.protocol.name == "acd-shape-colour"
        assert found.value < 5  # shapes keep their colour, up to their rims

    def test_a_snapshot_of_shapes(self, snapshot, tmp_path):
        assert run("acd", "--fake", snapshot, "--samples", 4) == 0
        assert the_result(tmp_path).protocol.name == "acd-shape-colour"

    @pytest.mark.parametrize("metric", ["psnr", "ssim"])
    def test_predictions(self, metric, data, tmp_path):
        assert run(metric, "--real", data, "--fake", data, "--context", 4) == 0
        found = the_result(tmp_path)
        assert found.value == (1 if metric == "ssim" else np.inf)
        (picture,) = (tmp_path / "evaluation").glob("*.png")
        with Image.open(picture) as image:
            assert image.width > 300


class TestAll:
    def test_what_the_data_allows(self, data, snapshot, tmp_path, capsys, monkeypatch):
        (tmp_path / "weights" / "resnext-101-kinetics.pth").unlink()
        monkeypatch.setattr("mocogan_chainer.evaluation.classifier_training.train", refuse)
        assert run("all", "--real", data, "--fake", snapshot, "--samples", 22, "--splits", 1) == 0
        said = capsys.readouterr().out
        names = {
            json.loads(path.read_text())["protocol"]["metric"] for path in (tmp_path / "evaluation").glob("*.json")
        }
        assert {"fvd", "prd", "acd"} <= names
        assert "fid: not run: weights/resnext-101-kinetics.pth: no such file" in said
        assert "mcs: not run: not today" in said
        assert "psnr: not run: --fake " in said and ": this model makes videos of its own, not predictions" in said


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


def refuse(*arguments, **options):
    raise DataError("not today")


class TestMistakes:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["fdv"], "fdv: no such metric; it must be one of fvd, .*did you mean fvd"),
            ([], "METRIC"),
            (["fvd"], "required: --real, --fake"),
            (["fvd", "--real", "nowhere", "--fake", "nowhere"], "nowhere: no such folder"),
            (["fvd", "--real", "nowhere", "--fake", "nowhere", "--every_nth", "2"], "nowhere: no such folder"),
            (["fvd", "--real", "nowhere", "--fake", "nowhere", "--protocol", "fvd"], "did you mean fvd-i3d"),
            (["fvd", "--real", "r", "--fake", "f", "--samples", "1"], "--samples=1: it must be between 2"),
            (["fvd", "--reel", "r", "--fake", "f"], "--reel: fvd takes no such option .did you mean --real"),
            (["is", "--real", "r", "--fake", "f"], r"--real: is takes no such option \(see evaluate.py is -h\)"),
            (["fetch", "i3dd"], "weights=i3dd: it must be one of .*did you mean i3d"),
            (["fetch", "c3d-ucf101"], "c3d-ucf101: it cannot be fetched; get conv3d_deepnetA_ucf.npz from"),
            (["merge", "out.npz", "nowhere.npz"], "nowhere.npz: no such file"),
        ],
    )
    def test_each_is_one_line(self, arguments, message, capsys):
        assert re.search(message, error(capsys, *arguments))

    def test_a_snapshot_that_is_none(self, data, capsys):
        assert "weights/mean2.npz: not a snapshot" in error(
            capsys, "fvd", "--real", data, "--fake", "weights/mean2.npz"
        )

    def test_missing_weights_say_where_to_get_them(self, data, tmp_path, capsys):
        (tmp_path / "weights" / "i3d-kinetics-400.ckpt").unlink()
        said = error(capsys, "fvd", "--real", data, "--fake", data)
        assert "get it with: python evaluate.py fetch i3d" in said

    def test_another_length_is_a_snapshots_alone(self, data, capsys):
        said = error(capsys, "fvd", "--real", data, "--fake", data, "--length", 20)
        assert "--length 20: only a snapshot's videos" in said

    def test_statistics_where_videos_are_needed(self, data, capsys):
        assert run("precalc", "--real", data, "--out", "real.npz") == 0
        assert "the videos themselves are needed" in error(capsys, "psnr", "--real", "real.npz", "--fake", data)

    def test_a_snapshot_as_the_real_set(self, data, snapshot, capsys):
        said = error(capsys, "fvd", "--real", snapshot, "--fake", data)
        assert "no statistics, which hold mu and sigma; a snapshot is what --fake takes" in said

    def test_a_snapshot_predicts_nothing(self, data, snapshot, capsys):
        assert "not predictions of given ones" in error(capsys, "psnr", "--real", data, "--fake", snapshot)

    def test_categories_that_the_model_made_up(self, data, tmp_path, capsys):
        """Even where they happen to be called as the classes are."""
        for i, frames in enumerate(np.zeros((6, 16, 16, 16, 3), np.uint8)):
            video.write_frames(Path("raw", str(i % 2), str(i)), frames)
        preprocessing.prepare("folder", Path("raw"), Path("numbered"), size=16, workers=0)
        snapshot = trained(tmp_path, "numbered", "model.labels=unsupervised", "every_nth=1")
        capsys.readouterr()
        said = error(capsys, "mcs", "--real", "numbered", "--fake", snapshot)
        assert "this model made up its categories by itself" in said

    def test_a_generator_that_is_not_finite(self, snapshot, tmp_path, capsys):
        with np.load(snapshot) as file:
            arrays = dict(file)
        meta = json.loads(str(arrays["meta"]))
        del meta["checksum"]
        name = next(name for name in arrays if "average:generator/" in name and name.endswith("/W"))
        arrays[name].flat[0] = np.nan
        np.savez(tmp_path / "sick.npz", **arrays | {"meta": np.array(json.dumps(meta))})
        said = error(capsys, "acd", "--fake", "sick.npz")
        assert "sick.npz: 1 of the network's arrays hold numbers that are not finite" in said
        assert generate.main(["sick.npz", "samples"]) == 2

    def test_weights_of_another_number_of_classes(self, data, capsys, monkeypatch):
        monkeypatch.setattr(catalogue, "load", lambda name, path: Means(classes=101))
        said = error(capsys, "fvd", "--real", data, "--fake", data)
        assert "it tells 101 classes apart, and fvd-i3d takes a network for 400; name i3d-kinetics-400.ckpt" in said

    def test_the_evaluated_set_is_looked_at_before_the_work(self, data, capsys, monkeypatch):
        monkeypatch.setattr(catalogue, "load", lambda name, path: pytest.fail("work was done"))
        for metric in ("fvd", "fid", "prd", "is"):
            sets = [] if metric == "is" else ["--real", data]
            assert "nowhere: no such folder" in error(capsys, metric, *sets, "--fake", "nowhere")
        np.savez("theirs.npz", mu=np.zeros(3), sigma=np.eye(3))
        assert "mu and sigma alone" in error(capsys, "prd", "--real", "theirs.npz", "--fake", data)


class TestDoubts:
    @pytest.fixture
    def files(self, tmp_path):
        """Two videos as coded files, and as frames."""
        frames = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 16, 3)).astype(np.uint8)
        for i, one in enumerate(frames):
            video.write_mp4(tmp_path / "coded" / f"{i}.mp4", one, 8)
            video.write_frames(tmp_path / "frames" / str(i), one)

    def test_coded_files_and_a_pace_that_nobody_said(self, data, files, capsys):
        assert run("fvd", "--real", data, "--fake", "coded") == 0
        said = capsys.readouterr().out
        assert "warning: coded: 2 of its videos are coded files" in said
        assert "every frame was taken; if the evaluated videos come from a model" in said

    def test_what_a_folder_holds_beside_its_videos(self, data, files, tmp_path, capsys):
        video.write_gif(tmp_path / "coded" / "0.gif", np.zeros((2, 8, 8, 3), np.uint8), 8)
        video.write_gif(tmp_path / "coded" / "grid_1x1.gif", np.zeros((2, 8, 8, 3), np.uint8), 8)
        assert run("fvd", "--real", data, "--fake", "coded") == 0
        said = capsys.readouterr().out
        assert "warning: coded: not taken: grid_1x1.gif: several videos side by side, and 1 more" in said

    def test_neither(self, data, files, capsys):
        assert run("fvd", "--real", data, "--fake", "frames", "--every-nth", 2) == 0
        assert run("psnr", "--real", "frames", "--fake", "frames") == 0
        said = capsys.readouterr().out
        assert "coded files" not in said
        assert "not taken" not in said
        assert "every frame was taken" not in said


class TestFiles:
    def test_no_result_takes_anothers_place(self, data, tmp_path):
        for name in ("run.v1", "run.v2"):
            video.write_frames(tmp_path / name / "a", np.full((16, 16, 16, 3), len(name), np.uint8))
            video.write_frames(tmp_path / name / "b", np.full((16, 16, 16, 3), 200, np.uint8))
            assert run("acd", "--features", "shape-colour", "--fake", name) == 0
        assert len(list((tmp_path / "evaluation").glob("*.json"))) == 2

    def test_a_folder_whose_name_is_no_utf8(self, tmp_path):
        name = os.fsdecode(b"caf\xe9")
        try:
            video.write_frames(tmp_path / name / "a", np.full((16, 16, 16, 3), 200, np.uint8))
        except OutputError:
            pytest.skip("no such name here")
        assert run("acd", "--features", "shape-colour", "--fake", name) == 0
        assert the_result(tmp_path).evaluated == name
        (row,) = (tmp_path / "evaluation").glob("*.md")
        assert "| caf\\udce9 | acd |" in row.read_text()

    def test_the_current_folder(self, tmp_path, monkeypatch):
        video.write_frames(tmp_path / "here" / "a", np.full((16, 16, 16, 3), 200, np.uint8))
        monkeypatch.chdir(tmp_path / "here")
        assert run("acd", "--features", "shape-colour", "--fake", ".", "--out", "../evaluation") == 0
        assert the_result(tmp_path).value == 0

    @pytest.mark.parametrize("metric", [("acd",), ("is", "--protocol", "is-c3d", "--splits", 1)])
    def test_the_length_is_no_matter_where_the_first_frames_are_taken(self, metric, snapshot, tmp_path, monkeypatch):
        """One protocol for a snapshot's videos of any length, sampled on the fly or from files."""
        monkeypatch.setattr(
            "mocogan_chainer.evaluation_runs.networks._mean_clip",
            lambda recipe: (np.zeros((3, 16, 112, 112)), "a" * 64),
        )
        frames = ["--num", "6", "--length", "20", "--format", "frames"]
        assert generate.main([str(snapshot), "samples", *frames]) == 0
        found = []
        for fake in ([snapshot, "--length", 20], [snapshot], ["samples"]):
            features = ["--features", "shape-colour"] * (metric[0] == "acd")
            out = f"out{len(found)}"
            assert run(*metric, *features, "--fake", *fake, "--samples", 6, "--out", out) == 0
            (path,) = (tmp_path / out).glob("*.json")
            found.append(result.read(path))
        assert "evaluated_length" not in dict(found[0].protocol.settings)
        assert len({each.protocol.digest() for each in found}) == 1
        assert found[0].value == pytest.approx(found[2].value, rel=1e-6)

    def test_who_computed_is_written(self, data, tmp_path, capsys):
        assert run("fvd", "--real", data, "--fake", data, "--samples", 3) == 0
        backend = the_result(tmp_path).versions["backend"]
        assert f"computing on the CPU with the backend {backend}" in capsys.readouterr().out

    def test_what_is_computed_is_kept_when_a_later_metric_fails(self, data, snapshot, tmp_path, monkeypatch):
        monkeypatch.setattr(metrics, "average_content_distance", interrupt)
        assert run("all", "--real", data, "--fake", snapshot, "--samples", 5, "--splits", 1) == 130
        assert list((tmp_path / "evaluation").glob("*fvd-i3d*.json"))


@pytest.mark.slow
def test_with_the_real_network(data, monkeypatch, tmp_path):
    """FVD of the published network, on a few videos of the test's own."""
    path = weights.find("i3d", folder=ROOT / "weights") if (ROOT / "weights").is_dir() else None
    if path is None:
        pytest.skip("needs weights/i3d-kinetics-400.ckpt (python evaluate.py fetch i3d)")
    monkeypatch.setattr(catalogue, "load", lambda name, _: i3d.load(path))
    assert run("fvd", "--real", data, "--fake", data, "--samples", 2, "--frames", 10) == 0
    assert the_result(tmp_path).protocol.size == 224
