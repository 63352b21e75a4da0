"""Networks that let gradients through but take none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import chainer


@contextlib.contextmanager
def frozen(*networks: chainer.Link) -> Iterator[None]:
    """In graphs built inside the block, compute no gradients of the networks' parameters.

    Chainer decides what to compute when the graph is built, from each parameter's ``requires_grad``; it has no public
    way to change that later, hence the private attributes here and nowhere else.
    """
    parameters = [p for network in networks for p in network.params() if p.requires_grad]
    _require_grad(parameters, False)
    try:
        yield
    finally:
        _require_grad(parameters, True)


def _require_grad(parameters: list[chainer.Parameter], flag: bool) -> None:
    for parameter in parameters:
        parameter._requires_grad = flag
        parameter.node._requires_grad = flag
