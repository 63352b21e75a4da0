"""The networks in every form: PyTorch's numbers for the same weights, sizes, lengths, initial values."""

from pathlib import Path

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, seeding
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.links import BatchNormActivation, SpectralLink
from mocogan_chainer.models.g3an import published, sizes
from mocogan_chainer.models.g3an.codes import Codes, CodeSizes
from mocogan_chainer.models.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from mocogan_chainer.models.g3an.generator import MODES, Generator
from tests.models.g3an import drawn

NUMBERS = Path(__file__).with_name("numbers.npz")
"""Made by torch_numbers.py."""


@pytest.fixture
def use(monkeypatch):
    """Take a backend for this test."""

    def take(name):
        if name == "onednn" and not backends.onednn.available():
            pytest.skip("oneDNN or numba is not on this machine")
        backends.use(name)

    monkeypatch.setattr(backends, "_current", backends.current())
    return take


def make_generator(size=64, ch=2, appearance=5, motion=4, mode="1p2d", attention=False, categories=0):
    return Generator(
        size=size,
        ch=ch,
        code_sizes=CodeSizes(appearance, motion, categories),
        dim_category=3,
        mode=mode,
        attention=attention,
        rng=seeding.stream(0),
    )


def make_codes(n=2, steps=1, appearance=5, motion=4):
    rng = np.random.default_rng(0)
    za, zm = rng.standard_normal((n, appearance), np.float32), rng.standard_normal((n, motion, steps), np.float32)
    return Codes(za, zm, np.arange(n, dtype=np.int32))


def dump(network):
    """The network's arrays by the published names, without DataParallel's prefix."""
    return {name.removeprefix("module."): array for name, array in published.dump(network).items()}


def close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=1e-4, atol=2e-5)


def close_digest(actual, expected, size, tolerance, name):
    """Compare digests of arrays of ``size`` numbers, with an error of ``tolerance`` of their length.

    Of an error as of anything, a direction drawn at random sees 1 / sqrt(size) of its length.
    """
    allowed = tolerance * max(expected[0], 1e-6) * np.array([1, *[1 / np.sqrt(size)] * (len(expected) - 1)])
    assert (np.abs(actual - expected) <= allowed).all(), (name, actual, expected, allowed)


class TestDigest:
    @pytest.mark.parametrize("shape", [(7,), (30_000,)])
    def test_it_tells_an_array_from_one_of_the_same_length(self, shape):
        array = drawn.normal("array", shape)
        expected = drawn.digest("key", array)
        for wrong in (array[::-1], -array, np.roll(array, 1), np.where(np.arange(array.size) % 50, array, -array)):
            with pytest.raises(AssertionError):
                close_digest(drawn.digest("key", wrong), expected, array.size, 5e-3, "wrong")
        error = 1e-3 * drawn.normal("error", shape)
        close_digest(drawn.digest("key", array + error), expected, array.size, 5e-3, "right")


@pytest.mark.parametrize("backend", ["stock", "onednn"])
@pytest.mark.parametrize(("mode", "attention"), drawn.FORMS)
class TestPyTorchsNumbers:
    TOLERANCE = 5e-3  # of an array's length: one ReLU whose input rounding moves across 0 changes it by about 1e-3

    @pytest.fixture
    def numbers(self, mode, attention):
        prefix = f"{mode}/{attention}/"
        with np.load(NUMBERS) as file:
            found = {name.removeprefix(prefix): file[name] for name in file.files if name.startswith(prefix)}
        assert found
        return found

    @pytest.fixture
    def networks(self, mode, attention, backend, use):
        use(backend)
        ch, appearance, motion = drawn.SIZES[mode]
        return {
            "generator": make_generator(64, ch, appearance, motion, mode, attention),
            "image_discriminator": ImageDiscriminator(size=64, ch=ch, rng=seeding.stream(0)),
            "video_discriminator": VideoDiscriminator(size=64, ch=ch, categories=0, rng=seeding.stream(0)),
        }

    @pytest.fixture
    def codes(self, mode):
        return Codes(*drawn.codes(mode), np.zeros(drawn.VIDEOS, np.int32))

    def fill(self, networks, singular):
        states = {}
        for name, network in networks.items():
            shapes = {key: array.shape for key, array in dump(network).items()}
            states[name] = drawn.state_dict(name, shapes, singular)
            published.load(network, states[name])
        return states

    def test_evaluation(self, networks, codes, numbers):
        self.fill(networks, singular=True)
        generator, image, video = networks.values()
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            x = generator(codes).array
            close(drawn.sample(x), numbers["eval/videos"])
            close(video(x).array, numbers["eval/video_scores"])
            close(image(x[:, :, 3]).array, numbers["eval/image_scores"])

    def test_training(self, networks, codes, numbers, mode, backend):
        """Videos, loss, every parameter's gradient, running statistics and singular vectors."""
        if backend == "stock" and mode != "2p1d":
            pytest.skip("stock takes long, and its layers are tested one by one")
        states = self.fill(networks, singular=False)
        generator, image, video = networks.values()
        x = generator(codes)
        loss = F.sum(video(x) ** 2) + F.sum(image(x[:, :, 5]) ** 2) + F.mean(x**2)
        close(drawn.sample(x.array), numbers["train/videos"])
        close(loss.array, numbers["train/loss"])
        for network in networks.values():
            network.cleargrads()
        loss.backward()
        digests = dict(zip(numbers["digest_names"].tolist(), numbers["digests"], strict=True))
        seen = set()
        for name, network in networks.items():
            seen |= self.check(digests, f"after/{name}/", dump(network), states[name])
            for parameter in network.params():
                parameter.array[...] = parameter.grad
            seen |= self.check(digests, f"gradient/{name}/", dump(network), {})
        without = {name for name in digests.keys() - seen if not name.startswith("gradient/generator/")}
        assert not without

    def check(self, digests, prefix, arrays, before):
        """Compare those arrays that have a digest; return the digests' names."""
        seen = set()
        for key, array in arrays.items():
            name = prefix + key
            if name not in digests or self.is_nothing(key):
                seen.add(name)
                continue
            if key.endswith("running_mean"):  # ours are without the biases before them
                stem, number = key.removesuffix(".running_mean").rsplit(".", 1)
                array = array + before[f"{stem}.{int(number) - 1}.bias"]
            close_digest(drawn.digest(key, array), digests[name], array.size, self.TOLERANCE, name)
            seen.add(name)
        return seen

    @staticmethod
    def is_nothing(key):
        """Gradients that are 0 but for rounding: of biases before normalizations, and of keys under a softmax."""
        return key.endswith("k_conv.bias") or (".conv_" in key and key.endswith(("0.bias", "3.bias")))


