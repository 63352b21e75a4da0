"""The training step: losses computed again from what networks were given and said, and what moves."""

import chainer
import numpy as np
import pytest

from mocogan_chainer.links import BatchNormActivation
from mocogan_chainer.models.mocogan.discriminators import Discriminator
from mocogan_chainer.models.prediction.encoders import MotionEncoder
from mocogan_chainer.models.prediction.generator import FrameGenerator
from mocogan_chainer.models.prediction.predictor import Future, Predictor, Seen
from tests.models.prediction.small_runs import make_updater, networks_of, observe

RESNET = {"model.generator": "resnet"}
VIDEO = {"model.motion_encoder": "video"}
NO_IMAGE, NO_VIDEO, NO_CODES = ({f"model.lambda_{name}": 0.0} for name in ("image", "video", "latent"))
ALONE = {**NO_IMAGE, **NO_VIDEO, **NO_CODES}
SQUARED = {"model.lambda_L1": 0.0, "model.lambda_L2": 5.0}
PERCEPTUAL = {"model.lambda_perceptual": 3.0}
NO_DISTANCES = {"model.lambda_L1": 0.0, "model.lambda_L2": 0.0}
FORMS = {
    "frames": {},
    "video": {**VIDEO, "model.lambda_L2": 5.0, "model.lambda_recons": 2.0},
    "resnet": RESNET,
    "resnet, video": {**RESNET, **VIDEO, "model.n_carried": 2},
    "patch": {"model.video_discriminator": "patch"},
    "no image discriminator": NO_IMAGE,
    "no video discriminator": {**NO_VIDEO, "model.lambda_image": 0.5},
    "no discriminators": {**NO_IMAGE, **NO_VIDEO, "model.lambda_latent": 0.5},
    "L2": SQUARED,
    "perceptual": {**PERCEPTUAL, "model.lambda_video": 0.5},
    "no codes": NO_CODES,
    "purely adversarial": {**NO_DISTANCES, **NO_CODES},
    "purely adversarial, images": {**NO_DISTANCES, **NO_CODES, **NO_VIDEO},
    "purely adversarial, videos": {**NO_DISTANCES, **NO_IMAGE, **RESNET},
    "perceptual alone": {**NO_DISTANCES, **PERCEPTUAL},
    "the mean alone": ALONE,
    "the mean alone, video": {**ALONE, **VIDEO, **SQUARED},
    "nothing is carried": {"model.n_carried": 0},
    "two copies": {"model.n_carried": 2},
    "one frame is given": {"model.context": 1},
    "one frame is given, no codes": {"model.context": 1, **NO_CODES},
    "no noise": {"model.noise_scale": 0.0, "model.noise_sigma": 0.0},
}


def arrays_of(network):
    return {name: parameter.array.copy() for name, parameter in network.namedparams()}


def resting(settings):
    """Parameters that a step leaves where they are."""
    found = set()
    if settings.get("model.noise_scale") == 0 or all(settings.get(k) == 0 for k in ALONE):
        found |= {"/motion/W_i"}  # it weighs the noise, and the mean future has none
    if settings.get("model.context") == 1 and settings.get("model.lambda_latent") == 0:
        found |= {"/motion_encoder/over_time/W_h"}  # it weighs the state before, which is 0 before the only frame
    return found


@pytest.mark.parametrize("settings", FORMS.values(), ids=FORMS)
def test_a_step_moves_what_it_should(settings):
    updater = make_updater(**settings)
    batches = (updater.next_batch() for _ in range(100))  # every way is taken with as many frames as there may be
    batch = next(batch for batch in batches if batch.context.shape[2] == updater.most_context)
    updater.next_batch = lambda: batch
    networks = networks_of(updater)
    before = {name: arrays_of(network) for name, network in networks.items()}
    observation = observe(updater)
    for name, network in networks.items():
        unmoved = {key for key, array in arrays_of(network).items() if np.array_equal(array, before[name][key])}
        assert unmoved == (resting(settings) if name == "predictor" else set())
        assert all(parameter.dtype == np.float32 for parameter in network.params())
        assert np.isfinite(observation[f"{name}/loss"])


