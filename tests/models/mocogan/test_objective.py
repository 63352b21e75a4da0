"""What is optimized: losses computed again by hand from what the discriminators saw and said, noise, and Adam.

Everything is recorded where the networks begin and end, so that nothing here trusts the code in between.
"""

import contextlib
from dataclasses import dataclass, field

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import backends, builder, config, models
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.links import Convolution
from mocogan_chainer.models.mocogan.discriminators import Discriminator
from mocogan_chainer.models.mocogan.generator import Generator

CLASSES = DataDescription("three", 16, 3, ("a", "b", "c"))
ORDER = ["image_discriminator", "video_discriminator", "generator"]
PATCH = {"image_discriminator": "patch", "video_discriminator": "patch"}
FORMS = [
    pytest.param("normal", {}, id="normal"),
    pytest.param("normal", PATCH, id="normal-patch"),
    pytest.param("cgan", {}, id="cgan"),
    pytest.param("cgan", PATCH, id="cgan-patch"),
    pytest.param("infogan", {}, id="supervised"),
    pytest.param("infogan", {"labels": "unsupervised"}, id="unsupervised"),
    pytest.param("infogan", {"labels": "unsupervised", **PATCH}, id="unsupervised-patch"),
]


@dataclass
class Round:
    """What happened up to one step of one network.

    Attributes:
        name: of the network that stepped.
        loss: what it minimized.
        real: (iterator, pixels uint8, labels) of each batch taken.
        fake: (kind, codes, frame numbers or None, pixels) of each batch generated.
        judged: (discriminator, input, output) of each pass.
    """

    name: str = ""
    loss: float = np.nan
    real: list = field(default_factory=list)
    fake: list = field(default_factory=list)
    judged: list = field(default_factory=list)


@pytest.fixture
def record(make_updater, monkeypatch):
    """Run ``n`` updates and return their rounds: ``record(model, settings, n)``."""
    rounds, current = [], [Round()]

    def run(model, settings, n=3):
        updater = make_updater(model, CLASSES, **settings)
        networks = {name: optimizer.target for name, optimizer in updater.get_all_optimizers().items()}
        for name in ("image_discriminator", "video_discriminator"):
            networks[name].to_scores.W.array *= 10  # far from the flat middle, where every loss is about log 2
        names = {id(network): name for name, network in networks.items()}
        _wrap(monkeypatch, Discriminator, "forward", lambda y, net, x: note("judged", names[id(net)], _array(x), y))
        _wrap(monkeypatch, Generator, "images", lambda x, net, codes, frame: note("fake", "images", codes, frame, x))
        _wrap(monkeypatch, Generator, "videos", lambda x, net, codes: note("fake", "videos", codes, None, x))
        for name in ("image", "main"):
            iterator = updater.get_iterator(name)
            monkeypatch.setattr(iterator, "next", lambda name=name, give=iterator.__next__: real(name, give()))
        original = updater.descent

        @contextlib.contextmanager
        def descent(name):
            parts = []
            with original(name) as add:

                def noting(loss, observed):
                    parts.append(float(loss.array))
                    add(loss, observed)

                yield noting
            current[0].name, current[0].loss = name, sum(parts)
            rounds.append(current[0])
            current[0] = Round()

        monkeypatch.setattr(updater, "descent", descent)
        for _ in range(n):
            updater.update()
        assert current[0] == Round()
        return rounds

    def note(what, *values):
        getattr(current[0], what).append((*values[:-1], values[-1].array.copy()))

    def real(name, batch):
        current[0].real.append((name, *batch))
        return batch

    return run


def _wrap(monkeypatch, owner, name, note):
    original = getattr(owner, name)

    def wrapped(self, *args):
        result = original(self, *args)
        note(result, self, *args)
        return result

    monkeypatch.setattr(owner, name, wrapped)


def _array(x):
    return (x.array if isinstance(x, chainer.Variable) else x).copy()


def softplus(x):
    return np.logaddexp(0, x.astype(np.float64))


def cross_entropy(y, labels):
    """Mean of -log softmax over a video discriminator's logits (N, 1 + K, ...), averaged over positions."""
    logits = y[:, 1:].astype(np.float64).reshape(len(y), y.shape[1] - 1, -1).mean(axis=2)
    log_probability = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return -log_probability[np.arange(len(y)), labels].mean()


def to_float(pixels):
    return np.moveaxis(pixels / 127.5 - 1, -1, 1)


def judgement(one_round, name, pixels, labels, model):
    """Return the output of the one pass of discriminator ``name`` on ``pixels``, seen as of the classes ``labels``."""
    found = [
        (x, y)
        for judge, x, y in one_round.judged
        if judge == name and x[:, :3].shape == pixels.shape and np.allclose(x[:, :3], pixels, atol=1e-6)
    ]
    assert len(found) == 1
    x, y = found[0]
    if model == "cgan":
        maps = np.eye(3, dtype=np.float32)[labels].reshape(len(x), 3, *(1,) * (x.ndim - 2))
        np.testing.assert_array_equal(x[:, 3:], np.broadcast_to(maps, x[:, 3:].shape))
        assert x.shape[1] == 6
    else:
        assert x.shape[1] == 3
    return y


