"""How arrays go to the kernels that update many of them; what these compute is tests/backends/test_parameters.py."""

import numpy as np
import pytest

from mocogan_chainer.backends import AdamState
from mocogan_chainer.backends.cudnn import parameters
from tests.backends.cudnn import host

SETTINGS = {"rate": 0.01, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8, "decay": 0.0}


@pytest.fixture
def started():
    return []


@pytest.fixture
def launch(started):
    def launch(source, kernel, blocks, *arguments):
        started.append((kernel, blocks))
        host.launch(source, kernel, blocks, *arguments)

    return launch


def ones(*shapes):
    return [np.ones(shape, np.float32) for shape in shapes]


def moments(*shapes):
    return [AdamState(*ones(*[shape] * 4)) for shape in shapes]


@pytest.mark.parametrize(("tensors", "kernels"), [(80, 1), (81, 2), (161, 3)])
def test_eighty_tensors_a_kernel(launch, started, tensors, kernels):
    parameters.adam(launch, moments(*[(2,)] * tensors), **SETTINGS)
    parameters.move_average(launch, ones(*[2] * tensors), ones(*[2] * tensors), 0.5)
    assert [kernel for kernel, _ in started] == ["adam"] * kernels + ["move_average"] * kernels


def test_a_block_for_each_chunk(launch, started):
    parameters.adam(launch, moments((4096,), (4097,), (1,), (3, 4096)), **SETTINGS)
    assert started == [("adam", (1 + 2 + 1 + 3,))]


def test_axes_of_one_may_have_any_stride(launch, started):
    w, g, m, v = ones((6, 1, 4), (6, 1, 4), (1, 6, 4), (6, 4))
    p = AdamState(w, g, m.swapaxes(0, 1), v.reshape(6, 4, 1).swapaxes(1, 2))
    assert p.w.strides != p.m.strides
    parameters.adam(launch, [p], **SETTINGS)
    assert len(started) == 1


def test_arrays_with_gaps_go_by_the_reference(launch, started):
    """One that is not its network's own would be updated in vain as a copy."""
    (p,), wide = moments((4, 3)), np.ones((4, 6), np.float32)
    parameters.adam(launch, [AdamState(wide[:, ::2], p.g, p.m, p.v)], **SETTINGS)
    parameters.move_average(launch, [wide[:, 1::2]], ones((4, 3)), 0.5)
    assert started == []
    assert (wide[:, ::2] < 1).all()


def test_the_gradient_comes_in_the_order_of_the_weights(launch, started):
    """As a convolution's does whose weights lie in another memory than its library's."""
    w, m, v = ones((6, 4), (6, 4), (6, 4))
    g = np.arange(24, dtype=np.float32).reshape(4, 6).T
    parameters.adam(launch, [AdamState(w, g, m, v)], **SETTINGS)
    np.testing.assert_allclose(m, (1 + g) / 2)
    assert len(started) == 1
