"""Clips cut out of frames on every backend, against one frame after another."""

import numpy as np
import pytest

from mocogan_chainer.functions import to_float

SIZES = [(8, 8), (6, 4), (5, 3), (1, 1), (32, 34)]  # H, W: rows and frames of whole words of four bytes, or not


def frames(count, size, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, *size, 3), np.uint8)


def places(*clips):
    """First frame, step and mirroring of clips given as such triples."""
    return tuple(
        np.array(a, dtype) for a, dtype in zip(zip(*clips, strict=True), (np.int64, np.int32, bool), strict=True)
    )


@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("size", SIZES)
def test_are_the_frames(backend, size, length):
    given = frames(40, size)
    before = given.copy()
    clips = [(0, 1, False), (36, 1, True), (7, 5, True), (30, 3, False), (9, 0, True)]
    actual = backend.gather_clips(given, *places(*clips), length)
    assert (actual.dtype, actual.shape) == (np.float32, (5, 3, length, *size))
    for number, (first, step, mirrored) in enumerate(clips):
        for t in range(length):
            for channel in range(3):
                expected = given[first + t * step, :, :, channel] / 127.5 - 1
                expected = expected[:, ::-1] if mirrored else expected
                np.testing.assert_allclose(actual[number, channel, t], expected, atol=1e-7)
    assert np.array_equal(given, before)


@pytest.mark.parametrize("size", SIZES)
def test_have_the_very_numbers_of_other_clips(backend, size):
    """Whether clips are cut on the device or before must not change a run."""
    given = frames(12, size)
    actual = backend.gather_clips(given, *places((2, 3, False), (0, 2, True)), 3)
    expected = to_float(np.stack([given[2:9:3], given[0:5:2, :, ::-1]]))
    assert np.array_equal(actual, expected)


def test_of_every_byte(backend):
    given = np.arange(256 * 3, dtype=np.uint8).reshape(1, 16, 16, 3)
    assert np.array_equal(backend.gather_clips(given, *places((0, 1, False)), 1)[:, :, 0], to_float(given))


def test_lie_in_channels_last_memory(backend):
    actual = backend.gather_clips(frames(5, (4, 6)), *places((0, 1, False), (1, 1, True)), 3)
    assert np.moveaxis(actual, 1, -1).flags.c_contiguous


def test_no_clips(backend):
    none = np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, bool)
    assert backend.gather_clips(frames(5, (4, 6)), *none, 3).shape == (0, 3, 3, 4, 6)
