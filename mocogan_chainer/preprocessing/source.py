"""What a raw dataset must define to be prepared: the base class of all of them, and its options."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np

from mocogan_chainer.errors import ConfigError, nearest, require_one_of, require_range
from mocogan_chainer.preprocessing import splits
from mocogan_chainer.preprocessing.tree import natural_key


def option(
    default: Any,
    help: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[Any] = (),
    kind: type = int,
) -> Any:
    """Declare a field of a :class:`Source` that the user may set, by keyword or as ``--name`` on the command line.

    Args:
        default: its value if it is not set; its type is the option's type, unless it is None.
        help: one line for ``--help``.
        low: the smallest number allowed; None for no bound.
        high: the largest number allowed; None for no bound.
        choices: the only values allowed, if given.
        kind: the option's type if the default is None.
    """
    kind = kind if default is None else type(default)
    rule = {"help": help, "type": kind, "low": low, "high": high, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata=rule)


@dataclass(frozen=True)
class Item:
    """One video to be made. It travels to a worker process, so it holds paths and numbers rather than frames.

    Attributes:
        id: a name that no other video of the dataset has.
        source: where it comes from, relative to the raw data.
        class_name: the name of its class, or ``""``.
        subject: who is seen, or ``""``.
        data: what :meth:`Source.load` needs.
        split: ``train`` or ``test`` where the raw data says so, or ``""``.
        fault: why it cannot be used, where that is known before it is loaded.
    """

    id: str
    source: str
    class_name: str = ""
    subject: str = ""
    data: Any = None
    split: str = ""
    fault: str = ""


@dataclass(frozen=True)
class Recording:
    """The frames of one video, and what was done to them.

    Attributes:
        frames: yields uint8 ``(size, size, 3)``, or ``(size, size, 4)`` in a dataset with masks: the mask comes last.
            An array ``(T, size, size, 3)`` will do.
        filter: how the frames were chosen, cut and scaled, to be recorded.
        remark: what is worth knowing about the video, to be listed; "" for nothing.
    """

    frames: Iterable[np.ndarray]
    filter: str = ""
    remark: str = ""


@dataclass
class Source(ABC):
    """A raw dataset: a module of this package with one subclass, made a dataclass. It needs no other registration.

    The class defines ``NAME`` and ``HELP``; its fields declared with :func:`option` become the dataset's options.
    It is pickled for the worker processes: read whatever is large in :meth:`load`.

    Attributes:
        raw: the raw data, a folder or file; None for a dataset that makes its own videos.
        size: height and width of the frames to make, in pixels.
        split: the fraction that is marked as test.
        seed: the seed of all random streams.
        threads: how many a decoder may use; 0 for as many as there are cores. The frames do not depend on it.
    """

    NAME: ClassVar[str]
    HELP: ClassVar[str]
    NEEDS_RAW: ClassVar[bool] = True
    """Whether the dataset is read from raw data, or makes its own videos."""
    WORKERS: ClassVar[int | None] = None
    """Worker processes unless the user says otherwise: None for one per core, 0 for none, which suits a dataset whose
    videos take less time to make than a process takes to start."""

    raw: Path | None
    size: int = option(64, "height and width of the frames in pixels", low=1, high=4096)
    split: float = option(0.0, "fraction of the subjects (if none are known: of the videos) to mark as test", 0, 0.9)
    seed: int = option(0, "seed of all random streams", low=0)
    threads: int = 0

    @abstractmethod
    def items(self) -> list[Item]:
        """Find all videos, each in a fixed order, without reading them.

        Raises:
            DataError: the raw data has another layout.
        """

    @abstractmethod
    def load(self, item: Item) -> Recording:
        """Read or make one video; the result depends on the item, the options and the seed only.

        Raises:
            DataError: it cannot be used; the video is left out with this reason. Reading the frames may raise it too.
        """

    def unread(self, items: Sequence[Item]) -> list[tuple[str, str]]:
        """Return what else in the raw data may hold a video, to be listed as left out.

        It is no part of the work: it is not counted, and may be different when the work is resumed.

        Args:
            items: all that :meth:`items` found.

        Returns:
            (source, reason) each, in a fixed order; nothing unless the dataset overrides this.

        Raises:
            DataError: a folder cannot be listed.
        """
        return []

    def check(self, items: Sequence[Item]) -> None:
        """Check the options against what was found.

        Raises:
            ConfigError: they do not fit.
            ValueError: two videos have one id, which is a fault of :meth:`items`.
        """
        if len({item.id for item in items}) < len(items):
            raise ValueError(f"{self.NAME}: two videos have the same id")

    def divide(self, items: Sequence[Item]) -> list[Item]:
        """Mark each video as ``train`` or ``test``, if the option ``split`` asks for it.

        Raises:
            ConfigError: there is too little to divide.
        """
        return splits.divide(items, self.split, self.seed) if self.split else list(items)

    def has_masks(self, items: Sequence[Item]) -> bool:
        """Tell whether frames come with masks."""
        return False

    def class_names(self, items: Sequence[Item]) -> list[str]:
        """Return all classes in the order of their labels: sorted, numbers by value."""
        return sorted({item.class_name for item in items} - {""}, key=natural_key)

    def made_with(self) -> dict[str, str]:
        """Return the versions of what the frames depend on, to be recorded."""
        return {"opencv": cv2.__version__, "numpy": np.__version__}

    @classmethod
    def options(cls) -> list[dataclasses.Field]:
        """Return the fields that the user may set."""
        return [field for field in dataclasses.fields(cls) if field.metadata]

    @classmethod
    def create(cls, raw: Path | None, options: dict[str, Any]) -> Source:
        """Make the source with checked options.

        Raises:
            ConfigError: an option is unknown, of the wrong type, or out of range.
        """
        known = {field.name: field for field in cls.options()}
        for name, value in options.items():
            if name not in known:
                raise ConfigError(
                    f"{name}: {cls.NAME} has no such option; it has {', '.join(known)}{nearest(name, known)}"
                )
            _check(known[name], value)
        return cls(raw, **options)

    def settings(self) -> dict[str, Any]:
        """Return the options with their values, to be recorded."""
        return {field.name: getattr(self, field.name) for field in self.options()}


def _check(field: dataclasses.Field, value: Any) -> None:
    rule = field.metadata
    if value is None and field.default is None:
        return
    kinds = (int, float) if rule["type"] is float else (rule["type"],)
    if type(value) not in kinds:
        raise ConfigError(f"{field.name}={value}: it must be of type {rule['type'].__name__}")
    if rule["choices"]:
        require_one_of(field.name, value, rule["choices"])
    if rule["type"] is not str:
        require_range(field.name, value, rule["low"], rule["high"])
