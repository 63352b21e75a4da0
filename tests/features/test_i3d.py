"""I3D: its padding, its blocks, its weight file, and the published distances."""

import itertools
from pathlib import Path

import chainer
import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.features import i3d, weights
from mocogan_chainer.features.i3d import I3D, Mixed, same_pads

WEIGHTS = Path(__file__).parents[2] / "weights" / "i3d-kinetics-400.ckpt"
POINT, CUBE = (1, 1, 1), (3, 3, 3)
BLOCKS = {
    "Mixed_3b": (192, [64, 96, 128, 16, 32, 32]),
    "Mixed_3c": (256, [128, 128, 192, 32, 96, 64]),
    "Mixed_4b": (480, [192, 96, 208, 16, 48, 64]),
    "Mixed_4c": (512, [160, 112, 224, 24, 64, 64]),
    "Mixed_4d": (512, [128, 128, 256, 24, 64, 64]),
    "Mixed_4e": (512, [112, 144, 288, 32, 64, 64]),
    "Mixed_4f": (528, [256, 160, 320, 32, 128, 128]),
    "Mixed_5b": (832, [256, 160, 320, 32, 128, 128]),
    "Mixed_5c": (832, [384, 192, 384, 48, 128, 128]),
}


def published_arrays():
    """Arrays with the names and shapes of the published file: all zero, but variances such that scales are 1."""
    layers = {"Conv3d_1a_7x7": ((7, 7, 7), 3, 64), "Conv3d_2b_1x1": (POINT, 64, 64), "Conv3d_2c_3x3": (CUBE, 64, 192)}
    for name, (width, (w0, r1, w1, r2, w2, w3)) in BLOCKS.items():
        layers |= {
            f"{name}/Branch_0/Conv3d_0a_1x1": (POINT, width, w0),
            f"{name}/Branch_1/Conv3d_0a_1x1": (POINT, width, r1),
            f"{name}/Branch_1/Conv3d_0b_3x3": (CUBE, r1, w1),
            f"{name}/Branch_2/Conv3d_0a_1x1": (POINT, width, r2),
            f"{name}/Branch_2/Conv3d_0b_3x3": (CUBE, r2, w2),
            f"{name}/Branch_3/Conv3d_0b_1x1": (POINT, width, w3),
        }
    arrays = {}
    for name, (ksize, inner, outer) in layers.items():
        arrays[f"params/{name}/Conv_0/kernel"] = constant(0, (*ksize, inner, outer))
        arrays[f"params/{name}/BatchNorm_0/bias"] = constant(0, (outer,))
        arrays[f"batch_stats/{name}/BatchNorm_0/mean"] = constant(0, (1, 1, 1, 1, outer))
        arrays[f"batch_stats/{name}/BatchNorm_0/var"] = constant(1 - 1e-3, (1, 1, 1, 1, outer))
    arrays["params/Logits/Conv3d_0c_1x1/Conv_0/kernel"] = constant(0, (1, 1, 1, 1024, 400))
    arrays["params/Logits/Conv3d_0c_1x1/Conv_0/bias"] = constant(0, (400,))
    return arrays


def constant(value, shape):
    return np.broadcast_to(np.float32(value), shape)


@pytest.fixture
def load(monkeypatch):
    """Load a network from arrays as if they came out of a file."""

    def load_arrays(arrays):
        monkeypatch.setattr(i3d, "read_arrays", lambda _path: arrays)
        return i3d.load("x.ckpt")

    return load_arrays


@pytest.fixture
def fast(monkeypatch):
    """Compute with the fastest backend."""
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use("auto")


@pytest.fixture(scope="module")
def published():
    if not WEIGHTS.is_file():
        pytest.skip("needs weights/i3d-kinetics-400.ckpt (python evaluate.py fetch i3d)")
    return i3d.load(WEIGHTS)


@pytest.fixture(scope="module")
def network():
    """One whose weights are zero: its scores are the classifier's bias."""
    network = I3D()
    network.classifier.b.array[...] = np.arange(400)
    return network


def clips(*values, length):
    x = np.stack([np.full((length, 224, 224, 3), value, np.float32) for value in values])
    return np.moveaxis(x, -1, 1)


def features(network, x):
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        return network.features(x).array.astype(np.float64)


