"""The networks: published numbers, PyTorch's numbers for every form, noise and dropout, gradients, initial values."""

from pathlib import Path

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, seeding
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.affinegan import published
from mocogan_chainer.models.affinegan.discriminators import AlphaDiscriminator, PatchDiscriminator
from mocogan_chainer.models.affinegan.resnet import BLOCKS, ResNetGenerator
from mocogan_chainer.models.affinegan.unet import HALVINGS, UNetGenerator
from mocogan_chainer.torch_files import read_checkpoint
from tests.models.affinegan import forms
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


def make(generator="unet_64", size=64, ngf=2, dropout=True, noise_sigma=0.01):
    common = {"size": size, "ngf": ngf, "dropout": dropout, "noise": NoiseSource(0), "rng": seeding.stream(0)}
    if generator in BLOCKS:
        return ResNetGenerator(n_blocks=BLOCKS[generator], **common)
    return UNetGenerator(halvings=HALVINGS[generator], noise_sigma=noise_sigma, **common)


def pictures(n=1, size=64):
    return np.tanh(np.random.default_rng(0).standard_normal((n, 3, size, size), np.float32))


def run(network, *arguments, train=False):
    with chainer.using_config("train", train), chainer.no_backprop_mode():
        found = network(*arguments)
    return [v.array for v in found] if isinstance(found, tuple) else found.array


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=0, atol=2e-5)


class TestPublishedNumbers:
    @pytest.fixture
    def numbers(self, shared):
        with np.load(shared / "fixtures" / "pub_affinegan_unet256_io.npz") as file:
            return dict(file)

    @pytest.fixture
    def load(self, shared):
        def load(network, name):
            published.load(network, read_checkpoint(shared / "fixtures" / f"pub_affinegan_unet256_{name}.pth"))
            return network

        return load

    @pytest.mark.parametrize("backend", ["stock", "onednn"])
    def test_pictures_and_features(self, load, numbers, use, backend):
        use(backend)
        generator, x = load(make("unet_256", 256), "G"), numbers["x"]
        for alpha in (0.0, 0.35, 1.0):
            y, feature = run(generator, x, 1.0, alpha)
            close(y, numbers[f"y_alpha_{alpha}"])
            close(feature, numbers[f"feature_alpha_{alpha}"].reshape(1, -1))
        _, feature = run(generator, x, 0.0, 1.0)
        close(feature, numbers["feature_residual"].reshape(1, -1))

    def test_all_alphas_at_once(self, load, numbers):
        generator, x = load(make("unet_256", 256), "G"), numbers["x"]
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            base, residual = generator.encode_base(x), generator.encode_residual(x)
            y, feature = generator.decode(generator.move(base, residual, np.array([[1, 0, 0.35]], np.float32)))
            close(generator.feature(residual).array, numbers["feature_residual"].reshape(1, -1))
        for i, alpha in enumerate((1.0, 0.0, 0.35)):
            close(y.array[i], numbers[f"y_alpha_{alpha}"][0])
            close(feature.array[i], numbers[f"feature_alpha_{alpha}"].ravel())

    def test_discriminators(self, load, numbers):
        generator, x = load(make("unet_256", 256), "G"), numbers["x"]
        y, _ = run(generator, x, 0.0, 1.0)
        discriminator = load(PatchDiscriminator(ndf=2, rng=seeding.stream(0)), "D")
        close(sigmoid(run(discriminator, np.concatenate([x, y], 1))), numbers["D"])
        alphas = load(AlphaDiscriminator(n_alphas=5, rng=seeding.stream(0)), "D_alpha")
        close(sigmoid(run(alphas, numbers["alpha"])), numbers["D_alpha"])


