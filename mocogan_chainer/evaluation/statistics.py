"""Mean and covariance of features, gathered batch by batch and merged over processes, in memory of one size.

Float64 throughout. Batches and merges use the pairwise update of Chan, Golub and LeVeque (1979), which loses no digits
to a large mean. Files are ``.npz`` with ``mu`` and ``sigma`` as in G3AN's and other published code, which read them
too; theirs are read as they are, without the number of videos and without single features.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from mocogan_chainer import npz_files
from mocogan_chainer.errors import DataError, one_line
from mocogan_chainer.evaluation.kept_features import KeptFeatures, most_rows
from mocogan_chainer.files import atomic_write

FORMAT = "mocogan-chainer statistics"
VERSION = 1
MAKE_ANEW = "make it again with evaluate.py precalc"

_LARGEST = float(np.finfo(np.float32).max)  # features are float32
_MOST = 2**53  # samples; float64 counts no further


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A normal distribution of features.

    Attributes:
        mean: float64 ``(D,)``.
        covariance: float64 ``(D, D)``, symmetric, divided by the number of samples less one.
        count: the samples that it was estimated from; None where a file did not say.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int | None = None

    @property
    def dimensions(self) -> int:
        """Numbers a feature."""
        return len(self.mean)


class Statistics:
    """Gathers features.

    Attributes:
        count: features so far.
        mean: float64 ``(D,)``; zeros before the first.
        scatter: float64 ``(D, D)``, the sum of the outer products of the features less their mean.
        kept: the features themselves, or an even subset (see :mod:`mocogan_chainer.evaluation.kept_features`).
    """

    def __init__(self, dimensions: int, kept: KeptFeatures | None = None):
        """``kept`` is where single features go; None stands for a new one of the usual size."""
        self.count = 0
        self.mean = np.zeros(dimensions)
        self.scatter = np.zeros((dimensions, dimensions))
        self.kept = KeptFeatures(dimensions) if kept is None else kept

    @property
    def dimensions(self) -> int:
        """Numbers a feature."""
        return len(self.mean)

    def update(self, features: np.ndarray) -> None:
        """Take features ``(N, D)`` of any float dtype in.

        Raises:
            DataError: one of them is not finite; nothing was taken in.
            ValueError: another shape.
        """
        if features.ndim != 2 or features.shape[1] != self.dimensions:
            raise ValueError(f"features {features.shape}: they must be (N, {self.dimensions})")
        if not len(features):
            return
        values = features.astype(np.float64)
        bad = int((~np.isfinite(values)).any(axis=1).sum())
        if bad:
            raise DataError(
                f"{bad} of {len(features)} features are not finite: the network's weights or the videos are damaged, "
                "or it runs at too low a precision"
            )
        self.kept.update(features)
        mean = values.mean(axis=0)
        rows = np.concatenate([values - mean, self._move(len(values), mean)])
        self.scatter += rows.T @ rows

    def merge(self, other: Statistics) -> None:
        """Take in what another process gathered.

        Mean and scatter are those of all features together within rounding, in whatever order parts are merged; the
        kept rows are the same exactly.

        Raises:
            DataError: its features are of another size.
        """
        if other.dimensions != self.dimensions:
            raise DataError(
                f"features of {self.dimensions} and of {other.dimensions} numbers cannot be merged; they come from "
                "different networks"
            )
        self.kept.merge(other.kept)
        if other.count:
            row = self._move(other.count, other.mean)
            self.scatter += other.scatter
            self.scatter += row.T @ row

    def gaussian(self, least: int = 2) -> Gaussian:
        """Return the normal distribution of the features so far; of fewer than two, the covariance is zeros.

        Args:
            least: features that there must be, 0 for a part of a set that is only merged with others.

        Raises:
            DataError: fewer.
        """
        if self.count < least:
            raise DataError(f"samples={self.count}: a covariance needs at least {least}; give more videos")
        return Gaussian(self.mean.copy(), self.scatter / max(self.count - 1, 1), self.count)

    def _move(self, count: int, mean: np.ndarray) -> np.ndarray:
        """Join the mean of ``count`` features to the mean; return the row ``(1, D)`` that this adds to the scatter."""
        step = mean - self.mean
        weight = self.count * count / (self.count + count)
        self.count += count
        self.mean += step * (count / self.count)
        return np.sqrt(weight) * step[None]


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file of statistics holds.

    Attributes:
        gaussian: the features' distribution.
        statistics: for merging and for single features; None for files of other programs.
        protocol: how the features were made, as the text that was saved; "" for files of other programs.
    """

    gaussian: Gaussian
    statistics: Statistics | None
    protocol: str


def save(path: str | os.PathLike, statistics: Statistics, protocol: str, least: int = 2) -> None:
    """Write statistics, the features that are kept, and how they were made, whole or not at all.

    Args:
        path: the ``.npz`` file.
        statistics: the features.
        protocol: a text, usually :meth:`mocogan_chainer.evaluation.protocol.Protocol.to_json`.
        least: features that there must be, 0 for a part of a set.

    Raises:
        DataError: fewer.
        OutputError: the file cannot be written.
    """
    gaussian = statistics.gaussian(least)
    meta = {"format": FORMAT, "version": VERSION, "count": statistics.count, "protocol": protocol}
    arrays = {"mu": gaussian.mean, "sigma": gaussian.covariance, "features": statistics.kept.rows}
    with atomic_write(path) as file:
        np.savez(file, meta=np.array(json.dumps(meta)), **arrays)


