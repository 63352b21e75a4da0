"""The distortions that FVD and FID are tried on."""

import numpy as np

from benchmarks import distortions
from mocogan_chainer import seeding


def video():
    return np.random.default_rng(0).integers(0, 256, (16, 12, 12, 3)).astype(np.uint8)


def test_a_larger_share_of_frames_out_of_order_breaks_more_steps():
    frames = np.broadcast_to(np.arange(16, dtype=np.uint8)[:, None, None, None], (16, 1, 1, 3))
    broken = []
    for share in (0.25, 0.5, 0.75, 1):
        orders = [distortions.shuffle(frames, share, seeding.stream(i))[:, 0, 0, 0] for i in range(200)]
        assert all(sorted(order) == list(range(16)) for order in orders)
        broken.append(np.mean([(np.diff(order.astype(int)) != 1).sum() for order in orders]))
    assert broken == sorted(broken)
    assert broken[0] < 8
    assert broken[3] > 13


def test_blur_and_noise_grow():
    for distortion, strengths in ((distortions.blur, (0.5, 1, 2)), (distortions.noise, (5, 10, 20))):
        off = [
            np.square(distortion(video(), strength, seeding.stream(0)).astype(float) - video()).mean()
            for strength in strengths
        ]
        assert 0 < off[0] < off[1] < off[2]
    assert np.array_equal(distortions.shuffle(video(), 0, seeding.stream(0)), video())
