"""The same commands on a GPU; snapshots go both ways."""

import numpy as np
import pytest

from mocogan_chainer import builder, compat, sampling
from mocogan_chainer.cli import generate, train

pytestmark = [
    pytest.mark.device,
    pytest.mark.skipif(compat.device_count() == 0, reason="needs a CUDA device, and CuPy finds none"),
]

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


def test_both_give_the_same_videos(tmp_path, monkeypatch, tiny_dataset):
    """Up to two steps of a byte: sums are rounded in another order."""
    monkeypatch.chdir(tmp_path)
    assert run(tiny_dataset, "--model", "normal", "--gpu", 0, "--max_iteration", 2) == 0
    videos = []
    for gpu in (0, -1):
        sampler, _ = builder.load_sampler("result/normal/snapshot_latest.npz", gpu)
        videos.append(np.stack([v for _, _, v in sampling.random_videos(sampler, 4, 10, 0, 4)]).astype(int))
    assert np.abs(videos[0] - videos[1]).max() <= 2
