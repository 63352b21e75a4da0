"""``train.py`` from its flags to its files."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from tensorboardX.proto.event_pb2 import Event

from mocogan_chainer import builder, checkpoint, extensions, preprocessing
from mocogan_chainer import config as configuration
from mocogan_chainer.cli import generate, train
from mocogan_chainer.datasets.writer import open_writer

PLOT = extensions.LossPlot.__call__
SMALL = ["video_length=10", "model.n_filters_gen=2", "model.n_filters_idis=2", "model.n_filters_vdis=2"]


@pytest.fixture
def run(tmp_path, monkeypatch, tiny_dataset, capsys):
    """Run train.py in an empty folder on the tiny dataset; return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extensions.LossPlot, "__call__", lambda self, trainer: None)  # half of the time

    def call(*arguments, dataset=tiny_dataset, small=SMALL, iterations=4):
        more = ["--dataset", str(dataset), "--batchsize", "4", "--max_iteration", str(iterations)]
        more += ["--snapshot_interval", "2", "--display_interval", "1", "--num_gen_samples", "4", "--seed", "1"]
        code = train.main([*more, "--set", *small, *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def events(folder):
    """Read TensorBoard's event files: length (8 bytes), its checksum (4), the message, its checksum (4)."""
    for file in sorted(folder.glob("events.*")):
        content = file.read_bytes()
        while content:
            size = int.from_bytes(content[:8], "little")
            yield Event.FromString(content[12 : 12 + size])
            content = content[16 + size :]


@pytest.mark.parametrize("model", ["normal", "cgan", "infogan"])
def test_a_run_writes_what_it_says(run, tmp_path, monkeypatch, model):
    monkeypatch.setattr(extensions.LossPlot, "__call__", PLOT)
    code, out, err = run("--model", model)
    assert (code, err) == (0, "")
    folder = tmp_path / "result" / model
    assert {p.name for p in folder.iterdir()} == {
        *(f"snapshot_iter_{i}.npz" for i in (2, 4)),
        *(f"samples_iter_{i}.gif" for i in (2, 4)),
        "snapshot_latest.npz",
        "losses.png",
        "config.yml",
        "log",
    }
    log = json.loads((folder / "log").read_text())
    assert [row["iteration"] for row in log] == [1, 2, 3, 4]
    names = {f"{network}/loss" for network in ("generator", "image_discriminator", "video_discriminator")}
    assert all(np.isfinite(row[name]) for row in log for name in names)
    assert len([line for line in out.splitlines() if line.split()[0] in "1234"]) == 4
    with Image.open(folder / "samples_iter_4.gif") as gif:
        assert gif.n_frames == 10
    with Image.open(folder / "losses.png") as plot:
        assert plot.width > 400
    assert yaml.safe_load((folder / "config.yml").read_text())["model"]["variant"] == model


def test_tensorboard_gets_losses_and_videos(run, tmp_path):
    assert run("--model", "normal", "--log_tensorboard_interval", 2, "--save_name", "mine")[0] == 0
    scalars, videos = {}, {}
    for event in events(tmp_path / "runs" / "mine"):
        for value in event.summary.value:
            (videos if value.HasField("image") else scalars).setdefault(value.tag, []).append(event.step)
    assert scalars["generator/loss"] == [2, 4]
    assert videos == {"samples": [2, 4]}


def test_without_moving_average(run, tmp_path):
    assert run("--model", "normal", "--set", "ema_decay=0")[0] == 0
    path = tmp_path / "result" / "normal" / "snapshot_latest.npz"
    snapshot = checkpoint.load(path)
    assert not snapshot.has("updater/average:generator")
    sampled = builder.load_sampler(path)[0].generator.to_rgb.W.array
    assert np.array_equal(sampled, snapshot.arrays["trainer/updater/model:generator/to_rgb/W"])


def test_dry_run_does_nothing(run, tmp_path):
    code, out, _ = run("--model", "infogan", "--dry-run", small=["video_length=10"])
    assert code == 0
    assert list(tmp_path.iterdir()) == []
    assert "variant: infogan" in out
    assert "2 classes" in out
    # D_V on 16 pixels: two halvings of 4x4x4 and the last convolution to 1 + 2 channels, with the norm's 2 x 128
    parameters = 3 * 64 * 64 + 64 * 128 * 64 + 2 * 128 + 128 * 3 * 64
    assert f"video_discriminator: {parameters:,} parameters" in out
    assert "memory of a step, about:" in out


def test_dry_run_on_no_data_names_the_built_in_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert train.main(["--model", "infogan", "--dry-run"]) == 0
    assert "would prepare the built-in shape-motion set" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_no_data_prepares_the_built_in_set(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    narrow = [f"model.n_filters_{n}=1" for n in ("gen", "idis", "vdis")]
    rest = ["--max_iteration", "1", "--batchsize", "2", "--num_gen_samples", "1"]
    assert train.main(["--model", "infogan", *rest, "--set", *narrow]) == 0
    assert "no data at data/shapes yet: preparing the built-in shape-motion set there" in capsys.readouterr().out
    assert (tmp_path / "data" / "shapes" / "dataset.yml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "model.dimzc=3"], "model.dimzc: no such setting (did you mean model.dim_zc?)"),
        (["--batchsize", "1"], "batchsize=1: it must be at least 2"),
        (["--batchsize", "0"], "batchsize=0: it must be between 1 and"),
        (["--gpu", "97"], "gpu=97: no such device: "),
        (
            ["--set", "capture=always"],
            "capture=always: it is for GPUs, and gpu=-1 is the CPU; name a GPU with --gpu 0, or use auto",
        ),
        (["--set", "data_on_gpu=always"], "data_on_gpu=always: it is for GPUs, and gpu=-1 is the CPU; name a GPU"),
        (["--save_name", ""], "save_name=: it must be a plain name"),
        (["--save_name", "../up"], "save_name=../up: it must be a plain name"),
        (["--model", "infogann"], "argument --model: invalid choice: 'infogann'"),
        (["--max_iteration", "many"], "argument --max_iteration: many: it must be a whole number"),
        (["--set", "fps=500"], "fps=500: it must be between 1 and 100"),
        (["--set", "optimizer.alpha=.inf"], "optimizer.alpha=inf: it must be a finite number"),
        (["--set", "model_name=cgan"], "model_name=cgan: this is normal; use --model cgan, or leave this out"),
        (["--keep_last", 2], "unrecognized arguments: --keep_last 2 (did you mean --set keep_last=...?)"),
        (["--ch-g=3"], "unrecognized arguments: --ch-g=3 (did you mean --set model.ch_g=...?)"),
        (["--modle", "cgan"], "unrecognized arguments: --modle cgan (did you mean --model?)"),
        (["--set", "backend=fast"], "backend=fast: it must be one of"),
        (["--model", "cgan", "--set", "model.labels=unsupervised"], "only infogan learns categories"),
        (["--set", "model.category_to=motion"], "there is no category to give"),
        (["--set", "size=64"], "size=64: the frames of"),
        (["--set", "split=tests"], "split=tests: it must be one of train, test, all (did you mean test?)"),
        (["--set", "split=test"], "no video is marked test: it was prepared without --split"),
        (["--set", "video_length=4"], "video_length=4: the video discriminator needs at least 10 frames"),
        (["--set", "video_length=30"], "every video is too short: 30 frames at every_nth=2 need videos of 59 frames"),
        (["--resume", "none.npz"], "none.npz: no such snapshot"),
        (["--config", "none.yml"], "none.yml: no such config file"),
        (["--dataset", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, arguments, message):
    code, _, err = run(*arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def infogan_run(tmp_path_factory, tiny_dataset):
    folder = tmp_path_factory.mktemp("infogan")
    settings = [*SMALL, f"out={folder}", f"tensorboard={folder}/runs"]
    rest = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--max_iteration", "4", "--seed", "1"]
    assert train.main(["--model", "infogan", *rest, "--num_gen_samples", "1", "--set", *settings]) == 0
    return folder / "infogan"


class TestResumeMistakes:
    @pytest.fixture
    def snapshot(self, run, infogan_run, tmp_path):
        shutil.copytree(infogan_run, tmp_path / "result" / "infogan")
        return "result/infogan/snapshot_latest.npz"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--set", "model.dim_zc=3"], "model.dim_zc=3: a resumed run keeps its 50"),
            (["--seed", "9"], "seed=9: a resumed run keeps its 1"),
            (["--set", "split=all"], "split=all: a resumed run keeps its train"),
            (["--set", "flip=true"], "flip=true: a resumed run keeps its false"),
            (["--set", "balance_classes=true"], "balance_classes=true: a resumed run keeps its false"),
            (["--model", "cgan"], "--model cgan: result/infogan/snapshot_latest.npz holds infogan"),
            ([], "the run is at its end (iteration 4), max_iteration=4; to go on, raise --max_iteration"),
        ],
    )
    def test_what_cannot_change(self, run, snapshot, arguments, message):
        code, _, err = run("--resume", snapshot, *arguments, "--set", "out=result")
        assert code == 2
        assert message in err

    def test_a_damaged_snapshot(self, run, snapshot, tmp_path):
        whole = (tmp_path / snapshot).read_bytes()
        (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
        code, _, err = run("--resume", "half.npz", iterations=9)
        assert code == 2
        assert "half.npz: not a snapshot, or damaged" in err


PLAIN = ["seed=1"]
"""Settings that say nothing, where the snapshot says everything."""


def network_arrays(path, *names):
    arrays = checkpoint.load(path).arrays
    return {n: a for n, a in arrays.items() if any(n.startswith(f"trainer/updater/{name}/") for name in names)}


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tiny_dataset):
    folder = tmp_path_factory.mktemp("trained")
    settings = [*SMALL, "model.dim_zc=7", "model.category_to=motion", f"out={folder}", f"tensorboard={folder}/runs"]
    rest = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--max_iteration", "3", "--save_name", "first"]
    assert train.main(["--model", "infogan", *rest, "--num_gen_samples", "1", "--set", *settings]) == 0
    return folder / "first"


class TestWeights:
    """--resume-weights: a new run from the networks of an earlier one."""

    FIRST = "result/first/snapshot_latest.npz"
    MODELS = ("model:generator", "model:image_discriminator", "model:video_discriminator")

    @pytest.fixture
    def first(self, trained, tmp_path):
        shutil.copytree(trained, tmp_path / "result" / "first")

    def still(self, run, *arguments, **options):
        """Run for one iteration that moves no parameter: what is saved is what the run began with."""
        frozen = ["optimizer.alpha=0", "ema_decay=0.9999999"]
        return run("--resume-weights", self.FIRST, *arguments, small=frozen, iterations=1, **options)

    def test_a_new_run_starts_from_the_weights(self, run, tmp_path, first):
        code, out, err = self.still(run)
        assert (code, err) == (0, "")
        assert f"weights of generator, image_discriminator, video_discriminator from {self.FIRST}" in out
        new = checkpoint.load("result/infogan/snapshot_latest.npz")
        assert new.iteration == 1
        config = yaml.safe_load(new.config)
        assert (config["model"]["dim_zc"], config["model"]["category_to"], config["video_length"]) == (7, "motion", 10)
        before, after = (network_arrays(path, *self.MODELS) for path in (self.FIRST, new.path))
        assert before.keys() == after.keys()
        trained = {name for name in before if "/norm/avg_" not in name}
        assert all(np.array_equal(before[name], after[name]) for name in trained)
        assert new.arrays["trainer/updater/optimizer:generator/t"] == 1

    def test_so_does_its_moving_average(self, run, first):
        assert self.still(run)[0] == 0
        before, after = (
            network_arrays(path, "average:generator") for path in (self.FIRST, "result/infogan/snapshot_latest.npz")
        )
        model = network_arrays(self.FIRST, "model:generator")
        name = "trainer/updater/average:generator/to_rgb/W"
        start, raw = before[name], model[name.replace("average", "model")]
        # 3 updates were made before, so the decay of the next is (1 + 3) / (10 + 3)
        np.testing.assert_allclose(after[name], 4 / 13 * start + 9 / 13 * raw, rtol=1e-5)
        assert not np.allclose(start, raw, rtol=1e-5)

    def test_the_average_starts_from_the_weights_where_there_was_none(self, run, first):
        assert self.still(run, "--save_name", "without", "--set", "ema_decay=0")[0] == 0
        source = "result/without/snapshot_latest.npz"
        assert not checkpoint.load(source).has("updater/average:generator")
        frozen = ["optimizer.alpha=0"]
        assert run("--resume-weights", source, "--save_name", "with", small=frozen, iterations=1)[0] == 0
        arrays = checkpoint.load("result/with/snapshot_latest.npz").arrays
        average = arrays["trainer/updater/average:generator/to_rgb/W"]
        weights = checkpoint.load(source).arrays["trainer/updater/model:generator/to_rgb/W"]
        np.testing.assert_allclose(average, weights, rtol=1e-6)

    def test_what_is_missing_is_made_anew(self, run, first):
        snapshot = checkpoint.load(self.FIRST)
        arrays = {name: array for name, array in snapshot.arrays.items() if "image_discriminator" not in name}
        meta = {"format": checkpoint.FORMAT, "version": checkpoint.VERSION, "iteration": 3}
        meta |= {"config": snapshot.config, "data": snapshot.data}
        np.savez("part.npz", meta=np.array(json.dumps(meta)), **arrays)
        code, out, _ = run("--resume-weights", "part.npz", small=PLAIN, iterations=1)
        assert code == 0
        assert "weights of generator, video_discriminator from part.npz\n" in out
        assert "part.npz has no image_discriminator: made anew\n" in out
        none = {name: array for name, array in arrays.items() if "/model:" not in name}
        np.savez("none.npz", meta=np.array(json.dumps(meta)), **none)
        code, _, err = run("--resume-weights", "none.npz", "--save_name", "none", small=PLAIN)
        assert code == 2
        assert "none.npz: it has none of generator, image_discriminator, video_discriminator" in err

    def test_the_classes_may_have_other_names(self, run, tmp_path, tiny_dataset, first):
        with open_writer(tmp_path / "other", "other", 16, class_names=["near", "far"]) as writer:
            for i in range(8):
                writer.add(np.full((24, 16, 16, 3), i, np.uint8), str(i), ("near", "far")[i % 2])
        code, out, _ = self.still(run, dataset="other")
        assert code == 0
        assert "its categories were up, left and are now near, far" in out

    def test_categories_without_names_are_no_classes_of_the_data(self, run, first):
        unsupervised = ["model.labels=unsupervised", "model.n_categories=3"]
        small = [*SMALL, *unsupervised]
        assert run("--model", "infogan", "--save_name", "free", small=small, iterations=1)[0] == 0
        weights = ["--resume-weights", "result/free/snapshot_latest.npz"]
        code, out, _ = run(*weights, "--save_name", "freer", small=PLAIN, iterations=1)
        assert code == 0
        assert "categories were" not in out

    def test_a_dry_run(self, run, tmp_path, first):
        before = sorted(path for path in tmp_path.rglob("*"))
        code, out, err = run("--resume-weights", self.FIRST, "--dry-run", small=PLAIN)
        assert (code, err) == (0, "")
        assert f"weights of generator, image_discriminator, video_discriminator from {self.FIRST}" in out
        assert "dim_zc: 7" in out
        assert sorted(path for path in tmp_path.rglob("*")) == before

    @pytest.mark.parametrize("dry", [[], ["--dry-run"]])
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--resume-weights", "none.npz"], "none.npz: no such snapshot"),
            (["--resume-weights", FIRST, "--resume", FIRST], "--resume, --resume-weights: one goes on with a run"),
            (
                ["--resume-weights", FIRST, "--dim_zc", 9],
                "its generator does not fit this run's: blocks/0/conv/W has shape",
            ),
            (
                ["--resume-weights", FIRST, "--set", "model.video_discriminator=patch"],
                "its video_discriminator does not",
            ),
            (["--resume-weights", FIRST, "--model", "cgan"], "omit --model and model settings"),
        ],
    )
    def test_mistakes_are_one_line(self, run, tmp_path, first, arguments, message, dry):
        before = sorted(path for path in tmp_path.rglob("*"))
        code, _, err = run(*arguments, *dry, "--save_name", "new", small=PLAIN)
        assert code == 2
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert message in err
        assert sorted(path for path in tmp_path.rglob("*")) == before

    def test_other_sizes_and_classes(self, run, tmp_path, first):
        preprocessing.prepare("shapes", None, "wide", num=4, size=32, length=31)
        code, _, err = run("--resume-weights", self.FIRST, dataset="wide", small=PLAIN)
        assert code == 2
        assert "its frames are 16 pixels and those of shapes 32; prepare the data with --size 16" in err
        with open_writer(tmp_path / "three", "three", 16, class_names=["a", "b", "c"]) as writer:
            for i in range(6):
                writer.add(np.full((24, 16, 16, 3), i, np.uint8), str(i), "abc"[i % 3])
        code, _, err = run("--resume-weights", self.FIRST, dataset="three", small=PLAIN)
        assert code == 2
        assert "its generator does not fit this run's" in err
        assert "it has 2 classes and three has 3" in err

    def test_another_family(self, run, tmp_path, monkeypatch, first):
        shutil.copytree(configuration.FOLDER, tmp_path / "configs")
        (tmp_path / "configs" / "model" / "other.yml").write_text("family: wave\nmodel:\n  dim_z: 1\n")
        monkeypatch.setattr(configuration, "FOLDER", tmp_path / "configs")
        code, _, err = run("--resume-weights", self.FIRST, "--model", "other", small=PLAIN)
        assert code == 2
        assert f"--model other: {self.FIRST} holds infogan of the family mocogan" in err

    def test_the_weights_are_not_overwritten(self, run, first):
        code, _, err = self.still(run, "--save_name", "first", "--force")
        assert code == 2
        assert "result/first: the weights are in this folder; choose another --save_name" in err
        assert checkpoint.load(self.FIRST).iteration == 3

    def test_the_built_in_set_is_made_at_their_size(self, tmp_path, monkeypatch, capsys, run, first):
        narrow = ["--max_iteration", "1", "--batchsize", "2", "--num_gen_samples", "1"]
        assert train.main(["--resume-weights", self.FIRST, *narrow]) == 0
        assert "size: 16" in (tmp_path / "data" / "shapes" / "dataset.yml").read_text()

    def test_networks_alone_are_no_run_to_resume(self, run, first):
        snapshot = checkpoint.load(self.FIRST)
        arrays = {name: array for name, array in snapshot.arrays.items() if "/model:" in name}
        meta = {"format": checkpoint.FORMAT, "version": checkpoint.VERSION, "iteration": 0}
        meta |= {"config": snapshot.config, "data": snapshot.data}
        np.savez("part.npz", meta=np.array(json.dumps(meta)), **arrays)
        code, _, err = run("--resume", "part.npz", small=PLAIN, iterations=9)
        assert code == 2
        assert "it holds networks and no run; start one from them with --resume-weights" in err


class TestEarlierRuns:
    """Nothing of an earlier run is lost or mixed in by accident."""

    @pytest.fixture
    def first(self, run):
        assert run("--model", "normal", iterations=3)[0] == 0

    def test_the_same_name_is_refused(self, run, tmp_path, first):
        before = (tmp_path / "result/normal/snapshot_latest.npz").read_bytes()
        code, _, err = run("--model", "normal", "--seed", 5)
        assert code == 2
        assert "it holds an earlier run; go on with --resume" in err
        assert (tmp_path / "result/normal/snapshot_latest.npz").read_bytes() == before

    def test_force_replaces_it_wholly(self, run, tmp_path, first):
        assert run("--model", "normal", "--force", iterations=2)[0] == 0
        snapshots = sorted(p.name for p in (tmp_path / "result/normal").glob("snapshot_*.npz"))
        assert snapshots == ["snapshot_iter_2.npz", "snapshot_latest.npz"]

    def test_a_resumed_run_may_go_elsewhere(self, run, tmp_path, first):
        snapshot = "result/normal/snapshot_latest.npz"
        assert run("--resume", snapshot, "--save_name", "more", iterations=4)[0] == 0
        assert (tmp_path / "result/more/snapshot_iter_4.npz").exists()

    def test_force_replaces_another_run_by_a_resumed_one(self, run, tmp_path, first):
        assert run("--model", "normal", "--save_name", "other", iterations=6)[0] == 0
        snapshot = "result/normal/snapshot_latest.npz"
        assert run("--resume", snapshot, "--save_name", "other", "--force", iterations=4)[0] == 0
        snapshots = {p.name for p in (tmp_path / "result/other").glob("snapshot_*.npz")}
        assert snapshots == {"snapshot_iter_4.npz", "snapshot_latest.npz"}
        assert {event.step for event in events(tmp_path / "runs/other") if event.summary.value} <= {4}
        assert (tmp_path / snapshot).exists()

    def test_force_keeps_the_snapshots_of_the_run_that_goes_on(self, run, tmp_path, first):
        assert run("--resume", "result/normal/snapshot_latest.npz", "--force", iterations=4)[0] == 0
        assert (tmp_path / "result/normal/snapshot_iter_3.npz").exists()

    def test_a_snapshot_of_another_version(self, run, tmp_path, first, monkeypatch):
        path = tmp_path / "result/normal/snapshot_latest.npz"
        snapshot = checkpoint.load(path)
        meta = {"format": checkpoint.FORMAT, "version": checkpoint.VERSION, "iteration": 3}
        meta |= {"config": snapshot.config, "data": {"name": "x"}}
        np.savez(tmp_path / "old.npz", meta=np.array(json.dumps(meta)), **snapshot.arrays)
        code, _, err = run("--resume", "old.npz", "--save_name", "new", iterations=9)
        assert code == 2
        assert "old.npz: its description of the data is damaged or of another version" in err

    def test_other_data_is_refused(self, run, tmp_path, first):
        other = tmp_path / "other"
        preprocessing.prepare("shapes", None, other, num=12, size=16, length=24, seed=8)
        code, _, err = run("--resume", "result/normal/snapshot_latest.npz", dataset=other, iterations=9)
        assert code == 2
        assert "its run was on other data: shapes, 16 pixels, classes up, left, fingerprint" in err


class TestData:
    def test_a_flipped_bit_is_found_before_training(self, run, tmp_path, tiny_dataset):
        shutil.copytree(tiny_dataset, tmp_path / "copy")
        shard = tmp_path / "copy" / "frames-00000.npy"
        content = bytearray(shard.read_bytes())
        content[5000] ^= 1
        shard.write_bytes(bytes(content))
        code, _, err = run("--model", "normal", dataset="copy")
        assert code == 2
        assert "frames-00000.npy: damaged: its content does not match its checksum" in err
        assert run("--model", "normal", "--set", "verify=false", dataset="copy", iterations=1)[0] == 0

    @pytest.mark.parametrize("name", [os.fsdecode(b"set-\xe9"), "set-\x85"])
    def test_a_name_that_is_no_text(self, run, tmp_path, tiny_dataset, name):
        """What was trained can be gone on with, and sampled."""
        try:
            shutil.copytree(tiny_dataset, tmp_path / name)
        except OSError:
            pytest.skip("no such name here")
        out = ["--set", f"out={name}-runs"]
        assert run("--model", "normal", *out, dataset=name, iterations=2)[0] == 0
        assert run("--model", "normal", "--resume", *out, dataset=name, iterations=3)[0] == 0
        snapshot = Path(f"{name}-runs", "normal", "snapshot_latest.npz")
        assert generate.main([str(snapshot), f"{name}-samples", "--num", "1", "--grid", "1x2"]) == 0
        assert {path.name for path in Path(f"{name}-samples").iterdir()} == {"grid_1x2.mp4", "video_00000.mp4"}

    def test_videos_without_a_class(self, run, tmp_path, tiny_dataset):
        shutil.copytree(tiny_dataset, tmp_path / "copy")
        videos = tmp_path / "copy" / "videos.csv"
        videos.write_text(videos.read_text().replace(",up,", ",,"))
        for model in ("cgan", "infogan"):
            code, _, err = run("--model", model, "--set", "verify=false", dataset="copy")
            assert code == 2
            assert "6 videos of shapes have no class; leave them out of the data" in err
        assert run("--model", "normal", "--set", "verify=false", dataset="copy", iterations=1)[0] == 0

    @pytest.mark.parametrize("dry", [[], ["--dry-run"]])
    def test_no_classes_to_balance(self, run, tmp_path, dry):
        with open_writer(tmp_path / "plain", "plain", 16) as writer:
            writer.add(np.zeros((24, 16, 16, 3), np.uint8), "0")
        code, _, err = run("--model", "normal", *dry, "--set", "balance_classes=true", dataset="plain")
        assert code == 2
        assert err == "error: balance_classes=true: the videos of plain have no classes; set it to false\n"
        assert [path.name for path in tmp_path.iterdir()] == ["plain"]

    @pytest.mark.parametrize(("split", "used"), [(None, 5), ("train", 5), ("test", 3), ("all", 9)])
    def test_the_videos_of_a_split(self, run, tmp_path, split, used):
        with open_writer(tmp_path / "divided", "divided", 16) as writer:
            for i, part in enumerate(["train"] * 5 + ["test"] * 3 + [""]):
                writer.add(np.full((24, 16, 16, 3), i, np.uint8), str(i), split=part)
        settings = [] if split is None else ["--set", f"split={split}"]
        code, out, _ = run("--model", "normal", *settings, dataset="divided", iterations=1)
        assert code == 0
        assert f"training normal on {used} videos of divided" in out
        stored = yaml.safe_load((tmp_path / "result" / "normal" / "config.yml").read_text())
        assert stored["split"] == (split or "train")

    def test_short_videos_are_counted_once(self, run, tmp_path):
        videos = {"long": 24, "short": 12}
        with open_writer(tmp_path / "mixed", "mixed", 16) as writer:
            for i in range(8):
                name = "long" if i < 5 else "short"
                writer.add(np.full((videos[name], 16, 16, 3), i, np.uint8), str(i))
        code, out, _ = run("--model", "normal", dataset="mixed", iterations=1)
        assert code == 0
        assert out.count("3 of 8 videos are too short for a clip and are left out") == 1

    def test_classes_without_a_video_are_named(self, run, tmp_path):
        with open_writer(tmp_path / "lacking", "lacking", 16, class_names=list("abcdefghi")) as writer:
            videos = [("b", "train", 24), ("b", "train", 12), ("c", "train", 12), *((n, "test", 24) for n in "adefghi")]
            for i, (name, split, length) in enumerate(videos):
                writer.add(np.full((length, 16, 16, 3), i, np.uint8), str(i), name, split=split)
        code, out, _ = run("--model", "cgan", dataset="lacking", iterations=1)
        assert code == 0
        assert "no video of the class a is in the data (split=train)\n" in out
        assert "no video of the class c is long enough for a clip\n" in out
        assert "no video of the class b" not in out
        assert "no video of the class f is in the data (split=train)\nand none of 3 more classes\n" in out

    def test_epochs_end_a_run(self, run, tmp_path):
        assert run("--model", "normal", "--max_epoch", 2, iterations=100)[0] == 0
        assert checkpoint.load(tmp_path / "result/normal/snapshot_latest.npz").iteration == 6  # 12 videos, 4 a step
        code, _, err = run("--resume", "--model", "normal", "--max_epoch", 2, iterations=100)
        assert code == 2
        assert "the run is at its end (iteration 6), max_epoch=2; to go on, raise --max_epoch\n" in err


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        ([], (100_000, None)),
        (["--max_epoch", "7"], (None, 7)),
        (["--set", "max_epoch=7"], (None, 7)),
        (["--max_epoch", "7", "--max_iteration", "9"], (9, 7)),
        (["--max_epoch", "7", "--config", "narrow"], (10_000, 7)),
        (["--config", "mine.yml"], (None, 7)),
    ],
)
def test_epochs_that_are_asked_for_are_not_cut_off_by_the_models_usual_end(
    tmp_path, monkeypatch, capsys, tiny_dataset, arguments, limits
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").write_text("max_epoch: 7\n")
    small = ["--set", *SMALL, "snapshot_interval=5"]
    assert train.main(["--model", "normal", "--dry-run", "--dataset", str(tiny_dataset), *arguments, *small]) == 0
    out = capsys.readouterr().out
    shown = yaml.safe_load(out[out.index("model_name:") : out.index("data: ")])
    assert (shown["max_iteration"], shown["max_epoch"]) == limits


@pytest.mark.parametrize(
    ("settings", "count"),
    [
        (["max_iteration=20"], 4),
        (["max_iteration=21"], 5),
        (["max_iteration=1000", "max_epoch=10"], 6),  # 12 videos, 4 a step: 30 iterations
        (["max_epoch=11"], 7),
        (["max_iteration=1000000000", "snapshot_interval=1"], 1_000_000_000),
        (["max_iteration=200", "keep_last=3"], 3),
        (["max_iteration=200", "keep_last=3", "keep_every=20"], 12),
        (["max_iteration=198", "keep_last=3", "keep_every=15"], 15),
    ],
)
def test_the_dry_run_counts_the_snapshots_that_stay(tmp_path, monkeypatch, capsys, tiny_dataset, settings, count):
    monkeypatch.chdir(tmp_path)
    small = ["--batchsize", "4", "--set", *SMALL, "snapshot_interval=5", *settings]
    assert train.main(["--model", "normal", "--dry-run", "--dataset", str(tiny_dataset), *small]) == 0
    assert f"MiB; {count} of them: " in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--gpu", "97"],
        ["--set", "model.n_filters_gen=0"],
        ["--set", "size=100"],
        ["--set", "backend=x"],
        ["--set", "capture=always"],
    ],
)
def test_nothing_is_prepared_for_a_run_that_cannot_be(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    for more in ([], ["--dry-run"]):
        assert train.main(["--model", "infogan", *arguments, *more]) == 2
        assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in capsys.readouterr().err


def test_the_dry_run_refuses_what_the_run_would(run, tmp_path):
    code, _, err = run("--model", "normal", "--dry-run", "--set", "video_length=30")
    assert code == 2
    assert "every video is too short" in err


def test_pictures_may_come_before_the_first_row(run, tmp_path):
    assert run("--model", "normal", "--display_interval", 50)[0] == 0
    assert (tmp_path / "result/normal/snapshot_iter_2.npz").exists()


@pytest.mark.parametrize("size", [24, 96, 128])
def test_other_sizes_train(tmp_path, monkeypatch, size):
    monkeypatch.chdir(tmp_path)
    preprocessing.prepare("shapes", None, "data", num=4, size=size, length=31)
    narrow = [f"model.n_filters_{n}=1" for n in ("gen", "idis", "vdis")]
    rest = ["--max_iteration", "1", "--batchsize", "2", "--num_gen_samples", "1"]
    assert train.main(["--model", "infogan", *rest, "--set", *narrow]) == 0


def test_a_run_that_has_no_snapshot_yet_is_not_mixed_with_another(run, tmp_path):
    (tmp_path / "result" / "normal").mkdir(parents=True)
    (tmp_path / "result" / "normal" / "config.yml").touch()
    code, _, err = run("--model", "normal")
    assert code == 2
    assert "result/normal: the run there ended before its first snapshot; begin it anew with --force" in err


def test_a_resumed_run_whose_data_has_moved(run, tmp_path, tiny_dataset):
    shutil.copytree(tiny_dataset, tmp_path / "here")
    assert run("--model", "normal", dataset="here", iterations=2)[0] == 0
    (tmp_path / "here").rename(tmp_path / "there")
    snapshot = "result/normal/snapshot_latest.npz"
    code, _, err = run("--resume", snapshot, dataset="here", iterations=3)
    assert code == 2
    assert "its data is not at here; say where with --dataset" in err
    assert run("--resume", snapshot, dataset="there", iterations=3)[0] == 0
