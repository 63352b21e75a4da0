"""The networks: PyTorch's numbers and gradients in every form, order in time, sizes."""

from pathlib import Path

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, seeding
from mocogan_chainer.models.prediction.encoders import FrameEncoder, MotionEncoder, differences
from mocogan_chainer.models.prediction.generator import DeconvolutionGenerator
from mocogan_chainer.models.prediction.predictor import Predictor
from mocogan_chainer.models.prediction.resnet import ResNetGenerator
from tests.models.g3an import drawn
from tests.models.prediction import forms

NUMBERS = Path(__file__).with_name("numbers.npz")
"""Made by torch_numbers.py."""
KINDS = ("deconvolution", "resnet")


@pytest.fixture
def use(monkeypatch):
    """Take a backend for this test."""

    def take(name):
        if name == "onednn" and not backends.onednn.available():
            pytest.skip("oneDNN or numba is not on this machine")
        backends.use(name)

    monkeypatch.setattr(backends, "_current", backends.current())
    return take


def make_generator(kind, size=16, copies=1, n_filters=2):
    common = {"size": size, "dim_zm": forms.DIM_ZM, "channels": 3 + copies, "rng": seeding.stream(0)}
    if kind == "resnet":
        return ResNetGenerator(ngf=n_filters, n_blocks=forms.N_BLOCKS, **common)
    return DeconvolutionGenerator(dim_zc=forms.DIM_ZC, n_filters=n_filters, n_filters_enc=forms.N_FILTERS_ENC, **common)


def make_motion_encoder(size=16):
    return MotionEncoder(
        size=size,
        n_filters=forms.N_FILTERS_ENC,
        features=forms.FEATURES,
        state_size=forms.DIM_ZM,
        rng=seeding.stream(1),
    )


def make_predictor(kind, size=16, copies=1, n_filters=2):
    generator = make_generator(kind, size, copies, n_filters)
    return Predictor(generator, make_motion_encoder(size), forms.DIM_E, seeding.stream(2))


def clips(length, size=16, n=2):
    return np.tanh(np.random.default_rng(length).standard_normal((n, 3, length, size, size), np.float32))


def run(function, *arguments):
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        return function(*arguments).array


def close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=0, atol=2e-5)


@pytest.mark.parametrize("backend", ["stock", "onednn"])
@pytest.mark.parametrize("name", forms.FORMS)
class TestPyTorchsNumbers:
    TOLERANCE = 2e-3  # of a gradient's length: one rectifier whose input rounding moves across 0 changes it by as much

    @pytest.fixture
    def numbers(self, name):
        with np.load(NUMBERS) as file:
            return {key.removeprefix(f"{name}/"): file[key] for key in file.files if key.startswith(f"{name}/")}

    @pytest.fixture
    def predictor(self, name, backend, use):
        use(backend)
        form = forms.FORMS[name]
        predictor = make_predictor(form.generator, form.size, form.copies, form.n_filters)
        for key, array in self.arrays(predictor).items():
            array[...] = forms.array(name, key, array.shape)
        return predictor

    def arrays(self, predictor):
        """Parameters and running statistics, by name."""
        found = {key[1:]: parameter.array for key, parameter in predictor.namedparams()}
        for path, link in predictor.namedlinks():
            found |= {f"{path[1:]}/{key}": getattr(link, key) for key in link._persistent}
        return found

    def results(self, name, predictor):
        size = forms.FORMS[name].size
        seen = predictor.see(forms.context(name, size))
        return {
            "content": seen.content,
            "state": seen.state,
            "future": predictor.predict(seen, forms.noise(name)).frames,
            "reconstructed": predictor.reconstruct(seen, forms.clip(name, size)),
        }

    def check(self, results, numbers, mode):
        for key, variable in results.items():
            found = forms.sample(variable.array) if variable.ndim == 5 else variable.array
            close(found, numbers[f"{mode}/{key}"])

    def test_evaluation(self, name, predictor, numbers):
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            self.check(self.results(name, predictor), numbers, "evaluation")

    def test_training(self, name, predictor, numbers):
        """Results, every parameter's gradient, running statistics."""
        results = self.results(name, predictor)
        self.check(results, numbers, "training")
        predictor.cleargrads()
        sum(F.sum(v * forms.weighing(name, key, v.shape)) for key, v in results.items()).backward()
        arrays = self.arrays(predictor) | {key[1:]: p.grad for key, p in predictor.namedparams()}
        digests = dict(zip(numbers["digest_names"].tolist(), numbers["digests"], strict=True))
        assert arrays.keys() == digests.keys()
        for key, expected in digests.items():
            found = drawn.digest(key, arrays[key])
            atol = self.TOLERANCE * expected[0] * np.array([1, *[arrays[key].size ** -0.5] * 3]) + 1e-5
            assert (np.abs(found - expected) <= atol).all(), (key, found, expected)


