"""The same commands on a GPU; snapshots go both ways."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, sampling, video
from mocogan_chainer.cli import generate, train
from mocogan_chainer.datasets import open_writer
from mocogan_chainer.datasets.prepared import PreparedDataset
from tests.device import ON_DEVICE

pytestmark = ON_DEVICE

SMALL = ["video_length=10", *(f"model.n_filters_{n}=2" for n in ("gen", "idis", "vdis"))]


def run(tiny_dataset, *arguments):
    rest = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--num_gen_samples", "2", "--set", *SMALL]
    return train.main([*map(str, arguments), *rest])


@pytest.mark.parametrize("model", ["normal", "cgan", "infogan"])
def test_gpu_and_cpu_read_each_others_snapshots(tmp_path, monkeypatch, tiny_dataset, model):
    monkeypatch.chdir(tmp_path)
    assert run(tiny_dataset, "--model", model, "--gpu", 0, "--max_iteration", 2) == 0
    snapshot = f"result/{model}/snapshot_latest.npz"
    for gpu, iterations in ((-1, 4), (0, 6)):
        assert run(tiny_dataset, "--resume", snapshot, "--gpu", gpu, "--max_iteration", iterations) == 0
    assert generate.main([snapshot, "out", "--gpu", "0", "--num", "2", "--format", "gif"]) == 0


@pytest.mark.parametrize("model", ["normal", "cgan", "infogan"])
def test_the_step_is_recorded_and_the_data_lie_on_the_gpu(tmp_path, monkeypatch, tiny_dataset, model, capsys):
    monkeypatch.chdir(tmp_path)
    always = ["capture=always", "data_on_gpu=always", "backend=cudnn"]
    monkeypatch.setitem(globals(), "SMALL", [*SMALL, *always])
    assert run(tiny_dataset, "--model", model, "--gpu", 0, "--max_iteration", 12) == 0
    assert "the data is on the GPU" in capsys.readouterr().out


def test_a_resumed_run_goes_on_as_an_uninterrupted_one(tmp_path, monkeypatch, tiny_dataset):
    """By plans that are chosen once and deterministic: the same bits, whenever the step is recorded."""
    monkeypatch.chdir(tmp_path)
    for name, stops in (("whole", [12]), ("parts", [5, 12])):
        for stop in stops:
            first = ["--model", "infogan", "--save_name", name]
            how = first if stop == stops[0] else ["--resume", f"result/{name}/snapshot_latest.npz"]
            assert run(tiny_dataset, *how, "--gpu", 0, "--max_iteration", stop) == 0
    whole, parts = (np.load(f"result/{name}/snapshot_iter_12.npz") for name in ("whole", "parts"))
    assert whole.files == parts.files
    for name in whole.files:
        if "/optimizer:" in name or "/model:" in name or "/average:" in name:
            np.testing.assert_array_equal(whole[name], parts[name], err_msg=name)


@pytest.mark.parametrize("generator", ["unet_64", "resnet_6blocks"])
def test_photos_are_animated(tmp_path, monkeypatch, generator):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    with open_writer("data", "faces", 72, [], masks=True) as writer:
        for i in range(2):
            frames = rng.integers(256, size=(6, 72, 72, 3), dtype=np.uint8)
            writer.add(frames, str(i), masks=255 * rng.integers(2, size=(6, 72, 72), dtype=np.uint8))
    Image.fromarray(frames[0]).save("photo.png")
    settings = [f"model.generator={generator}", "model.fine_size=64", "model.ngf=2", "model.ndf=2"]
    assert train.main(["--model", "affinegan", "--gpu", "0", "--max_iteration", "2", "--set", *settings]) == 0
    snapshot = "result/affinegan/snapshot_latest.npz"
    for gpu, iterations in (("-1", "4"), ("0", "6")):
        assert train.main(["--resume", snapshot, "--gpu", gpu, "--max_iteration", iterations]) == 0
    videos = []
    for gpu in ("0", "-1"):
        assert generate.main([snapshot, gpu, "--images", "photo.png", "--gpu", gpu, "--format", "frames"]) == 0
        videos.append(video.read_frames(sorted(Path(gpu, "photo").iterdir())).astype(int))
    assert np.abs(videos[0] - videos[1]).max() <= 2


@pytest.mark.parametrize("generator", ["deconvolution", "resnet"])
def test_clips_go_on(tmp_path, monkeypatch, tiny_dataset, generator):
    monkeypatch.chdir(tmp_path)
    widths = [f"model.n_filters_{name}=2" for name in ("gen", "enc", "idis", "vdis")]
    settings = [f"model.generator={generator}", "model.motion_encoder=video", "model.lambda_perceptual=1.0", *widths]
    rest = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--num_gen_samples", "2"]
    settings += ["video_length=10"]
    assert train.main(["--model", "prediction", "--gpu", "0", "--max_iteration", "2", *rest, "--set", *settings]) == 0
    snapshot = "result/prediction/snapshot_latest.npz"
    for gpu, iterations in (("-1", "4"), ("0", "6")):
        assert train.main(["--resume", snapshot, "--gpu", gpu, "--max_iteration", iterations]) == 0
    videos = []
    for gpu in ("0", "-1"):
        forecaster, _ = builder.load_sampler(snapshot, int(gpu))
        clip = PreparedDataset.open(tiny_dataset).frames(0, range(3))
        videos.append(np.concatenate([*forecaster.forecast(clip, 12, [None, 0]), forecaster.transfer(clip[:1], clip)]))
    assert np.abs(videos[0].astype(int) - videos[1]).max() <= 2


def test_both_give_the_same_videos(tmp_path, monkeypatch, tiny_dataset):
    """Up to two steps of a byte: sums are rounded in another order."""
    monkeypatch.chdir(tmp_path)
    assert run(tiny_dataset, "--model", "normal", "--gpu", 0, "--max_iteration", 2) == 0
    videos = []
    for gpu in (0, -1):
        sampler, _ = builder.load_sampler("result/normal/snapshot_latest.npz", gpu)
        videos.append(np.stack([v for _, _, v in sampling.random_videos(sampler, 4, 10, 0, 4)]).astype(int))
    assert np.abs(videos[0] - videos[1]).max() <= 2
