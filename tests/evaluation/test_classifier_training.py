"""Training the classifier: it learns what can be learned, and nothing else."""

import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import classifier_training
from mocogan_chainer.evaluation.classifier_training import train
from mocogan_chainer.preprocessing.shapes import Shapes
from tests.evaluation.fakes import Videos

NAMES = ("right", "down")


def moving(count, seed=0, length=10, size=16):
    """Dots that move right or down from anywhere: a single frame says nothing of the class."""
    rng = np.random.default_rng(seed)
    labels = [i % 2 for i in range(count)]
    videos = []
    for label in labels:
        video = np.zeros((length, size, size, 3), np.uint8)
        along = rng.integers(size) + np.arange(length)
        across = np.full(length, rng.integers(size))
        rows, columns = (across, along) if label == 0 else (along, across)
        for dy in range(3):
            for dx in range(3):
                video[np.arange(length), (rows + dy) % size, (columns + dx) % size] = rng.integers(128, 256, 3)
        videos.append(video)
    return Videos(videos, labels, NAMES)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(classifier_training, "ROUNDS", 8)
    monkeypatch.setattr(classifier_training, "ROUND", (160, 160))


@pytest.fixture
def quicker(monkeypatch):
    monkeypatch.setattr(classifier_training, "ROUNDS", 1)
    monkeypatch.setattr(classifier_training, "ROUND", (32, 32))


def test_motion_is_learned(quick):
    videos, lines = moving(120), []
    found = train(videos, range(120), seed=0, frames=8, say=lines.append)
    assert found.accuracy > 0.9
    assert found.held_out.sum(axis=1).tolist() == [9, 9]
    assert found.parts == {"training": 84, "choosing": 18, "held out": 18, "left out": 0}
    assert (found.reference, found.seed, found.preparation.size) == (videos.reference, 0, 16)
    assert found.warnings == ("only 18 real videos were held out, so the classifier's accuracy is a rough number",)
    assert found.seconds > 0
    assert len(lines) == 8

    fresh = moving(40, seed=1)
    right = sum(fresh.label(index) == seen for index, seen in found.predict(fresh, range(40)))
    assert right > 36


def test_shuffled_classes_are_not(monkeypatch):
    monkeypatch.setattr(classifier_training, "ROUNDS", 3)
    videos = moving(200)
    videos.labels = np.random.default_rng(3).permutation(videos.labels).tolist()
    found = train(videos, range(200), seed=0, frames=8)
    assert 0.2 < found.accuracy < 0.8  # 30 held-out videos: half of them, within three standard errors
    assert "held-out real videos (chance: 1 of 2)" in found.warnings[0]


def test_the_same_for_a_seed(quicker):
    videos = moving(20)
    first, again, other = (train(videos, range(20), seed=seed, frames=8) for seed in (5, 5, 6))
    assert first.sha256 == again.sha256 != other.sha256
    np.testing.assert_array_equal(first.held_out, again.held_out)


def test_what_is_kept_is_the_best_round(monkeypatch):
    """A step size that wrecks the network in the end leaves an early round the best."""
    monkeypatch.setattr(classifier_training, "ROUNDS", 4)
    monkeypatch.setattr(classifier_training, "ROUND", (32, 32))
    judged = []
    judge = classifier_training._Trainer.judge

    def noting(trainer, indices):
        confusion, loss = judge(trainer, indices)
        judged.append((trainer._network.arrays(), np.trace(confusion) / confusion.sum(), loss))
        return confusion, loss

    monkeypatch.setattr(classifier_training._Trainer, "judge", noting)
    found = train(moving(40), range(40), seed=1, frames=8)
    rounds = judged[:4]
    best = max(rounds, key=lambda judgement: (judgement[1], -judgement[2]))
    assert len({round_[2] for round_ in rounds}) == 4
    for name, array in found.network.arrays().items():
        np.testing.assert_array_equal(array, best[0][name])


