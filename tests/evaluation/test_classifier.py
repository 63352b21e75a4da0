"""The classifier of videos: its network, what it says of a set, its fingerprint."""

import dataclasses

import chainer
import numpy as np
import pytest

from mocogan_chainer.evaluation.classifier import Classifier, ClipNetwork, chance, class_scores, clip_preparation
from mocogan_chainer.evaluation.clips import LeftOut
from tests.evaluation.fakes import Videos


def network(classes=3, frames=5, seed=0):
    made = ClipNetwork(classes, frames, np.random.default_rng(seed))
    with chainer.using_config("train", True):
        made(clips(8, frames))  # running statistics that are not the initial ones
    return made


def clips(n, frames, size=16, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, (n, 3, frames, size, size)).astype(np.float32)


def classifier(**changes):
    fields = {
        "network": network(),
        "class_names": ("a", "b", "c"),
        "preparation": clip_preparation(5, 1, 16),
        "reference": "toys 0123456789abcdef",
        "split": "train",
        "parts": {"training": 7, "choosing": 3, "held out": 4, "left out": 0},
        "held_out": np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]]),
        "seed": 2,
    }
    return Classifier(**{**fields, **changes})


class Brightness:
    """Takes bright clips (of more than 0 in [-1, 1]) for class 1, and notes how they come."""

    device = chainer.get_device("@numpy")

    def __init__(self):
        self.seen = []

    def __call__(self, x):
        assert not chainer.config.train
        assert not chainer.config.enable_backprop
        self.seen.append(x)
        mean = x.mean(axis=(1, 2, 3, 4))
        return chainer.Variable(np.stack([-mean, mean, np.full_like(mean, -9)], axis=1))


@pytest.mark.parametrize(("frames", "size"), [(1, 16), (2, 32), (5, 16), (13, 16), (16, 48), (33, 16)])
def test_scores_of_any_length_and_size(frames, size):
    scores = class_scores(ClipNetwork(7, frames, np.random.default_rng(0)), clips(2, frames, size))
    assert scores.shape == (2, 7)
    assert np.isfinite(scores).all()


def test_the_network_sees_the_order_of_frames():
    made, x = network(), clips(1, 5)
    assert not np.allclose(class_scores(made, x), class_scores(made, x[:, :, ::-1]))


def test_scores_of_one_clip_do_not_depend_on_the_others():
    made, x = network(), clips(4, 5)
    together = class_scores(made, x)
    alone = np.concatenate([class_scores(made, x[i : i + 1]) for i in range(4)])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)


class TestPredict:
    def test_each_video_by_its_number(self):
        levels = np.random.default_rng(0).permutation([10, 20, 200, 250] * 10)
        videos = Videos([np.full((5, 16, 16, 3), level, np.uint8) for level in levels])
        indices = list(range(39, -1, -2))
        found = list(classifier(network=Brightness()).predict(videos, indices))
        assert found == [(i, int(levels[i] > 127)) for i in indices]

    def test_clips_are_as_in_training(self):
        """From a random start, at the stride that is asked for, of the size and in the range of the training's."""
        video = np.repeat(np.arange(30, dtype=np.uint8), 24 * 20 * 3).reshape(30, 24, 20, 3)
        starts = set()
        for seed in range(20):
            brightness = Brightness()
            list(classifier(network=brightness).predict(Videos([video]), [0], stride=3, seed=seed))
            (x,) = brightness.seen
            assert x.shape == (1, 3, 5, 16, 16)
            frames = np.rint((x[0, 0, :, 0, 0] + 1) * 127.5).astype(int)
            np.testing.assert_array_equal(np.diff(frames), 3)
            starts.add(int(frames[0]))
        assert len(starts) > 8

    def test_what_gives_no_clip(self):
        bright = np.full((5, 16, 16, 3), 200, np.uint8)
        found = list(classifier(network=Brightness()).predict(Videos([bright, None, bright[:4], bright]), range(4)))
        assert sorted(pair for pair in found if not isinstance(pair, LeftOut)) == [(0, 1), (3, 1)]
        assert {clip.index: clip.reason for clip in found if isinstance(clip, LeftOut)} == {
            1: "video1: cannot be read",
            2: "4 frames, and a clip takes 5",
        }


def test_accuracy():
    assert classifier().accuracy == 3 / 4


def test_chance():
    assert chance(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 1]])) == pytest.approx(1 / 3)
    assert chance(np.array([[0, 4, 0], [0, 0, 0], [1, 0, 0]])) == 1 / 2  # nobody asked for the second class


def test_judges_on_the_device_that_it_is_moved_to():
    class Movable(Brightness):
        def to_device(self, device):
            self.device = device

    class Device:
        sent = 0

        def send(self, x):
            self.sent += len(x)
            return x

    device, made = Device(), classifier(network=Movable())
    made.to_device(device)
    videos = Videos([np.full((5, 16, 16, 3), level, np.uint8) for level in (10, 250)])
    assert list(made.predict(videos, range(2))) == [(0, 0), (1, 1)]
    assert device.sent == 2


def test_the_fingerprint_is_of_what_judges():
    made = classifier()
    first = made.sha256
    assert len(first) == 64
    assert classifier().sha256 == first
    assert dataclasses.replace(made, seed=9, parts={}, reference="others").sha256 == first
    assert dataclasses.replace(made, class_names=("b", "a", "c")).sha256 != first
    assert classifier(network=network(seed=1)).sha256 != first
    made.network.normalizations[2].avg_var[5] += 1e-3
    assert made.sha256 != first


def test_arrays_are_copies():
    made = network()
    arrays = made.arrays()
    made.to_scores.W.array[...] = 0
    assert arrays["to_scores/W"].any()
    assert len(arrays) == 4 * 5 + 1  # weights; scale, shift, mean and variance; the last weights
