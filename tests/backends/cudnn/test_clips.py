"""How clips are cut by one kernel, wherever the frames lie; what they hold is tests/backends/test_clips.py."""

import numpy as np
import pytest

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.cudnn import clips
from tests.backends.cudnn import host

PLACES = np.array([0, 4, 7]), np.array([1, 2, 0], np.int32), np.array([True, False, True])


def frames(shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def at(address, a):
    """The array from an address on that is so far from a multiple of 16."""
    buffer = np.zeros(a.nbytes + 32, np.uint8)
    start = (address - buffer.ctypes.data) % 16
    moved = buffer[start : start + a.nbytes].reshape(a.shape)
    moved[...] = a
    return moved


@pytest.mark.parametrize("address", [0, 1, 4, 6])
@pytest.mark.parametrize("size", [(4, 4), (3, 5), (37, 40)])  # a part of a block, an odd number, two blocks
def test_frames_at_any_address(size, address):
    given = frames((10, *size, 3))
    actual = clips.gather(host.launch, at(address, given), *PLACES, 3)
    assert np.array_equal(actual, stock.gather_clips(given, *PLACES, 3))


def test_frames_that_do_not_lie_one_after_another():
    given = frames((10, 3, 4, 6))[..., ::2]
    assert np.array_equal(clips.gather(host.launch, given, *PLACES, 3), stock.gather_clips(given, *PLACES, 3))


def test_one_kernel():
    started = []

    def launch(source, kernel, *arguments):
        started.append(kernel)

    clips.gather(launch, frames((10, 8, 8, 3)), *PLACES, 3)
    clips.gather(launch, frames((10, 8, 8, 3)), *(a[:0] for a in PLACES), 3)
    assert started == ["gather"]  # of no clips there is nothing to start
