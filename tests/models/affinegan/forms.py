"""The forms of networks whose numbers in PyTorch are known, and the weights and inputs that they have there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.models.g3an import drawn

STAGES = (1.0, 0.35)
"""Weights of base and residual."""


@dataclass(frozen=True)
class Form:
    """A generator.

    Attributes:
        generator: its name in the settings.
        size: height and width of pictures.
        ngf: channels of the first layer.
        dropout: whether it has dropout, which moves names in a residual one.
    """

    generator: str
    size: int
    ngf: int
    dropout: bool


FORMS = {
    "unet_64": Form("unet_64", 64, 2, True),
    "unet_64 of 128": Form("unet_64", 128, 3, False),
    "unet_128": Form("unet_128", 128, 2, True),
    "unet_256": Form("unet_256", 256, 1, True),
    "resnet_6blocks": Form("resnet_6blocks", 32, 3, False),
    "resnet_9blocks": Form("resnet_9blocks", 36, 2, True),
}
NDF, N_ALPHAS, PAIRS = 3, 5, 64
"""Of the discriminators: channels, alphas, size of frames."""


def pictures(form: str, size: int) -> np.ndarray:
    """Return float32 (2, 3, size, size) in [-1, 1]."""
    return np.tanh(drawn.normal(f"{form}:x", (2, 3, size, size)))


def state_dict(form: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Draw a network's arrays by their names; weights are larger in layers that see few numbers."""
    arrays = {name: drawn.normal(f"{form}:{name}", shape) for name, shape in shapes.items()}
    return {name: a * np.float32(1 if a.ndim == 1 else (a.size / len(a)) ** -0.5) for name, a in arrays.items()}


def sample(x: np.ndarray) -> np.ndarray:
    """Pick some numbers of pictures (N, 3, H, W)."""
    return x[:, :, 1::7, 2::7]


def weighing(form: str, what: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return what a result is multiplied with to be a loss."""
    return drawn.normal(f"{form}:{what}", shape)
