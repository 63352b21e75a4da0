"""The residual networks equal the published one's numbers, and loops."""

import zlib

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.features import resnext
from mocogan_chainer.features.resnext import RESNET_101, RESNEXT_101, Layout
from mocogan_chainer.torch_files import write_state_dict
from tests.features import loops

SMALL = Layout(name="small network", blocks=(1, 2), planes=(4, 8), expansion=2, cardinality=2, stem=4)
PLAIN = Layout(name="plain network", blocks=(2, 1), planes=(3, 5), expansion=4, cardinality=1, stem=4)


def published_shapes(blocks, planes, expansion, cardinality, stem, classes):
    """The names and shapes of a published state dict."""
    shapes = {}

    def add(convolution, norm, *shape):
        shapes[f"{convolution}.weight"] = shape
        shapes.update({f"{norm}.{part}": shape[:1] for part in ("weight", "bias", "running_mean", "running_var")})

    add("conv1", "bn1", stem, 3, 7, 7, 7)
    channels = stem
    for layer, (count, width) in enumerate(zip(blocks, planes, strict=True), 1):
        for number in range(count):
            block = f"layer{layer}.{number}"
            add(f"{block}.conv1", f"{block}.bn1", width, channels, 1, 1, 1)
            add(f"{block}.conv2", f"{block}.bn2", width, width // cardinality, 3, 3, 3)
            add(f"{block}.conv3", f"{block}.bn3", width * expansion, width, 1, 1, 1)
            if number == 0:
                add(f"{block}.downsample.0", f"{block}.downsample.1", width * expansion, channels, 1, 1, 1)
            channels = width * expansion
    return shapes | {"fc.weight": (classes, channels), "fc.bias": (classes,)}


def shapes_of(layout, classes):
    return published_shapes(layout.blocks, layout.planes, layout.expansion, layout.cardinality, layout.stem, classes)


def drawn(name, shape):
    """A tensor as the fixtures' README draws it by its name."""
    random = np.random.RandomState(zlib.crc32(f"pub:{name}".encode()))
    is_norm = "bn" in name or ".downsample.1." in name
    if name.endswith("running_var"):
        array = random.uniform(0.5, 1.5, shape)
    elif is_norm and name.endswith("weight"):
        array = random.uniform(0.6, 1.2, shape)
    elif name.endswith(("bias", "running_mean")):
        array = random.normal(0, 0.1, shape)
    else:
        array = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)
    return array.astype(np.float32)


def state_dict(layout, classes=3):
    return {name: drawn(name, shape) for name, shape in shapes_of(layout, classes).items()}


