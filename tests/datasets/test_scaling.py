"""Frames at another size."""

import numpy as np

from mocogan_chainer.datasets.scaling import scale, scale_mask


def test_smaller_frames_are_means_of_areas():
    frame = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    expected = frame.reshape(2, 2, 2, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(scale(frame, 2), expected, atol=0.5)


def test_larger_frames_keep_flat_parts_and_their_places():
    frame = np.zeros((8, 8, 3), np.uint8)
    frame[:, 4:] = 200
    larger = scale(frame, 16)
    assert larger.shape == (16, 16, 3)
    assert (larger[:, :5] == 0).all()
    assert (larger[:, -5:] == 200).all()


def test_frames_of_that_size_stay():
    frame = np.random.default_rng(0).integers(256, size=(6, 6, 3), dtype=np.uint8)
    np.testing.assert_array_equal(scale(frame, 6), frame)


def test_a_mask_stays_black_and_white():
    mask = np.zeros((8, 8), np.uint8)
    mask[2:5, 3:7] = 255
    larger = scale_mask(mask, 13)
    assert set(np.unique(larger)) == {0, 255}
    for axis, (low, high) in zip((1, 0), ((2, 5), (3, 7)), strict=True):
        marked = np.flatnonzero(larger.any(axis=axis))
        assert abs(marked[0] - low * 13 / 8) <= 1
        assert abs(marked[-1] + 1 - high * 13 / 8) <= 1