class TestSizes:
    @pytest.mark.parametrize("size", [16, 24, 32, 96, 128])
    @pytest.mark.parametrize("mode", MODES)
    def test_other_frames(self, size, mode):
        generator = make_generator(size, ch=1, mode=mode)
        x = generator(make_codes())
        assert x.shape == (2, 3, 16, size, size)
        assert x.dtype == np.float32
        assert ImageDiscriminator(size=size, ch=1, rng=seeding.stream(0))(x[:, :, 0]).shape == (2, 1, 1, 1)
        y = VideoDiscriminator(size=size, ch=1, categories=0, rng=seeding.stream(0))(x)
        assert y.shape == (2, 1, {16: 7, 24: 7, 32: 4}.get(size, 1), 1, 1)

    def test_a_sixth_block_for_128_pixels(self):
        generator = make_generator(128, ch=4, attention=True)
        assert [block.spatial.norm.gamma.size for block in generator.blocks] == [32, 32, 16, 8, 4, 2]
        assert make_generator(64, ch=4).blocks[-1].spatial.norm.gamma.size == 4

    @pytest.mark.parametrize(("steps", "length"), [(1, 16), (2, 20), (3, 24), (9, 48)])
    def test_lengths(self, steps, length):
        generator = make_generator(16, ch=1)
        with chainer.using_config("train", False):
            assert generator(make_codes(steps=steps)).shape == (2, 3, length, 16, 16)
        assert sizes.motion_steps(length) == steps

    @pytest.mark.parametrize(("length", "use"), [(1, "16"), (15, "16"), (17, "16 or 20"), (23, "20 or 24")])
    def test_lengths_that_there_are_not(self, length, use):
        message = rf"video_length={length}: G3AN's videos have 16, 20, 24, \.\.\. frames; use {use}$"
        with pytest.raises(ConfigError, match=message):
            sizes.motion_steps(length)

    @pytest.mark.parametrize("size", [0, 8, 40, 63, 100])
    def test_what_no_network_can_take(self, size):
        with pytest.raises(ConfigError, match=rf"size={size}: .* 64, 96, 128"):
            sizes.split_size(size)


class TestInitialValues:
    def test_weights_and_scales(self):
        network = make_generator(ch=16, appearance=32, attention=True)
        for link in network.links():
            if isinstance(link, SpectralLink) and link.W.size > 20_000:
                assert link.W.array.std() == pytest.approx(0.02, rel=0.03)
        scales = np.concatenate([link.gamma.array for link in network.links() if isinstance(link, BatchNormActivation)])
        assert scales.std() == pytest.approx(0.02, rel=0.1)
        assert scales.mean() == pytest.approx(1, abs=2e-3)
        assert network.to_rgb.W.array.std() == pytest.approx(0.02, rel=0.1)

    def test_attention_begins_as_nothing(self):
        plain, attentive = make_generator(32), make_generator(32, attention=True)
        arrays = {}
        plain.serialize(chainer.serializers.DictionarySerializer(arrays))
        chainer.serializers.NpzDeserializer(arrays, strict=False).load(attentive)
        with chainer.using_config("train", False):
            assert np.array_equal(plain(make_codes()).array, attentive(make_codes()).array)


class TestCategories:
    def test_the_generator_sees_them(self):
        generator = make_generator(16, categories=3)
        codes = make_codes(3)
        same = Codes(codes.za[[0] * 3], codes.zm[[0] * 3], codes.z_category)
        with chainer.using_config("train", False):
            x = generator(same).array
        assert len({video.tobytes() for video in x}) == 3

    def test_the_video_discriminator_projects_on_them(self):
        network = VideoDiscriminator(size=16, ch=2, categories=3, rng=seeding.stream(0))
        x = np.random.default_rng(0).standard_normal((2, 3, 16, 16, 16)).astype(np.float32)
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            y = network(x, np.array([2, 0])).array
            h = x
            for layer in list(network.layers)[:-1]:
                h = layer(h).array
            scores = network.layers[-1](h).array
        W = network.embedding.W.array
        W = W / (network.embedding.u @ W @ network.embedding.v)
        for n, category in enumerate((2, 0)):
            added = W[category] @ h[n].mean(axis=(1, 2, 3))
            np.testing.assert_allclose(y[n], scores[n] + added, rtol=1e-4, atol=1e-6)
