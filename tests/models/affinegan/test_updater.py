"""The training step, against one written frame by frame as the paper tells it."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import config, models, seeding
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.models.affinegan.updater import measure_alphas
from mocogan_chainer.optimizer import Adam

FACES = DataDescription("happy", 72, 3, ("happy",), masks=True)
SMALL = {
    "model.generator": "unet_64",
    "model.ngf": 2,
    "model.ndf": 2,
    "model.train_imagenum": 3,
    "batchsize": 2,
}
PLAIN = {"model.noise_sigma": 0.0, "model.dropout": False}  # a step without anything random in its networks
RESNET = {"model.generator": "resnet_6blocks", "model.fine_size": 32}


class RandomFaces(chainer.dataset.Iterator):
    epoch, epoch_detail, is_new_epoch = 0, 0.0, False

    def __init__(self, batch_size, count, size, masks):
        self.batch_size, self.rng = batch_size, np.random.default_rng(3)
        self.shape, self.masks = (batch_size, 1 + count, size, size), masks

    def __next__(self):
        frames = self.rng.integers(256, size=(*self.shape, 3), dtype=np.uint8)
        self.last = frames, 255 * self.rng.integers(2, size=self.shape, dtype=np.uint8) if self.masks else None
        return self.last


def make_updater(data=FACES, **settings):
    resolved = config.resolve("affinegan", settings=SMALL | settings)
    family = models.build(resolved, data)
    size, count = family.networks["generator"].size, resolved["model"]["train_imagenum"]
    faces = RandomFaces(resolved["batchsize"], count, size, "patch_discriminator" in family.networks)
    return family.updater(
        iterators={"main": faces},
        optimizers={name: Adam(2e-4, 0.5, 0.999).setup(net) for name, net in family.networks.items()},
        device=chainer.get_device("@numpy"),
        stream=lambda name: seeding.stream(0, name),
        ema=ExponentialMovingAverage(family.networks["generator"], 0.9),
    )


def test_what_masks_mark():
    """Published code brings bytes to [-1, 1] as it does with frames, and marks what is 0.5 or more."""
    updater = make_updater()
    grey = np.resize(np.arange(256, dtype=np.uint8), (2, 4, 64, 64))
    frames = np.zeros((*grey.shape, 3), np.uint8)
    updater.get_iterator("main").next = lambda: (frames, grey)
    batch = updater.next_batch()
    marked = ((grey / 255 - 0.5) / 0.5 >= 0.5).astype(np.float32)
    np.testing.assert_array_equal(batch.masks, marked[:, 1:].reshape(6, 1, 64, 64))
    np.testing.assert_array_equal(batch.first_masks, marked[:, :1].repeat(3, axis=1).reshape(6, 1, 64, 64))


def networks_of(updater):
    return {name: optimizer.target for name, optimizer in updater.get_all_optimizers().items()}


def weights(network):
    return {name: p.array.copy() for name, p in network.namedparams()}


def observe(updater):
    reporter, observation = chainer.Reporter(), {}
    for name, network in networks_of(updater).items():
        reporter.add_observer(name, network)
    with reporter.scope(observation):
        updater.update()
    return {name: float(value) for name, value in observation.items()}


FORMS = [
    {},
    {"model.patch": False, "model.gan_loss": "lsgan"},
    {"model.alpha_samples": "sorted", "batchsize": 1, "model.train_imagenum": 5},
    {"model.fine_size": 128, "batchsize": 1},
    RESNET,
]


@pytest.mark.parametrize("settings", FORMS)
def test_a_step_moves_every_parameter_and_reports(settings):
    updater = make_updater(**settings)
    networks = networks_of(updater)
    before = {name: weights(network) for name, network in networks.items()}
    observation = observe(updater)
    assert ("patch_discriminator" in networks) == ("model.patch" not in settings)
    for name, network in networks.items():
        for parameter, value in weights(network).items():
            assert value.dtype == np.float32
            assert not np.array_equal(value, before[name][parameter]), f"{name}{parameter}"
        assert np.isfinite(observation[f"{name}/loss"])
    parts = [name for name in observation if name.startswith("generator/") and name.endswith("_loss")]
    assert len(parts) == 4 + ("patch_discriminator" in networks)
    assert observation["generator/loss"] == pytest.approx(sum(observation[name] for name in parts), rel=1e-5)


def bce(logits, real):
    """Binary cross entropy on sigmoid scores, as published."""
    scores = F.sigmoid(logits)
    return -F.mean(F.log(scores if real else 1 - scores))


def squared(scores, real):
    return F.mean((scores - float(real)) ** 2)


class FrameByFrame:
    """The published step's losses for one video, from the networks as they are now."""

    def __init__(self, networks, frames, masks, loss):
        self.networks, self.loss = networks, loss
        generator = networks["generator"]
        x = (frames.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)[:, None]  # (1 + K, 1, 3, S, S)
        m = None if masks is None else (masks > 0).astype(np.float32)[:, None, None]
        self.first, self.frames = x[0], x[1:]
        _, start = generator(self.first, 1.0, 0.0)
        _, direction = generator(self.first, 0.0, 1.0)
        self.fakes, self.reconstructions, alphas = [], [], []
        for frame in self.frames:
            reconstruction, feature = generator(frame, 1.0, 0.0)
            product = F.sum((feature - start) * direction)
            alpha = F.absolute(product) / (F.sqrt(F.sum(direction**2)) + 1e-6)
            fake, _ = generator(self.first, 1.0, float(alpha.array))
            self.fakes.append(fake)
            self.reconstructions.append(reconstruction)
            alphas.append(F.reshape(alpha, (1, 1)))
        self.alphas = F.concat(alphas, axis=1)
        self.masks = m

    def pair(self, x):
        return F.concat([chainer.as_variable(self.first), chainer.as_variable(x)], axis=1)

    def masked_pair(self, x, number):
        return F.concat([self.first * self.masks[0], chainer.as_variable(x) * self.masks[number + 1]], axis=1)

    def discriminator(self):
        judge, total = self.networks["discriminator"], 0
        for fake, real in zip(self.fakes, self.frames, strict=True):
            total += 0.5 * (self.loss(judge(self.pair(fake.array)), 0) + self.loss(judge(self.pair(real)), 1))
        return total / len(self.frames)

    def patch_discriminator(self):
        judge, total = self.networks["patch_discriminator"], 0
        for i, (fake, real) in enumerate(zip(self.fakes, self.frames, strict=True)):
            y_fake, y_real = judge(self.masked_pair(fake.array, i)), judge(self.masked_pair(real, i))
            total += 0.5 * (self.loss(y_fake, 0) + self.loss(y_real, 1))
        return total / len(self.frames)

    def alpha_discriminator(self, samples):
        judge = self.networks["alpha_discriminator"]
        return 0.5 * 100 * (self.loss(judge(self.alphas.array), 0) + self.loss(judge(samples), 1))

    def generator(self):
        total = 0
        for i, (fake, reconstruction, real) in enumerate(
            zip(self.fakes, self.reconstructions, self.frames, strict=True)
        ):
            total += self.loss(self.networks["discriminator"](self.pair(fake)), 1)
            if self.masks is not None:
                total += self.loss(self.networks["patch_discriminator"](self.masked_pair(fake, i)), 1)
            total += 100 * F.mean(F.absolute(fake - real)) + 10 * F.mean(F.absolute(reconstruction - real))
        total += 100 * self.loss(self.networks["alpha_discriminator"](self.alphas), 1)
        return total / len(self.frames)


