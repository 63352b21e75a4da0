"""How FVD and FID answer to blur, noise and frames out of order: a plot and a table for doc/evaluation.md.

    python -m benchmarks.distortions data/shapes --videos 128

Each distortion is applied to a set, ever more strongly, and the set is compared with itself as it was. FVD needs the
I3D weights (python evaluate.py fetch i3d). The weights behind the published FIDs are the user's to get; FID is computed
here on the same network with random weights: no number to compare with anything, but a distance all the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.figure import Figure

from mocogan_chainer import backends, builder, seeding
from mocogan_chainer.evaluation import frechet
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.gathering import Gathered, gather
from mocogan_chainer.evaluation.recipes import RECIPES, Recipe
from mocogan_chainer.evaluation.video_set import VideoSet, Which, open_videos
from mocogan_chainer.features import catalogue, weights
from mocogan_chainer.features.network import FeatureNetwork
from mocogan_chainer.features.resnext import RESNEXT_101, ResidualNetwork

RANDOM = "random-weight "
"""Begins the title of distances without a scale; they are shown as shares of the largest."""

Distortion = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def blur(video: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Blur each frame by a Gaussian of ``sigma`` pixels."""
    return np.stack([cv2.GaussianBlur(frame, (0, 0), sigma) for frame in video])


def noise(video: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian noise of a deviation of ``sigma`` of 255."""
    return np.clip(np.rint(video + rng.normal(0, sigma, video.shape)), 0, 255).astype(np.uint8)


def shuffle(video: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Put a share of the frames in a random order; a larger share takes the same frames and more."""
    moved = rng.permutation(len(video))[: round(share * len(video))]
    order = np.arange(len(video))
    order[np.sort(moved)] = moved
    return video[order]


DISTORTIONS: dict[str, tuple[Distortion, tuple[float, ...], str]] = {
    "blur": (blur, (0.5, 1, 2, 4), "standard deviation, pixels"),
    "noise": (noise, (5, 10, 20, 40), "standard deviation, of 255"),
    "frames out of order": (shuffle, (0.25, 0.5, 0.75, 1), "share of the frames"),
}


class Distorted:
    """A set of videos, each distorted."""

    def __init__(self, videos: VideoSet, distortion: Distortion, strength: float):
        self._videos, self._distortion, self._strength = videos, distortion, strength

    def __getattr__(self, name: str) -> object:
        return getattr(self._videos, name)

    def __len__(self) -> int:
        return len(self._videos)

    def read(self, index: int, which: Which | None = None) -> np.ndarray:
        """Return the frames that are wanted, uint8 (T, H, W, 3), distorted."""
        frames = self._videos.read(index, which)
        return self._distortion(frames, self._strength, seeding.stream(0, "distortion", index))


def measure(videos: VideoSet, indices: Sequence[int], extractor: Extractor) -> dict[str, list[tuple[float, float]]]:
    """Return (strength, distance) for each distortion, beginning with the set as it is."""
    clean = gather(videos, indices, extractor)
    itself = _distance(clean, gather(videos, indices, extractor))
    curves = {}
    for name, (distortion, strengths, _) in DISTORTIONS.items():
        curves[name] = [(0.0, itself)]
        for strength in strengths:
            distorted = gather(Distorted(videos, distortion, strength), indices, extractor)
            curves[name].append((strength, _distance(distorted, clean)))
            print(f"{extractor.recipe.name}: {name} {strength:g}: {curves[name][-1][1]:.4g}", flush=True)
    return curves


def relative(curves: dict[str, list[tuple[float, float]]]) -> dict[str, list[tuple[float, float]]]:
    """Divide all distances by the largest."""
    largest = max(value for curve in curves.values() for _, value in curve)
    return {name: [(strength, value / largest) for strength, value in curve] for name, curve in curves.items()}


def _distance(evaluated: Gathered, reference: Gathered) -> float:
    return frechet.distance(evaluated.gaussian, reference.gaussian)


def draw(path: Path, measured: dict[str, dict[str, list[tuple[float, float]]]]) -> None:
    """Draw one row per metric and one column per distortion."""
    figure = Figure(figsize=(9, 2.7 * len(measured)), layout="constrained")
    panels = figure.subplots(len(measured), len(DISTORTIONS), squeeze=False)
    for row, (title, curves) in zip(panels, measured.items(), strict=True):
        for panel, (name, curve) in zip(row, curves.items(), strict=True):
            panel.plot(*zip(*curve, strict=True), marker="o")
            panel.set(title=f"{title}, {name}", xlabel=DISTORTIONS[name][2], ylim=(0, None))
            panel.title.set_fontsize(9)
            panel.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def extractors() -> dict[str, Extractor]:
    """Return the networks by the title of their row."""
    path = weights.find("i3d")
    i3d = RECIPES["fvd-i3d"]
    found = {"FVD": _extractor(i3d, catalogue.load("i3d", path), weights.sha256(path))}
    recipe = RECIPES["fid-resnext101-g3an"]
    network = ResidualNetwork(400, RESNEXT_101)
    rng = seeding.stream(0, "random weights")
    for parameter in network.params():
        if parameter.ndim > 1:
            parameter.array[...] = rng.normal(0, np.sqrt(2 / np.prod(parameter.shape[1:])), parameter.shape)
    found[f"{RANDOM}FID"] = _extractor(recipe, network, "0" * 64)
    return found


def _extractor(recipe: Recipe, network: FeatureNetwork, digest: str) -> Extractor:
    return Extractor(recipe, network, digest, builder.choose_device(-1))


def main() -> None:
    """Measure, print a table, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", help="a prepared dataset, or a folder of videos")
    parser.add_argument("--videos", type=int, default=128)
    parser.add_argument("--out", type=Path, default=Path("doc/images/distortions.png"))
    arguments = parser.parse_args()
    backends.use("auto", on_gpu=False)
    videos = open_videos(arguments.data)
    indices = list(range(min(arguments.videos, len(videos))))
    measured = {title: measure(videos, indices, extractor) for title, extractor in extractors().items()}
    measured = {title: relative(curves) if RANDOM in title else curves for title, curves in measured.items()}
    draw(arguments.out, measured)
    for title, curves in measured.items():
        for name, curve in curves.items():
            print(
                f"| {title} | {name} | " + " | ".join(f"{strength:g}: {value:.4g}" for strength, value in curve) + " |"
            )


if __name__ == "__main__":
    main()
