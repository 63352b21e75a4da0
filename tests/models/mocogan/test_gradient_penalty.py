"""Gradient penalties of both discriminators: derivatives of derivatives through every layer, on every backend.

The reference is no derivative at all: central finite differences of the penalty, in float64 on stock. Batch
normalization is in training mode, so that gradients pass through the batch's statistics, and noise is off.
"""

from contextlib import contextmanager
from functools import cache

import chainer
import chainer.functions as F
import numpy as np
import pytest
from chainer import Variable

from mocogan_chainer import backends, seeding
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator

needs_onednn = pytest.mark.skipif(not backends.onednn.available(), reason="oneDNN is not on this machine")
BACKENDS = ["stock", pytest.param("onednn", marks=needs_onednn)]
N, SIZE, LENGTH = 3, 32, 13  # three halvings: with two normalizations, one's beta changes the other's statistics
DIRECTIONS = 2
STEP = 1e-8  # so short that no activation crosses 0, where a rectifier makes the penalty jump
TOLERANCE = 1e-3  # of a gradient's norm


def wgan_gp(scores, gx):
    """Mean of (|gx| - 1)^2 (Gulrajani et al., 2017, equation 3, without its factor)."""
    return F.mean((F.sqrt(F.sum(gx**2, axis=tuple(range(1, gx.ndim)))) - 1) ** 2)


def r1(scores, gx):
    """Half the mean of |gx|^2 (Mescheder et al., 2018, equation 9, without its factor)."""
    return F.sum(gx**2) / (2 * len(gx))


def loss_with_r1(scores, gx):
    """A whole loss, where first and second derivatives meet in one backward pass."""
    return F.mean(F.softplus(-scores)) + r1(scores, gx)


def make_discriminator(name):
    """A tiny network whose gradient has a norm of about 1, and whose normalizations differ from the identity."""
    common = {"size": SIZE, "in_channels": 3, "n_filters": 2, "patch": False, "sigma": 0.0}
    common |= {"noise": NoiseSource(0), "rng": seeding.stream(0)}
    network = image_discriminator(**common) if name == "image" else video_discriminator(n_categories=2, **common)
    rng = np.random.default_rng(1)
    for parameter in network.params():
        if parameter.ndim == 1:
            parameter.array += rng.uniform(-0.5, 0.5, parameter.shape).astype(np.float32)
    network.to_scores.W.array *= 3
    return network


def make_input(name):
    shape = (N, 3, SIZE, SIZE) if name == "image" else (N, 3, LENGTH, SIZE, SIZE)
    return np.tanh(np.random.default_rng(2).standard_normal(shape, np.float32))


def penalty_of(network, x, form):
    x = Variable(x)
    scores = network(x)[:, 0]
    (gx,) = chainer.grad([F.sum(scores)], [x], enable_double_backprop=True)
    return form(scores, gx)


def gradients(name, form, backend):
    """Return each parameter's gradient, as float32 training computes it."""
    network = make_discriminator(name)
    with computing_on(backend):
        penalty = penalty_of(network, make_input(name), form)
        network.cleargrads()
        penalty.backward()
    # The last beta moves no derivative of the scores, and so may have no gradient at all.
    return {path: np.zeros_like(p.array) if p.grad is None else p.grad for path, p in network.namedparams()}


@cache
def slopes(name, form):
    """Return for each parameter pairs of a random direction and the penalty's slope along it, by finite differences."""
    network, x = make_discriminator(name), make_input(name).astype(np.float64)
    for link in network.links():
        for p in link.params(include_uninit=False):
            p.array = p.array.astype(np.float64)
        for key in link._persistent:
            setattr(link, key, getattr(link, key).astype(np.float64))
    rng = np.random.default_rng(3)
    found = {}
    with computing_on("stock"):
        for path, p in network.namedparams():
            start = p.array.copy()
            for _ in range(DIRECTIONS):
                direction = rng.standard_normal(start.shape)
                ends = []
                for sign in (1, -1):
                    p.array[...] = start + sign * STEP * direction
                    ends.append(float(penalty_of(network, x, form).array))
                found.setdefault(path, []).append((direction, (ends[0] - ends[1]) / (2 * STEP)))
            p.array[...] = start
    return found


@contextmanager
def computing_on(name):
    before = backends.current().name
    backends.use(name)
    try:
        yield
    finally:
        backends.use(before)


@pytest.mark.parametrize("name", ["image", "video"])
@pytest.mark.parametrize("form", [wgan_gp, r1, loss_with_r1])
class TestGradientPenalty:
    @pytest.mark.parametrize("backend", BACKENDS)
    def test_equals_finite_differences(self, backend, form, name):
        found = gradients(name, form, backend)
        for path, pairs in slopes(name, form).items():
            gradient = found[path].astype(np.float64)
            for direction, slope in pairs:
                tolerance = TOLERANCE * np.linalg.norm(gradient) + 1e-7
                assert (gradient * direction).sum() == pytest.approx(slope, abs=tolerance), path

    @needs_onednn
    def test_backends_agree(self, form, name):
        stock, onednn = (gradients(name, form, backend) for backend in ("stock", "onednn"))
        for path, gradient in stock.items():
            difference = np.linalg.norm(onednn[path] - gradient)
            assert difference <= TOLERANCE * np.linalg.norm(gradient) + 1e-7, path

    def test_is_worth_testing(self, form, name):
        """Every parameter has a gradient but a penalty's last beta, whose derivative is 0 almost everywhere."""
        flat = {path for path, gradient in gradients(name, form, "stock").items() if np.linalg.norm(gradient) < 0.01}
        assert flat == (set() if form is loss_with_r1 else {"/blocks/2/norm/beta"})