@pytest.mark.parametrize(
    ("settings", "loss"),
    [({}, bce), ({"model.patch": False, "model.gan_loss": "lsgan"}, squared), ({"batchsize": 1}, bce), (RESNET, bce)],
)
def test_losses_and_gradients_are_the_published_ones(monkeypatch, settings, loss):
    """A batch is the mean of its videos; each network sees the others as they are when its turn comes."""
    updater = make_updater(**PLAIN, **settings)
    networks, taken = networks_of(updater), {}
    for name, optimizer in updater.get_all_optimizers().items():  # nothing moves, so that all can be made again

        def keep(lossfun=None, *, name=name, network=networks[name]):
            taken[name] = {key: p.grad.copy() for key, p in network.namedparams()}

        monkeypatch.setattr(optimizer, "update", keep)
    observation = observe(updater)
    uniform = seeding.stream(0, "codes").random((updater.get_iterator("main").batch_size, 3), dtype=np.float32)
    frames, masks = updater.get_iterator("main").last
    with chainer.using_config("train", False):
        videos = [
            FrameByFrame(networks, frames[i], None if masks is None else masks[i], loss) for i in range(len(frames))
        ]
        expected = {
            "discriminator": sum(video.discriminator() for video in videos),
            "alpha_discriminator": sum(
                video.alpha_discriminator(u[None]) for video, u in zip(videos, uniform, strict=True)
            ),
            "generator": sum(video.generator() for video in videos),
        }
        if masks is not None:
            expected["patch_discriminator"] = sum(video.patch_discriminator() for video in videos)
        assert expected.keys() == networks.keys()
        for name, total in expected.items():
            mean = total / len(videos)
            assert observation[f"{name}/loss"] == pytest.approx(float(mean.array), rel=1e-4)
            networks[name].cleargrads()
            mean.backward()
            size = max(abs(gradient).max() for gradient in taken[name].values())
            size = max(size, 25 * 1e-2 * (name == "alpha_discriminator"))  # two halves of 25 cancel each other there
            for key, parameter in networks[name].namedparams():
                np.testing.assert_allclose(
                    taken[name][key], parameter.grad, rtol=2e-3, atol=2e-5 * size, err_msg=f"{name}{key}"
                )