@pytest.mark.parametrize("backend", ["stock", "onednn"])
class TestPyTorchsNumbers:
    """Results and every parameter's gradient, without noise and dropout."""

    TOLERANCE = 5e-3  # of a gradient: one rectifier whose input rounding moves across 0 changes it by about 1e-3

    def numbers(self, name):
        with np.load(NUMBERS) as file:
            return {
                key: file[f"{name}/{key}"] for key in [k.split("/")[1] for k in file.files if k.split("/")[0] == name]
            }

    def fill(self, name, network):
        shapes = {key: array.shape for key, array in published.dump(network).items()}
        published.load(network, forms.state_dict(name, shapes))
        network.cleargrads()

    def check_gradients(self, network, numbers):
        for parameter in network.params():
            parameter.array[...] = parameter.grad
        ours = published.dump(network)
        theirs = dict(zip(numbers["digest_names"].tolist(), numbers["digests"], strict=True))
        assert {name for name, array in ours.items() if array.any()} == theirs.keys()
        for name, expected in theirs.items():
            found = drawn.digest(name, ours[name])
            np.testing.assert_allclose(found, expected, rtol=0, atol=self.TOLERANCE * expected[0], err_msg=name)

    @pytest.mark.parametrize("name", forms.FORMS)
    def test_a_generator(self, name, backend, use):
        use(backend)
        form, numbers = forms.FORMS[name], self.numbers(name)
        network = make(form.generator, form.size, form.ngf, form.dropout)
        self.fill(name, network)
        with chainer.using_config("train", False):
            y, feature = network(forms.pictures(name, form.size), *forms.STAGES)
            loss = F.sum(y * forms.weighing(name, "y", y.shape))
            loss += F.sum(feature * forms.weighing(name, "feature", feature.shape))
            loss.backward()
        close(forms.sample(y.array), numbers["y"])
        close(drawn.digest("feature", feature.array), numbers["feature"])
        self.check_gradients(network, numbers)

    def test_the_discriminator(self, backend, use):
        use(backend)
        x = np.concatenate([forms.pictures(f"pairs {i}", forms.PAIRS) for i in range(2)], 1)
        self.check_scores("discriminator", PatchDiscriminator(ndf=forms.NDF, rng=seeding.stream(0)), x)

    def test_the_discriminator_of_alphas(self, backend, use):
        use(backend)
        x = drawn.normal("alphas", (4, forms.N_ALPHAS))
        self.check_scores("alphas", AlphaDiscriminator(n_alphas=forms.N_ALPHAS, rng=seeding.stream(0)), x)

    def check_scores(self, name, network, x):
        numbers = self.numbers(name)
        self.fill(name, network)
        y = network(x)
        F.sum(y * forms.weighing(name, "y", y.shape)).backward()
        close(y.array, numbers["y"])
        self.check_gradients(network, numbers)


