"""The networks equal the published ones: same weights, same outputs, same gradients."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, seeding
from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan import published
from mocogan_chainer.models.mocogan.codes import Codes, CodeSizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.torch_files import read_checkpoint

NAMES = ["image_discriminator", "patch_image_discriminator", "video_discriminator", "patch_video_discriminator"]


pytestmark = pytest.mark.usefixtures("each_cpu_backend")


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


def with_weights(shared, network, name):
    published.load(network, read_checkpoint(shared / "fixtures" / f"pub_mocogan_{name}.pth"))
    return network


def close(actual, expected):
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual / scale, expected / scale, rtol=1e-4, atol=1e-5)


class TestGenerator:
    @pytest.fixture
    def generator(self, shared):
        return with_weights(shared, make_generator(), "generator")

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
            y = with_weights(shared, make_discriminator(name), name)(x)
        close(y.array, numbers[f"{name}_eval"])

    def test_training(self, shared, numbers, name, x):
        network, x = with_weights(shared, make_discriminator(name), name), chainer.Variable(x)
        y = network(x)
        close(y.array, numbers[f"{name}_train"])
        network.cleargrads()
        F.sum(y**2).backward()
        close(x.grad[:1], numbers[f"{name}_grad_input"])
        close(network.blocks[0].conv.W.grad, numbers[f"{name}_grad_first_weight"])


class TestMismatch:
    def test_another_network(self, shared):
        with pytest.raises(SnapshotError, match=r"conv4/weight: the checkpoint lacks it"):
            with_weights(shared, make_discriminator("image_discriminator"), "patch_image_discriminator")

    def test_another_width(self, shared):
        with pytest.raises(SnapshotError, match=r"conv0/weight: .* \(21, 32, 4, 4\) where .* \(21, 64, 4, 4\)"):
            with_weights(shared, make_generator(n_filters=8), "generator")

    def test_strange_names(self):
        with pytest.raises(SnapshotError, match=r"fc.weight: no MoCoGAN network"):
            published.load(make_generator(), {"fc.weight": np.zeros(3)})

    def test_whole_numbers(self):
        network = make_generator()
        arrays = published.dump(network) | {"main.0.weight": np.zeros((21, 32, 4, 4), np.int64)}
        with pytest.raises(SnapshotError, match=r"conv0/weight: the checkpoint has int64 where weights are real"):
            published.load(network, arrays)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("main.0.weight", np.nan, r"conv0/weight: the checkpoint has values that are not finite as float32"),
            ("recurrent.bias_ih", np.inf, r"motion/b_i: the checkpoint has values that are not finite as float32"),
            ("main.4.running_mean", -1e39, r"norm1/avg_mean: .* not finite as float32"),
            ("main.1.running_var", -1e-3, r"norm0/avg_var: the checkpoint has a negative variance"),
        ],
    )
    def test_no_weights(self, name, value, message):
        network = make_generator()
        arrays = published.dump(network)
        arrays[name] = arrays[name].astype(np.float64)
        arrays[name].flat[1] = value
        before = network.to_rgb.W.array.copy()
        with pytest.raises(SnapshotError, match=message):
            published.load(network, arrays)
        assert np.array_equal(network.to_rgb.W.array, before)


@pytest.mark.parametrize("name", ["generator", *NAMES])
def test_dump_has_the_published_names_order_and_numbers(shared, name):
    network = make_generator() if name == "generator" else make_discriminator(name)
    dumped = published.dump(with_weights(shared, network, name))
    theirs = read_checkpoint(shared / "fixtures" / f"pub_mocogan_{name}.pth")
    expected = {key: array for key, array in theirs.items() if not key.endswith("num_batches_tracked")}
    assert list(dumped) == list(expected)
    for key, array in expected.items():
        assert dumped[key].dtype == array.dtype
        assert np.array_equal(dumped[key], array), key


class TestRemarks:
    """The published constructors' arguments, read off their signatures."""

    def remark(self, name, network):
        lines = published.remarks({"generator": make_generator(), name: network}, {"video_length": 24})
        return lines[-1]

    def test_generator(self):
        expected = "dim_z_content=10, dim_z_category=6, dim_z_motion=5, video_length=24, ngf=4)"
        assert (
            self.remark("generator", make_generator()) == f"generator: for the published VideoGenerator(3, {expected}"
        )

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("image_discriminator", "ImageDiscriminator(3, ndf=4)"),
            ("patch_image_discriminator", "PatchImageDiscriminator(3, ndf=4)"),
            ("video_discriminator", "VideoDiscriminator(3, n_output_neurons=7, ndf=4)"),
            ("patch_video_discriminator", "PatchVideoDiscriminator(3, ndf=4)"),
        ],
    )
    def test_discriminators(self, name, kind):
        ours = name.removeprefix("patch_")
        assert self.remark(ours, make_discriminator(name)) == f"{ours}: for the published {kind}"

    def test_the_categorical_class_has_64_filters_only(self):
        network = video_discriminator(
            size=64, in_channels=3, n_categories=6, n_filters=64, patch=False, sigma=0.0, **random()
        )
        assert self.remark("video_discriminator", network).endswith(
            "CategoricalVideoDiscriminator(3, dim_categorical=6)"
        )

    def test_what_no_published_class_has(self):
        network = video_discriminator(
            size=64, in_channels=3, n_categories=6, n_filters=4, patch=True, sigma=0.0, **random()
        )
        line = self.remark("video_discriminator", network)
        assert line.endswith("changed by hand: its last layer has 1 output and this one 7")
        sizes = CodeSizes(content=10, categories=6, motion=5)
        generator = Generator(size=32, n_filters=4, code_sizes=sizes, category_to="motion", rng=seeding.stream(0))
        line = published.remarks({"generator": generator}, {"video_length": 16})[0]
        assert "it is for 64 pixels and this for 32" in line
        assert "recurrent is GRUCell(11, 5)" in line


def random():
    return {"noise": NoiseSource(0), "rng": seeding.stream(0)}
