"""Published checkpoints, in and out."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import builder, models, seeding
from mocogan_chainer.cli import export_checkpoint, import_checkpoint
from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.affinegan import published
from mocogan_chainer.models.affinegan.discriminators import AlphaDiscriminator, PatchDiscriminator
from mocogan_chainer.models.affinegan.resnet import BLOCKS, ResNetGenerator
from mocogan_chainer.models.affinegan.unet import HALVINGS, UNetGenerator
from mocogan_chainer.torch_files import read_checkpoint, write_state_dict

FIXTURES = {"generator": "G", "discriminator": "D", "alpha_discriminator": "D_alpha"}
FORMS = [*HALVINGS, *BLOCKS]


def make(name="unet_64", ngf=2, size=None, dropout=True, seed=0):
    """A generator by its form, or a discriminator by its name."""
    rng = seeding.stream(seed)
    if name == "alpha_discriminator":
        return AlphaDiscriminator(n_alphas=5, rng=rng)
    if name in published.NETWORKS:
        return PatchDiscriminator(ndf=ngf, rng=rng)
    common = {"ngf": ngf, "dropout": dropout, "noise": NoiseSource(0), "rng": rng}
    if name in BLOCKS:
        return ResNetGenerator(size=size or 16, n_blocks=BLOCKS[name], **common)
    return UNetGenerator(size=size or 2 ** HALVINGS[name], halvings=HALVINGS[name], noise_sigma=0.01, **common)


def generate(generator):
    x = np.tanh(np.random.default_rng(0).standard_normal((1, 3, generator.size, generator.size), np.float32))
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        return generator(x, 1.0, 0.7)[0].array


@pytest.fixture
def files(shared):
    return {
        name: read_checkpoint(shared / "fixtures" / f"pub_affinegan_unet256_{short}.pth")
        for name, short in FIXTURES.items()
    }


class TestFixtures:
    def test_what_the_arrays_tell(self, files):
        files["patch_discriminator"] = files["discriminator"]
        assert published.recognize(files["generator"]) == ("generator",)
        assert published.recognize(files["discriminator"]) == ("discriminator", "patch_discriminator")
        assert published.recognize(files["alpha_discriminator"]) == ("alpha_discriminator",)
        found = published.infer(files, model=None, n_categories=None)
        assert (found.model, found.size, found.n_classes) == ("affinegan", 256, 0)
        assert found.settings == {
            "model.generator": "unet_256",
            "model.ngf": 2,
            "model.ndf": 2,
            "model.train_imagenum": 5,
            "model.patch": True,
        }
        assert [remark.split(";")[0] for remark in found.remarks] == ["dropout in training (model.dropout=true)"]

    def test_the_way_back(self, files):
        biased = {
            "generator": ["model.down_base.0", "model.down_res.0", "model.up_all.1"]
            + ["model" + 7 * ".sub" + name for name in (".down_base.1", ".down_res.1")],
            "discriminator": ["model.0", "model.11"],
            "alpha_discriminator": ["net.0", "net.2", "net.4"],
        }
        for name, theirs in files.items():
            network = make("unet_256" if name == "generator" else name)
            published.load(network, theirs)
            ours = published.dump(network)
            assert list(ours) == list(theirs)
            for key, array in theirs.items():
                layer, kind = key.rsplit(".", 1)
                kept = kind == "weight" or layer in biased[name]
                assert ours[key].dtype == np.float32
                assert np.array_equal(ours[key], array if kept else np.zeros_like(array)), key


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("form", FORMS)
class TestForms:
    def test_what_was_written_is_the_same_network(self, form, dropout):
        generator, other = make(form, ngf=1, dropout=dropout), make(form, ngf=1, dropout=dropout, seed=1)
        for parameter in generator.params():
            parameter.array += 0.1
        dumped = published.dump(generator)
        assert not np.array_equal(generate(other), generate(generator))
        published.load(other, dumped)
        assert np.array_equal(generate(other), generate(generator))
        prefixed = {f"module.{name}": array for name, array in dumped.items()}
        third = make(form, ngf=1, dropout=dropout, seed=2)
        published.load(third, prefixed)
        assert np.array_equal(generate(third), generate(generator))

    def test_what_the_arrays_tell(self, form, dropout):
        dumped = published.dump(make(form, ngf=3, dropout=dropout))
        assert published.recognize({f"module.{name}": array for name, array in dumped.items()}) == ("generator",)
        found = published.infer({"generator": dumped}, model=None, n_categories=0)
        assert found.settings["model.generator"] == form
        assert found.settings["model.ngf"] == 3
        assert "model.patch" not in found.settings
        assert "model.ndf" not in found.settings
        if form in BLOCKS:
            assert (found.size, found.settings["model.dropout"]) == (256, dropout)
            assert "pictures of 256 x 256 pixels; say otherwise with --set model.fine_size=N" in found.remarks
        else:
            assert (found.size, "model.dropout" in found.settings) == (2 ** HALVINGS[form], False)
        assert any("--set model.ndf=N" in remark for remark in found.remarks)
        assert any("--set model.train_imagenum=N" in remark for remark in found.remarks)


class TestNames:
    """Of layers that the fixtures do not have."""

    @pytest.mark.parametrize(("dropout", "second"), [(False, 5), (True, 6)])
    def test_a_residual_generator(self, dropout, second):
        network = make("resnet_6blocks", ngf=3, dropout=dropout)
        shapes = {name: array.shape for name, array in published.dump(network).items()}
        layers = {f"down_base.{10 + i}.conv_block.{j}": (12, 12, 3, 3) for i in range(6) for j in (1, second)}
        layers |= {"down_base.1": (3, 3, 7, 7), "down_base.4": (6, 3, 3, 3), "down_base.7": (12, 6, 3, 3)}
        layers |= {name.replace("base", "res"): shape for name, shape in layers.items()}
        expected = {f"{name}.weight": shape for name, shape in layers.items()}
        expected |= {f"{name}.bias": shape[:1] for name, shape in layers.items()}
        for name, shape, bias in (("0", (12, 6, 3, 3), 6), ("3", (6, 3, 3, 3), 3), ("7", (3, 3, 7, 7), 3)):
            expected |= {f"up_all.{name}.weight": shape, f"up_all.{name}.bias": (bias,)}
        assert shapes == expected

    def test_levels_and_layers_have_their_own(self):
        network = make("unet_64", ngf=2)
        for i, convolution in enumerate(network.residual.convolutions):
            convolution.W.array[...] = i
        for i, deconvolution in enumerate(network.up):
            deconvolution.W.array[...] = 10 + i
        network.to_rgb.W.array[...] = 20
        dumped = published.dump(network)
        residual = [dumped["model" + i * ".sub" + f".down_res.{min(i, 1)}.weight"].max() for i in range(6)]
        up = [dumped["model" + i * ".sub" + ".up_all.1.weight"].max() for i in range(6)]
        assert residual == [0, 1, 2, 3, 4, 5]
        assert up == [20, 14, 13, 12, 11, 10]  # the decoder begins with the innermost


def test_a_bias_before_a_normalization_changes_nothing():
    generator = make("unet_64")
    arrays, before = published.dump(generator), generate(generator)
    arrays["model.sub.sub.down_base.1.bias"] += 5
    arrays["model.sub.up_all.1.bias"] += 5
    published.load(generator, arrays)
    assert np.array_equal(generate(generator), before)


class TestMismatch:
    def test_another_width(self):
        with pytest.raises(SnapshotError, match=r"model.0.weight: .* shape \(2, 6, 4, 4\) .* needs \(3, 6, 4, 4\)"):
            published.load(make("discriminator", ngf=3), published.dump(make("discriminator", ngf=2)))

    def test_another_form(self):
        with pytest.raises(SnapshotError, match=r"model.sub.sub.sub.sub.sub.sub.down_base.1.bias: this network has no"):
            published.load(make("unet_64"), published.dump(make("unet_128")))
        with pytest.raises(SnapshotError, match=r"down_base.10.conv_block.6.bias: the checkpoint lacks it"):
            published.load(make("resnet_6blocks"), published.dump(make("resnet_6blocks", dropout=False)))

    def test_what_is_lacking(self):
        arrays = published.dump(make("unet_64"))
        del arrays["model.sub.up_all.1.bias"]
        with pytest.raises(SnapshotError, match=r"model.sub.up_all.1.bias: the checkpoint lacks it"):
            published.load(make("unet_64"), arrays)

    @pytest.mark.parametrize(("value", "dtype"), [(np.nan, np.float32), (np.inf, np.float32), (1e39, np.float64)])
    def test_no_finite_number(self, value, dtype):
        arrays = published.dump(make("unet_64"))
        arrays["model.sub.down_res.1.weight"] = arrays["model.sub.down_res.1.weight"].astype(dtype)
        arrays["model.sub.down_res.1.weight"].flat[3] = value
        generator = make("unet_64", seed=1)
        before = generate(generator)
        with pytest.raises(SnapshotError, match=r"model.sub.down_res.1.weight: .* not finite as float32"):
            published.load(generator, arrays)
        assert np.array_equal(generate(generator), before)

    def test_whole_numbers(self):
        arrays = published.dump(make("alpha_discriminator"))
        arrays["net.2.bias"] = arrays["net.2.bias"].astype(np.int64)
        with pytest.raises(SnapshotError, match=r"net.2.bias: the checkpoint has int64"):
            published.load(make("alpha_discriminator"), arrays)

    def test_a_name_twice(self):
        with pytest.raises(SnapshotError, match=r"net.0.bias: the checkpoint has it twice, with and without module\."):
            published.recognize({"module.net.0.bias": np.zeros(2), "net.0.bias": np.zeros(2)})

    def test_normalization_with_statistics(self):
        arrays = published.dump(make("unet_64"))
        arrays["model.sub.down_base.2.running_mean"] = np.zeros(4, np.float32)
        with pytest.raises(SnapshotError, match=r"model.sub.down_base.2.running_mean: .* \(norm=instance\)"):
            published.recognize(arrays)

    @pytest.mark.parametrize("names", [[], ["fc.weight"], ["main.0.weight"], ["net.0.weight", "model.0.weight"]])
    def test_strange_names(self, names):
        with pytest.raises(SnapshotError, match="no AffineGAN network begins like this"):
            published.recognize({name: np.zeros((2, 2)) for name in names})

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"model.down_base.0.weight": (2, 3, 4, 4)}, "its generator has 1 levels, .* 6 .unet_64., 7 "),
            ({"down_base.1.weight": (2, 3, 7, 7)}, "its generator has 0 blocks, .* 6 .resnet_6blocks., 9 "),
        ],
    )
    def test_generators_of_no_form(self, arrays, message):
        arrays = {name: np.zeros(shape) for name, shape in arrays.items()}
        with pytest.raises(SnapshotError, match=message):
            published.infer({"generator": arrays}, model=None, n_categories=None)

    @pytest.mark.parametrize("shape", [(2,), (0, 3, 4, 4), (2, 3)])
    def test_a_generator_of_strange_shape(self, shape):
        arrays = published.dump(make("unet_64")) | {"model.down_base.0.weight": np.zeros(shape)}
        with pytest.raises(SnapshotError, match=r"model.down_base.0.weight: the checkpoint has shape .* 4 axes"):
            published.infer({"generator": arrays}, model=None, n_categories=None)

    def test_discriminators_of_two_widths(self):
        files = {"generator": published.dump(make("unet_64"))}
        files |= {
            name: published.dump(make(name, ngf)) for name, ngf in zip(published.NETWORKS[1::2], (2, 3), strict=True)
        }
        with pytest.raises(SnapshotError, match="both must have as many"):
            published.infer(files, model=None, n_categories=None)

    def test_the_class_that_it_learned(self):
        files = {"generator": published.dump(make("unet_64"))}
        assert published.infer(files, model=None, n_categories=1).n_classes == 1

    def test_categories(self):
        files = {"generator": published.dump(make("unet_64"))}
        with pytest.raises(
            ConfigError, match="--classes, --categories: 2 of them, and AffineGAN learns one expression"
        ):
            published.infer(files, model=None, n_categories=2)


class TestCommands:
    @pytest.fixture
    def call(self, tmp_path, monkeypatch, capsys):
        """Call a command in a folder with checkpoints; return (exit code, stdout, stderr)."""
        monkeypatch.chdir(tmp_path)
        for name in published.NETWORKS:
            network = make("unet_64" if name == "generator" else name, seed=5)
            write_state_dict(f"{name}.pth", published.dump(network))

        def run(command, *arguments):
            code = command.main(list(arguments))
            return code, *capsys.readouterr()

        return run

    def import_(self, call, *arguments):
        return call(import_checkpoint, *arguments, "--family", "affinegan")

    def test_there_and_back(self, call):
        others = [f for n in published.NETWORKS[1:] for f in (f"--{n.replace('_', '-')}", f"{n}.pth")]
        code, out, err = self.import_(call, "generator.pth", "x.npz", *others)
        assert (code, err) == (0, "")
        assert "inferred: --model affinegan, 64 x 64 pixels, model.generator=unet_64 model.ngf=2 model.ndf=2 " in out
        assert "not given" not in out
        assert call(export_checkpoint, "x.npz", "out")[0] == 0
        for name in published.NETWORKS:
            ours, theirs = read_checkpoint(f"out/{name}.pth"), read_checkpoint(f"{name}.pth")
            assert list(ours) == list(theirs)
            assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)

    def test_the_generator_alone(self, call):
        code, out, err = self.import_(call, "generator.pth", "x.npz", "--set", "model.dropout=false")
        assert (code, err) == (0, "")
        assert "not given: discriminator, alpha discriminator; a run from this snapshot makes them anew" in out
        sampler, config = builder.load_sampler("x.npz")
        assert (sampler.size, config["model"]["dropout"]) == (64, False)
        assert np.array_equal(generate(sampler.generator), generate(make("unet_64", seed=5)))

    def test_the_expression_has_a_name(self, call):
        assert self.import_(call, "generator.pth", "x.npz", "--classes", "happy")[0] == 0
        assert builder.load_generator("x.npz").class_name == "happy"

    def test_a_size_that_is_said(self, call):
        write_state_dict("resnet.pth", published.dump(make("resnet_6blocks", seed=5)))
        _, out, _ = self.import_(call, "resnet.pth", "x.npz")
        assert "256 x 256 pixels" in out
        assert "assumed: pictures of 256 x 256 pixels" in out
        _, out, _ = self.import_(call, "resnet.pth", "y.npz", "--set", "model.fine_size=64")
        assert "64 x 64 pixels" in out
        assert "256" not in out
        assert builder.stored_description(builder.load_snapshot("y.npz")[0]).size == 64

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (
                ["discriminator.pth", "x.npz"],
                "it holds the discriminator or patch discriminator, and here the generator is needed; give it "
                "to --discriminator or to --patch-discriminator",
            ),
            (
                ["generator.pth", "x.npz", "--patch-discriminator", "alpha_discriminator.pth"],
                "it holds the alpha discriminator, and here the patch discriminator is needed; give it to "
                "--alpha-discriminator",
            ),
            (["generator.pth", "x.npz", "--classes", "happy,sad"], "--classes, --categories: 2 of them, and AffineGAN"),
        ],
    )
    def test_mistakes(self, call, arguments, message):
        code, _, err = self.import_(call, *arguments)
        assert code == 2
        assert message in err


def test_it_is_found_by_the_family_and_speaks_of_its_networks():
    form = models.published_form("affinegan")
    model = {"generator": "unet_64", "ngf": 2, "ndf": 3, "dropout": True, "gan_loss": "lsgan", "train_imagenum": 5}
    networks = {name: make("unet_64" if name == "generator" else name) for name in form.NETWORKS}
    assert form.remarks(networks, {"model": model}) == [
        "generator: for the published define_G(3, 3, 2, 'unet_64', 'instance', True)",
        "discriminator: for the published define_D(6, 3, 'basic', 3, 'instance', use_sigmoid=False)",
        "alpha_discriminator: for the published define_D_alpha(5, 'instance', use_sigmoid=False)",
        "patch_discriminator: for the published define_D(6, 3, 'basic', 3, 'instance', use_sigmoid=False)",
    ]
    model["gan_loss"] = "vanilla"
    assert form.remarks(networks, {"model": model})[1].endswith("use_sigmoid=True)")
