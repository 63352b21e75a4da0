"""What a user asks of ``evaluate.py``."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mocogan_chainer.errors import ConfigError, require_whole_fields
from mocogan_chainer.evaluation.video_set import ALLOWED, VideoSet

RANGES = {
    "samples": (2, 10**7),
    "splits": (1, 1000),
    "seed": (0, 2**63),
    "batchsize": (1, 1024),
    "gpu": (-1, 1023),
    "every_nth": (1, 10_000),
    "frames": (1, 10_000),
    "length": (1, 10_000),
    "context": (1, 10_000),
    "futures": (1, 1000),
}
_SETS = ("real", "fake")
_PATHS = ("weights", "classifier", "out")
_NAMES = ("protocol", "split", "features", "measure")


@dataclass(frozen=True)
class Request:
    """What is to be measured, and how.

    Messages call each field what the command does: ``every_nth`` is ``--every-nth``.

    Attributes:
        real: the real set, as a path or as a set of videos that is open already, such as
            :class:`~mocogan_chainer.evaluation.array_videos.ArrayVideos`; or the file of stored statistics of one, or
            None.
        fake: the evaluated set, in the same forms; or a snapshot, or the file of stored statistics, or None.
        protocol: its name; None for the metric's usual one.
        weights: the network's weight file; None for its usual place.
        samples: videos of each set, or of each part of it that is scored alone; None for the protocol's number.
        splits: parts that are scored alone; None for the protocol's number.
        seed: of every random choice.
        batchsize: videos that the network sees at once.
        gpu: device number, -1 for the CPU.
        split: which part of the real set; None for all of it.
        every_nth: the real videos' frames from one of a clip to the next; None for the snapshot's, else 1.
        frames: of each video; None for the protocol's number, or, of a snapshot that continues videos, as many as it
            was trained on, the context among them.
        length: frames of a snapshot's videos; None for as many as it was trained on, or, where it animates pictures,
            as their real videos have.
        features: what content is; None for what suits the set.
        measure: which frames' contents are compared.
        classifier: file of a trained classifier, or None.
        context: frames that a prediction has seen; None where that is not said: 1 for a snapshot that animates
            pictures, as many as it can look at for one that continues videos.
        futures: of each video that a snapshot continues, of which the best is taken; None for five.
        out: folder for results, or the file of statistics.

    Raises:
        ConfigError: a number is out of its range (:data:`RANGES`), a set is neither a path nor a set of videos, or
            another field is of a type that it cannot have.
    """

    real: str | os.PathLike | VideoSet | None = None
    fake: str | os.PathLike | VideoSet | None = None
    protocol: str | None = None
    weights: str | os.PathLike | None = None
    samples: int | None = None
    splits: int | None = None
    seed: int = 0
    batchsize: int = 8
    gpu: int = -1
    split: str | None = None
    every_nth: int | None = None
    frames: int | None = None
    length: int | None = None
    features: str | None = None
    measure: str = "pairs"
    classifier: str | os.PathLike | None = None
    context: int | None = None
    futures: int | None = None
    out: str | os.PathLike = "evaluation"

    def __post_init__(self) -> None:
        for name in (*_SETS, *_PATHS):
            if isinstance(getattr(self, name), os.PathLike):
                object.__setattr__(self, name, os.fspath(getattr(self, name)))
        for name in _SETS:
            given = getattr(self, name)
            if not (given is None or isinstance(given, str) or hasattr(given, "read")):
                raise ConfigError(
                    f"--{name}: {type(given).__name__}: it must be the path of {ALLOWED}, or a set of videos, which "
                    "mocogan_chainer.evaluation.array_videos.ArrayVideos makes of arrays"
                )
        for name in (*_PATHS, *_NAMES):
            given, usual = getattr(self, name), getattr(type(self), name)
            if not (isinstance(given, str) or (given is None and usual is None)):
                kind = "a path" if name in _PATHS else "a name"
                raise ConfigError(f"--{name}: {given!r}: it must be {kind}{', or None' * (usual is None)}")
        require_whole_fields(self, RANGES)