class Record:
    """What the networks were given and what they said, as arrays, in order."""

    def __init__(self, monkeypatch):
        self.calls = []
        for owner, name in (
            (Predictor, "predict"),
            (Predictor, "reconstruct"),
            (MotionEncoder, "forward"),
            (FrameGenerator, "content"),
            (Discriminator, "forward"),
        ):
            self.note(monkeypatch, owner, name)
        features = Discriminator.features

        def noting(network, x, noisy=True):
            given, layers = array_of(x), []
            self.calls.append(("features", network, [given, noisy], layers))
            for feature in features(network, x, noisy):
                layers.append(feature.array.copy())
                yield feature

        monkeypatch.setattr(Discriminator, "features", noting)

    def note(self, monkeypatch, owner, name):
        function = getattr(owner, name)

        def noting(network, *arguments):
            given = [a if not isinstance(a, (chainer.Variable, np.ndarray)) else array_of(a) for a in arguments]
            result = function(network, *arguments)
            said = result if name == "predict" else result.array.copy()
            self.calls.append((name if owner is not MotionEncoder else "states", network, given, said))
            return result

        monkeypatch.setattr(owner, name, noting)

    def take(self, name, network=None):
        return [(given, said) for n, net, given, said in self.calls if n == name and network in (None, net)]


def array_of(x):
    return (x.array if isinstance(x, chainer.Variable) else x).copy()


def softplus(x):
    return np.logaddexp(0, x.astype(np.float64)).mean()


def summary(content):
    """What a ResNet's content tells wherever it is; the other generator's content has no places."""
    if content.ndim == 2:
        return content
    return np.concatenate([content.mean((2, 3)), (content**2).mean((2, 3))], axis=1)


def numbers_of_frames(frames, videos):
    """Which frame of its video (3, T, S, S) each (3, S, S) is."""
    return [
        next(t for t in range(v.shape[1]) if np.array_equal(v[:, t], f)) for f, v in zip(frames, videos, strict=True)
    ]


@pytest.mark.parametrize("settings", FORMS.values(), ids=FORMS)
def test_losses(settings, monkeypatch):
    updater = make_updater(**settings)
    weights, networks = updater.weights, networks_of(updater)
    if "image_discriminator" in networks:
        networks["image_discriminator"].to_scores.W.array *= 10  # far from the flat middle, where a loss is log 2
    batches, draw, record = [], updater.next_batch, Record(monkeypatch)
    updater.next_batch = lambda: batches.append(draw()) or batches[-1]
    found = observe(updater)
    (batch,) = batches
    k, truth = batch.context.shape[2], batch.near.astype(np.float64)
    whole = np.concatenate([batch.context, batch.future], 2)
    predicted, expected = record.take("predict"), {}
    if weights.image or weights.video or weights.latent:
        (_, e), possible = predicted.pop(0)
        assert e.any() == (updater.noise_scale > 0)
        assert len(e) == batch.future.shape[2]
        fakes = possible.frames.array
    if weights.L1 or weights.L2 or weights.perceptual:
        (_, silence), mean = predicted.pop(0)
        assert not silence.any()
        assert len(silence) == batch.near.shape[2]
        mean = mean.frames.array
    assert predicted == []

    if judge := networks.get("image_discriminator"):
        real, fake, own = record.take("forward", judge)
        numbers_of_frames(real[0][0], batch.future)
        numbers_of_frames(fake[0][0], fakes)
        numbers_of_frames(own[0][0], fakes)
        expected["image_discriminator/loss"] = softplus(-real[1]) + softplus(fake[1])
        expected["image_discriminator/real"], expected["image_discriminator/fake"] = real[1].mean(), fake[1].mean()
        expected["predictor/image_loss"] = weights.image * softplus(-own[1])
    if judge := networks.get("video_discriminator"):
        real, fake, own = record.take("forward", judge)
        continued = np.concatenate([batch.context, fakes], 2)
        for (given, _), clip in zip((real, fake, own), (whole, continued, continued), strict=True):
            np.testing.assert_array_equal(given[0], clip)
        expected["video_discriminator/loss"] = softplus(-real[1]) + softplus(fake[1])
        expected["video_discriminator/real"], expected["video_discriminator/fake"] = real[1].mean(), fake[1].mean()
        expected["predictor/video_loss"] = weights.video * softplus(-own[1])
    if weights.latent:
        (seen,) = [said for (x,), said in record.take("content") if np.array_equal(x, fakes)]
        (states,) = [said for (x,), said in record.take("states") if np.array_equal(x[:, :, k:], fakes)]
        distance = np.abs(summary(seen) - summary(possible.seen.content.array)).mean()
        distance += np.abs(states[:, k:] - possible.motion.array).mean()
        expected["predictor/latent_loss"] = weights.latent * distance
    if weights.L1:
        expected["predictor/L1_loss"] = weights.L1 * np.abs(mean - truth).mean()
    if weights.L2:
        expected["predictor/L2_loss"] = weights.L2 * ((mean - truth) ** 2).mean()
    if weights.perceptual:
        ((frames, layers),) = [(x, layers) for (x, noisy), layers in record.take("features") if not noisy]
        assert numbers_of_frames(frames[:2], mean) == numbers_of_frames(frames[2:], batch.near)
        assert len(layers) == 2
        distances = [np.abs(layer[:2] - layer[2:]).mean() for layer in layers]
        expected["predictor/perceptual_loss"] = weights.perceptual * np.mean(distances)
    if weights.recons:
        (((_, clip), reconstructed),) = record.take("reconstruct")
        np.testing.assert_array_equal(clip, whole)
        distance = (
            weights.L1 * np.abs(reconstructed - whole).mean() + weights.L2 * ((reconstructed - whole) ** 2).mean()
        )
        expected["predictor/recons_loss"] = weights.recons * distance
    expected["predictor/loss"] = sum(v for name, v in expected.items() if name.startswith("predictor/"))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(float(value), rel=2e-5, abs=1e-7), name


