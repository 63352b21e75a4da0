"""Everything that a number depends on, by name: numbers of unlike protocols are not compared."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mocogan_chainer.errors import DataError, nearest

BETTER = {
    "fvd": "lower",
    "fid": "lower",
    "is": "higher",
    "prd": "higher",
    "acd": "lower",
    "mcs": "higher",
    "psnr": "higher",
    "ssim": "higher",
    "precalc": "",
}
"""Which values of a metric are the better ones; stored statistics are not a metric, but have a protocol too."""

FEATURES = (
    "network",
    "weights_sha256",
    "size",
    "resize",
    "crop",
    "channel_order",
    "pixel_values",
    "frames",
    "stride",
    "start",
    "short_videos",
)
"""The fields that say how features are made; they must be the same for both sets of a metric."""
Setting = bool | int | float | str
Settings = tuple[tuple[str, Setting], ...]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How a number was made. A field is None where the metric does not depend on it.

    Attributes:
        metric: "fvd", "fid", ...: a key of :data:`BETTER`.
        name: of the protocol, for example "fvd-i3d".
        network: what makes the features, and which layer.
        weights_sha256: of the network's weight file, 64 hexadecimal digits.
        size: height and width of the frames that the network sees, in pixels.
        resize: the filter that brings frames to that size.
        crop: what is cut from them before or after, or "none".
        channel_order: "RGB" or "BGR".
        pixel_values: the range or the means that the network wants.
        frames: of a clip.
        stride: steps in the video from one frame of a clip to the next.
        start: where in the video a clip begins.
        short_videos: what becomes of videos that are shorter than a clip.
        reference: the real set: its name and fingerprint.
        split: the part of it that was used.
        reference_samples: clips of it.
        evaluated_samples: clips of the other set.
        seed: of every random choice.
        settings: numbers and choices of the one metric, sorted by name; a mapping is taken as well.
    """

    metric: str
    name: str
    network: str | None = None
    weights_sha256: str | None = None
    size: int | None = None
    resize: str | None = None
    crop: str | None = None
    channel_order: str | None = None
    pixel_values: str | None = None
    frames: int | None = None
    stride: int | None = None
    start: str | None = None
    short_videos: str | None = None
    reference: str | None = None
    split: str | None = None
    reference_samples: int | None = None
    evaluated_samples: int | None = None
    seed: int | None = None
    settings: Settings | Mapping[str, Setting] = ()

    def __post_init__(self) -> None:
        """Sort the settings, and check every field.

        Raises:
            ValueError: a field is of another type or value than it can have.
        """
        object.__setattr__(self, "settings", tuple(sorted(dict(self.settings).items())))
        for name, allowed in _types().items():
            value = getattr(self, name)
            if type(value) not in allowed:
                raise ValueError(f"{name}={value!r}: it must be {_in_words(allowed)}")
        if self.metric not in BETTER:
            raise ValueError(f"metric={self.metric}: it must be one of {', '.join(BETTER)}")
        digits = self.weights_sha256
        if digits is not None and (len(digits) != 64 or set(digits) - set("0123456789abcdef")):
            raise ValueError(f"weights_sha256={digits}: it must be 64 hexadecimal digits in lower case")
        for name, value in self.settings:
            finite = type(value) is not float or math.isfinite(value)
            if type(name) is not str or type(value) not in typing.get_args(Setting) or not finite:
                raise ValueError(f"settings.{name}={value!r}: it must be {_in_words(typing.get_args(Setting))}")

    def to_dict(self) -> dict[str, typing.Any]:
        """Return plain values for JSON, all fields in their order."""
        return {**dataclasses.asdict(self), "settings": dict(self.settings)}

    @classmethod
    def from_dict(cls, values: typing.Any) -> Protocol:
        """The inverse of :meth:`to_dict`; fields that are not there are None.

        Raises:
            ValueError: a field is unknown, missing or wrong.
        """
        if not isinstance(values, dict):
            raise ValueError("a protocol must be a table of fields")
        names = [field.name for field in dataclasses.fields(cls)]
        unknown = [name for name in values if name not in names]
        if unknown:
            raise ValueError(f"{unknown[0]}: no field of a protocol{nearest(unknown[0], names)}")
        missing = {"metric", "name"} - set(values)
        if missing:
            raise ValueError(f"{min(missing)} is missing")
        if not isinstance(values.get("settings", {}), dict):
            raise ValueError("settings must be a table")
        return cls(**values)

    def to_json(self) -> str:
        """Return the protocol as one line of JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str, source: str) -> Protocol:
        """The inverse of :meth:`to_json`.

        Args:
            text: the JSON.
            source: where it is from, for the error.

        Raises:
            DataError: it is no JSON, or a field is unknown, missing or wrong.
        """
        try:
            return cls.from_dict(json.loads(text))
        except RecursionError as error:
            raise DataError(f"{source}: no protocol of evaluate.py: it is nested too deeply") from error
        except ValueError as error:
            raise DataError(f"{source}: no protocol of evaluate.py: {error}") from error

    def digest(self) -> str:
        """Return eight characters that are the same for equal protocols and differ for others."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:8]


def differences(
    first: Protocol, second: Protocol, among: Iterable[str] | None = None
) -> list[tuple[str, Setting | None, Setting | None]]:
    """Return the fields that differ, each with its value here and there; settings one by one, as "settings.NAME".

    Args:
        first: a protocol.
        second: another one.
        among: the only fields to look at, such as :data:`FEATURES`; None for all.
    """
    names = [field.name for field in dataclasses.fields(Protocol)] if among is None else list(among)
    pairs = [(name, getattr(first, name), getattr(second, name)) for name in names if name != "settings"]
    if "settings" in names:
        here, there = dict(first.settings), dict(second.settings)
        pairs += [(f"settings.{key}", here.get(key), there.get(key)) for key in sorted({*here, *there})]
    return [(name, a, b) for name, a, b in pairs if a != b]


def in_words(found: Iterable[tuple[str, Setting | None, Setting | None]]) -> str:
    """Return what :func:`differences` found as text: "crop is none and centre; frames is 10 and 16"."""
    return "; ".join(f"{name} is {_shown(a)} and {_shown(b)}" for name, a, b in found)


def _shown(value: Setting | None) -> str:
    return "not set" if value is None else str(value)


def _types() -> dict[str, tuple[type, ...]]:
    """Return the types that each field but the settings may have."""
    hints = typing.get_type_hints(Protocol)
    return {
        name: typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        for name, hint in hints.items()
        if name != "settings"
    }


def _in_words(allowed: Iterable[type]) -> str:
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "nothing"}
    return " or ".join(names[kind] for kind in allowed)
