"""Which convolutions a piece of work needs, and their arithmetic."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod
from typing import Any

import mocogan_chainer  # noqa: F401  # isort: skip  (first, because it makes chainer importable)

import chainer

from mocogan_chainer import links

_LINEAR_NDIM = 2
_CONVOLUTIONS = (links.Convolution, links.FoldedConvolution, links.SpectralConvolution)
_DECONVOLUTIONS = (links.Deconvolution, links.SpectralDeconvolution)


@dataclass(frozen=True)
class Convolution:
    """One run of a layer.

    Attributes:
        x_shape, w_shape, y_shape: shapes of its input, weights and output.
        stride, pad: as given to the layer.
        transposed: whether it is a deconvolution.
        passes: 1 for its forward pass, plus 1 for the gradient of its input and 1 for that of its weights, where they
            are needed.
    """

    x_shape: tuple[int, ...]
    w_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    stride: int | tuple[int, ...]
    pad: int | tuple[int, ...]
    transposed: bool
    passes: int

    @property
    def flop(self) -> int:
        """Floating-point operations of one pass: a multiplication and an addition for every use of a weight.

        Each weight is used once at every position of the convolution's output, which is a deconvolution's input. Uses
        on padding count too, as is usual.
        """
        positions = self.x_shape[2:] if self.transposed else self.y_shape[2:]
        return 2 * self.x_shape[0] * prod(positions) * prod(self.w_shape)


class ConvolutionRecorder(chainer.LinkHook):
    """While it is active (``with recorder:``), notes every convolution and deconvolution layer that runs."""

    name = "ConvolutionRecorder"

    def __init__(self) -> None:
        self.runs: list[Convolution] = []
        self._seen: set[int] = set()

    def forward_postprocess(self, args: Any) -> None:
        link = args.link
        if not isinstance(link, (*_CONVOLUTIONS, *_DECONVOLUTIONS)):
            return
        x, W, y = args.args[0], link.W, args.out
        self._seen.add(id(W))
        gradients = [isinstance(v, chainer.Variable) and v.requires_grad for v in (x, W)]
        self.runs.append(
            Convolution(
                x.shape,
                W.shape,
                y.shape,
                link.stride,
                link.pad,
                transposed=isinstance(link, _DECONVOLUTIONS),
                passes=1 + (sum(gradients) if chainer.config.enable_backprop else 0),
            )
        )

    def flop(self, networks: Iterable[chainer.Link]) -> int:
        """Floating-point operations of all passes of all runs.

        Args:
            networks: every network that took part.

        Raises:
            RuntimeError: one of their convolutions was not seen, so that the sum would be too small.
        """
        for network in networks:
            for name, parameter in network.namedparams():
                if parameter.ndim > _LINEAR_NDIM and id(parameter) not in self._seen:
                    raise RuntimeError(f"{name}: this convolution did not run as a layer, so it cannot be counted")
        return sum(run.passes * run.flop for run in self.runs)