@pytest.mark.parametrize(("model", "settings"), FORMS)
class TestLosses:
    def judgements(self, one, name, batch, model):
        """Scores of real and fake, and the categories of both, of an update that saw just these; N, ... each."""
        ((iterator, pixels, labels),) = one.real
        ((kind, codes, _, fake),) = one.fake
        assert (iterator, kind, len(pixels), len(fake)) == batch
        assert len(one.judged) == 2
        y_real = judgement(one, f"{name}_discriminator", to_float(pixels), labels, model)
        y_fake = judgement(one, f"{name}_discriminator", fake, codes.z_category, model)
        return y_real, y_fake, labels, codes.z_category

    def test_image_discriminator(self, record, model, settings):
        for one in record(model, settings)[0::3]:
            y_real, y_fake, _, _ = self.judgements(one, "image", ("image", "images", 6, 6), model)
            assert one.loss == pytest.approx(softplus(-y_real).mean() + softplus(y_fake).mean(), rel=1e-5)

    def test_video_discriminator(self, record, model, settings):
        for one in record(model, settings)[1::3]:
            y_real, y_fake, labels, asked = self.judgements(one, "video", ("main", "videos", 4, 4), model)
            expected = softplus(-y_real[:, 0]).mean() + softplus(y_fake[:, 0]).mean()
            if model == "infogan":
                unsupervised = settings.get("labels") == "unsupervised"
                expected += cross_entropy(y_fake, asked) if unsupervised else cross_entropy(y_real, labels)
            assert one.loss == pytest.approx(expected, rel=1e-5)

    def test_generator(self, record, model, settings):
        for one in record(model, settings)[2::3]:
            assert one.real == []
            fakes = {kind: (codes, x) for kind, codes, _, x in one.fake}
            (image_codes, images), (video_codes, videos) = fakes["images"], fakes["videos"]
            assert (len(one.fake), len(images), len(videos)) == (2, 6, 4)
            y_image = judgement(one, "image_discriminator", images, image_codes.z_category, model)
            y_video = judgement(one, "video_discriminator", videos, video_codes.z_category, model)
            expected = softplus(-y_image).mean() + softplus(-y_video[:, 0]).mean()
            if model == "infogan":
                expected += cross_entropy(y_video, video_codes.z_category)
            assert one.loss == pytest.approx(expected, rel=1e-5)
            assert len(one.judged) == 2


def test_the_order_of_the_steps(record):
    assert [one.name for one in record("normal", {}, 2)] == ORDER * 2


def test_every_fake_is_fresh(record):
    """No part of a code is used twice, within an update or over updates."""
    codes = [codes for one in record("cgan", {}) for _, codes, _, _ in one.fake]
    assert len(codes) == 3 * 4
    for part in ("z_content", "h0", "e"):
        values = np.concatenate([getattr(c, part).ravel() for c in codes])
        assert len(np.unique(values)) > 0.99 * len(values)
    assert {int(k) for c in codes for k in c.z_category} == {0, 1, 2}


def test_images_are_frames_of_all_times(record):
    rounds = record("normal", {}, 15)
    for name in ("image_discriminator", "generator"):
        frames = [frame for one in rounds if one.name == name for kind, _, frame, _ in one.fake if kind == "images"]
        assert set(np.concatenate(frames).tolist()) == set(range(10))
        assert all(len(set(frame.tolist())) > 1 for frame in frames)


def test_a_generated_image_is_the_frame_of_that_time(make_updater):
    updater = make_updater("normal", CLASSES)
    codes, frame = updater.draw_codes(4), np.array([0, 9, 4, 5])
    with chainer.using_config("train", False):  # batch statistics of images and videos differ
        images, videos = updater.generator.images(codes, frame).array, updater.generator.videos(codes).array
    np.testing.assert_allclose(images, videos[np.arange(4), :, frame], atol=1e-6)
    assert np.abs(images - videos[:, :, 0])[1:].max() > 1e-4


class ConvolutionInputs(chainer.LinkHook):
    """Notes what every convolution is given."""

    def __init__(self):
        self.inputs = []

    def forward_preprocess(self, args):
        if isinstance(args.link, Convolution):
            self.inputs.append(args.args[0])