def test_a_reconstructed_clip_is_seen_by_neighbouring_frames_from_anywhere(monkeypatch):
    updater, seen, runs = make_updater(**VIDEO), [], set()
    monkeypatch.setattr(updater.predictor, "see", lambda x: seen.append(array_of(x)))
    monkeypatch.setattr(updater.predictor, "reconstruct", lambda seen, clip: clip * 0)
    for _ in range(250):
        batch = updater.next_batch()
        clips = np.concatenate([batch.context, batch.future], 2)
        updater.add_recons_loss(lambda loss, parts: None, batch)
        shown = seen.pop()
        first = numbers_of_frames(shown[:1, :, 0], clips[:1])[0]
        np.testing.assert_array_equal(shown, clips[:, :, first : first + shown.shape[2]])
        runs.add((shown.shape[2], first))
    assert runs == {(count, first) for count in (1, 2, 3) for first in range(11 - count)}


def test_codes_that_a_clip_was_made_from_are_targets():
    updater = make_updater()
    batch = updater.next_batch()
    drawn = updater.draw_future(batch)
    seen = Seen(*(chainer.Variable(v.array) for v in (drawn.seen.content, drawn.seen.state)), drawn.seen.frame)
    future = Future(seen, chainer.Variable(drawn.motion.array), chainer.Variable(drawn.frames.array))
    updater.latent_distance(batch, future).backward()
    assert np.abs(future.frames.grad).max() > 0
    assert future.motion.grad is None
    assert seen.content.grad is None


class TestPerceptualDistance:
    def given(self, seed=0):
        return np.random.default_rng(seed).standard_normal((4, 3, 1, 16, 16), np.float32)  # no choice of frames

    def make(self):
        return make_updater(**PERCEPTUAL, **{"model.noise_sigma": 0.5})

    def test_equal_frames_have_none(self):
        updater, frames = self.make(), self.given()
        assert float(updater.perceptual_distance(chainer.Variable(frames), frames.copy()).array) == 0
        assert float(updater.perceptual_distance(chainer.Variable(frames), self.given(1)).array) > 0.1

    def test_it_is_the_same_again(self):
        updater, mean, truth = self.make(), chainer.Variable(self.given()), self.given(1)
        first, second = (updater.perceptual_distance(mean, truth).array for _ in range(2))
        assert first == second
        assert updater.noise.requests == 0

    def test_true_features_are_targets(self):
        """Against differences of the distance to features that stay, though both are one batch."""
        updater, start, truth = self.make(), self.given(), self.given(1)
        judge, mean = updater.image_discriminator, chainer.Variable(start.copy())
        updater.perceptual_distance(mean, truth).backward()
        length = np.linalg.norm(mean.grad)
        direction = mean.grad / length

        def features(shift):
            frames = np.concatenate([start + np.float32(shift) * direction, truth])[:, :, 0]
            with chainer.no_backprop_mode():
                return [h.array.astype(np.float64) for h in judge.features(chainer.Variable(frames), noisy=False)]

        stays = [h[4:] for h in features(0)]
        sums = [np.mean([np.abs(h[:4] - t).mean() for h, t in zip(features(d), stays, strict=True)]) for d in (1, -1)]
        assert (sums[0] - sums[1]) / 2 == pytest.approx(length, rel=0.05)


