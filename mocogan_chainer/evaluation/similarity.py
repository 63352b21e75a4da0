"""How close a predicted video is to the true one, frame by frame: PSNR, and SSIM (Wang et al. 2004).

SSIM is computed in each of R, G and B and averaged over the three, which for grey videos is the SSIM of their grey.
"""

from __future__ import annotations

import cv2
import numpy as np

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.averages import Average

PEAK = 255
WINDOW = 11
SIGMA = 1.5
K1, K2 = 0.01, 0.03


def psnr(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio of each frame in dB.

    Args:
        predicted: uint8 ``(T, H, W, 3)``.
        true: the same.

    Returns:
        float64 ``(T,)``; infinite where the frames are equal.
    """
    _check(predicted, true)
    squares = [np.square(a.astype(np.int64) - b).mean() for a, b in zip(predicted, true, strict=True)]
    with np.errstate(divide="ignore"):
        return 10 * np.log10(PEAK**2 / np.array(squares, np.float64))


def ssim(predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the structural similarity of each frame, averaged over where the window lies wholly inside.

    Args:
        predicted: uint8 ``(T, H, W, 3)``, at least 11 x 11 pixels.
        true: the same.

    Returns:
        float64 ``(T,)`` in [-1, 1]; 1 where the frames are equal.

    Raises:
        DataError: the frames are smaller than the window.
    """
    _check(predicted, true)
    height, width = true.shape[1:3]
    if min(height, width) < WINDOW:
        raise DataError(f"frames of {width} x {height} pixels: SSIM needs at least {WINDOW} x {WINDOW}")
    return np.array([_ssim(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(predicted, true, strict=True)])


class FrameScores:
    """Averages one score a frame over videos of one length, or of any.

    Infinite scores (the PSNR of equal frames) are left out of every average and counted.

    Args:
        length: of the videos; None where they may differ.

    Attributes:
        frames: the average at each frame, over the videos that have it.
        videos: the average over videos of each video's average.
        infinite: scores that were left out.
    """

    def __init__(self, length: int | None):
        self._length = length
        self.frames = [Average() for _ in range(length or 0)]
        self.videos = Average()
        self.infinite = 0
        self._count = 0

    def add(self, scores: np.ndarray) -> None:
        """Take a video's scores ``(length,)`` in."""
        if self._length is None:
            self.frames += [Average() for _ in range(len(scores) - len(self.frames))]
        elif scores.shape != (self._length,):
            raise ValueError(f"scores {scores.shape}: they must be ({self._length},), one a frame")
        finite = np.isfinite(scores)
        for average, score in zip(self.frames, scores, strict=self._length is not None):
            if np.isfinite(score):
                average.add(score)
        if finite.any():
            self.videos.add(scores[finite].mean())
        self.infinite += int((~finite).sum())
        self._count += 1

    @property
    def value(self) -> float:
        """The average over the videos; infinite where every frame of every video is.

        Raises:
            DataError: there was no video.
        """
        if not self._count:
            raise DataError("no videos to compare; give at least one")
        return self.videos.mean if self.videos.count else float("inf")

    def per_frame(self) -> list[float]:
        """Return the average at each frame; infinite where it is so in every video."""
        return [frame.mean if frame.count else float("inf") for frame in self.frames]

    def per_frame_spread(self) -> list[float]:
        """Return the standard error of the average at each frame; infinite where fewer than two videos have it."""
        return [float("inf") if frame.spread is None else frame.spread for frame in self.frames]

    def counts(self) -> dict[str, int]:
        """Return what a result must say in addition to the value."""
        return {
            "videos": self._count,
            "videos left out": self._count - self.videos.count,
            "equal frames left out": self.infinite,
        }


def _ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Of two frames ``(H, W, 3)``."""
    c1, c2 = (K1 * PEAK) ** 2, (K2 * PEAK) ** 2
    mean_a, mean_b = _local_mean(a), _local_mean(b)
    variances = _local_mean(a * a) - mean_a**2 + _local_mean(b * b) - mean_b**2
    covariance = _local_mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return float((luminance * (2 * covariance + c2) / (variances + c2)).mean())


def _local_mean(frame: np.ndarray) -> np.ndarray:
    """Return the frame under the Gaussian window, ``(H - 10, W - 10, 3)``."""
    kernel = cv2.getGaussianKernel(WINDOW, SIGMA, cv2.CV_64F)
    rim = WINDOW // 2
    return cv2.sepFilter2D(frame, cv2.CV_64F, kernel, kernel)[rim:-rim, rim:-rim]


def _check(predicted: np.ndarray, true: np.ndarray) -> None:
    for name, video in (("predicted", predicted), ("true", true)):
        if video.dtype != np.uint8 or video.ndim != 4 or video.shape[-1] != 3:
            raise ValueError(f"{name}: {video.dtype} {video.shape}, and must be uint8 (T, H, W, 3)")
    if predicted.shape != true.shape:
        raise DataError(f"a predicted video is {predicted.shape} and the true one {true.shape}; they must be alike")
