"""The commands on prediction: a run, a resumed run, pictures of how far it is, futures from its snapshot."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, checkpoint
from mocogan_chainer.cli import preprocess, train
from mocogan_chainer.sampling import Forecaster
from tests.models.prediction.small_runs import SMALL

SETTINGS = [f"{name}={'null' if value is None else value}" for name, value in SMALL.items() if name != "batchsize"]
NARROW = Path(__file__).parents[3] / "configs" / "prediction-narrow.yml"
SNAPSHOT = Path("result", "prediction", "snapshot_latest.npz")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A set that the command prepares: six videos of 12 frames of 16 pixels."""
    out = tmp_path_factory.mktemp("shapes") / "data"
    assert preprocess.main(["shapes", str(out), "--size", "16", "--num", "6", "--length", "12", "--split", "0.4"]) == 0
    return out


@pytest.fixture
def run(tmp_path, monkeypatch, shapes):
    """Train in an empty folder; return the snapshot's arrays but those of the clock."""
    monkeypatch.chdir(tmp_path)

    def call(iterations, *arguments):
        more = ["--dataset", str(shapes), "--batchsize", "4", "--num_gen_samples", "2"]
        assert train.main([*arguments, *more, "--max_iteration", str(iterations)]) == 0
        arrays = checkpoint.load(SNAPSHOT).arrays
        return {name: array for name, array in arrays.items() if "elapsed" not in name and "LogReport/rows" not in name}

    return call


MODEL = ["--model", "prediction", "--set", *SETTINGS]


def test_a_run_of_the_narrow_settings_goes_on_from_its_middle(run):
    """Its steps shrink towards the end, which must be the same for both."""
    tiny = [f"model.n_filters_{name}=2" for name in ("gen", "enc", "idis", "vdis")]
    tiny += ["model.dim_features=6", "video_length=10", "snapshot_interval=2"]
    whole = run(4, "--model", "prediction", "--config", str(NARROW), "--set", *tiny)
    shutil.copy(SNAPSHOT.with_name("snapshot_iter_2.npz"), "half.npz")
    shutil.rmtree("result")
    resumed = run(4, "--resume", "half.npz")
    assert resumed.keys() == whole.keys()
    half = checkpoint.load(Path("half.npz")).arrays
    moved = {name for name, array in whole.items() if not np.array_equal(array, half[name])}
    assert {f"trainer/updater/model:predictor/{name}" for name in ("motion/W_i", "transport/hidden/W")} <= moved
    for name, array in whole.items():
        assert np.array_equal(array, resumed[name]), name


def test_its_pictures_show_the_truth_beside_its_continuation(run, shapes):
    run(1, *MODEL)
    forecaster, _ = builder.load_sampler(SNAPSHOT)
    with Image.open("result/prediction/samples_iter_1.gif") as gif:
        assert gif.n_frames == 10
        assert gif.size == (2 * 32 + 2, 16)
        shown = []
        for t in range(10):
            gif.seek(t)
            shown.append(np.asarray(gif.convert("RGB"), int))
    truths = first_truths(shapes, 2)
    for truth, left in zip(truths, (0, 34), strict=True):
        future = forecaster.forecast(truth[:3], 7, [None])[0]
        expected = np.concatenate([truth, np.concatenate([truth[:3], future])], axis=2)
        for t, frame in enumerate(shown):
            assert np.abs(frame[:, left : left + 32] - expected[t]).mean() < 12  # 256 colours for all frames


def first_truths(path, count):
    """Ten frames of the first videos that are held out, read from the files."""
    lines = (path / "videos.csv").read_text().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    rows.sort(key=lambda row: row["split"] != "test")
    frames = np.load(path / "frames-00000.npy")
    return [frames[int(row["first_frame"]) :][:10] for row in rows[:count]]


def test_a_reloaded_forecaster_gives_the_same_futures(run):
    run(2, *MODEL, "model.motion_encoder=video", "ema_decay=0.5")
    context = np.random.default_rng(0).integers(256, size=(2, 16, 16, 3), dtype=np.uint8)
    futures = []
    for _ in range(2):
        forecaster, resolved = builder.load_sampler(SNAPSHOT)
        assert isinstance(forecaster, Forecaster)
        assert (forecaster.size, forecaster.most_context, forecaster.transfers_motion) == (16, 3, True)
        assert resolved["family"] == "prediction"
        futures.append(forecaster.forecast(context, 6, [0, 1, None]))
        shutil.copy(SNAPSHOT, "copy.npz")
    assert np.array_equal(*futures)
    networks, _ = builder.load_networks("copy.npz")
    family_sampler = type(forecaster)(networks["predictor"], 3, 1.0, transfers_motion=True)
    assert np.array_equal(family_sampler.forecast(context, 6, [0, 1, None]), futures[0])
    raw, _ = builder.load_networks("copy.npz", raw=True)
    assert not np.array_equal(raw["predictor"].motion.W_i.array, networks["predictor"].motion.W_i.array)


def test_mistakes_are_said_without_a_traceback(run, shapes, capsys):
    arguments = [*MODEL, "model.context=5", "--dataset", str(shapes)]
    assert train.main(arguments) == 2
    assert "model.context=5: it must be between 1 and 3" in capsys.readouterr().err
    assert not Path("result").exists()
