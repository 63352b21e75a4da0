"""Does one shape move as another does? Compares paths and colours after motion transfer.

    PYTHONPATH=. python doc/results/measure_transfer.py DATASET SNAPSHOT [PAIRS]

Takes held-out videos in pairs, puts the motion of the second one's clip on the first frame of the first one, and
prints, each with its spread over pairs: how the path of the mass centre correlates with the path that was asked for and
with the one that the content's own video took, which nobody asked for; how far it is from where the other shape is
(pixels); and how far its mean colour is from that of the content and from that of the other (RGB, 0..255).
"""

import sys

import numpy as np

from mocogan_chainer import builder
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.sampling import Forecaster

VISIBLE = 64
"""A pixel belongs to the shape when its brightest channel is above this."""
LENGTH = 16


def path(video: np.ndarray) -> np.ndarray:
    """Return the mass centre (right, down) in each frame of (T, H, W, 3), by brightness; NaN where all is dark."""
    weights = np.where(video.max(axis=-1) > VISIBLE, video.max(axis=-1), 0).astype(float)
    down, right = np.indices(weights.shape[1:])
    with np.errstate(invalid="ignore"):
        centre = [(weights * axis).sum(axis=(1, 2)) / weights.sum(axis=(1, 2)) for axis in (right, down)]
    return np.stack(centre, axis=1)


def colour(video: np.ndarray) -> np.ndarray:
    """Return the mean colour of what is seen in (T, H, W, 3); NaN where all is dark."""
    seen = video[video.max(axis=-1) > VISIBLE]
    return seen.mean(axis=0) if len(seen) else np.full(3, np.nan)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two paths (T, 2) where both are seen, both axes together, each less its mean."""
    both = np.isfinite(a + b).all(axis=1)
    if both.sum() < 2:
        return np.nan
    a, b = (each[both] - each[both].mean(axis=0) for each in (a, b))
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far two paths (T, 2) are apart, on average where both are seen."""
    apart = np.linalg.norm(a - b, axis=1)
    return float(np.nanmean(apart)) if np.isfinite(apart).any() else np.nan


def show(name: str, values: list[float]) -> None:
    """Print one row."""
    print(f"{name:<58}{np.nanmean(values):>7.2f} +- {np.nanstd(values):.2f}")


def main() -> None:
    """Measure and print."""
    parser = entry.Parser(description="Does one shape move as another does?")
    parser.add_argument("dataset")
    parser.add_argument("snapshot")
    parser.add_argument("pairs", nargs="?", type=int, default=200)
    arguments = parser.parse_args()
    dataset = PreparedDataset.open(arguments.dataset, "test")
    forecaster, config = builder.load_sampler(arguments.snapshot)
    if not isinstance(forecaster, Forecaster) or not forecaster.tells_clips:
        raise ConfigError(f"{arguments.snapshot}: it does not tell the motion of clips; name one that does")
    pairs = min(arguments.pairs, len(dataset) // 2)
    frames = range(0, LENGTH * config["every_nth"], config["every_nth"])
    rows: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    for pair in range(pairs):
        own, other = (dataset.frames(2 * pair + i, frames) for i in range(2))
        moved = forecaster.transfer(own[:1], other)
        add("correlation with the path that was asked for", correlation(path(moved), path(other)))
        add("correlation with the path of the content's own video", correlation(path(moved), path(own)))
        add("correlation of the two real paths", correlation(path(own), path(other)))
        add("pixels from where the other shape is", distance(path(moved), path(other)))
        add("pixels between the two real shapes", distance(path(own), path(other)))
        add("colour's distance from the content's", np.linalg.norm(colour(moved) - colour(own[:1])))
        add("colour's distance from the other's", np.linalg.norm(colour(moved) - colour(other)))
        add("frames in which there is a shape", np.isfinite(path(moved)).all(axis=1).mean())
    print(f"{pairs} pairs of held-out videos, {LENGTH} frames")
    for name, values in rows.items():
        show(name, values)


if __name__ == "__main__":
    sys.exit(entry.run(main))
