"""Signs of a failing run: functions of its numbers, and where each draws the line."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

import chainer
import numpy as np

LONG = 500
"""Iterations that a discriminator may win in a row."""

CERTAIN_LOSS = 0.0007
"""A discriminator without reported scores wins below this loss: the logistic one at scores of 8 and -8."""

COLLAPSED = 0.3
"""Videos are too much alike when they are less than so many times as far apart as they were."""

EARLIER = 3
"""Looks that it takes to know how far apart videos are."""

REMEMBERED = 200
"""Looks whose distances are remembered."""

Row = Mapping[str, float]


def discriminators(row: Row) -> list[str]:
    """Return the networks in a row of the log that tell real from generated ones."""
    networks = sorted({name.partition("/")[0] for name in row if "/" in name})
    return [n for n in networks if f"{n}/real" in row or ("discriminator" in n and f"{n}/loss" in row)]


def wins(row: Row, network: str, certain: tuple[float, float]) -> bool:
    """Whether a discriminator has no doubts.

    Args:
        row: of the log, mean values over some iterations.
        network: its name.
        certain: mean scores of real and of generated ones, from which on it has none.
    """
    if f"{network}/real" in row and f"{network}/fake" in row:
        return row[f"{network}/real"] >= certain[0] and row[f"{network}/fake"] <= certain[1]
    return row.get(f"{network}/loss", np.inf) <= CERTAIN_LOSS


def distance(videos: np.ndarray) -> float:
    """Return how far apart videos are: the root of the mean square of what two of them differ by, 0 to 255.

    Args:
        videos: uint8 (N, T, H, W, 3), N at least 2.
    """
    frames = range(videos.shape[1])  # one after another: all as float32 would be four times as large
    variances = [videos[:, t].astype(np.float32).var(axis=0, ddof=1).mean(dtype=np.float64) for t in frames]
    return float(np.sqrt(2 * np.mean(variances)))


def shrinkage(distances: Sequence[float]) -> float | None:
    """Return how many times as far apart as before videos are, where that is a collapse; else None.

    Args:
        distances: how far they were at each look, the last one now.
    """
    *earlier, now = distances
    if len(earlier) < EARLIER:
        return None
    usual = float(np.median(earlier))
    return now / usual if now < COLLAPSED * usual else None


def digest(*arrays: np.ndarray) -> int:
    """Return a number that changes when any of the arrays does."""
    number = 0
    for array in arrays:
        number = zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, number)
    return number


def weights_digest(network: chainer.Link) -> int:
    """Return a number that changes when any of a network's parameters does."""
    send = chainer.get_device("@numpy").send
    return digest(*(send(parameter.array) for _, parameter in sorted(network.namedparams())))