def test_alphas_of_features():
    rng = np.random.default_rng(1)
    start, features, direction = (rng.standard_normal(s).astype(np.float32) for s in ((2, 7), (2, 3, 7), (2, 7)))
    alphas = measure_alphas(*map(chainer.Variable, (start, features, direction))).array
    for n in range(2):
        for k in range(3):
            product = sum((features[n, k, d] - start[n, d]) * direction[n, d] for d in range(7))
            length = sum(direction[n, d] ** 2 for d in range(7)) ** 0.5
            assert alphas[n, k] == pytest.approx(abs(product) / length, rel=1e-4)


def test_a_residual_of_nothing_has_finite_gradients():
    arrays = np.zeros((2, 7), np.float32), np.ones((2, 3, 7), np.float32), np.zeros((2, 7), np.float32)
    start, features, direction = map(chainer.Variable, arrays)
    alphas = measure_alphas(start, features, direction)
    assert not alphas.array.any()
    F.sum(alphas).backward()
    for variable in (start, features, direction):
        assert np.isfinite(variable.grad).all()


def test_sorted_alphas_are_compared_with_sorted_numbers(monkeypatch):
    updater, seen = make_updater(**{"model.alpha_samples": "sorted"}), []
    judge = updater.alpha_discriminator
    monkeypatch.setattr(
        updater, "alpha_discriminator", lambda x: seen.append(np.array(getattr(x, "array", x))) or judge(x)
    )
    updater.update_alpha_discriminator(np.zeros((2, 3), np.float32))
    samples, alphas = np.split(*seen, 2)
    assert not alphas.any()
    assert (np.diff(samples, axis=1) > 0).all()
    assert ((samples >= 0) & (samples < 1)).all()


def test_training_has_noise_and_evaluation_none():
    generator = networks_of(make_updater())["generator"]
    x = np.random.default_rng(0).uniform(-1, 1, (1, 3, 64, 64)).astype(np.float32)
    first, second = (generator(x, 1.0, 0.5)[0].array for _ in range(2))
    assert not np.array_equal(first, second)
    with chainer.using_config("train", False):
        first, second = (generator(x, 1.0, 0.5)[0].array for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_published_sizes():
    generator = models.build(config.resolve("affinegan", settings={"model.ngf": 1, "model.ndf": 1}), FACES)
    assert generator.networks["generator"].size == 256


@pytest.mark.parametrize(
    ("settings", "data", "message"),
    [
        ({"model.generator": "unet_32"}, FACES, r"model.generator=unet_32: it must be one of unet_64, .*did you mean"),
        ({"model.gan_loss": "wgan"}, FACES, "model.gan_loss=wgan: it must be one of vanilla, lsgan"),
        ({"model.fine_size": 96}, FACES, r"model.fine_size=96: unet_64 takes multiples of 64; use one of them, or"),
        ({"model.fine_size": 30, **RESNET} | {"model.fine_size": 34}, FACES, "resnet_6blocks takes multiples of 4"),
        ({"model.load_size": 60}, FACES, r"model.load_size=60: .*it must be between 64 and 256"),
        ({"model.ngf": 0}, FACES, "model.ngf=0: it must be between 1 and 1024"),
        ({"model.lambda_L1": -1.0}, FACES, "model.lambda_L1=-1.0: it must be between 0 and"),
        ({"image_batchsize": 4}, FACES, "image_batchsize=4: AffineGAN's images are model.train_imagenum frames"),
        ({"balance_classes": True}, FACES, "balance_classes=true: AffineGAN learns one expression at a time"),
        ({}, DataDescription("all", 64, 3, ("anger", "happy")), "all: AffineGAN learns one .* these are anger, happy"),
    ],
)
def test_what_does_not_go_together(settings, data, message):
    with pytest.raises(ConfigError, match=message):
        models.build(config.resolve("affinegan", settings=SMALL | settings), data)
