"""Weights that anybody can draw again from their names, and short digests of arrays; NumPy only."""

from __future__ import annotations

import zlib

import numpy as np

FORMS = [(mode, attention) for mode in ("1p2d", "2p1d", "3d") for attention in (False, True)]
"""Mode of the video stream, and whether there is attention."""
SIZES = {"1p2d": (2, 7, 3), "2p1d": (4, 5, 6), "3d": (2, 8, 2)}
"""Of each mode: channels, numbers of appearance, numbers of motion."""
STEPS, VIDEOS = 2, 2


def normal(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return float32 N(0, 1) numbers that depend on the name alone."""
    return np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape).astype(np.float32)


def codes(mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Return appearance (N, D) and motion (N, D, STEPS)."""
    _, appearance, motion = SIZES[mode]
    return normal("za", (VIDEOS, appearance)), normal("zm", (VIDEOS, motion, STEPS))


def state_dict(network: str, shapes: dict[str, tuple[int, ...]], singular: bool) -> dict[str, np.ndarray]:
    """Draw a published network's arrays by their names.

    Args:
        network: its name, which is a part of each array's.
        shapes: of its arrays.
        singular: whether u and v are W's singular vectors, as after many iterations, or arbitrary ones.
    """
    arrays = {name: _draw(f"{network}:{name}", shape) for name, shape in shapes.items()}
    for name, W in list(arrays.items()) if singular else ():
        if name.endswith("weight_orig"):
            transposed = network == "generator" and ".conv_" in name
            rows = (W.swapaxes(0, 1) if transposed else W).astype(np.float64)
            u, _, v = np.linalg.svd(rows.reshape(len(rows), -1), full_matrices=False)
            stem = name.removesuffix("orig")
            arrays[f"{stem}u"], arrays[f"{stem}v"] = u[:, 0].astype(np.float32), v[0].astype(np.float32)
    return arrays


def _draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
    values, kind = normal(name, shape), name.rsplit(".", 1)[-1]
    if kind in ("weight_u", "weight_v"):
        return values / np.linalg.norm(values)
    if kind == "running_var":
        return np.float32(0.5) + np.abs(values)
    if kind == "gamma":
        return np.full(shape, 0.7, np.float32)
    if kind == "weight" and len(shape) == 1:
        return 1 + np.float32(0.2) * values
    return np.float32(0.3) * values


def sample(x: np.ndarray) -> np.ndarray:
    """Pick some numbers of videos (N, 3, T, H, W)."""
    return x[:, :, ::5, 1::13, 2::13]


def digest(name: str, array: np.ndarray) -> np.ndarray:
    """Return an array's length and its products with three directions of length 1, as float64 (4,)."""
    flat = array.astype(np.float64).ravel()
    directions = [normal(f"{name}:{i}", flat.shape).astype(np.float64) for i in range(3)]
    return np.array([np.linalg.norm(flat), *(flat @ d / np.linalg.norm(d) for d in directions)])
