"""What a model needs to know about a dataset."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class DataDescription:
    """The properties of a dataset that shape networks; snapshots contain them, so that sampling needs no data.

    Attributes:
        name: the dataset's name.
        size: height and width of its frames, in pixels.
        channels: colour channels of its frames.
        class_names: the names of its classes; empty if it has none.
        unlabelled: number of videos without a class; others may have one.
        fingerprint: of its frames, labels and class names; a resumed run needs the same.
        masks: whether every frame has a mask.
    """

    name: str
    size: int
    channels: int
    class_names: tuple[str, ...]
    unlabelled: int = 0
    fingerprint: str = ""
    masks: bool = field(default=False, compare=False)  # part of the fingerprint; not in all snapshots

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for YAML or JSON."""
        return {**asdict(self), "class_names": list(self.class_names)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DataDescription:
        """The inverse of :meth:`to_dict`."""
        return cls(
            name=str(values["name"]),
            size=int(values["size"]),
            channels=int(values["channels"]),
            class_names=tuple(map(str, values["class_names"])),
            unlabelled=int(values["unlabelled"]),
            fingerprint=str(values["fingerprint"]),
            masks=bool(values.get("masks", False)),  # not in all snapshots
        )
