"""The motion control score: how often a generated video shows the category that was asked for (MoCoGAN, section 4)."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from mocogan_chainer.errors import DataError, nearest
from mocogan_chainer.evaluation import left_out
from mocogan_chainer.evaluation.classifier import NETWORK, Classifier, chance
from mocogan_chainer.evaluation.clips import LeftOut
from mocogan_chainer.evaluation.gathering import Advance
from mocogan_chainer.evaluation.protocol import Protocol
from mocogan_chainer.evaluation.result import SPREADS, Number, Result, versions
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.evaluation.watched_videos import WatchedVideos, length_setting, size_warnings
from mocogan_chainer.files import part_of_name


def motion_control_score(
    fake: VideoSet,
    indices: Sequence[int],
    classifier: Classifier,
    *,
    seed: int,
    stride: int = 1,
    real_frames: str | None = None,
    advance: Advance = lambda count: None,
) -> Result:
    """Measure how often a classifier of real videos recognizes the category of generated ones.

    Args:
        fake: videos with the categories that were asked for, under the names that the real set's classes have.
        indices: which of them.
        classifier: trained on the real set, or read from a file. Only scores by one and the same can be compared.
        seed: that ``indices`` were drawn with, and of where clips start in longer videos.
        stride: steps in a video from one frame of its clip to the next; a generator's run at that of its training.
        real_frames: height and width of the real set's own frames, "64 x 64"; None where it is not known.
        advance: is called with the number of videos done since the last call.

    Raises:
        DataError: no categories, one that the classifier does not know, or no video that is long enough.
    """
    started = time.perf_counter()
    class_of = classes_of(fake, classifier.class_names)
    labels = {index: fake.label(index) for index in indices}
    asked = [index for index in indices if labels[index] >= 0]
    if not asked:
        raise DataError(
            f"{fake.name}: its videos have no categories, which the motion control score compares with what is seen; "
            "give a snapshot of a model with categories, or videos in folders by category"
        )
    fake, classes = WatchedVideos(fake), len(classifier.class_names)
    seen = classifier.predict(fake, asked, stride=stride, seed=seed)
    confusion, reasons = _confusion({index: class_of[labels[index]] for index in asked}, seen, classes, advance)
    if not confusion.any():
        raise left_out.none_usable(fake.name, len(asked), "gave a clip", reasons)
    count, right = int(confusion.sum()), int(np.trace(confusion))
    preparation = classifier.preparation
    sizes = {"evaluated": fake.frame_size} | ({"reference": real_frames} if real_frames else {})
    return Result(
        protocol=Protocol(
            metric="mcs",
            name="mcs-3d-convolution",
            network=NETWORK,
            weights_sha256=classifier.sha256,
            **preparation.fields(),
            reference=classifier.reference,
            split=classifier.split,
            reference_samples=classifier.parts["training"],
            evaluated_samples=count,
            seed=seed,
            settings={"evaluated_stride": stride, "classifier_seed": classifier.seed}
            | length_setting(fake.common_length, frames=preparation.frames, stride=stride, start=preparation.start),
        ),
        evaluated=fake.name,
        evaluated_reference=fake.reference,
        value=right / count,
        spread=spread(right, count),
        spread_kind="over videos: the longer arm of the 95% Wilson interval, halved; the classifier is taken as given",
        counts={
            "evaluated": count,
            "evaluated left out": len(reasons),
            "evaluated without a category": len(indices) - len(asked),
            **{f"real, {part}": number for part, number in classifier.parts.items()},
        },
        versions=versions(),
        seconds=classifier.seconds + time.perf_counter() - started,
        others=_others(classifier, confusion),
        warnings=(
            *classifier.warnings,
            *left_out.in_words(reasons),
            *_never_asked(classifier, confusion),
            *size_warnings(preparation.crop, **sizes),
        ),
        frame_sizes=sizes,
    )


def _confusion(
    asked: Mapping[int, int], seen: Iterable[tuple[int, int] | LeftOut], classes: int, advance: Advance
) -> tuple[np.ndarray, list[str]]:
    """Return how many videos of each category, a row, were seen as each, int64 (K, K), and why others gave no clip."""
    confusion, reasons = np.zeros((classes, classes), np.int64), []
    for found in seen:
        if isinstance(found, LeftOut):
            reasons.append(f"{found.name}: {found.reason}")
        else:
            index, category = found
            confusion[asked[index], category] += 1
        advance(1)
    return confusion, reasons


def spread(right: int, count: int) -> float:
    """Return the uncertainty of a share, which is not 0 where all or none are right.

    With z = 2 standard errors, the Wilson interval's longer arm over z: near sqrt(p (1 - p) / n) for large counts, and
    about 2 / n at the ends.
    """
    share, z = right / count, SPREADS
    scale = 1 + z * z / count
    middle = (share + z * z / (2 * count)) / scale
    arm = z / scale * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return (abs(middle - share) + arm) / z


def classes_of(fake: VideoSet, known: Sequence[str]) -> list[int]:
    """Return which of the real set's classes each of a set's labels is.

    Args:
        fake: its classes have the real ones' names, or these as parts of files' names (generate_samples.py's).
        known: the real set's classes.

    Raises:
        DataError: a class is none of them.
    """
    places = {part_of_name(name): place for place, name in enumerate(known)}
    places |= {name: place for place, name in enumerate(known)}
    for name in fake.class_names:
        if name not in places:
            raise DataError(
                f"{fake.name}: its category {name} is none that the classifier was trained on ({', '.join(known)})"
                f"{nearest(name, known)}; evaluate videos of the same categories as the real set's"
            )
    return [places[name] for name in fake.class_names]


def _others(classifier: Classifier, confusion: np.ndarray) -> dict[str, Number]:
    found: dict[str, Number] = {"held-out accuracy": classifier.accuracy}
    found["held-out accuracy spread"] = spread(int(np.trace(classifier.held_out)), int(classifier.held_out.sum()))
    found["held-out chance"] = chance(classifier.held_out)
    found["chance"] = chance(confusion)
    for of, counts in (("asked for", confusion), ("held-out", classifier.held_out)):
        for name, row in zip(classifier.class_names, counts.tolist(), strict=True):
            found[f"{of} {name}, seen as {', '.join(classifier.class_names)}"] = row
    return found


def _never_asked(classifier: Classifier, confusion: np.ndarray) -> list[str]:
    never = [name for name, row in zip(classifier.class_names, confusion, strict=True) if not row.any()]
    if not never:
        return []
    return [f"no video of the category {', '.join(never)} was asked for, so the score says nothing of it"]