class TestTraining:
    @pytest.mark.parametrize("form", ["unet_64", "resnet_6blocks"])
    def test_every_run_has_its_own_noise_and_evaluation_has_none(self, form):
        generator, x = make(form, size=64), pictures()
        runs = [run(generator, x, 1.0, 0.5, train=True)[0] for _ in range(2)]
        still = [run(generator, x, 1.0, 0.5)[0] for _ in range(2)]
        assert not np.array_equal(*runs)
        assert np.array_equal(*still)
        assert np.abs(runs[0] - still[0]).max() > 0

    @pytest.mark.parametrize("form", ["unet_64", "resnet_6blocks"])
    def test_training_without_noise_and_dropout_is_evaluation(self, form):
        generator, x = make(form, size=64, dropout=False, noise_sigma=0), pictures()
        for trained, still in zip(run(generator, x, 1.0, 0.5, train=True), run(generator, x, 1.0, 0.5), strict=True):
            assert np.array_equal(trained, still)

    @pytest.mark.parametrize(("form", "size"), [("unet_64", 64), ("unet_128", 128), ("unet_256", 256)])
    def test_dropout_in_the_levels_of_full_width_but_the_innermost(self, monkeypatch, form, size):
        seen = []

        def dropout(h, ratio, key):
            seen.append((h.shape, ratio, key))
            return h

        monkeypatch.setattr("mocogan_chainer.functions.dropout", dropout)
        run(make(form, size, ngf=1), pictures(size=size), 1.0, 0.0, train=True)
        assert [(shape, ratio) for shape, ratio, _ in seen] == [((1, 8, n, n), 0.5) for n in (4, 8, 16)[: len(seen)]]
        assert len(seen) == HALVINGS[form] - 5
        assert len({key for *_, key in seen}) == len(seen)

    def test_the_standard_deviation_of_the_noise(self):
        generator = make(noise_sigma=0.3)
        with chainer.using_config("train", True):
            feature = generator.feature((chainer.Variable(np.full((4, 64, 16, 16), 5, np.float32)),)).array
        assert feature.shape == (4, 64 * 16 * 16)
        assert feature.mean() == pytest.approx(5, abs=0.01)
        assert feature.std() == pytest.approx(0.3, rel=0.02)

    def test_noise_on_every_skip(self):
        generator, x = make(dropout=False), pictures()
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            levels = generator.encode_base(x)
        sigmas = []
        draw = generator.noise.draw
        generator.noise.draw = lambda sigma: sigmas.append(sigma) or draw(sigma)
        with chainer.using_config("train", True), chainer.no_backprop_mode():
            generator.decode(levels)
        assert sigmas == [0.01] * 6  # of the bottleneck and five skips

    @pytest.mark.parametrize("form", ["unet_64", "resnet_6blocks"])
    def test_gradients_reach_every_parameter(self, form):
        generator, x = make(form, size=64), pictures(2)
        y, feature = generator(x, 1.0, 0.5)
        generator.cleargrads()
        (F.sum(y**2) + F.sum(feature)).backward()
        assert all(np.abs(parameter.grad).max() > 0 for parameter in generator.params())

    @pytest.mark.parametrize("form", ["unet_64", "resnet_6blocks"])
    @pytest.mark.parametrize(("stages", "unused"), [((1.0, 0.0), "residual"), ((0.0, 1.0), "base")])
    def test_an_encoder_that_is_not_asked_does_not_run(self, form, stages, unused):
        generator = make(form, size=64)
        y, _ = generator(pictures(), *stages)
        generator.cleargrads()
        F.sum(y).backward()
        without = {name.split("/")[1] for name, p in generator.namedparams() if p.grad is None}
        assert without == {unused}

    def test_the_decoder_learns_without_a_gradient_of_levels(self):
        generator = make()
        with chainer.no_backprop_mode():
            levels = generator.encode_base(pictures())
        generator.cleargrads()
        F.sum(generator.decode(levels)[0]).backward()
        assert np.abs(generator.to_rgb.W.grad).max() > 0
        assert generator.base.convolutions[0].W.grad is None


