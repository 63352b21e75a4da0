"""Classifiers on disk, so that several models are judged by the same one: else their scores cannot be compared."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np
from chainer.serializers import NpzDeserializer

from mocogan_chainer import npz_files
from mocogan_chainer.errors import SnapshotError, one_line
from mocogan_chainer.evaluation.classifier import PARTS, SIZE_STEP, Classifier, ClipNetwork, clip_preparation
from mocogan_chainer.files import atomic_write

FORMAT = "mocogan-chainer classifier"
VERSION = 1
META = "meta"


def save(path: str | os.PathLike, classifier: Classifier) -> None:
    """Write a classifier as ``.npz``, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "class_names": list(classifier.class_names),
        "frames": classifier.preparation.frames,
        "stride": classifier.preparation.stride,
        "size": classifier.preparation.size,
        "reference": classifier.reference,
        "split": classifier.split,
        "parts": dict(classifier.parts),
        "held_out": classifier.held_out.tolist(),
        "seed": classifier.seed,
        "warnings": list(classifier.warnings),
    }
    with atomic_write(path) as file:
        np.savez(file, **{META: np.array(json.dumps(meta))}, **classifier.network.arrays())


def load(path: str | os.PathLike) -> Classifier:
    """Read what :func:`save` wrote; nothing in the file is run.

    Raises:
        SnapshotError: no such file, no classifier, of a newer version, or damaged.
    """
    try:
        return _classifier(npz_files.read(path))
    except FileNotFoundError:
        raise SnapshotError(f"{path}: no such file; evaluate.py mcs trains a classifier and can save it") from None
    except (OSError, ValueError, OverflowError, RecursionError) as error:
        raise SnapshotError(
            f"{path}: no classifier of evaluate.py mcs that can be read: {one_line(error)}; train it anew"
        ) from error


def _classifier(arrays: dict[str, np.ndarray]) -> Classifier:
    """Build what the arrays hold.

    Raises:
        ValueError: they do not go together.
    """
    meta = _meta(arrays.pop(META, None))
    classes = len(meta["class_names"])
    held_out = np.array(meta["held_out"], np.int64)
    if held_out.shape != (classes, classes) or held_out.min() < 0 or not held_out.any():
        raise ValueError(f"held_out of shape {held_out.shape} does not go with {classes} classes")
    network = ClipNetwork(classes, meta["frames"], np.random.default_rng(0))
    for name, expected in network.arrays().items():
        found = arrays.get(name)
        if found is None or found.shape != expected.shape or found.dtype != expected.dtype:
            raise ValueError(f"{name} is missing or of another shape or type")
        if not np.isfinite(found).all():
            raise ValueError(f"{name} is not finite")
    network.serialize(NpzDeserializer(arrays))
    return Classifier(
        network=network,
        class_names=tuple(meta["class_names"]),
        preparation=clip_preparation(meta["frames"], meta["stride"], meta["size"]),
        reference=meta["reference"],
        split=meta["split"],
        parts=meta["parts"],
        held_out=held_out,
        seed=meta["seed"],
        warnings=tuple(meta["warnings"]),
    )


def _meta(text: np.ndarray | None) -> dict[str, Any]:
    meta = json.loads(str(text)) if text is not None else None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise ValueError("it does not say that it is one")
    if meta.get("version") != VERSION:
        raise ValueError(f"its format is version {meta.get('version')} and this program reads version {VERSION}")
    good = {
        "class_names": _is_list(meta.get("class_names"), str)
        and len({*meta["class_names"]}) == len(meta["class_names"]),
        "frames": type(meta.get("frames")) is int and meta["frames"] >= 1,
        "stride": type(meta.get("stride")) is int and meta["stride"] >= 1,
        "size": type(meta.get("size")) is int and meta["size"] >= SIZE_STEP and meta["size"] % SIZE_STEP == 0,
        "reference": isinstance(meta.get("reference"), str),
        "split": isinstance(meta.get("split"), str | None),
        "parts": isinstance(meta.get("parts"), dict)
        and set(meta["parts"]) == set(PARTS)
        and _is_list([*meta["parts"].values()], int),
        "held_out": isinstance(meta.get("held_out"), list),
        "seed": type(meta.get("seed")) is int,
        "warnings": _is_list(meta.get("warnings"), str),
    }
    for name, fine in good.items():
        if not fine:
            raise ValueError(f"{name} is missing, or of a type or value that it cannot have")
    return meta


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(item) is kind for item in value)
