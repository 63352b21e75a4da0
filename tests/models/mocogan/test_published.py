"""The networks equal the published ones: same weights, same outputs, same gradients."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, seeding
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan.codes import Codes, CodeSizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.mocogan.published import load_published
from mocogan_chainer.torch_files import read_state_dict

NAMES = ["image_discriminator", "patch_image_discriminator", "video_discriminator", "patch_video_discriminator"]


@pytest.fixture(scope="module", params=["stock", "onednn"], autouse=True)
def _backend(request):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN is not on this machine")
    before = backends.current()
    backends.use(request.param)
    yield
    backends._current = before


@pytest.fixture(scope="module")
def numbers(shared):
    with np.load(shared / "fixtures" / "pub_mocogan_io.npz") as file:
        return dict(file)


def make_generator(n_filters=4):
    sizes = CodeSizes(content=10, categories=6, motion=5)
    return Generator(
        size=64, n_filters=n_filters, code_sizes=sizes, category_to="image_generator", rng=seeding.stream(0)
    )


def make_discriminator(name):
    common = {"size": 64, "in_channels": 3, "n_filters": 4, "patch": "patch" in name, "sigma": 0.0}
    common |= {"noise": NoiseSource(0), "rng": seeding.stream(0)}
    if "image" in name:
        return image_discriminator(**common)
    return video_discriminator(n_categories=0 if "patch" in name else 6, **common)


def published(shared, network, name):
    load_published(network, read_state_dict(shared / "fixtures" / f"pub_mocogan_{name}.pth"))
    return network


def close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=1e-4, atol=1e-5)


class TestGenerator:
    @pytest.fixture
    def generator(self, shared):
        return published(shared, make_generator(), "generator")

    @pytest.fixture
    def codes(self, numbers):
        return Codes(numbers["z_content"], numbers["category"].astype(np.int32), numbers["h0"], numbers["e"])

    def test_motion(self, generator, codes, numbers):
        close(generator.draw_motion(codes).array, numbers["z_motion"])

    def test_videos_in_evaluation(self, generator, codes, numbers):
        with chainer.using_config("train", False):
            close(generator.videos(codes).array[:1], numbers["generated_eval"])

    def test_videos_in_training(self, generator, codes, numbers):
        close(generator.videos(codes).array[:1], numbers["generated_train"])

    def test_gradients(self, generator, codes, numbers):
        # The forward pass is stock's: one of the fixture's ReLU inputs lies within rounding of 0, and where a backend
        # rounds it to the other side its gradient is switched off, for no fault of the backward primitives.
        backend = backends.current()
        backends.use("stock")
        videos = generator.videos(codes)
        backends._current = backend
        generator.cleargrads()
        F.sum(videos**2).backward()
        close(generator.blocks[0].conv.W.grad, numbers["generator_grad_first_weight"])
        close(generator.motion.W_h.grad, numbers["generator_grad_gru_weight_hh"])

    def test_an_image_is_a_frame_of_its_video(self, generator, codes):
        with chainer.using_config("train", False):
            videos, images = generator.videos(codes).array, generator.images(codes, np.array([3, 15])).array
        close(images[0], videos[0, :, 3])
        close(images[1], videos[1, :, 15])


@pytest.mark.parametrize("name", NAMES)
class TestDiscriminators:
    @pytest.fixture
    def x(self, name, numbers):
        rng = np.random.RandomState(int(numbers["video_input_seed"]))
        videos = np.tanh(rng.randn(2, 3, 16, 64, 64)).astype(np.float32)
        return videos[:, :, 1] if "image" in name else videos

    def test_evaluation(self, shared, numbers, name, x):
        with chainer.using_config("train", False):
            y = published(shared, make_discriminator(name), name)(x)
        close(y.array, numbers[f"{name}_eval"])

    def test_training(self, shared, numbers, name, x):
        network, x = published(shared, make_discriminator(name), name), chainer.Variable(x)
        y = network(x)
        close(y.array, numbers[f"{name}_train"])
        network.cleargrads()
        F.sum(y**2).backward()
        close(x.grad[:1], numbers[f"{name}_grad_input"])
        close(network.blocks[0].conv.W.grad, numbers[f"{name}_grad_first_weight"])


class TestMismatch:
    def test_another_network(self, shared):
        with pytest.raises(SnapshotError, match=r"conv4/weight: the checkpoint lacks it"):
            published(shared, make_discriminator("image_discriminator"), "patch_image_discriminator")

    def test_another_width(self, shared):
        with pytest.raises(SnapshotError, match=r"conv0/weight: .* \(21, 32, 4, 4\) where .* \(21, 64, 4, 4\)"):
            published(shared, make_generator(n_filters=8), "generator")

    def test_strange_names(self):
        with pytest.raises(SnapshotError, match=r"fc.weight: no network of MoCoGAN"):
            load_published(make_generator(), {"fc.weight": np.zeros(3)})
