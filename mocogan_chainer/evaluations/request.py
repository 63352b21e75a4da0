"""What a user asks of ``evaluate.py``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Request:
    """What is to be measured, and how.

    Attributes:
        real: the real set or stored statistics of one, or None.
        fake: the evaluated set, a snapshot or stored statistics, or None.
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
    """

    real: str | None = None
    fake: str | None = None
    protocol: str | None = None
    weights: str | None = None
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
    classifier: str | None = None
    context: int | None = None
    futures: int | None = None
    out: str = "evaluation"