class TestVideos:
    def test_that_cannot_be_used(self, quicker):
        videos = moving(24)
        videos.videos[0] = videos.videos[0][:7]
        videos.labels[1] = -1
        found = train(videos, range(22), seed=0, frames=8)
        assert found.parts["left out"] == 2
        assert sum(found.parts.values()) == 22

    def test_of_other_sizes_are_scaled(self, quicker):
        for size, seen in ((40, 32), (12, 16), (100, 64)):
            found = train(moving(8, size=size, length=2), range(8), seed=0, frames=2)
            assert found.preparation.size == seen
        assert train(moving(8, length=2), range(8), seed=0, frames=2, size=32).preparation.size == 32

    def test_by_subject(self, quicker):
        videos = moving(40)
        subjects = [f"s{i // 2 % 10}" for i in range(40)]
        found = train(videos, range(40), seed=0, frames=8, subjects=subjects)
        assert found.parts == {"training": 24, "choosing": 8, "held out": 8, "left out": 0}
        assert not [line for line in found.warnings if "subjects" in line]
        found = train(videos, range(40), seed=0, frames=8, subjects=["a", "b"] * 20)
        assert any("too few subjects to keep them apart" in line for line in found.warnings)

    def test_of_a_rare_class_are_seen_as_often(self, monkeypatch):
        labels = [0] * 30 + [1] * 6
        videos = Videos(moving(36).videos, labels, NAMES)
        trainer = classifier_training._Trainer(videos, None, classifier_training.ClipNetwork(2, 8, np.random), 0)
        drawn = trainer._balanced(list(range(36)), 49)
        counts = np.bincount(drawn, minlength=36)
        assert sorted([counts[:30].sum(), counts[30:].sum()]) == [24, 25]
        assert counts[:30].max() == 1
        assert set(counts[30:]) <= {4, 5}


class TestRefused:
    def test_no_classes(self):
        with pytest.raises(DataError, match=r"videos: its videos that are long enough are of 0 classes, .* at least 2"):
            train(Videos(moving(4).videos), range(4), seed=0, frames=8)

    def test_too_short(self):
        with pytest.raises(DataError, match="of 0 classes"):
            train(moving(8), range(8), seed=0, frames=8, stride=2)

    def test_a_class_of_two(self):
        videos = moving(8)
        videos.labels = [0] * 6 + [1] * 2
        with pytest.raises(DataError, match="2 usable videos of the class down, and at least 3 are needed"):
            train(videos, range(8), seed=0, frames=8)

    @pytest.mark.parametrize(
        ("argument", "value", "message"),
        [
            ("frames", 0, "frames=0: it must be at least 1"),
            ("stride", 0, "stride=0: it must be at least 1"),
            ("size", 8, "size=8: it must be at least 16"),
            ("size", 40, "size=40: .* a multiple of 16"),
        ],
    )
    def test_arguments(self, argument, value, message):
        with pytest.raises(ConfigError, match=message):
            train(moving(8), range(8), seed=0, **{"frames": 8, argument: value})


def test_a_class_without_videos(quicker):
    videos = moving(12)
    videos.class_names = (*NAMES, "up")
    found = train(videos, range(12), seed=0, frames=8)
    assert found.held_out.shape == (3, 3)
    assert "no real videos of up: the classifier does not know these classes" in found.warnings


@pytest.mark.slow
def test_the_built_in_shapes():
    """As the command trains, on 600 videos of 32 pixels."""
    before = backends.current().name
    backends.use("auto")
    try:
        source = Shapes(None, num=600, size=32)
        items = source.items()
        labels = [source.class_names(items).index(item.class_name) for item in items]
        videos = Videos([source.load(item).frames for item in items], labels, tuple(source.class_names(items)))
        assert train(videos, range(600), seed=0, stride=2).accuracy > 0.95
    finally:
        backends.use(before)
