"""Beside PyTorch, where it is installed: modules of the published layout load what we write, and give the same."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import seeding
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan import published
from mocogan_chainer.models.mocogan.codes import Codes, CodeSizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.safetensors_files import read_safetensors, write_safetensors
from mocogan_chainer.torch_files import read_checkpoint, write_state_dict

torch = pytest.importorskip("torch")
nn = torch.nn


class Noise(nn.Module):
    def forward(self, x):
        return x


class Published(nn.Module):
    def __init__(self, layers, recurrent=None):
        super().__init__()
        if recurrent is not None:
            self.recurrent = recurrent
        self.main = nn.Sequential(*layers)


def generator(n_filters, code, motion):
    layers, channels = [], code
    for i, width in enumerate((8, 4, 2, 1)):
        steps = (2, 1) if i else (1, 0)
        layers.append(nn.ConvTranspose2d(channels, n_filters * width, 4, *steps, bias=False))
        layers += [nn.BatchNorm2d(n_filters * width), nn.ReLU(True)]
        channels = n_filters * width
    layers += [nn.ConvTranspose2d(channels, 3, 4, 2, 1, bias=False), nn.Tanh()]
    return Published(layers, nn.GRUCell(motion, motion))


def discriminator(dimensions, widths, last, outputs, noise_last):
    conv, norm = {2: (nn.Conv2d, nn.BatchNorm2d), 3: (nn.Conv3d, nn.BatchNorm3d)}[dimensions]
    halving = ((1,) * (dimensions - 2) + (2, 2), (0,) * (dimensions - 2) + (1, 1))
    layers, channels = [], 3
    for i, width in enumerate(widths):
        layers += [Noise(), conv(channels, width, 4, *halving, bias=False)]
        layers += [norm(width)] if i else []
        layers.append(nn.LeakyReLU(0.2, inplace=True))
        channels = width
    layers += [Noise()] if noise_last else []
    return Published([*layers, conv(channels, outputs, 4, *(halving if last == "patch" else (1, 0)), bias=False)])


def disturb(network):
    """Give normalizations other values than the first ones."""
    rng = np.random.default_rng(0)
    for link in network.links():
        if hasattr(link, "avg_mean"):  # near what such weights give: others would leave nothing behind the rectifiers
            link.avg_mean[...] = rng.uniform(-0.1, 0.1, link.avg_mean.shape)
            link.avg_var[...] = rng.uniform(0.05, 0.2, link.avg_var.shape)
    return network


def loaded(module, network, path):
    write_state_dict(path, published.dump(network))
    assert str(module.load_state_dict(torch.load(path, weights_only=True), strict=True)).startswith("<All keys")
    return module.eval()


@pytest.mark.parametrize(
    ("dimensions", "patch", "module"),
    [
        (2, False, lambda: discriminator(2, (4, 8, 16, 32), "full", 1, False)),
        (2, True, lambda: discriminator(2, (4, 8, 16), "patch", 1, True)),
        (3, False, lambda: discriminator(3, (4, 8, 16, 32), "full", 7, False)),
        (3, True, lambda: discriminator(3, (4, 8, 16), "patch", 1, False)),
    ],
)
def test_discriminators(tmp_path, dimensions, patch, module):
    common = {"size": 64, "in_channels": 3, "n_filters": 4, "patch": patch, "noise": NoiseSource(0), "sigma": 0.1}
    if dimensions == 2:
        network = image_discriminator(**common, rng=seeding.stream(0))
    else:
        network = video_discriminator(**common, n_categories=0 if patch else 6, rng=seeding.stream(0))
    theirs = loaded(module(), disturb(network), tmp_path / "d.pth")
    x = np.random.default_rng(1).uniform(-1, 1, (2, 3, *(16, 64, 64)[3 - dimensions :])).astype(np.float32)
    with chainer.using_config("train", False):
        ours = network(x).array
    np.testing.assert_allclose(ours, theirs.main(torch.tensor(x)).detach().numpy(), rtol=1e-3, atol=1e-5)


class TestGenerator:
    @pytest.fixture
    def network(self):
        sizes = CodeSizes(content=10, categories=6, motion=5)
        rng = seeding.stream(0)
        return disturb(Generator(size=64, n_filters=4, code_sizes=sizes, category_to="image_generator", rng=rng))

    @pytest.mark.parametrize("kind", ["pth", "safetensors"])
    def test_frames(self, tmp_path, network, kind):
        theirs = loaded(generator(4, 21, 5), network, tmp_path / "g.pth")
        if kind == "safetensors":
            write_safetensors(tmp_path / "g.safetensors", published.dump(network))
            arrays = read_safetensors(tmp_path / "g.safetensors")
            theirs.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=True)
        rng = np.random.default_rng(1)
        z_content, h, e = (rng.standard_normal(shape, np.float32) for shape in ((2, 10), (2, 5), (3, 2, 5)))
        codes = Codes(z_content, np.array([1, 4], np.int32), h, e)
        with chainer.using_config("train", False):
            ours = network.videos(codes).array
        h, fixed = torch.tensor(h), torch.cat([torch.tensor(z_content), torch.eye(6)[[1, 4]]], 1)
        for t in range(3):
            h = theirs.recurrent(torch.tensor(e[t]), h)
            frames = theirs.main(torch.cat([fixed, h], 1)[:, :, None, None]).detach().numpy()
            np.testing.assert_allclose(ours[:, :, t], frames, rtol=1e-3, atol=1e-5)
        assert ours.std() > 0.05

    @pytest.mark.parametrize("zipped", [True, False])
    @pytest.mark.parametrize("parallel", [False, True])
    def test_a_whole_module(self, tmp_path, network, zipped, parallel):
        module = generator(4, 21, 5)
        saved = nn.DataParallel(module) if parallel else module
        torch.save(saved, tmp_path / "generator_100.pytorch", _use_new_zipfile_serialization=zipped)
        published.load(network, read_checkpoint(tmp_path / "generator_100.pytorch"))
        assert np.array_equal(network.blocks[2].conv.W.array, module.main[6].weight.detach().numpy())
        assert np.array_equal(network.motion.W_h.array, module.recurrent.weight_hh.detach().numpy())
