"""Aligned arrays, memory order, and memory that is used again."""

import platform
import subprocess
import sys

import numpy as np
import pytest

from mocogan_chainer.backends.onednn import memory


def address(a):
    return a.__array_interface__["data"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.uint16])
@pytest.mark.parametrize("shape", [(1,), (3, 5), (127, 129), (64, 1024), (7, 11, 13, 17), (1000, 999)])
def test_shape_and_alignment(shape, dtype):
    a = memory.empty(shape, dtype)
    assert (a.shape, a.dtype) == (shape, dtype)
    assert a.flags.c_contiguous
    assert a.flags.writeable
    assert address(a) % 64 == 0


def test_channels_last_alignment():
    a = memory.empty_channels_last((2, 3, 50, 60, 70))
    assert a.shape == (2, 3, 50, 60, 70)
    assert np.moveaxis(a, 1, -1).flags.c_contiguous
    assert address(a) % 64 == 0


COUNT_PAGES = """
import ctypes
import resource
from mocogan_chainer.backends.onednn import memory

def step():
    arrays = [memory.empty((1 << 22,)), memory.empty((1 << 24,))]  # 16 and 64 MiB
    for a in arrays:
        a[:] = 1

PR_SET_THP_DISABLE = 41
ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)  # or 2 MiB come with one page, and few are counted
if {keep}:
    assert memory.keep()
for _ in range(2):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_memory_is_used_again():
    def fetched(keep):
        return int(subprocess.check_output([sys.executable, "-c", COUNT_PAGES.format(keep=keep)], text=True))

    assert fetched(keep=False) > 500  # shows that it matters
    assert fetched(keep=True) < 50


class TestChannelsLast:
    @pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 5), (2, 3, 4, 5, 6)])
    def test_is_the_same_array_where_it_is_that_already(self, shape):
        a = np.moveaxis(np.ones((shape[0], *shape[2:], shape[1]), np.float32), -1, 1)
        assert memory.channels_last(a) is a
        made = memory.empty_channels_last(shape)
        assert memory.channels_last(made) is made

    def test_one_channel_or_one_position_is_that_already(self):
        for shape in ((4, 1, 5, 6), (4, 7, 1, 1)):
            a = np.ones(shape, np.float32)
            assert memory.channels_last(a) is a

    @pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 5), (5, 7, 3, 20, 41)])
    def test_copies_everything_else(self, shape):
        a = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
        double = np.repeat(a, 2, axis=-1)
        for given_array in (a, np.asfortranarray(a), double[..., ::2], a[..., ::-1][..., ::-1]):
            b = memory.channels_last(given_array)
            assert np.array_equal(a, b)
            assert np.moveaxis(b, 1, -1).flags.c_contiguous
            assert not np.may_share_memory(a, b)