class TestRunningStatistics:
    """They are of what sampling passes on too, and of all that discriminators see but the perceptual distance."""

    def moved_by(self, updater, action):
        before = self.statistics(updater)
        action()
        return {key for key, arrays in self.statistics(updater).items() if (arrays != before[key]).all()}

    def statistics(self, updater):
        return {
            name + path: np.stack([link.avg_mean, link.avg_var])
            for name, network in networks_of(updater).items()
            for path, link in network.namedlinks()
            if isinstance(link, BatchNormActivation)
        }

    def of(self, updater, *names):
        return {key for key in self.statistics(updater) if key.startswith(names)}

    @pytest.fixture(params=[{}, RESNET])
    def updater(self, request):
        return make_updater(**PERCEPTUAL, **VIDEO, **request.param)

    def test_passes_that_sampling_never_makes(self, updater):
        batch = updater.next_batch()
        future = updater.draw_future(batch)
        for action in (
            lambda: updater.latent_distance(batch, future),
            lambda: updater.add_recons_loss(lambda loss, parts: loss.backward(), batch),
            lambda: updater.perceptual_distance(future.frames, batch.future),
        ):
            before = self.statistics(updater)
            action()
            for key, arrays in self.statistics(updater).items():
                np.testing.assert_array_equal(arrays, before[key], err_msg=key)

    def test_the_others(self, updater):
        batch = updater.next_batch()
        fakes = updater.draw_future(batch).frames.array
        assert len(self.of(updater, "predictor/generator")) == (0 if "join" in dir(updater.predictor.generator) else 3)
        for action, names in (
            (lambda: updater.draw_future(batch), ("predictor/",)),
            (lambda: updater.add_mean_losses(lambda loss, parts: None, batch), ("predictor/",)),
            (lambda: updater.update_image_discriminator(batch, fakes), ("image_discriminator/",)),
            (lambda: updater.update_video_discriminator(batch, fakes), ("video_discriminator/",)),
        ):
            assert self.moved_by(updater, action) == self.of(updater, *names) != set()

    def test_what_judges_a_possible_future(self, updater):
        batch = updater.next_batch()
        future = updater.draw_future(batch)
        moved = self.moved_by(updater, lambda: updater.add_sampled_losses(lambda loss, parts: None, batch, future))
        assert moved == self.of(updater, "image_discriminator/", "video_discriminator/")


class TestWhoLearns:
    """A network's turn is its own: others neither move nor get gradients."""

    def gradients_after(self, updater, update):
        networks = networks_of(updater)
        before = {name: arrays_of(network) for name, network in networks.items()}
        for network in networks.values():
            network.cleargrads()
        update()
        moved = {n for n, net in networks.items() if any((p.array != before[n][k]).any() for k, p in net.namedparams())}
        touched = {n for n, net in networks.items() if any(p.grad is not None for p in net.params())}
        return moved, touched

    @pytest.mark.parametrize("settings", [{}, RESNET, {**VIDEO, **PERCEPTUAL}])
    def test_the_predictors_turn(self, settings):
        updater = make_updater(**settings)
        batch = updater.next_batch()
        future = updater.draw_future(batch)
        own = {"predictor"}
        assert self.gradients_after(updater, lambda: updater.update_predictor(batch, future)) == (own, own)

    @pytest.mark.parametrize("name", ["image_discriminator", "video_discriminator"])
    def test_a_discriminators_turn(self, name):
        updater = make_updater()
        batch = updater.next_batch()
        fakes = updater.draw_future(batch).frames.array
        update = getattr(updater, f"update_{name}")
        assert self.gradients_after(updater, lambda: update(batch, fakes)) == ({name}, {name})

    def test_discriminators_get_fakes_without_a_past(self, monkeypatch):
        updater, given = make_updater(), []
        for name in ("image_discriminator", "video_discriminator"):
            monkeypatch.setattr(updater, f"update_{name}", lambda batch, fakes: given.append(fakes))
        monkeypatch.setattr(updater, "update_predictor", lambda batch, future: given.append(future))
        updater.update_core()
        first, second, future = given
        assert first is second is future.frames.array
        assert type(first) is np.ndarray
        assert future.frames.creator is not None

    def test_all_learn_in_this_order(self, monkeypatch):
        updater, order = make_updater(), []
        for name, optimizer in updater.get_all_optimizers().items():
            monkeypatch.setattr(optimizer, "update", lambda name=name: order.append(name))
        updater.update_core()
        assert order == ["image_discriminator", "video_discriminator", "predictor"]

    def test_the_possible_future_is_let_go_before_the_mean_one(self, monkeypatch):
        updater, past = make_updater(), []
        batch = updater.next_batch()
        future = updater.draw_future(batch)
        monkeypatch.setattr(updater, "add_mean_losses", lambda *arguments: past.append(future.frames.creator))
        updater.update_predictor(batch, future)
        assert past == [None]
        assert future.seen.content.creator is None