class TestRuns:
    @pytest.mark.parametrize("form", ["unet_64", "resnet_6blocks"])
    def test_stages_weigh_what_the_encoders_find(self, form):
        generator, x = make(form, size=64), pictures(2)
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            pairs = zip(generator.encode_base(x), generator.encode_residual(x), strict=True)
            levels = tuple(chainer.Variable(0.5 * b.array - 2 * r.array) for b, r in pairs)
            y, feature = generator.decode(levels)
        found = run(generator, x, 0.5, -2.0)
        np.testing.assert_allclose(found[0], y.array, atol=1e-5)
        np.testing.assert_allclose(found[1], feature.array, atol=1e-5)

    @pytest.mark.parametrize(("form", "size"), [("unet_64", 64), ("resnet_6blocks", 24)])
    def test_every_sample_and_alpha_for_itself(self, form, size):
        generator, x = make(form, size), pictures(2, size)
        alphas = np.array([[0, 0.5, 2], [1, 0.25, 0.75]], np.float32)
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            levels = generator.move(generator.encode_base(x), generator.encode_residual(x), alphas)
            y, feature = (v.array.reshape(2, 3, *v.shape[1:]) for v in generator.decode(levels))
        for n, row in enumerate(alphas):
            for k, alpha in enumerate(row):
                one, its_feature = run(generator, x[n : n + 1], 1.0, float(alpha))
                np.testing.assert_allclose(y[n, k], one[0], atol=2e-5)
                np.testing.assert_allclose(feature[n, k], its_feature[0], atol=2e-5 * max(np.abs(its_feature).max(), 1))

    @pytest.mark.parametrize(
        ("form", "size", "bottleneck"), [("unet_64", 192, (16, 3, 3)), ("resnet_6blocks", 20, (8, 5, 5))]
    )
    def test_other_sizes(self, form, size, bottleneck):
        generator = make(form, size)
        y, feature = run(generator, pictures(1, size), 1.0, 1.0)
        assert y.shape == (1, 3, size, size)
        assert feature.shape == (1, np.prod(bottleneck))
        assert y.dtype == feature.dtype == np.float32
        with chainer.using_config("train", False):
            assert generator.encode_base(pictures(1, size))[-1].shape == (1, *bottleneck)

    @pytest.mark.parametrize(
        ("form", "size", "message"),
        [
            ("unet_64", 96, "size=96: a U-Net that halves 6 times takes multiples of 64"),
            ("unet_256", 128, "size=128: .* multiples of 256"),
            ("resnet_9blocks", 30, "size=30: a residual generator takes multiples of 4 from 8 on"),
            ("resnet_9blocks", 4, "size=4: a residual generator"),
        ],
    )
    def test_what_no_generator_takes(self, form, size, message):
        with pytest.raises(ValueError, match=message):
            make(form, size)


class TestDiscriminators:
    @pytest.mark.parametrize(("size", "scores"), [(24, 1), (32, 2), (64, 6), (128, 14), (256, 30)])
    def test_sizes(self, size, scores):
        network = PatchDiscriminator(ndf=1, rng=seeding.stream(0))
        assert run(network, np.zeros((2, 6, size, size), np.float32)).shape == (2, 1, scores, scores)

    def test_a_score_sees_70_pixels(self):
        network = PatchDiscriminator(ndf=2, rng=seeding.stream(0))
        x = chainer.Variable(np.random.default_rng(0).standard_normal((1, 6, 128, 128), np.float32))
        with pytest.MonkeyPatch.context() as patch:  # normalization sees everything
            patch.setattr("mocogan_chainer.functions.instance_norm_activation", lambda h, slope: F.leaky_relu(h, slope))
            network(x)[0, 0, 7, 7].backward()
        seen = np.flatnonzero(np.abs(x.grad).sum(axis=(0, 1, 2)))
        assert np.ptp(seen) + 1 == 70

    def test_a_pair_for_itself(self):
        network = PatchDiscriminator(ndf=2, rng=seeding.stream(0))
        x = np.random.default_rng(0).standard_normal((3, 6, 32, 32), np.float32)
        together = run(network, x)
        for i in range(3):
            np.testing.assert_allclose(run(network, x[i : i + 1])[0], together[i], atol=1e-5)


def test_initial_values():
    networks = [
        make("unet_64", ngf=16),
        make("resnet_6blocks", ngf=16),
        PatchDiscriminator(ndf=16, rng=seeding.stream(0)),
        AlphaDiscriminator(n_alphas=100, rng=seeding.stream(0)),
    ]
    for network in networks:
        for name, parameter in network.namedparams():
            if name.endswith("/b"):
                assert not parameter.array.any()
            elif parameter.size > 5000:
                assert parameter.array.std() == pytest.approx(0.02, rel=0.05)
                assert parameter.dtype == np.float32
    first, second = (make().base.convolutions[2].W.array for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, make().residual.convolutions[2].W.array)