class TestOrder:
    """Content is what is there, whenever it was there; the state is how it moves."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_content_does_not_depend_on_the_order_of_frames(self, kind):
        generator, x = make_generator(kind), clips(3)
        contents = [run(generator.content, x[:, :, order]) for order in ([0, 1, 2], [2, 0, 1])]
        np.testing.assert_allclose(*contents, atol=1e-6)
        assert np.abs(contents[0] - run(generator.content, x[:, :, :2])).max() > 1e-2

    def test_the_state_does(self):
        encoder, x = make_motion_encoder(), clips(3)
        states = run(encoder, x)
        assert states.shape == (2, 3, forms.DIM_ZM)
        assert np.abs(states[:, -1] - run(encoder, x[:, :, [2, 0, 1]])[:, -1]).max() > 1e-3

    def test_a_state_knows_nothing_of_later_frames(self):
        encoder, x = make_motion_encoder(), clips(4)
        np.testing.assert_allclose(run(encoder, x)[:, :2], run(encoder, x[:, :, :2]), atol=1e-6)

    @pytest.mark.parametrize("parts", [(3, 4), (1, 6), (6, 1), (2, 2, 3)])
    def test_a_clip_in_parts_is_encoded_as_at_once(self, parts):
        encoder, x = make_motion_encoder(), clips(7)
        whole, found, after, first = run(encoder, x), [], None, 0
        for length in parts:
            part = x[:, :, first : first + length]
            found.append(run(encoder, part, after))
            after, first = (found[-1][:, -1], part[:, :, -1]), first + length
        np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=1e-6)
        assert np.abs(run(encoder, x[:, :, 3:]) - whole[:, 3:]).max() > 1e-3  # as if it began there

    @pytest.mark.parametrize("forgotten", [0, 1])
    def test_a_part_takes_both_the_state_and_the_frame_before(self, forgotten):
        encoder, x = make_motion_encoder(), clips(5)
        after = [run(encoder, x[:, :, :3])[:, -1], x[:, :, 2]]
        continued = run(encoder, x[:, :, 3:], tuple(after))
        after[forgotten] = np.zeros_like(after[forgotten])
        assert np.abs(run(encoder, x[:, :, 3:], tuple(after)) - continued).max() > 1e-3

    def test_differences_to_a_frame_before(self):
        x = clips(4)
        found = differences(x[:, :, 1:], x[:, :, 0]).array
        for t in range(3):
            np.testing.assert_array_equal(found[:, :, t], x[:, :, t + 1] - x[:, :, t])

    @pytest.mark.parametrize("length", [1, 2, 5])
    def test_differences(self, length):
        x = clips(length)
        found = differences(x).array
        assert found.shape == x.shape
        assert not found[:, :, 0].any()
        for t in range(1, length):
            np.testing.assert_array_equal(found[:, :, t], x[:, :, t] - x[:, :, t - 1])

    def test_a_first_frame_has_no_gradient_of_its_own_difference(self):
        x = chainer.Variable(clips(3))
        F.sum(differences(x) * np.float32([1, 10, 100])[:, None, None]).backward()
        np.testing.assert_array_equal(x.grad[0, 0, :, 0, 0], [-10, -90, 100])

    def test_the_context_that_is_seen(self):
        predictor, x = make_predictor("deconvolution"), clips(3)
        with chainer.using_config("train", False):
            seen = predictor.see(x)
        np.testing.assert_array_equal(seen.frame, x[:, :, 2])
        np.testing.assert_array_equal(seen.state.array, run(predictor.motion_encoder, x)[:, 2])

    def test_frames_of_content_are_encoded_one_by_one(self):
        generator, x = make_generator("deconvolution"), clips(3)
        each = [run(generator.encoder, x[:, :, t]) for t in range(3)]
        np.testing.assert_allclose(run(generator.content, x), np.mean(each, axis=0), atol=1e-6)


class TestSummary:
    """What of the content does not depend on where things are."""

    def given(self):
        return np.random.default_rng(0).standard_normal((2, 8, 4, 4), np.float32)

    def test_a_resnets_is_mean_and_mean_square_of_each_channel(self):
        content = self.given()
        found = run(make_generator("resnet").summary, chainer.Variable(content))
        expected = [[m.mean() for m in one] + [(m**2).mean() for m in one] for one in content.astype(np.float64)]
        np.testing.assert_allclose(found, expected, atol=1e-6)

    @pytest.mark.parametrize("shift", [(1, 0), (0, 3), (2, 1)])
    def test_a_resnets_stays_when_all_goes_elsewhere(self, shift):
        generator, content = make_generator("resnet"), self.given()
        moved = np.roll(content, shift, axis=(2, 3))
        assert np.abs(moved - content).max() > 1
        summaries = [run(generator.summary, chainer.Variable(x)) for x in (content, moved)]
        np.testing.assert_allclose(*summaries, atol=1e-6)

    def test_the_deconvolution_generators_content_has_no_places(self):
        content = self.given()[:, :, 0, 0]
        np.testing.assert_array_equal(run(make_generator("deconvolution").summary, chainer.Variable(content)), content)


class TestSizes:
    @pytest.mark.parametrize("size", [16, 24, 32, 48, 64])
    @pytest.mark.parametrize("kind", KINDS)
    def test_frames(self, kind, size):
        predictor, x = make_predictor(kind, size), clips(2, size)
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            future = predictor.predict(predictor.see(x), np.zeros((3, 2, forms.DIM_E), np.float32))
        assert future.motion.shape == (2, 3, forms.DIM_ZM)
        assert future.frames.shape == (2, 3, 3, size, size)
        assert future.frames.dtype == np.float32
        assert np.abs(future.frames.array).max() <= 1

    @pytest.mark.parametrize("size", [8, 12, 20, 28])
    def test_a_resnet_draws_multiples_of_4(self, size):
        generator = make_generator("resnet", size, copies=2)
        content = generator.content(clips(2, size))
        assert content.shape == (2, 8, size // 4, size // 4)
        assert generator.draw(content, chainer.Variable(np.zeros((2, 3, forms.DIM_ZM), np.float32))).shape == (
            *(6, 5),
            *(size, size),
        )

    @pytest.mark.parametrize(("size", "layers"), [(16, 2), (24, 2), (32, 3), (48, 3), (64, 4)])
    def test_an_encoder_halves_to_4_or_6(self, size, layers):
        encoder = FrameEncoder(size=size, in_channels=6, n_filters=2, out_size=7, rng=seeding.stream(0))
        assert 1 + len(encoder.convolutions) == layers
        assert encoder(np.zeros((3, 6, size, size), np.float32)).shape == (3, 7)

    @pytest.mark.parametrize("copies", [0, 1, 4])
    def test_transport_is_there_where_something_is_carried(self, copies):
        predictor = make_predictor("deconvolution", copies=copies)
        assert hasattr(predictor, "transport") == (copies > 0)
        assert predictor.generator.last.W.shape[1] == 3 + copies


class TestMotion:
    @pytest.mark.parametrize("kind", KINDS)
    def test_every_frame_is_drawn_from_its_own_code(self, kind):
        generator, rng = make_generator(kind), np.random.default_rng(0)
        motion = rng.standard_normal((2, 3, forms.DIM_ZM), np.float32)
        content = run(generator.content, clips(1))
        together = run(generator.draw, chainer.Variable(content), chainer.Variable(motion)).reshape(2, 3, 4, 16, 16)
        for n in range(2):
            for t in range(3):
                one = run(
                    generator.decode, chainer.Variable(content[n : n + 1]), chainer.Variable(motion[n : n + 1, t])
                )
                np.testing.assert_allclose(together[n, t], one[0], atol=1e-5)
        assert np.abs(together[:, 0] - together[:, 1]).max() > 1e-3

    def test_a_resnet_knows_places(self):
        """Of the same content everywhere it draws something that differs from place to place."""
        generator = make_generator("resnet", 32)
        content = chainer.Variable(np.ones((1, 8, 8, 8), np.float32))
        picture = run(generator.decode, content, chainer.Variable(np.ones((1, forms.DIM_ZM), np.float32)))
        middle = picture[0, :, 12:20, 12:20]
        assert np.abs(middle - middle[:, ::-1, ::-1]).max() > 1e-3


def test_initial_values_are_those_of_the_seed():
    first, second = (dict(make_predictor("resnet").namedparams()) for _ in range(2))
    for name, parameter in first.items():
        assert np.array_equal(parameter.array, second[name].array), name
        assert parameter.dtype == np.float32
