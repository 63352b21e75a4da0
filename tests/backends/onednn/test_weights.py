"""Prepared weights follow the numbers of the array that they were made of."""

import gc
import itertools
import weakref

import chainer
import numpy as np
import pytest
from chainer import serializers

from mocogan_chainer.backends import Geometry

GEOMETRY = Geometry((2, 2), (1, 1))


@pytest.fixture
def make():
    """A maker of forms that remembers what it made."""

    class Maker:
        def __init__(self):
            self.made = []

        def __call__(self, W):
            self.made.append(W.copy())
            return self.made[-1]

    return Maker()


@pytest.fixture
def prepared(onednn):
    from mocogan_chainer.backends.onednn.weights import PreparedWeights

    return PreparedWeights()


def weights(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def test_made_once_while_they_stay_the_same(prepared, make):
    W = weights(4, 3, 4, 4)
    first = prepared.get(W, "form", make)
    assert prepared.get(W, "form", make) is first
    assert len(make.made) == 1
    assert np.array_equal(first, W)


def test_the_last_form_is_kept(prepared, make):
    W = weights(4, 3)
    one = weakref.ref(prepared.get(W, "one", lambda W: W.copy()))
    other = prepared.get(W, "other", make)
    gc.collect()
    assert one() is None
    assert prepared.get(W, "other", make) is other
    assert len(make.made) == 1


def test_an_outdated_form_goes_before_the_next_is_made(prepared):
    W = weights(4, 3)
    old = weakref.ref(prepared.get(W, "form", lambda W: W.copy()))
    W += 1

    def make(W):
        assert old() is None
        return W.copy()

    assert np.array_equal(prepared.get(W, "form", make), W)


def test_a_failure_leaves_nothing_behind(prepared, make):
    W = weights(4, 3)

    def fail(W):
        raise MemoryError

    with pytest.raises(MemoryError):
        prepared.get(W, "form", fail)
    assert np.array_equal(prepared.get(W, "form", make), W)


def test_two_arrays_do_not_share(prepared, make):
    W = weights(4, 3)
    V = W.copy()
    assert prepared.get(W, "form", make) is not prepared.get(V, "form", make)
    V[0, 0] = 7
    assert prepared.get(W, "form", make)[0, 0] == W[0, 0]
    assert prepared.get(V, "form", make)[0, 0] == 7


def assert_seen(prepared, make, W, change):
    before = prepared.get(W, "form", make)
    change(W)
    assert not np.array_equal(W, make.made[-1])
    after = prepared.get(W, "form", make)
    assert after is not before
    assert np.array_equal(after, W)


@pytest.mark.parametrize("size", [1, 2, 1000, 16384, 16385, 70000])
def test_any_number_counts(prepared, make, size):
    for place in {0, 1, size // 2, size - 1} - {size}:
        W = weights(size)

        def to_the_next(W, place=place):
            W[place] = np.nextafter(W[place], np.float32(9))

        assert_seen(prepared, make, W, to_the_next)


def test_swapped_numbers(prepared, make):
    def swap(W):
        W[[0, 2]] = W[[2, 0]]

    assert_seen(prepared, make, weights(4, 3), swap)


CHANGES = {
    "doubled": lambda W: np.multiply(W, 2, out=W),
    "halved": lambda W: np.multiply(W, 0.5, out=W),
    "negated": lambda W: np.negative(W, out=W),
    "zeroed": lambda W: W.fill(0),
    "reversed": lambda W: np.copyto(W, W[::-1].copy()),
    "filled": lambda W: W.fill(1),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("start", ["normal", "positive", "constant"])
@pytest.mark.parametrize("shape", [(64, 32, 4, 4), (512, 256, 4, 4)])
def test_every_number_changes_by_rule(prepared, make, shape, start, change):
    """The same change everywhere must not cancel out, whatever power of two the size is."""
    W = {"normal": weights, "positive": lambda *s: abs(weights(*s)) + 0.1, "constant": lambda *s: np.full(s, 0.5)}
    W = np.asarray(W[start](*shape), np.float32)
    if start == "constant" and change == "reversed":
        pytest.skip("changes nothing")
    assert_seen(prepared, make, W, CHANGES[change])


def test_small_changes_do_not_cancel_out(prepared):
    """Three weights by a few of their last bits, as a small step of an optimizer does: every way of it."""
    W = np.ones(8, np.float32)
    bits, start = W.view(np.int32), np.ones(8, np.float32).view(np.int32)
    for steps in itertools.product(range(-3, 4), repeat=3):
        bits[:] = start
        prepared.get(W, "form", np.copy)
        bits[:3] += np.array(steps, np.int32)
        assert np.array_equal(prepared.get(W, "form", np.copy), W), f"not seen: last bits changed by {steps}"


def test_forgotten_with_the_array(prepared, make):
    W = weights(4, 3)
    form = weakref.ref(prepared.get(W, "form", lambda W: W.copy()))
    gc.collect()
    assert form() is not None
    del W
    gc.collect()
    assert form() is None


def test_an_array_at_the_same_place_is_another(prepared):
    """Python gives a dead array's identity to the next one."""
    for value in range(50):
        W = np.full((4, 3), value, np.float32)
        assert prepared.get(W, "form", np.copy)[0, 0] == value
        del W


class Layer(chainer.Chain):
    def __init__(self, W):
        super().__init__()
        with self.init_scope():
            self.W = chainer.Parameter(W)


@pytest.mark.parametrize(("samples", "channels"), [(2, 3), (40, 32)])
class TestThroughTheBackend:
    """Small plain primitives, and the fast halving convolution."""

    def check(self, onednn, samples, channels, W, change):
        """Results before and after the change are those of a copy, which the backend has never seen."""
        rng = np.random.default_rng(1)
        x = rng.standard_normal((samples, channels, 8, 8), np.float32)
        gy = rng.standard_normal((samples, W.shape[0], 4, 4), np.float32)
        results = []
        for _ in range(2):
            results.append(onednn.convolution_forward(x, W, GEOMETRY))
            fresh = onednn.convolution_forward(x, W.copy(), GEOMETRY)
            assert np.array_equal(results[-1], fresh)
            gradient = onednn.convolution_backward_data(gy, W, (8, 8), GEOMETRY)
            assert np.array_equal(gradient, onednn.convolution_backward_data(gy, W.copy(), (8, 8), GEOMETRY))
            change(W)
        assert not np.allclose(*results)

    def test_a_change_in_place(self, onednn, samples, channels):
        def change(W):
            W *= -1.5

        self.check(onednn, samples, channels, weights(32, channels, 4, 4), change)

    def test_a_change_by_a_serializer(self, onednn, samples, channels, tmp_path):
        serializers.save_npz(tmp_path / "layer.npz", Layer(weights(32, channels, 4, 4, seed=5)))
        layer = Layer(weights(32, channels, 4, 4))

        def load(W):
            assert W is layer.W.array
            serializers.load_npz(tmp_path / "layer.npz", layer)
            assert np.array_equal(W, weights(32, channels, 4, 4, seed=5))

        self.check(onednn, samples, channels, layer.W.array, load)
