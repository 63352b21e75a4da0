"""Where do shapes go? Compares the paths of mass centres in a prepared dataset and in a snapshot's videos.

    PYTHONPATH=. python doc/results/measure_motion.py DATASET SNAPSHOT [VIDEOS PER CLASS]

Prints, for each class of the real clips and each category of the generated ones: the mean step of the mass centre
(pixels per frame, right and down positive), how straight the path is (distance between its ends over its length), in
how many frames a shape is seen, and how far its mean colour strays in one video (RGB, 0..255). Then who decides where a
shape passes: the spread of its place in the middle of the clip (pixels, right and down) over all real clips, over many
motions of one content, and over many contents with one motion.
"""

import sys
from collections.abc import Iterable

import numpy as np

from mocogan_chainer import builder, sampling, seeding
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets.iterators import ClipIterator
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import DataError

VISIBLE = 64
"""A pixel belongs to the shape when its brightest channel is above this."""


def measure(video: np.ndarray) -> tuple[np.ndarray, float, float, float]:
    """Return (step (right, down), straightness, visible share of frames, colour deviation) of one (T, H, W, 3)."""
    centres, colours = [], []
    for frame in video:
        rows, columns = np.nonzero(frame.max(axis=-1) > VISIBLE)
        if len(rows) > 0:
            centres.append((columns.mean(), rows.mean()))
            colours.append(frame[rows, columns].mean(axis=0))
    share = len(centres) / len(video)
    if len(centres) < 2:
        return np.full(2, np.nan), np.nan, share, np.nan
    steps = np.diff(centres, axis=0)
    length = np.linalg.norm(steps, axis=1).sum()
    straightness = np.linalg.norm(steps.sum(axis=0)) / length if length > 0 else np.nan
    colours = np.array(colours)
    deviation = np.linalg.norm(colours - colours.mean(axis=0), axis=1).mean()
    return steps.mean(axis=0), straightness, share, deviation


def middle_spread(videos: Iterable[np.ndarray]) -> str:
    """Return the standard deviation of the mass centre in the middle frame."""
    places = []
    for video in videos:
        rows, columns = np.nonzero(video[len(video) // 2].max(axis=-1) > VISIBLE)
        if len(rows) > 0:
            places.append((columns.mean(), rows.mean()))
    right, down = np.std(places, axis=0)
    return f"{right:>6.1f} {down:>6.1f}"


def show(name: str, videos: list[np.ndarray]) -> None:
    """Print one row."""
    steps, straightness, share, deviation = zip(*map(measure, videos), strict=True)
    right, down = np.nanmean(steps, axis=0)
    spread_right, spread_down = np.nanstd(steps, axis=0)
    print(
        f"{name:<22} {len(videos):>6} {right:>6.2f} +- {spread_right:.2f} {down:>6.2f} +- {spread_down:.2f} "
        f"{np.nanmean(straightness):>8.2f} {np.mean(share):>8.2f} {np.nanmean(deviation):>8.1f}"
    )


def main() -> None:
    """Measure and print."""
    parser = entry.Parser(description="Where do shapes go?")
    parser.add_argument("dataset")
    parser.add_argument("snapshot")
    parser.add_argument("count", nargs="?", type=int, default=128, help="videos per class")
    arguments = parser.parse_args()
    count = arguments.count
    dataset = PreparedDataset.open(arguments.dataset)
    sampler, config = builder.load_sampler(arguments.snapshot)
    if not dataset.class_names:
        raise DataError(f"{dataset.path}: it has no classes to compare; give a dataset with classes")
    length = config["video_length"]
    print(f"{'':<22} {'videos':>6} {'right':>14} {'down':>14} {'straight':>8} {'visible':>8} {'colour':>8}")
    iterator = ClipIterator(dataset, 64, length, config["every_nth"], seeding.stream(0, "measure"))
    real: list[list[np.ndarray]] = [[] for _ in dataset.class_names]
    while min(map(len, real)) < count:
        for video, label in zip(*next(iterator), strict=True):
            real[label].append(video)
    for name, videos in zip(dataset.class_names, real, strict=True):
        show(f"real, class {name}", videos[:count])
    for category, name in enumerate(sampler.class_names):
        made = [v for _, _, v in sampling.random_videos(sampler, count, length, 0, 16, category)]
        show(f"generated, class {name}", made)
    for category, name in enumerate(sampler.class_names):
        print(f"place in mid-clip, class {name}: real {middle_spread(real[category])}", end="")
        for what, contents, motions in (("one content", 1, count), ("one motion", count, 1)):
            made = sampling.content_by_motion(sampler, contents, motions, length, 0, category)
            print(f"; {what} {middle_spread(made)}", end="")
        print()


if __name__ == "__main__":
    sys.exit(entry.run(main))
