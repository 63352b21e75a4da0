"""The forms of predictors whose numbers in PyTorch are known, and the weights and inputs that they have there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.models.g3an import drawn

VIDEOS, CONTEXT, LENGTH = 2, 3, 4
"""Clips, frames that are given, frames to come."""


@dataclass(frozen=True)
class Form:
    """A predictor.

    Attributes:
        generator: "deconvolution" or "resnet".
        size: height and width of frames.
        copies: of the last frame, that are carried on.
        n_filters: channels before the generator's last layer.
    """

    generator: str
    size: int
    copies: int
    n_filters: int


FORMS = {
    "deconvolution": Form("deconvolution", 32, 2, 3),
    "deconvolution of 24": Form("deconvolution", 24, 0, 2),
    "resnet": Form("resnet", 24, 1, 2),
    "resnet without copies": Form("resnet", 16, 0, 3),
}
N_FILTERS_ENC, FEATURES, DIM_ZC, DIM_ZM, DIM_E, N_BLOCKS = 2, 6, 5, 4, 3, 2


def context(form: str, size: int) -> np.ndarray:
    """Return float32 (VIDEOS, 3, CONTEXT, size, size) in [-1, 1]."""
    return np.tanh(drawn.normal(f"{form}:context", (VIDEOS, 3, CONTEXT, size, size)))


def clip(form: str, size: int) -> np.ndarray:
    """Return float32 (VIDEOS, 3, LENGTH, size, size) in [-1, 1]."""
    return np.tanh(drawn.normal(f"{form}:clip", (VIDEOS, 3, LENGTH, size, size)))


def noise(form: str) -> np.ndarray:
    """Return float32 (LENGTH, VIDEOS, DIM_E)."""
    return drawn.normal(f"{form}:e", (LENGTH, VIDEOS, DIM_E))


def array(form: str, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Draw an array of a predictor by its name, such as "generator/last/W"."""
    values, kind = drawn.normal(f"{form}:{name}", shape), name.rsplit("/", 1)[-1]
    if kind == "gamma":
        return 1 + np.float32(0.2) * values
    if kind == "avg_var":
        return np.float32(0.5) + np.abs(values)
    return values * np.float32(0.3 if values.ndim == 1 else (values.size / len(values)) ** -0.5)


def weighing(form: str, what: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return what a result is multiplied with to be a loss."""
    return drawn.normal(f"{form}:{what}", shape)


def sample(x: np.ndarray) -> np.ndarray:
    """Pick some numbers of videos (N, 3, T, H, W)."""
    return x[..., 1::5, 2::5]
