"""Published checkpoints, in and out."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import models, seeding
from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.models.g3an import published
from mocogan_chainer.models.g3an.codes import Codes, CodeSizes
from mocogan_chainer.models.g3an.discriminators import ImageDiscriminator, VideoDiscriminator
from mocogan_chainer.models.g3an.generator import MODES, Generator
from mocogan_chainer.torch_files import read_checkpoint


def make(name, ch=4, appearance=12, motion=5, mode="1p2d", attention=True, categories=0, size=64):
    rng = seeding.stream(0, name)
    if name == "image_discriminator":
        return ImageDiscriminator(size=size, ch=ch, rng=rng)
    if name == "video_discriminator":
        return VideoDiscriminator(size=size, ch=ch, categories=categories, rng=rng)
    return Generator(
        size=size,
        ch=ch,
        code_sizes=CodeSizes(appearance, motion, categories),
        dim_category=3,
        mode=mode,
        attention=attention,
        rng=rng,
    )


def codes(n=2, appearance=12, motion=5):
    rng = np.random.default_rng(0)
    za, zm = rng.standard_normal((n, appearance), np.float32), rng.standard_normal((n, motion, 1), np.float32)
    return Codes(za, zm, np.arange(n, dtype=np.int32))


def generate(generator, codes):
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        return generator(codes).array


@pytest.fixture(scope="module")
def files(shared):
    return {n: read_checkpoint(shared / "fixtures" / f"pub_g3an_1p2d_{n}.pth") for n in published.NETWORKS}


@pytest.fixture(scope="module")
def numbers(shared):
    with np.load(shared / "fixtures" / "pub_g3an_1p2d_io.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def networks(files):
    networks = {name: make(name) for name in published.NETWORKS}
    for name, network in networks.items():
        published.load(network, files[name])
    return networks


class TestPublishedNumbers:
    @pytest.mark.parametrize(("zm", "videos"), [("zm", "generated_eval"), ("zm_long", "generated_long_eval")])
    def test_videos(self, networks, numbers, zm, videos):
        zm = numbers[zm][..., 0, 0]
        za = numbers["za"][: len(zm), :, 0, 0, 0]
        x = generate(networks["generator"], Codes(za, zm, np.zeros(len(zm), np.int32)))
        np.testing.assert_allclose(x, numbers[videos], atol=1e-6)

    def test_scores(self, networks, numbers):
        x = numbers["generated_eval"]
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            videos = networks["video_discriminator"](x).array.ravel()
            images = networks["image_discriminator"](x[:, :, 0]).array.ravel()
        np.testing.assert_allclose(videos, numbers["video_scores"], rtol=1e-5)
        np.testing.assert_allclose(images, numbers["image_scores"], rtol=1e-5)

    def test_what_the_arrays_tell(self, files):
        assert {name: published.recognize(arrays) for name, arrays in files.items()} == {n: (n,) for n in files}
        found = published.infer(files, model=None, n_categories=None)
        assert (found.model, found.size, found.n_classes, found.remarks) == ("g3an", 64, 0, ())
        assert found.settings == {
            "model.dim_za": 12,
            "model.dim_zm": 5,
            "model.ch_g": 4,
            "model.ch_d": 4,
            "model.mode": "1p2d",
            "model.attention": True,
            "model.conditional": False,
        }

    def test_names_and_shapes_of_what_is_written(self, networks, files):
        for name, network in networks.items():
            dumped = published.dump(network)
            theirs = {k: v.shape for k, v in files[name].items() if not k.endswith("_tracked")}
            assert list(dumped) == list(theirs)
            assert {k: v.shape for k, v in dumped.items()} == theirs


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("attention", "categories", "size"), [(False, 0, 16), (True, 0, 32), (False, 3, 16)])
def test_what_was_written_is_the_same_network(mode, attention, categories, size):
    options = {"ch": 2, "mode": mode, "attention": attention, "categories": categories, "size": size}
    generator, other = make("generator", **options), make("generator", **options)
    for link in generator.links():
        for name in link._persistent:  # anything but the initial values
            getattr(link, name)[...] += 0.1
    for parameter in generator.params():
        parameter.array *= 1.5
    dumped = published.dump(generator)
    assert published.recognize(dumped) == ("generator",)
    found = published.infer({"generator": dumped}, model=None, n_categories=None)
    assert (found.size, found.n_classes) == (size, categories)
    assert found.settings["model.mode"] == mode
    assert found.settings["model.attention"] == attention
    assert found.settings["model.dim_za"] == 12
    assert "set model.ch_d" in found.remarks[0]
    published.load(other, dumped)
    assert np.array_equal(generate(other, codes()), generate(generator, codes()))


@pytest.mark.parametrize("categories", [0, 3])
def test_a_discriminator_that_was_written(categories):
    network, other = (make("video_discriminator", ch=2, categories=categories, size=16) for _ in range(2))
    x = np.random.default_rng(0).standard_normal((2, 3, 16, 16, 16)).astype(np.float32)
    network(x, np.array([0, 2]))
    published.load(other, published.dump(network))
    with chainer.using_config("train", False):
        assert np.array_equal(other(x, np.array([0, 2])).array, network(x, np.array([0, 2])).array)


def test_a_bias_before_normalization_goes_into_the_mean():
    """y = norm(conv + bias): the running mean of conv alone is less by the bias."""
    generator = make("generator", ch=2, size=16, attention=False)
    arrays = published.dump(generator)
    before = generate(generator, codes())
    for name, array in arrays.items():
        if name.endswith(("conv_s.0.bias", "conv_s.1.running_mean")):
            array += 5
    published.load(generator, arrays)
    np.testing.assert_allclose(generate(generator, codes()), before, atol=1e-5)


class TestMismatch:
    def test_another_width(self):
        with pytest.raises(SnapshotError, match=r"net.0.bias: the checkpoint has shape \(4,\) .* needs \(8,\)"):
            published.load(make("image_discriminator", ch=8), published.dump(make("image_discriminator")))

    def test_another_network(self):
        dumped = published.dump(make("generator", ch=2, size=32))
        with pytest.raises(SnapshotError, match=r"block4.conv_s.0.bias: this network has no such array"):
            published.load(make("generator", ch=2, size=16, attention=False), dumped)
        del dumped["module.to_rgb.0.bias"]
        with pytest.raises(SnapshotError, match=r"to_rgb.0.bias: the checkpoint lacks it"):
            published.load(make("generator", ch=2, size=32), dumped)

    def test_a_name_twice(self):
        with pytest.raises(SnapshotError, match=r"net.0.bias: the checkpoint has it twice, with and without module\."):
            published.recognize({"module.net.0.bias": np.zeros(2), "net.0.bias": np.zeros(2)})

    def test_whole_numbers(self):
        dumped = published.dump(make("image_discriminator", ch=2))
        dumped["module.net.0.bias"] = dumped["module.net.0.bias"].astype(np.int64)
        with pytest.raises(SnapshotError, match=r"net.0.bias: the checkpoint has int64"):
            published.load(make("image_discriminator", ch=2), dumped)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("to_rgb.0.weight", np.nan, r"to_rgb.0.weight: the checkpoint has values that are not finite as float32"),
            ("block1.conv_s.0.weight_u", np.inf, r"block1.conv_s.0.weight_u: .* not finite as float32"),
            ("block1.conv_s.0.bias", -1e39, r"block1.conv_s.0.bias: .* not finite as float32"),
            ("block2.conv_t.1.running_var", -1e-3, r"block2.conv_t.1.running_var: .* a negative variance"),
        ],
    )
    def test_no_weights(self, name, value, message):
        generator = make("generator", ch=2, size=16, attention=False)
        arrays = published.dump(generator)
        arrays[f"module.{name}"] = arrays[f"module.{name}"].astype(np.float64)
        arrays[f"module.{name}"].flat[1] = value
        with pytest.raises(SnapshotError, match=message):
            published.load(generator, arrays)

    @pytest.mark.parametrize("names", [[], ["fc.weight"], ["net.0.weight"]])
    def test_strange_names(self, names):
        with pytest.raises(SnapshotError, match="no G3AN network begins like this"):
            published.recognize({name: np.zeros((2, 2)) for name in names})

    def test_a_generator_of_strange_form(self):
        arrays = {"block1.conv_s.0.weight_orig": np.zeros((2, 2))}
        message = r"block1.conv_s.0.weight_orig: .* \(2, 2\), and 5 axes of 1 at least are needed"
        with pytest.raises(SnapshotError, match=message):
            published.infer({"generator": arrays}, model=None, n_categories=None)
        arrays = {"block1.conv_s.0.weight_orig": np.zeros((2, 8, 1, 4, 4))}
        with pytest.raises(SnapshotError, match=r"block1.conv_t.0.weight_orig: the checkpoint lacks it"):
            published.infer({"generator": arrays}, model=None, n_categories=None)

    def test_discriminators_of_two_widths(self):
        files = {"generator": published.dump(make("generator", ch=2, size=16, attention=False))}
        files["image_discriminator"] = published.dump(make("image_discriminator", ch=2, size=16))
        files["video_discriminator"] = published.dump(make("video_discriminator", ch=3, size=16))
        with pytest.raises(SnapshotError, match="both must have as many"):
            published.infer(files, model=None, n_categories=None)

    def test_categories_that_there_are_not(self):
        files = {"generator": published.dump(make("generator", ch=2, size=16, attention=False))}
        with pytest.raises(ConfigError, match="--categories 4: the generator has 0; leave it out"):
            published.infer(files, model=None, n_categories=4)


def test_it_is_found_by_the_family_and_speaks_of_its_networks():
    form = models.published_form("g3an")
    config = {"model": {"dim_za": 12, "dim_zm": 5, "ch_g": 2, "ch_d": 2, "mode": "3d", "attention": False}}
    networks = {name: make(name, ch=2, mode="3d", attention=False) for name in form.NETWORKS}
    assert form.remarks(networks, config)[0] == (
        "generator: for the published Generator(12, 5, 2, '3d', False) in DataParallel"
    )
    networks = {name: make(name, ch=2, mode="3d", attention=False, categories=3, size=16) for name in form.NETWORKS}
    lines = form.remarks(networks, config)
    assert "changed by hand: it is for frames of another size" in lines[1]
    assert "it has categories" in lines[0]
    assert "it has categories" in lines[2]
