"""Training the classifier of the motion control score on a real set."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence

import chainer
import chainer.functions as F
import numpy as np
from chainer.serializers import NpzDeserializer

from mocogan_chainer import seeding
from mocogan_chainer.errors import ConfigError, DataError, require_range
from mocogan_chainer.evaluation.classifier import (
    BATCH,
    PARTS,
    SIZE_STEP,
    Classifier,
    ClipNetwork,
    chance,
    class_scores,
    clip_preparation,
)
from mocogan_chainer.evaluation.clips import Clip, LeftOut, Preparation, batches_of, stack
from mocogan_chainer.evaluation.partition import SHARES, Partition, divide
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.optimizer import Adam

LARGEST = 64
"""Pixels of a frame that the classifier sees, unless more were requested."""
ROUNDS = 20
"""At most; fewer if the videos that choose the best one are all recognized with a mean loss below ``SURE``."""
SURE = 0.02
ROUND = 960
"""Clips of a round: another one of the same video each time it comes again."""
SHIFT = 1 / 8
"""Clips are shifted by up to this part of their size: some hundred videos are else learned by heart."""
RATE = 1e-3
"""Adam's first step size, which falls to 0 in a line: at one size, running statistics lag and accuracy swings."""
FEW = 30
"""With fewer held-out videos the accuracy on them is a rough number."""
POOR = 0.9
"""Accuracy on held-out videos below which the classifier says little of generated ones."""


def train(
    real: VideoSet,
    indices: Sequence[int],
    *,
    seed: int,
    frames: int = 16,
    stride: int = 1,
    size: int | None = None,
    subjects: Sequence[str] | None = None,
    device: chainer.backend.Device | None = None,
    say: Callable[[str], object] = lambda line: None,
) -> Classifier:
    """Train on 70% of the videos that have a class; 15% choose the best round, and 15% say how good the classifier is.

    Clips are shifted, and not mirrored: a class may be a direction. The result is the same for a seed, on one machine
    with one number of threads.

    Args:
        real: a set with classes.
        indices: which of its videos.
        seed: of the division, the initial weights and the clips.
        frames: of a clip.
        stride: steps in a video from one frame of its clip to the next.
        size: of the frames that the classifier sees, a multiple of 16; None for 64, or less if the videos are smaller.
        subjects: who is in each video of the whole set, "" where that is not known: nobody is then in two parts.
        device: to train on; None for the CPU.
        say: is called with a line about each round.

    Raises:
        ConfigError: an argument is out of range.
        DataError: fewer than two classes, one of fewer than three videos, none that can be read, or no weights were
            found that are finite numbers.
    """
    started = time.perf_counter()
    require_range("frames", frames, 1)
    require_range("stride", stride, 1)
    usable = _usable(real, indices, (frames - 1) * stride + 1)
    labels = [real.label(index) for index in usable]
    _check_classes(real, labels)
    partition = divide(labels, subjects and [subjects[index] for index in usable], seeding.stream(seed, "partition"))
    preparation = clip_preparation(frames, stride, _size(real, usable, size))
    network = ClipNetwork(len(real.class_names), frames, seeding.stream(seed, "classifier", "weights"))
    if device is not None:
        network.to_device(device)
    trainer = _Trainer(real, preparation, network, seed)
    parts = [
        [usable[place] for place in places] for places in (partition.training, partition.choosing, partition.held_out)
    ]
    training, choosing, held_out = parts
    trainer.run(training, choosing, say)
    confusion, _ = trainer.judge(held_out)
    read = [sum(index not in trainer.left_out for index in part) for part in parts]
    return Classifier(
        network=network,
        class_names=real.class_names,
        preparation=preparation,
        reference=real.reference,
        split=real.split,
        parts=dict(zip(PARTS, (*read, len(indices) - sum(read)), strict=True)),
        held_out=confusion,
        seed=seed,
        seconds=time.perf_counter() - started,
        warnings=_warnings(real, confusion, labels, subjects, partition, list(trainer.left_out.values())),
    )


