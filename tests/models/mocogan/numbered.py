"""The small networks that numbers.npz is about, and what they are given: alike for PyTorch and for us."""

from __future__ import annotations

import numpy as np

from mocogan_chainer import seeding
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan.codes import CodeSizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.mocogan.generator import Generator

DISCRIMINATORS = (
    "image_discriminator",
    "patch_image_discriminator",
    "video_discriminator",
    "patch_video_discriminator",
)


def network(name):
    """A network of 4 filters, without noise, whose normalizations have other statistics than the first ones."""
    if name == "generator":
        sizes = CodeSizes(content=10, categories=6, motion=5)
        made = Generator(
            size=64, n_filters=4, code_sizes=sizes, category_to="image_generator", rng=seeding.stream(0, name)
        )
    else:
        common = {"size": 64, "in_channels": 3, "n_filters": 4, "patch": "patch" in name, "sigma": 0.0}
        common |= {"noise": NoiseSource(0), "rng": seeding.stream(0, name)}
        if "image" in name:
            made = image_discriminator(**common)
        else:
            made = video_discriminator(n_categories=0 if "patch" in name else 6, **common)
    rng = np.random.default_rng(0)
    for _, link in sorted(made.namedlinks(), key=lambda item: item[0]):
        if hasattr(link, "avg_mean"):  # near what such weights give: others would leave nothing behind the rectifiers
            link.avg_mean[...] = rng.uniform(-0.1, 0.1, link.avg_mean.shape)
            link.avg_var[...] = rng.uniform(0.05, 0.2, link.avg_var.shape)
    return made


def codes():
    """z_content (2, 10), category (2,), h0 (2, 5), e (16, 2, 5)."""
    rng = np.random.default_rng(1)
    z_content, h0, e = (rng.standard_normal(shape, np.float32) for shape in ((2, 10), (2, 5), (16, 2, 5)))
    return z_content, np.array([1, 4], np.int32), h0, e


def inputs(name):
    """Two videos or images of noise."""
    shape = (2, 3, 64, 64) if "image" in name else (2, 3, 16, 64, 64)
    return np.tanh(np.random.default_rng(2).standard_normal(shape)).astype(np.float32)


def part(array):
    """Of a large array some hundred numbers from all over it, and its sums along the way, in float32."""
    flat = np.asarray(array, np.float64).ravel()
    if flat.size <= 4096:
        return flat.reshape(np.shape(array)).astype(np.float32)
    blocks = np.add.reduceat(flat, np.arange(0, flat.size, -(-flat.size // 512)))
    return np.concatenate([flat[:: flat.size // 997], blocks]).astype(np.float32)
