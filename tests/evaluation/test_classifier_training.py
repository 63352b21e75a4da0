"""Training the classifier: it learns what can be learned, and nothing else."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import backends, seeding
from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import classifier_training
from mocogan_chainer.evaluation.classifier import clip_preparation
from mocogan_chainer.evaluation.classifier_training import shifted, train
from mocogan_chainer.evaluation.clips import Clip
from mocogan_chainer.evaluation.partition import divide
from mocogan_chainer.preprocessing.shapes import Shapes
from tests.device import ON_DEVICE
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


@pytest.fixture(autouse=True, scope="module")
def fastest_backend():
    before = backends.current().name
    backends.use("auto")
    yield
    backends.use(before)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(classifier_training, "ROUNDS", 6)
    monkeypatch.setattr(classifier_training, "ROUND", 160)


@pytest.fixture
def quicker(monkeypatch):
    monkeypatch.setattr(classifier_training, "ROUNDS", 1)
    monkeypatch.setattr(classifier_training, "ROUND", 32)


def test_motion_is_learned(quick):
    videos, lines = moving(120), []
    found = train(videos, range(120), seed=0, frames=8, say=lines.append)
    assert found.accuracy > 0.9
    assert found.held_out.sum(axis=1).tolist() == [9, 9]
    assert found.parts == {"training": 84, "choosing": 18, "held out": 18, "left out": 0}
    assert (found.reference, found.seed, found.preparation.size) == (videos.reference, 0, 16)
    assert found.warnings == ("only 18 real videos were held out, so the classifier's accuracy is a rough number",)
    assert found.seconds > 0
    assert 2 <= len(lines) <= 6

    fresh = moving(40, seed=1)
    right = sum(fresh.label(index) == seen for index, seen in found.predict(fresh, range(40)))
    assert right > 36


def test_shuffled_classes_are_not(quick):
    videos = moving(200)
    videos.labels = np.random.default_rng(3).permutation(videos.labels).tolist()
    found = train(videos, range(200), seed=0, frames=8)
    assert 0.2 < found.accuracy < 0.8  # 30 held-out videos: half of them, within three standard errors
    assert "held-out real videos (chance: 50%)" in found.warnings[0]


def test_no_more_rounds_once_all_is_sure(monkeypatch, quicker):
    monkeypatch.setattr(classifier_training, "ROUNDS", 5)
    videos, said = moving(20), []
    classes = np.eye(2, dtype=np.int64) * 3
    losses = iter([(classes, 0.03), (classes - [[1, -1], [0, 0]], 0.01), (classes, 0.01), (classes, 0.01)])
    monkeypatch.setattr(classifier_training._Trainer, "judge", lambda trainer, indices: next(losses))
    train(videos, range(20), seed=0, frames=8, say=said.append)
    assert [line.split(",")[0] for line in said] == [f"classifier: round {number} of 5" for number in (1, 2, 3)]


def test_a_loss_that_is_no_number_ends_it(monkeypatch, quicker):
    monkeypatch.setattr(classifier_training, "RATE", float("inf"))
    with pytest.raises(
        DataError, match=r"videos: training the classifier diverged in round 1 of 1 \(its loss is nan\)"
    ):
        train(moving(20), range(20), seed=0, frames=8)


def test_shifts():
    """Each pixel comes from so many further up and left, or from the edge; all frames and colours alike."""
    pixels = np.moveaxis(np.random.default_rng(0).random((4, 16, 16, 3), np.float32), -1, 0)
    rng, seen = np.random.default_rng(1), set()
    for _ in range(300):
        moved = shifted(Clip(7, pixels), rng)
        assert moved.index == 7
        assert np.moveaxis(moved.pixels, 0, -1).flags.c_contiguous
        ((y, x),) = np.argwhere((pixels[:, :, 5:6, 9:10] == moved.pixels).all(axis=(0, 1)))
        if (y, x) in seen:
            continue
        seen.add((y, x))
        for row in range(16):
            for column in range(16):
                from_row, from_column = min(max(row - y + 5, 0), 15), min(max(column - x + 9, 0), 15)
                np.testing.assert_array_equal(moved.pixels[:, :, row, column], pixels[:, :, from_row, from_column])
    assert seen == {(y, x) for y in range(3, 8) for x in range(7, 12)}


def test_a_video_that_comes_again_in_a_round_shows_another_clip(monkeypatch, quicker):
    monkeypatch.setattr(classifier_training, "SHIFT", 0)
    videos, seen = moving(8, length=30), []
    network = classifier_training.ClipNetwork(2, 2, np.random.default_rng(0))
    trainer = classifier_training._Trainer(videos, clip_preparation(2, 1, 16), network, 0)
    for x, _ in trainer._batches([3] * 24, 0, drawn=True):
        seen += [clip.tobytes() for clip in x]
    assert len(seen) == 24
    assert len({*seen}) > 8
    judged = [x for x, _ in trainer._batches([3] * 24, 0)]
    assert len({clip.tobytes() for x in judged for clip in x}) == 1


def test_the_same_for_a_seed(quicker):
    videos = moving(20)
    first, again, other = (train(videos, range(20), seed=seed, frames=8) for seed in (5, 5, 6))
    assert first.sha256 == again.sha256 != other.sha256
    np.testing.assert_array_equal(first.held_out, again.held_out)


@pytest.mark.parametrize("device", [None, pytest.param("@cupy:0", marks=ON_DEVICE)])
def test_what_is_kept_is_the_best_round(monkeypatch, device):
    """A step size that wrecks the network in the end leaves an early round the best."""
    if device is not None:
        monkeypatch.setattr(backends, "_current", backends.current())
        backends.use("auto", True, "float32")
        device = chainer.get_device(device)
        device.use()
    monkeypatch.setattr(classifier_training, "ROUNDS", 4)
    monkeypatch.setattr(classifier_training, "ROUND", 32)
    judged = []
    judge = classifier_training._Trainer.judge

    def noting(trainer, indices):
        confusion, loss = judge(trainer, indices)
        judged.append((trainer._network.arrays(), np.trace(confusion) / confusion.sum(), loss))
        return confusion, loss

    monkeypatch.setattr(classifier_training._Trainer, "judge", noting)
    found = train(moving(40), range(40), seed=1, frames=8, device=device)
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

    def test_that_cannot_be_read(self, quicker):
        videos = moving(40)
        videos.length = lambda index: 10
        videos.videos[0] = videos.videos[1] = videos.videos[17] = None
        found = train(videos, range(40), seed=0, frames=8)
        assert found.parts["left out"] == 3
        assert sum(found.parts.values()) == 40
        assert found.held_out.sum() == found.parts["held out"]
        assert [line.split(";")[0] for line in found.warnings if "read;" in line] == ["3 real videos cannot be read"]

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

    def test_a_class_that_is_not_held_out(self, quicker):
        """One person alone shows it, and is learned from."""
        videos = moving(40)
        subjects = [f"s{i % 20 // 2}" if videos.label(i) == 0 else "z" for i in range(40)]
        warnings = train(videos, range(40), seed=0, frames=8, subjects=subjects).warnings
        missing = videos.class_names[1]
        assert f"no held-out videos of {missing}: the classifier's accuracy says nothing of that" in warnings
        assert f"no videos of {missing} to choose the best round by" in warnings

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

    @pytest.mark.parametrize("size", [None, 16])
    def test_none_can_be_read(self, size):
        videos = Videos([None] * 8, [0, 1] * 4, NAMES)
        videos.length = lambda index: 10
        message = r"videos: none of \d videos for the classifier gave a clip; the first: video\d: cannot be read; fix"
        with pytest.raises(DataError, match=message):
            train(videos, range(8), seed=0, frames=8, size=size)

    def test_none_of_a_part_can_be_read(self, quicker):
        videos = moving(20)
        videos.length = lambda index: 10
        part = divide(videos.labels, None, seeding.stream(0, "partition")).held_out
        videos.videos = [None if index in part else video for index, video in enumerate(videos.videos)]
        message = f"none of {len(part)} videos for the classifier gave a clip; the first: video{part[0]}: cannot be"
        with pytest.raises(DataError, match=message):
            train(videos, range(20), seed=0, frames=8)

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
def test_the_built_in_shapes(monkeypatch):
    """As the command trains, with fewer clips, on 400 videos of 32 pixels: 8 frames of nearly all their way."""
    monkeypatch.setattr(classifier_training, "ROUNDS", 8)
    monkeypatch.setattr(classifier_training, "ROUND", 320)
    source = Shapes(None, num=400, size=32)
    items = source.items()
    labels = [source.class_names(items).index(item.class_name) for item in items]
    videos = Videos([source.load(item).frames for item in items], labels, tuple(source.class_names(items)))
    assert train(videos, range(400), seed=0, frames=8, stride=4).accuracy > 0.9
