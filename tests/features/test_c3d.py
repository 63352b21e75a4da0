"""C3D equals loops in both published forms; the mean clip is cut where TGAN and TGANv2 cut it."""

from itertools import pairwise

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, npz_files
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.features import c3d
from mocogan_chainer.torch_files import write_state_dict
from tests.features import loops

CONVOLUTIONS = {
    "conv1a": (2, 3),
    "conv2a": (3, 2),
    "conv3a": (4, 3),
    "conv3b": (4, 4),
    "conv4a": (5, 4),
    "conv4b": (5, 5),
    "conv5a": (3, 5),
    "conv5b": (3, 3),
}
TORCH_NAMES = {"conv1a": "conv1", "conv2a": "conv2"}
OF_SEVEN = {"chainer": [[0, 1], [2, 3], [4, 5], [6]], "torch": [[0], [1, 2], [3, 4], [5, 6]]}


@pytest.fixture(scope="module")
def layers():
    """Weight and bias of a narrow network's layers; the biases are as large as what they are added to."""
    shapes = {name: (*widths, 3, 3, 3) for name, widths in CONVOLUTIONS.items()}
    shapes |= {"fc6": (6, 3 * 1 * 4 * 4), "fc7": (6, 6), "fc8": (7, 6)}
    rng = np.random.default_rng(0)
    return {
        name: (
            (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32),
            rng.uniform(0, 20, shape[0]).astype(np.float32),
        )
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def clips():
    return np.random.default_rng(1).uniform(-128, 128, (1, 3, 16, 112, 112)).astype(np.float32)


def named(layers, form):
    if form == "chainer":
        return {
            f"{name}/{part}": array for name, pair in layers.items() for part, array in zip("Wb", pair, strict=True)
        }
    return {
        f"{TORCH_NAMES.get(name, name)}.{part}": array
        for name, pair in layers.items()
        for part, array in zip(("weight", "bias"), pair, strict=True)
    }


def by_loops(layers, form, x):
    """Features and logits in float64."""

    def convolve(x, name):
        weight, bias = layers[name]
        return loops.relu(loops.convolution(x, weight, pad=1) + bias.reshape(-1, 1, 1, 1))

    def pool(x, *steps):
        return loops.max_pooling(
            x, [np.arange(n).reshape(-1, step) for n, step in zip(x.shape[2:], steps, strict=True)]
        )

    h = pool(convolve(x, "conv1a"), 1, 2, 2)
    h = pool(convolve(h, "conv2a"), 2, 2, 2)
    h = pool(convolve(convolve(h, "conv3a"), "conv3b"), 2, 2, 2)
    h = pool(convolve(convolve(h, "conv4a"), "conv4b"), 2, 2, 2)
    h = convolve(convolve(h, "conv5a"), "conv5b")
    h = loops.max_pooling(h, [[[0, 1]], OF_SEVEN[form], OF_SEVEN[form]])
    h = h.reshape(len(h), -1)
    for name in ("fc6", "fc7"):
        weight, bias = layers[name]
        h = loops.relu(h @ weight.T.astype(np.float64) + bias)
    weight, bias = layers["fc8"]
    return h, h @ weight.T.astype(np.float64) + bias


@pytest.fixture(scope="module")
def expected(layers, clips):
    """Features and logits of each form."""
    return {form: by_loops(layers, form, clips) for form in OF_SEVEN}


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.fixture(params=["stock", "onednn"])
def _backend(request):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN is not on this machine")
    before = backends.current()
    backends.use(request.param)
    yield
    backends._current = before


def written(path, layers):
    if path.suffix == ".npz":
        np.savez(path, **named(layers, "chainer"))
    else:
        write_state_dict(path, named(layers, "torch"))
    return path


class TestNetwork:
    @pytest.mark.usefixtures("_backend")
    @pytest.mark.parametrize(("file", "form"), [("c3d.npz", "chainer"), ("c3d.pickle", "torch")])
    def test_equals_loops(self, file, form, tmp_path, layers, clips, expected):
        network = c3d.load(written(tmp_path / file, layers))
        features, logits = expected[form]
        assert (network.dimensions, network.classes, network.size, network.least_frames) == (6, 7, 112, 16)
        close(network.features(clips).array, features)
        close(network.logits(clips).array, logits)

    def test_the_forms_differ(self, expected):
        assert np.abs(expected["chainer"][1] - expected["torch"][1]).max() > 1

    @pytest.mark.usefixtures("_backend")
    @pytest.mark.parametrize("_backend", ["auto"], indirect=True)
    def test_gradient_of_the_clips(self, layers, clips):
        x = chainer.Variable(clips)
        F.sum(c3d.from_arrays(named(layers, "chainer"), c3d.CHAINER).features(x)).backward()
        direction = np.random.default_rng(2).standard_normal(clips.shape)
        ahead, behind = (by_loops(layers, "chainer", clips + step * direction)[0].sum() for step in (1e-6, -1e-6))
        assert (x.grad * direction).sum() == pytest.approx((ahead - behind) / 2e-6, rel=1e-3)

    def test_published_widths(self):
        network = c3d.C3D(101, c3d.CHAINER.pool5)
        shapes = [layer.W.shape for layer in network.children()]
        widths = [3, 64, 128, 256, 256, 512, 512, 512, 512]
        assert shapes[:8] == [(o, i, 3, 3, 3) for i, o in pairwise(widths)]
        assert shapes[8:] == [(4096, 8192), (4096, 4096), (101, 4096)]

    @pytest.mark.parametrize("shape", [(1, 3, 15, 112, 112), (1, 3, 17, 112, 112), (1, 3, 16, 112, 128)])
    def test_other_clips(self, shape):
        network = c3d.C3D(2, c3d.CHAINER.pool5, (1, 1, 1, 1, 1), 1)
        with pytest.raises(ValueError, match=r"C3D takes \(N, 3, 16, 112, 112\)"):
            network.features(np.zeros(shape, np.float32))


class TestFiles:
    @pytest.mark.parametrize("file", ["a.npz", "a.pickle"])
    def test_none(self, tmp_path, file):
        with pytest.raises(SnapshotError, match=rf"{file}: no such file; C3D's weights are conv3d_deepnetA_ucf.npz or"):
            c3d.load(tmp_path / file)

    def test_damaged(self, tmp_path, layers):
        path = written(tmp_path / "a.npz", layers)
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(SnapshotError, match=r"a.npz: not an .npz file, or damaged \(.*\); get it again"):
            c3d.load(path)

    def test_a_single_array(self, tmp_path):
        with (tmp_path / "a.npz").open("wb") as file:
            np.save(file, np.zeros(3))
        with pytest.raises(SnapshotError, match=r"a.npz: not an .npz file, or damaged \(a single array, not"):
            c3d.load(tmp_path / "a.npz")

    def test_pickled(self, tmp_path):
        np.savez(tmp_path / "a.npz", fc8=np.array([{}]))
        with pytest.raises(SnapshotError, match=r"a.npz: not an .npz file, or damaged \(.*pickle"):
            c3d.load(tmp_path / "a.npz")

    def test_missing(self, tmp_path, layers):
        np.savez(tmp_path / "a.npz", **{k: v for k, v in named(layers, "chainer").items() if k != "conv4b/b"})
        with pytest.raises(SnapshotError, match=r"a.npz: conv4b/b is missing, which every C3D has"):
            c3d.load(tmp_path / "a.npz")

    def test_left_over(self, layers):
        arrays = named(layers, "torch") | {"fc9.weight": np.zeros(1, np.float32)}
        with pytest.raises(SnapshotError, match=r"fc9.weight: a C3D has no such array"):
            c3d.from_arrays(arrays, c3d.TORCH)

    @pytest.mark.parametrize(
        ("name", "shape", "needed"),
        [
            ("fc7.weight", (10**9, 0), "it is empty"),
            ("conv1.weight", (10**9, 0), "it is empty"),
            ("conv3a.weight", (10**6, 1), r"conv3a.weight: .* where a C3D has \(1000000, 3, 3, 3, 3\)"),
            ("fc7.weight", (10**6, 1), r"fc6.weight: .* where a C3D has \(1000000, 48\)"),
            ("fc8.weight", (10**6, 1), r"fc8.weight: .* where a C3D has \(1000000, 6\)"),
            ("fc8.bias", (10**6,), r"fc8.bias: .* where a C3D has \(7,\)"),
        ],
    )
    def test_shapes_that_ask_for_much_memory(self, layers, monkeypatch, name, shape, needed):
        monkeypatch.setattr(c3d, "C3D", None)  # nothing is built
        arrays = named(layers, "torch") | {name: np.broadcast_to(np.float32(0), shape)}
        with pytest.raises(SnapshotError, match=needed):
            c3d.from_arrays(arrays, c3d.TORCH)

    def test_unpacked_beyond_its_size(self, tmp_path, monkeypatch):
        monkeypatch.setattr(npz_files, "MORE", 1 << 20)
        np.savez_compressed(tmp_path / "a.npz", **{"conv1a/W": np.zeros(20 << 20, np.uint8)})
        with pytest.raises(SnapshotError, match=r"a.npz: not an .npz file, or damaged \(its arrays would take 209"):
            c3d.load(tmp_path / "a.npz")

    def test_another_shape(self, layers):
        arrays = named(layers, "torch") | {"fc6.weight": np.zeros((6, 27), np.float32)}
        with pytest.raises(SnapshotError, match=r"fc6.weight: it has shape \(6, 27\) where a C3D has \(6, 48\)"):
            c3d.from_arrays(arrays, c3d.TORCH)


class TestMean:
    @pytest.fixture
    def cube(self):
        """What numbers every position of (channel, frame, row, column)."""
        return np.arange(3 * 16 * 128 * 171, dtype=np.float64).reshape(3, 16, 128, 171) / 8

    @pytest.mark.parametrize("lead", [(), (1,)])
    @pytest.mark.parametrize(("cut", "left"), [({}, 8), ({"left": c3d.TGAN_LEFT}, (171 - 128) // 2 + 8)])
    def test_cut(self, tmp_path, cube, lead, cut, left):
        np.savez(tmp_path / "mean2.npz", mean=cube.reshape(*lead, *cube.shape))
        mean = c3d.load_mean(tmp_path / "mean2.npz", **cut)
        assert (mean.shape, mean.dtype) == ((3, 16, 112, 112), np.float32)
        for channel, frame, row, column in [(0, 0, 0, 0), (2, 15, 111, 111), (1, 7, 3, 90)]:
            assert mean[channel, frame, row, column] == cube[channel, frame, row + 8, column + left]

    @pytest.mark.parametrize("shape", [(3, 16, 112, 112), (16, 3, 128, 171), (2, 3, 16, 128, 171), ()])
    def test_another_shape(self, tmp_path, shape):
        np.savez(tmp_path / "a.npz", mean=np.zeros(shape))
        with pytest.raises(SnapshotError, match=r"a.npz: mean has shape .* where it must have \(3, 16, 128, 171\)"):
            c3d.load_mean(tmp_path / "a.npz")

    def test_far_too_large(self, tmp_path):
        np.savez_compressed(tmp_path / "a.npz", mean=np.zeros(96 << 20, np.uint8))
        with pytest.raises(SnapshotError, match=r"a.npz: not an .npz file, or damaged \(its arrays would take 100"):
            c3d.load_mean(tmp_path / "a.npz")

    def test_missing(self, tmp_path):
        np.savez(tmp_path / "a.npz", std=np.zeros(3))
        with pytest.raises(SnapshotError, match=r"a.npz: mean is missing"):
            c3d.load_mean(tmp_path / "a.npz")

    def test_not_finite(self, tmp_path, cube):
        np.savez(tmp_path / "a.npz", mean=np.full_like(cube, np.nan))
        with pytest.raises(SnapshotError, match=r"a.npz: mean must hold finite numbers"):
            c3d.load_mean(tmp_path / "a.npz")

    def test_none(self, tmp_path):
        with pytest.raises(SnapshotError, match=r"a.npz: no such file; the mean clip is mean2.npz"):
            c3d.load_mean(tmp_path / "a.npz")