def by_loops(layout, arrays, x):
    """Features and logits in float64, normalizations not folded."""

    def convolve(x, name, norm, **options):
        y = loops.convolution(x, arrays[f"{name}.weight"], **options)
        parts = (arrays[f"{norm}.{part}"] for part in ("weight", "bias", "running_mean", "running_var"))
        return loops.normalization(y, *parts, eps=1e-5)

    h = loops.relu(convolve(x, "conv1", "bn1", stride=(1, 2, 2), pad=3))
    windows = [
        [[p for p in (2 * i - 1, 2 * i, 2 * i + 1) if 0 <= p < n] for i in range((n + 1) // 2)] for n in h.shape[2:]
    ]
    h = loops.max_pooling(h, windows)
    for layer, count in enumerate(layout.blocks, 1):
        for number in range(count):
            block = f"layer{layer}.{number}"
            stride = 3 * (2 if layer > 1 and number == 0 else 1,)
            y = loops.relu(convolve(h, f"{block}.conv1", f"{block}.bn1"))
            y = loops.relu(
                convolve(y, f"{block}.conv2", f"{block}.bn2", stride=stride, pad=1, groups=layout.cardinality)
            )
            y = convolve(y, f"{block}.conv3", f"{block}.bn3")
            if number == 0:
                h = convolve(h, f"{block}.downsample.0", f"{block}.downsample.1", stride=stride)
            h = loops.relu(y + h)
    features = h.mean((2, 3, 4))
    return features, features @ arrays["fc.weight"].T.astype(np.float64) + arrays["fc.bias"]


def close(actual, expected, tolerance=1e-5):
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


@pytest.fixture(params=["stock", "onednn"])
def _backend(request):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN is not on this machine")
    before = backends.current()
    backends.use(request.param)
    yield
    backends._current = before


@pytest.fixture
def clips():
    return np.random.default_rng(0).uniform(-100, 100, (2, 3, 6, 14, 18)).astype(np.float32)


@pytest.mark.usefixtures("_backend")
class TestNetwork:
    @pytest.mark.parametrize("layout", [SMALL, PLAIN], ids=lambda layout: layout.name)
    def test_equals_loops(self, layout, clips):
        arrays = state_dict(layout)
        network = resnext.from_state_dict(arrays, layout)
        features, logits = by_loops(layout, arrays, clips)
        close(network.features(clips).array, features)
        close(network.logits(clips).array, logits)

    @pytest.mark.parametrize("frames", [1, 7])
    def test_any_length(self, frames, clips):
        arrays = state_dict(SMALL)
        clips = np.resize(clips, (1, 3, frames, 14, 18))
        assert frames >= resnext.ResidualNetwork.least_frames
        close(resnext.from_state_dict(arrays, SMALL).features(clips).array, by_loops(SMALL, arrays, clips)[0])

    def test_gradient_of_the_clips(self, clips):
        arrays = state_dict(SMALL)
        x = chainer.Variable(clips)
        F.sum(resnext.from_state_dict(arrays, SMALL).features(x)).backward()
        direction = np.random.default_rng(1).standard_normal(clips.shape)
        ahead, behind = (by_loops(SMALL, arrays, clips + step * direction)[0].sum() for step in (1e-5, -1e-5))
        assert (x.grad * direction).sum() == pytest.approx((ahead - behind) / 2e-5, rel=1e-3)


class TestPublished:
    @pytest.mark.parametrize(("layout", "kinetics"), [(RESNEXT_101, (128, 2, 32)), (RESNET_101, (64, 4, 1))])
    def test_widths(self, layout, kinetics):
        width, expansion, cardinality = kinetics
        planes = tuple(width * 2**i for i in range(4))
        shapes = published_shapes((3, 4, 23, 3), planes, expansion, cardinality, 64, 101)
        zeros = {name: np.broadcast_to(np.float32(0), shape) for name, shape in shapes.items()}
        network = resnext.from_state_dict(zeros, layout)
        assert (network.dimensions, network.classes, network.size) == (2048, 101, 112)

    @pytest.mark.slow
    @pytest.mark.usefixtures("_backend")
    @pytest.mark.parametrize("_backend", ["auto"], indirect=True)
    def test_features(self, shared, tmp_path):
        arrays = {f"module.{name}": array for name, array in state_dict(RESNEXT_101, 400).items()}
        write_state_dict(tmp_path / "resnext-101-kinetics.pth", arrays)
        network = resnext.load(tmp_path / "resnext-101-kinetics.pth")
        means = np.array([114.7748, 107.7354, 99.4750]).reshape(3, 1, 1, 1)
        clips = np.random.RandomState(5).rand(2, 3, 16, 112, 112) * 255 - means
        with np.load(shared / "fixtures" / "pub_resnext101_io.npz") as file:
            expected = file["features"]
        with chainer.no_backprop_mode():
            actual = network.features(clips.astype(np.float32)).array
        assert network.classes == 400
        close(actual, expected)


class TestFiles:
    @pytest.mark.parametrize(("load", "layout"), [(resnext.load, "RESNEXT_101"), (resnext.load_resnet, "RESNET_101")])
    def test_of_data_parallel(self, load, layout, tmp_path, monkeypatch, clips):
        monkeypatch.setattr(resnext, layout, SMALL)
        arrays = state_dict(SMALL, classes=5)
        counter = {"module.bn1.num_batches_tracked": np.array(7)}
        write_state_dict(tmp_path / "a.pth", {f"module.{name}": array for name, array in arrays.items()} | counter)
        network = load(tmp_path / "a.pth")
        assert network.classes == 5
        close(network.logits(clips).array, by_loops(SMALL, arrays, clips)[1])

    def test_of_another_network(self, tmp_path):
        write_state_dict(tmp_path / "a.pth", state_dict(SMALL))
        with pytest.raises(
            SnapshotError, match=r"a.pth: conv1.weight: it has shape \(4, 3, 7, 7, 7\) where a 3-D ResNeXt"
        ):
            resnext.load(tmp_path / "a.pth")

    def test_none(self, tmp_path):
        with pytest.raises(SnapshotError, match=r"a.pth: no such file"):
            resnext.load(tmp_path / "a.pth")

    def test_missing(self):
        arrays = state_dict(SMALL)
        del arrays["layer2.1.bn3.running_var"]
        with pytest.raises(SnapshotError, match=r"layer2.1.bn3.running_var is missing, which every small network has"):
            resnext.from_state_dict(arrays, SMALL)

    @pytest.mark.parametrize(
        ("name", "shape", "needed"),
        [
            ("fc.weight", (10**9, 0), "it is empty"),
            ("fc.weight", (10**6, 1), r"fc.weight: .* where a small network has \(1000000, 16\)"),
        ],
    )
    def test_shapes_that_ask_for_much_memory(self, monkeypatch, name, shape, needed):
        monkeypatch.setattr(resnext, "ResidualNetwork", None)  # nothing is built
        arrays = state_dict(SMALL) | {name: np.broadcast_to(np.float32(0), shape)}
        with pytest.raises(SnapshotError, match=needed):
            resnext.from_state_dict(arrays, SMALL)

    def test_a_negative_variance(self):
        arrays = state_dict(SMALL)
        arrays["layer1.0.bn2.running_var"][1] = -0.5
        with pytest.raises(SnapshotError, match=r"layer1.0.bn2.running_var: a variance is negative"):
            resnext.from_state_dict(arrays, SMALL)

    def test_left_over(self):
        arrays = state_dict(SMALL) | {"layer2.2.conv1.weight": np.zeros(1, np.float32)}
        with pytest.raises(SnapshotError, match=r"layer2.2.conv1.weight: a small network has no such array"):
            resnext.from_state_dict(arrays, SMALL)
