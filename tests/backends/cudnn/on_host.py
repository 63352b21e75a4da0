"""The GPU backend on NumPy arrays: its own code and kernels, and Chainer's convolutions."""

from __future__ import annotations

import functools

import numpy as np

from mocogan_chainer.backends import stock
from mocogan_chainer.backends.cudnn.arrays import channels_last
from mocogan_chainer.backends.cudnn.operations import Operations
from tests.backends.cudnn import host


class StockConvolutions:
    """Chainer's convolutions, whose results lie in channels-last memory as cuDNN's do."""

    def takes(self, x_shape, W_shape, geometry):
        return 3 <= len(x_shape) <= 5

    def forward(self, x, W, geometry):
        return channels_last(stock.convolution_forward(x, W, geometry))

    def backward_data(self, gy, W, x_size, geometry):
        return channels_last(stock.convolution_backward_data(gy, W, x_size, geometry))

    def backward_weights(self, x, gy, ksize, geometry):
        return channels_last(stock.convolution_backward_weights(x, gy, ksize, geometry))


def load(orders: tuple[int, ...] = (1, -1)) -> Operations:
    """The backend; the test is skipped where there is no C++ compiler.

    Args:
        orders: of threads, which each kernel is tried in; one is enough for tests of what many kernels make together.
    """
    host.compiler()
    launch = functools.partial(host.launch, orders=orders)
    return Operations(np.ndarray, launch, StockConvolutions(), StockConvolutions())