@pytest.mark.parametrize("sigma", [0.1, 0.5])
@pytest.mark.parametrize(
    ("name", "form", "shape", "convolutions", "requests"),
    [
        ("image", "full", (4, 3, 64, 64), 5, 4),
        ("image", "patch", (4, 3, 64, 64), 4, 4),  # 3 blocks, and once more before the scores
        ("video", "full", (2, 3, 16, 64, 64), 5, 4),
        ("video", "patch", (2, 3, 16, 64, 64), 4, 3),
    ],
)
def test_instance_noise(name, form, shape, convolutions, requests, sigma):
    settings = {f"n_filters_{name[0]}dis": 4, f"{name}_discriminator": form, "noise_sigma": sigma}
    resolved = config.resolve("normal", settings={f"model.{k}": v for k, v in settings.items()} | {"batchsize": 2})
    family = models.build(resolved, DataDescription("x", 64, 3, ()))
    network = family.networks[f"{name}_discriminator"]
    x = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    with ConvolutionInputs() as given:
        network(x)
    assert network.noise.requests == requests
    assert len(given.inputs) == convolutions
    clean = [x, *map(without_noise, network.blocks, given.inputs)]
    for i, (noisy, expected) in enumerate(zip(given.inputs, clean, strict=True)):
        noise = noisy.array - _array(expected)
        assert noise.std() == pytest.approx(sigma if i < requests else 0, rel=0.1, abs=1e-5)
        assert abs(noise.mean()) < 0.1 * sigma


def without_noise(block, x):
    """What a block makes of its convolution's input, by Chainer's own functions."""
    stride, pad = (1, 2, 2)[5 - x.ndim :], (0, 1, 1)[5 - x.ndim :]
    h = F.convolution_nd(x.array, block.conv.W.array, stride=stride, pad=pad)
    if block.normalize:
        h = F.batch_normalization(h, block.norm.gamma.array, block.norm.beta.array, eps=1e-5)
    return F.leaky_relu(h, 0.2)


@pytest.fixture
def build(tiny_dataset, tmp_path):
    """Build the trainer of tiny networks: ``build(**settings)``."""

    def run(**settings):
        small = {f"model.n_filters_{x}": 2 for x in ("gen", "idis", "vdis")}
        paths = {"dataset": str(tiny_dataset), "out": str(tmp_path), "tensorboard": str(tmp_path / "runs")}
        fixed = {"every_nth": 1, "batchsize": 4, "backend": "stock", "max_iteration": 1}
        resolved = config.resolve("normal", settings=small | paths | fixed | settings)
        return builder.build_trainer(resolved, PreparedDataset.open(tiny_dataset), lambda line: None)

    return run


@pytest.fixture(autouse=True)
def _same_backend_afterwards(monkeypatch):
    monkeypatch.setattr("mocogan_chainer.backends._current", backends.current())


@pytest.mark.parametrize(
    ("settings", "alpha", "beta1", "beta2", "decay"),
    [
        ({}, 2e-4, 0.5, 0.999, 1e-5),
        (
            {
                "optimizer.alpha": 1e-2,
                "optimizer.beta1": 0.3,
                "optimizer.beta2": 0.8,
                "optimizer.weight_decay": 0.5,
            },
            1e-2,
            0.3,
            0.8,
            0.5,
        ),
        ({"optimizer.weight_decay": 0}, 2e-4, 0.5, 0.999, 0),
    ],
    ids=["default", "set", "no-decay"],
)
def test_adam(build, settings, alpha, beta1, beta2, decay):
    """Three steps of every network against Adam written out (Kingma & Ba 2015), L2 added to the gradient."""
    rng = np.random.default_rng(0)
    optimizers = build(**settings).updater.get_all_optimizers()
    assert set(optimizers) == set(ORDER)
    for optimizer in optimizers.values():
        parameter = next(p for name, p in sorted(optimizer.target.namedparams()) if p.ndim > 1)
        parameter.array[...] = rng.standard_normal(parameter.shape)
        theta = parameter.array.astype(np.float64)
        start = theta.copy()
        m, v = 0.0, 0.0
        for t in range(1, 4):
            # Small gradients, so that the default decay of 1e-5 is seen beside them.
            gradient = 1e-5 * rng.standard_normal(parameter.shape)
            optimizer.target.cleargrads()
            parameter.grad = gradient.astype(np.float32)
            optimizer.update()
            gradient = gradient + decay * theta
            m = beta1 * m + (1 - beta1) * gradient
            v = beta2 * v + (1 - beta2) * gradient**2
            step = np.sqrt(1 - beta2**t) / (1 - beta1**t)
            theta -= alpha * step * m / (np.sqrt(v) + 1e-8)
        np.testing.assert_allclose(parameter.array - start, theta - start, atol=0.005 * alpha)


@pytest.mark.parametrize(("images", "expected"), [(None, 4), (6, 6)])
def test_image_batchsize(build, images, expected):
    updater = build(image_batchsize=images).updater
    assert updater.get_iterator("image").batch_size == expected
    assert updater.get_iterator("main").batch_size == 4
    assert len(updater.get_iterator("image").next()[0]) == expected