class _Trainer:
    """Fits a network to clips of a set.

    Attributes:
        left_out: videos that gave no clip, by number.
    """

    def __init__(self, real: VideoSet, preparation: Preparation, network: ClipNetwork, seed: int):
        self._real, self._preparation, self._network, self._seed = real, preparation, network, seed
        self._rng = seeding.stream(seed, "classifier", "clips")
        self._optimizer = Adam(RATE, 0.9, 0.999).setup(network)
        self.left_out: dict[int, LeftOut] = {}

    def run(self, training: Sequence[int], choosing: Sequence[int], say: Callable[[str], object]) -> None:
        """Train, and go back to the round after which most of the videos that choose it were recognized."""
        best, weights = (-1.0, 0.0), {}
        for number in range(1, ROUNDS + 1):
            self._round(training, number)
            confusion, loss = self.judge(choosing)
            if not math.isfinite(loss):
                raise DataError(
                    f"{self._real.name}: training the classifier diverged in round {number} of {ROUNDS} (its loss is "
                    f"{loss}); use another seed, or more videos"
                )
            accuracy = float(np.trace(confusion) / confusion.sum())
            say(f"classifier: round {number} of {ROUNDS}, {accuracy:.1%} of {len(choosing)} videos recognized")
            if (accuracy, -loss) > best:
                best, weights = (accuracy, -loss), self._network.arrays()
            if accuracy == 1 and loss < SURE:
                break
        device = self._network.device
        self._network.to_device("@numpy")  # Chainer's reader cannot fill a GPU's arrays in channels-last memory
        self._network.serialize(NpzDeserializer(weights))
        self._network.to_device(device)

    def judge(self, indices: Sequence[int]) -> tuple[np.ndarray, float]:
        """Return how many videos of each class, a row, were taken for each, int64 (K, K), and the mean loss."""
        classes = len(self._real.class_names)
        confusion, total = np.zeros((classes, classes), np.int64), 0.0
        for x, labels in self._batches(indices, self._seed):
            scores = class_scores(self._network, x)
            np.add.at(confusion, (labels, scores.argmax(axis=1)), 1)
            total += float(F.softmax_cross_entropy(scores, labels).array) * len(labels)
        return confusion, total / int(confusion.sum())

    def _round(self, training: Sequence[int], number: int) -> None:
        order, steps = self._balanced(training, ROUND), ROUND / BATCH
        with chainer.using_config("train", True):
            for step, (x, labels) in enumerate(self._batches(order, int(self._rng.integers(2**31)), drawn=True)):
                self._optimizer.alpha = RATE * (1 - (number - 1 + step / steps) / ROUNDS)
                device = self._network.device
                loss = F.softmax_cross_entropy(self._network(device.send(x)), device.send(labels))
                self._network.cleargrads()
                loss.backward()
                self._optimizer.update()

    def _balanced(self, indices: Sequence[int], count: int) -> list[int]:
        """Draw as many videos of each class, up to one; all of a class before one of them again."""
        labels = np.array([self._real.label(index) for index in indices])
        classes = self._rng.permutation(np.unique(labels))
        drawn = []
        for number, label in enumerate(classes):
            videos = np.asarray(indices)[labels == label]
            due = len(range(number, count, len(classes)))
            turns = [self._rng.permutation(videos) for _ in range(-(-due // len(videos)))]
            drawn.append(np.concatenate(turns)[:due])
        return self._rng.permutation(np.concatenate(drawn)).tolist()

    def _batches(
        self, indices: Sequence[int], seed: int, *, drawn: bool = False
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield clips (N, 3, T, size, size) and their classes, int32 (N,), at least once.

        Args:
            indices: of videos.
            seed: of random starts.
            drawn: whether clips are to learn from: shifted, and each time another one of a video.
        """
        none = True
        for batch in batches_of(self._real, indices, self._preparation, BATCH, seed=seed, start_by_place=drawn):
            if isinstance(batch, LeftOut):
                self.left_out[batch.index] = batch
                continue
            none = False
            x = stack([shifted(clip, self._rng) for clip in batch] if drawn else batch)
            yield x, np.array([self._real.label(clip.index) for clip in batch], np.int32)
        if none:
            raise DataError(_unreadable(self._real, len({*indices}), self.left_out[indices[0]].reason))


def shifted(clip: Clip, rng: np.random.Generator) -> Clip:
    """Move what a clip shows by up to :data:`SHIFT` of its size down or up and sideways; its edge is repeated."""
    size = clip.pixels.shape[-1]
    most = int(SHIFT * size)
    down, right = rng.integers(-most, most + 1, 2)
    rows, columns = (np.clip(np.arange(size) - step, 0, size - 1) for step in (down, right))
    moved = np.moveaxis(clip.pixels, 0, -1).take(rows, axis=1).take(columns, axis=2)
    return Clip(clip.index, np.moveaxis(moved, -1, 0))


def _usable(real: VideoSet, indices: Sequence[int], span: int) -> list[int]:
    """Return the videos that have a class and are long enough."""

    def is_usable(index: int) -> bool:
        try:
            return real.label(index) >= 0 and real.length(index) >= span
        except DataError:
            return False

    return [index for index in indices if is_usable(index)]


def _check_classes(real: VideoSet, labels: Sequence[int]) -> None:
    counts = {name: labels.count(label) for label, name in enumerate(real.class_names) if label in labels}
    if len(counts) < 2:
        raise DataError(
            f"{real.name}: its videos that are long enough are of {len(counts)} classes, and a classifier needs at "
            "least 2; the motion control score is for sets with classes"
        )
    least = min(counts, key=counts.__getitem__)
    if counts[least] < len(SHARES):
        raise DataError(
            f"{real.name}: {counts[least]} usable videos of the class {least}, and at least {len(SHARES)} are needed: "
            "to learn from, to stop by and to judge by; use more of its videos, or shorter clips"
        )


def _size(real: VideoSet, usable: Sequence[int], size: int | None) -> int:
    if size is None:
        side = min(_a_frame(real, usable).shape[:2])
        size = min(max(side - side % SIZE_STEP, SIZE_STEP), LARGEST)
    require_range("size", size, SIZE_STEP)
    if size % SIZE_STEP:
        raise ConfigError(
            f"size={size}: the classifier halves frames {SIZE_STEP} fold; it must be a multiple of {SIZE_STEP}"
        )
    return size


def _a_frame(real: VideoSet, usable: Sequence[int]) -> np.ndarray:
    """Return the first frame (H, W, 3) of the first video that can be read."""
    reasons = []
    for index in usable:
        try:
            return real.read(index, lambda length: [0])[0]
        except DataError as error:
            reasons.append(str(error))
    raise DataError(_unreadable(real, len(usable), reasons[0]))


def _unreadable(real: VideoSet, count: int, reason: str) -> str:
    return f"{real.name}: none of {count} videos for the classifier gave a clip; the first: {reason}; fix the files"


def _warnings(
    real: VideoSet,
    confusion: np.ndarray,
    labels: Sequence[int],
    subjects: Sequence[str] | None,
    partition: Partition,
    left_out: Sequence[LeftOut],
) -> tuple[str, ...]:
    warnings = []
    if left_out:
        warnings.append(f"{len(left_out)} real videos cannot be read; the first: {left_out[0].reason}")
    held_out, right = int(confusion.sum()), int(np.trace(confusion))
    if right < POOR * held_out:
        warnings.append(
            f"the classifier recognizes only {right} of {held_out} held-out real videos (chance: "
            f"{chance(confusion):.0%}): a low score may be its own fault"
        )
    if held_out < FEW:
        warnings.append(f"only {held_out} real videos were held out, so the classifier's accuracy is a rough number")
    if subjects and any(subjects) and not partition.by_subject:
        warnings.append("too few subjects to keep them apart: held-out videos show people that it has learned from")
    judged_by = np.flatnonzero(confusion.any(axis=1))
    for line, there in (
        ("no held-out videos of {}: the classifier's accuracy says nothing of that", judged_by),
        ("no videos of {} to choose the best round by", [labels[place] for place in partition.choosing]),
    ):
        lacking = {*labels} - {*there}
        if lacking:
            warnings.append(line.format(", ".join(real.class_names[label] for label in sorted(lacking))))
    absent = [name for label, name in enumerate(real.class_names) if label not in labels]
    if absent:
        warnings.append(f"no real videos of {', '.join(absent)}: the classifier does not know these classes")
    return tuple(warnings)