def load(path: str | os.PathLike, least: int = 2) -> Stored:
    """Read what :func:`save` wrote, or a file with ``mu`` and ``sigma`` alone.

    Args:
        path: the ``.npz`` file.
        least: features that there must be where the file says how many there are, 0 for a part of a set.

    Raises:
        DataError: no such file, none of statistics, of a newer version, or damaged.
    """
    arrays = _arrays(path)
    if not {"mu", "sigma"} <= set(arrays):
        raise DataError(f"{path}: no statistics: they are an .npz file with mu and sigma; {MAKE_ANEW}")
    mean, covariance = _moments(path, arrays)
    if "meta" not in arrays:
        return Stored(Gaussian(mean, covariance), None, "")
    count, protocol = _meta(path, arrays["meta"], least)
    rows = _rows(path, arrays.get("features"), len(mean), count)
    if count < 2 and covariance.any():
        raise DataError(f"{path}: damaged: a covariance of {count} features; {MAKE_ANEW}")
    statistics = Statistics(len(mean), KeptFeatures.restored(rows, count))
    statistics.count, statistics.mean, statistics.scatter = count, mean.copy(), covariance * max(count - 1, 0)
    return Stored(Gaussian(mean, covariance, count), statistics, protocol)


def is_file_of_statistics(path: str | os.PathLike) -> bool:
    """Tell statistics, with ``mu`` and ``sigma``, from other ``.npz`` files; nothing but the list of names is read."""
    try:
        return {"mu", "sigma"} <= npz_files.names(path)
    except (OSError, npz_files.NpzError):
        return False


def _arrays(path: str | os.PathLike) -> dict[str, np.ndarray]:
    try:
        return npz_files.read(path, ("mu", "sigma", "meta", "features"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; evaluate.py precalc writes statistics") from None
    except (OSError, npz_files.NpzError) as error:
        raise DataError(f"{path}: cannot be read as statistics: {one_line(error)}; {MAKE_ANEW}") from error


def _moments(path: str | os.PathLike, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    found = arrays["mu"], arrays["sigma"]
    wrong = ""
    with np.errstate(over="ignore", invalid="ignore"):
        mean, covariance = (array.astype(np.float64) if array.dtype.kind == "f" else array for array in found)
    if mean.dtype.kind != "f" or covariance.dtype.kind != "f":
        wrong = f"mu and sigma are of {mean.dtype} and {covariance.dtype}, and must be of floats"
    elif mean.ndim != 1 or not len(mean) or covariance.shape != 2 * mean.shape:
        wrong = f"mu and sigma have shapes {mean.shape} and {covariance.shape}, and need (D,) and (D, D)"
    elif not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        wrong = "mu and sigma must be finite"
    elif np.abs(mean).max() > _LARGEST or np.abs(covariance).max() > 2 * _LARGEST**2:
        wrong = "mu and sigma are larger than float32 features can make them"
    elif (
        not np.allclose(covariance, covariance.T, atol=1e-6 * np.abs(covariance).max())
        or covariance.diagonal().min() < 0
    ):
        wrong = "sigma is no covariance: it must be symmetric with no negative variance"
    if wrong:
        raise DataError(f"{path}: {wrong}; {MAKE_ANEW}")
    return mean, covariance


def _rows(path: str | os.PathLike, rows: np.ndarray | None, dimensions: int, count: int) -> np.ndarray:
    """Return the single features ``(n, dimensions)``: all ``count`` of them or, of more than two, at least two."""
    if rows is None or rows.dtype != np.float32 or rows.ndim != 2 or rows.shape[1] != dimensions:
        wrong = "do not go with its mean"
    elif not min(count, 2) <= len(rows) <= min(count, most_rows(dimensions)):
        wrong = f"do not go with its mean: they are {len(rows)} of {count}"
    elif not np.isfinite(rows).all():
        wrong = "are not finite"
    else:
        return rows
    raise DataError(f"{path}: damaged: its features {wrong}; {MAKE_ANEW}")


def _meta(path: str | os.PathLike, text: np.ndarray, least: int) -> tuple[int, str]:
    """Return the number of samples, at least ``least``, and the protocol's text."""
    try:
        meta: Any = json.loads(str(text))
    except (ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise DataError(f"{path}: its description is no description of statistics; {MAKE_ANEW}")
    if meta.get("version") != VERSION:
        raise DataError(
            f"{path}: its format is version {meta.get('version')} and this program reads version {VERSION}; "
            "use the program's version that wrote it"
        )
    count, protocol = meta.get("count"), meta.get("protocol")
    if type(count) is not int or not least <= count <= _MOST or not isinstance(protocol, str):
        raise DataError(f"{path}: damaged: its count or its protocol is missing or of another type; {MAKE_ANEW}")
    return count, protocol
