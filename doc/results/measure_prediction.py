"""Does one shape move as another does, and what is left of a shape far beyond the trained length?

    PYTHONPATH=. python doc/results/measure_prediction.py DATASET SNAPSHOT [VIDEOS]

Motion transfer: takes held-out videos in pairs, puts the motion of the second one's clip on the first frame of the
first one, and prints, each with its spread over pairs: how the path of the mass centre correlates with the path that
was asked for and with the one that the content's own video took, which nobody asked for; how far it is from where the
other shape is (pixels); and how far its mean colour is from that of the content and of the other (RGB, 0..255).

Length: continues held-out videos from two frames (one, where the snapshot looks at one only), the mean future and one
with noise, and prints at some frames of the horizon: in how many videos a shape is seen, how many pixels it has, how
bright they are, how far its mean colour is from the given one, and how far its centre goes in a frame (pixels).
"""

import sys

import numpy as np

from mocogan_chainer import builder
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.sampling import Forecaster
from mocogan_chainer.video import resize

VISIBLE = 64
"""A pixel belongs to the shape when its brightest channel is above this."""
CLIP = 16
HORIZON = (1, 8, 14, 32, 48, 64)
GIVEN = 2


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


def transfer(forecaster: Forecaster, videos: list[np.ndarray]) -> None:
    """Measure and print motion transfer between pairs of videos (T, H, W, 3)."""
    rows: dict[str, list[float]] = {}

    def add(name: str, value: float) -> None:
        rows.setdefault(name, []).append(value)

    for own, other in zip(videos[::2], videos[1::2], strict=False):
        own, other = own[:CLIP], other[:CLIP]
        moved = forecaster.transfer(own[:1], other)
        add("correlation with the path that was asked for", correlation(path(moved), path(other)))
        add("correlation with the path of the content's own video", correlation(path(moved), path(own)))
        add("correlation of the two real paths", correlation(path(own), path(other)))
        add("pixels from where the other shape is", distance(path(moved), path(other)))
        add("pixels between the two real shapes", distance(path(own), path(other)))
        add("colour's distance from the content's", np.linalg.norm(colour(moved) - colour(own[:1])))
        add("colour's distance from the other's", np.linalg.norm(colour(moved) - colour(other)))
        add("frames in which there is a shape", np.isfinite(path(moved)).all(axis=1).mean())
    print(f"motion transfer: {len(videos) // 2} pairs of held-out videos, {CLIP} frames")
    for name, values in rows.items():
        print(f"  {name:<54}{np.nanmean(values):>7.2f} +- {np.nanstd(values):.2f}")


def lengths(name: str, futures: list[np.ndarray], given: list[np.ndarray]) -> None:
    """Measure and print what is seen at some frames of futures (T, H, W, 3) of given clips, as far as they go."""
    print(f"{name:<20}{'frame':>8}{'seen in':>10}{'pixels':>10}{'brightness':>12}{'colour':>10}{'step':>8}")
    for frame in [frame for frame in HORIZON if frame <= min(map(len, futures))]:
        shown = [(future[frame - 1 : frame], clip) for future, clip in zip(futures, given, strict=True)]
        bright = [still.max(axis=-1)[still.max(axis=-1) > VISIBLE] for still, _ in shown]
        steps = [np.linalg.norm(np.diff(path(future[max(frame - 2, 0) : max(frame, 2)]), axis=0)) for future in futures]
        columns = (
            (np.mean([len(pixels) > 0 for pixels in bright]), 10, 2),
            (np.mean([len(pixels) for pixels in bright if len(pixels)] or [0]), 10, 1),
            (np.mean([pixels.mean() for pixels in bright if len(pixels)] or [0]), 12, 0),
            (np.nanmean([np.linalg.norm(colour(still) - colour(clip)) for still, clip in shown]), 10, 0),
            (np.nanmean(steps), 8, 2),
        )
        print(f"{'':<20}{frame:>8}" + "".join(f"{value:>{width}.{digits}f}" for value, width, digits in columns))


def main() -> None:
    """Measure and print."""
    parser = entry.Parser(description="Does one shape move as another does, and what is left of a shape far ahead?")
    parser.add_argument("dataset")
    parser.add_argument("snapshot")
    parser.add_argument("videos", nargs="?", type=int, default=400)
    arguments = parser.parse_args()
    dataset = PreparedDataset.open(arguments.dataset, "test")
    forecaster, config = builder.load_sampler(arguments.snapshot)
    if not isinstance(forecaster, Forecaster):
        raise ConfigError(f"{arguments.snapshot}: it does not continue clips; name a snapshot of --model prediction")
    every_nth = config["every_nth"]
    videos = [
        resize(dataset.frames(i, range(0, int(dataset.lengths[i]), every_nth)), forecaster.size)
        for i in range(min(arguments.videos, len(dataset)))
    ]
    if forecaster.transfers_motion:
        transfer(forecaster, videos)
    seen = min(GIVEN, forecaster.most_context)
    given = [video[:seen] for video in videos]
    print(f"length: {len(videos)} held-out videos, continued from {seen} frame{'s' * (seen > 1)}")
    lengths("real", [video[seen:] for video in videos], given)
    both = [forecaster.forecast(clip, max(HORIZON), [None, seed]) for seed, clip in enumerate(given)]
    lengths("mean future", [futures[0] for futures in both], given)
    lengths("a possible future", [futures[1] for futures in both], given)


if __name__ == "__main__":
    sys.exit(entry.run(main))