class TestBatches:
    def counted(self, **settings):
        """An updater whose pixels say which frame they are of."""
        numbers = np.arange(10, dtype=np.uint8)[None, :, None, None, None]
        clips = np.broadcast_to(numbers, (2, 10, 16, 16, 3))
        return make_updater(clips=clips, **NO_VIDEO, **settings)

    @pytest.mark.parametrize(("context", "least"), [(3, 1), (2, 6), (1, 9), (3, 7)])
    def test_every_context_and_every_horizon_of_whole_clips(self, context, least):
        updater = self.counted(**{"model.context": context, "model.least_horizon": least})
        pairs = []
        for _ in range(300):
            batch = updater.next_batch()
            parts = [(part[0, 0, :, 0, 0] + 1) * 127.5 for part in (batch.context, batch.future)]
            given, horizon = len(parts[0]), batch.near.shape[2]
            np.testing.assert_allclose(np.concatenate(parts), np.arange(10), atol=1e-4)
            np.testing.assert_array_equal(batch.near, batch.future[:, :, :horizon])
            whole = np.concatenate([batch.context, batch.future], axis=2)
            np.testing.assert_allclose((whole[0, 0, :, 0, 0] + 1) * 127.5, np.arange(10), atol=1e-4)
            pairs.append((given, horizon))
        assert set(pairs) == {(k, h) for k in range(1, context + 1) for h in range(least, 10 - k + 1)}

    @pytest.mark.parametrize("judge", [None, "image", "video", "latent"])
    def test_a_possible_future_is_drawn_where_something_judges_it(self, judge):
        settings = ALONE | ({f"model.lambda_{judge}": 1.0} if judge else {})
        updater = make_updater(**settings)
        future = updater.draw_future(updater.next_batch())
        assert (future is not None) == (judge is not None)

    def test_noise_is_new_for_every_step_and_of_its_scale(self, monkeypatch):
        updater, drawn = self.counted(**{"model.noise_scale": 0.3}), []
        batch = updater.next_batch()
        monkeypatch.setattr(updater.predictor, "predict", lambda seen, e: drawn.append(e))
        for _ in range(40):
            updater.draw_future(batch)
        values = np.concatenate([e.ravel() for e in drawn])
        assert drawn[0].shape == (batch.future.shape[2], 2, 3)
        assert len(np.unique(values)) > 0.99 * len(values)
        assert values.std() == pytest.approx(0.3, rel=0.1)

    def test_frames_of_all_times_are_looked_at(self):
        updater, videos = self.counted(), np.arange(2 * 7).reshape(2, 1, 7, 1, 1)
        seen = np.concatenate([updater.some_frame(videos) for _ in range(80)], axis=1)[:, :, 0, 0]
        assert set(seen[0]) == set(range(7))
        assert set(seen[1]) == set(range(7, 14))
        assert (seen[0] != seen[1] - 7).any()


@pytest.mark.parametrize("settings", [{}, RESNET])
def test_it_learns_where_a_square_goes(settings):
    """Squares that go to the right by two pixels per frame."""
    clips = np.zeros((4, 6, 16, 16, 3), np.uint8)
    for i, clip in enumerate(clips):
        for t, frame in enumerate(clip):
            frame[3 * i : 3 * i + 4, 2 * t : 2 * t + 4] = 255
    more = {"video_length": 6, "batchsize": 4, "model.least_horizon": 4, "model.context": 2, **ALONE}
    widths = {"model.n_filters_gen": 4, "model.n_filters_enc": 4, "model.dim_zm": 8}
    more |= {**widths, "model.lambda_L1": 0.0, "model.lambda_L2": 1.0}
    updater = make_updater(clips=clips, step=5e-3, **more, **settings)
    losses = [observe(updater)["predictor/L2_loss"] for _ in range(40)]
    assert np.mean(losses[-10:]) < 0.5 * np.mean(losses[:2])
    still = np.mean((clips[:, 1:] / 127.5 - clips[:, :1] / 127.5) ** 2)
    assert max(losses[-10:]) < still  # what a picture that stays would lose