class TestSamePads:
    @pytest.mark.parametrize(("k", "s"), [(1, 1), (2, 1), (2, 2), (3, 1), (3, 2), (7, 1), (7, 2), (3, 4)])
    def test_are_the_fewest_that_give_all_outputs_with_the_odd_one_behind(self, k, s):
        for n in range(1, 40):
            wanted = len(range(0, n, s))
            fewest = next(p for p in itertools.count() if n + p >= k and (n + p - k) // s + 1 == wanted)
            assert same_pads((n,), (k,), (s,)) == ((fewest // 2, fewest - fewest // 2),)

    def test_each_axis_has_its_own(self):
        assert same_pads((16, 224, 224), (7, 7, 7), (2, 2, 2)) == ((2, 3), (2, 3), (2, 3))
        assert same_pads((17, 112, 113), (1, 3, 3), (1, 2, 2)) == ((0, 0), (0, 1), (1, 1))

    def test_zeros_are_put_around_and_memory_is_channels_last(self):
        x = np.arange(2 * 3 * 2 * 2 * 4, dtype=np.float32).reshape(2, 3, 2, 2, 4) + 1
        wanted = np.zeros((2, 3, 5, 4, 4), np.float32)
        wanted[:, :, 2:4, 0:2] = x
        for given in (x, np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)):
            variable = chainer.Variable(given)
            padded = i3d._pad(variable, ((2, 1), (0, 2), (0, 0)))
            np.testing.assert_array_equal(padded.array, wanted)
            assert np.moveaxis(padded.array, 1, -1).flags.c_contiguous
            gradient = np.random.RandomState(0).randn(*padded.shape).astype(np.float32)
            chainer.functions.sum(padded * gradient).backward()
            np.testing.assert_array_equal(variable.grad, gradient[:, :, 2:4, 0:2])


class TestMixed:
    WIDTHS = (2, 3, 2, 1, 3, 2)

    @pytest.fixture
    def block(self):
        rng = np.random.RandomState(3)
        block = Mixed(2, self.WIDTHS)
        for parameter in block.params():
            parameter.array[...] = rng.randn(*parameter.shape)
        return block

    def test_equals_sums_and_maxima_taken_one_by_one(self, block):
        x = np.random.RandomState(4).randn(2, 2, 2, 3, 4).astype(np.float32)

        def windows(data, reach):
            for t, h, w in np.ndindex(2, 3, 4):
                near = itertools.product(*(range(-reach, reach + 1) for _ in range(3)))
                inside = [
                    (offset, (t + offset[0], h + offset[1], w + offset[2]))
                    for offset in near
                    if 0 <= t + offset[0] < 2 and 0 <= h + offset[1] < 3 and 0 <= w + offset[2] < 4
                ]
                yield (t, h, w), [(tuple(o + reach for o in offset), data[(..., *at)]) for offset, at in inside]

        def convolved(layer, data):
            W, b = layer.W.array, layer.b.array
            y = np.zeros((2, len(b), 2, 3, 4))
            for at, window in windows(data, W.shape[2] // 2):
                y[(..., *at)] = b + sum(value @ W[(..., *tap)].T for tap, value in window)
            return np.maximum(y, 0)

        pooled = np.zeros(x.shape)
        for at, window in windows(x, 1):
            pooled[(..., *at)] = np.max([value for _, value in window], axis=0)
        wanted = [
            convolved(block.branch0, x),
            convolved(block.branch1, convolved(block.branch1_reduction, x)),
            convolved(block.branch2, convolved(block.branch2_reduction, x)),
            convolved(block.branch3, pooled),
        ]
        np.testing.assert_allclose(block(x).array, np.concatenate(wanted, axis=1), rtol=1e-4, atol=1e-4)

    def test_stays_channels_last(self, block, fast):
        x = np.moveaxis(np.random.RandomState(4).randn(2, 4, 6, 6, 2).astype(np.float32), -1, 1)
        y = block(x).array
        assert backends.current().name == "stock" or np.moveaxis(y, 1, -1).flags.c_contiguous

    def test_its_gradient_is_the_slope(self, block):
        rng = np.random.RandomState(5)
        x = chainer.Variable(rng.randn(1, 2, 2, 3, 4).astype(np.float32))
        towards, weigh = (rng.randn(*shape).astype(np.float32) for shape in (x.shape, (1, 9, 2, 3, 4)))
        step = 1e-3
        chainer.functions.sum(block(x) * weigh).backward()
        up, down = (np.vdot(block(x.array + sign * step * towards).array, weigh) for sign in (1, -1))
        assert np.vdot(x.grad, towards) == pytest.approx((up - down) / (2 * step), rel=1e-2)


class TestNetwork:
    @pytest.mark.parametrize("length", [10, 16, 17, 30])
    def test_a_score_a_class_for_any_length(self, network, fast, length):
        y = features(network, clips(1, length=length))
        assert y.shape == (1, network.dimensions)
        np.testing.assert_allclose(y[0], np.arange(network.classes), rtol=1e-6)

    @pytest.mark.parametrize(
        "shape", [(1, 3, 9, 224, 224), (1, 1, 16, 224, 224), (1, 3, 16, 112, 112), (3, 16, 224, 224)]
    )
    def test_other_shapes_are_refused(self, network, shape):
        with pytest.raises(ValueError, match=r"I3D takes \(N, 3, T, 224, 224\) with T of at least 10"):
            network.logits(np.empty(shape, np.float32))


class TestLoad:
    def test_normalization_is_folded_in_and_axes_are_turned(self, load):
        arrays = published_arrays()
        kernel = np.random.RandomState(0).randn(3, 3, 3, 96, 128).astype(np.float32)
        name = "Mixed_3b/Branch_1/Conv3d_0b_3x3"
        arrays[f"params/{name}/Conv_0/kernel"] = kernel
        arrays[f"params/{name}/BatchNorm_0/bias"] = constant(3, (128,))
        arrays[f"batch_stats/{name}/BatchNorm_0/mean"] = constant(5, (1, 1, 1, 1, 128))
        arrays[f"batch_stats/{name}/BatchNorm_0/var"] = constant(4 - 1e-3, (1, 1, 1, 1, 128))
        layer = load(arrays).mixed3b.branch1
        np.testing.assert_allclose(layer.b.array, 3 - 5 / 2, rtol=1e-6)
        for at in [(0, 0, 0, 0, 0), (2, 1, 0, 95, 127), (0, 1, 2, 4, 7)]:
            t, h, w, inner, outer = at
            assert layer.W.array[outer, inner, t, h, w] == pytest.approx(kernel[at] / 2, rel=1e-6)

    def test_the_classifier_has_a_bias_and_no_normalization(self, load):
        arrays = published_arrays()
        arrays["params/Logits/Conv3d_0c_1x1/Conv_0/bias"] = np.arange(400, dtype=np.float32)
        network = load(arrays)
        np.testing.assert_array_equal(network.classifier.b.array, np.arange(400))
        assert not network.classifier.rectify

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("params/Conv3d_1a_7x7/Conv_0/kernel", None, "is missing; the file belongs to another network"),
            ("batch_stats/Mixed_5c/Branch_3/Conv3d_0b_1x1/BatchNorm_0/var", None, "is missing"),
            ("params/Mixed_6a/x", constant(0, (1,)), "I3D has no such array"),
            ("params/Logits/Conv3d_0c_1x1/Conv_0/bias", constant(0, (600,)), r"is \(600,\) and I3D needs \(400,\)"),
            ("params/Conv3d_2b_1x1/BatchNorm_0/bias", constant(np.nan, (64,)), "not finite; it is damaged"),
            ("batch_stats/Conv3d_2b_1x1/BatchNorm_0/var", constant(-1, (1, 1, 1, 1, 64)), "a negative variance"),
        ],
    )
    def test_arrays_that_are_not_its_own(self, load, name, value, message):
        arrays = published_arrays()
        arrays[name] = value
        if value is None:
            del arrays[name]
        with pytest.raises(SnapshotError, match=rf"^x\.ckpt: .*{message}.*; get the file again: python evaluate"):
            load(arrays)

    def test_a_file_of_something_else(self, tmp_path):
        path = tmp_path / "x.ckpt"
        path.write_bytes(b"PK\x03\x04 not a pickle")
        with pytest.raises(SnapshotError, match=r"damaged.*; get the file again: python evaluate\.py fetch i3d"):
            i3d.load(path)


class TestPublished:
    """With the published weights."""

    def test_the_file_is_the_published_one(self, published):
        assert weights.sha256(WEIGHTS) == weights.FILES["i3d"].sha256

    @pytest.mark.parametrize(("length", "distance"), [(10, 569.77), (16, 152.90), (29, 152.24), (30, 151.3926)])
    def test_black_against_white(self, published, fast, length, distance):
        """FVD of all-zero against all-one videos; without spread it is the squared distance of the features."""
        black, white = (features(published, clips(value, length=length))[0] for value in (-1, 1))
        assert np.sum((black - white) ** 2) == pytest.approx(distance, abs=0.0007 if length == 30 else 0.006)

    def test_black_against_white_with_the_reference_backend(self, published, monkeypatch):
        monkeypatch.setattr(backends, "_current", backends.stock)
        black, white = (features(published, clips(value, length=10))[0] for value in (-1, 1))
        assert np.sum((black - white) ** 2) == pytest.approx(569.77, abs=0.006)

    @pytest.mark.parametrize(
        ("length", "scores", "best"),
        [
            (16, [2.5557, 0.9835, 0.7867, 1.9876, -0.4006, 3.1015, 1.4262, -0.3398], 213),
            (17, [2.0009, 3.3655, -0.5203, 0.798, -2.7256, 0.4634, -0.7397, -1.2965], 298),
        ],
    )
    def test_scores_that_pytorch_computes_in_float64(self, published, fast, length, scores, best):
        """Of noise on a ramp from left to right; every fiftieth class."""
        noise = np.random.RandomState(length).randn(1, 3, length, 224, 224) * 0.5
        x = np.tanh(noise + np.linspace(-1, 1, 224)).astype(np.float32)
        y = features(published, x)[0]
        np.testing.assert_allclose(y[::50], scores, atol=2e-4)
        assert y.argmax() == best
