"""What is asked of cuDNN: one of a convolution's three passes, with all its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from mocogan_chainer.backends.base import Geometry


@dataclass(frozen=True)
class Problem:
    """One pass of a convolution of two or three spatial axes.

    Attributes:
        kind: "forward": y of x and W; "backward_data": x of y and W; or "backward_weights": W of x and y.
        x: (N, C, *size), in channels-last memory.
        W: (O, C / groups, *ksize), in channels-last memory.
        y: (N, O, *output_size), in channels-last memory.
        geometry: how the kernel walks.
    """

    kind: str
    x: tuple[int, ...]
    W: tuple[int, ...]
    y: tuple[int, ...]
    geometry: Geometry

    @property
    def terms(self) -> int:
        """How many products are summed up in a number of the result, at most."""
        if self.kind == "forward":
            return prod(self.W[1:])
        if self.kind == "backward_data":
            return self.W[0] // self.geometry.groups * prod(self.W[2:])
        return self.y[0] * prod(self.y[2:])

    @property
    def text(self) -> str:
        """A line that names it, the same in every run and in plans that earlier versions kept."""
        g = self.geometry
        shapes = (("x", self.x), ("W", self.W), ("y", self.y), ("stride", g.stride), ("pad", g.pad))
        parts = [
            f"{name}={'x'.join(map(str, numbers))}" for name, numbers in (*shapes, ("dilate", (1,) * len(g.stride)))
        ]
        return " ".join([self.kind, *parts, f"groups={g.groups}"])


def pose(kind: str, x: tuple[int, ...], W: tuple[int, ...], y: tuple[int, ...], geometry: Geometry) -> Problem:
    """The problem of arrays of these shapes; a single spatial axis gets one of length 1 before it."""
    if len(x) == 3:
        x, W, y = ((*shape[:2], 1, shape[2]) for shape in (x, W, y))
        geometry = Geometry((1, *geometry.stride), (0, *geometry.pad), geometry.groups)
    return Problem(kind, tuple(x), tuple(W), tuple(y), geometry)
