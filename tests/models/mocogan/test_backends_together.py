"""The same training run on two backends.

Backends round differently, and how far that carries a run of 50 steps was measured on these very networks, with seeds
0 to 9. Distances between weights are given as parts of the way that the weights have moved.

- Eight of ten runs on oneDNN ended within 1e-6 of stock's: training itself does not blow rounding up. In the others
  rounding put a rectifier's input on the other side of 0, which switches a gradient on or off, and they ended 0.01 and
  0.05 apart, their losses 0.002 and 0.01. Changing stock's own first weights by one part in 10^7 does the same: 1e-6
  for most, and for some with these two seeds the very distance that oneDNN has. With another noise stream runs end 0.3
  apart or more and their losses 0.6, with a wrong sign 1 or more. This is what the free run below tells apart, and no
  more.
- So the sharp test takes each of the 50 steps from where stock stands, its optimizers' moments included. The median of
  the 50 distances, which a few switched rectifiers do not move, was 1.3e-6 to 2.7e-6 with every seed. A convolution
  wrong by one part in 10^4 makes it 6e-5, missing weight decay 3e-4 (the generator's), batch normalization with an
  epsilon of 1e-4 instead of 1e-5 0.004 and more, noise that is 1 % too strong 0.02 and more.
"""

from contextlib import contextmanager

import chainer
import numpy as np
import pytest

from mocogan_chainer import backends
from mocogan_chainer.datasets.description import DataDescription

CLASSES = DataDescription("two", 16, 3, ("a", "b"))
STEPS = 50

pytestmark = pytest.mark.skipif(not backends.onednn.available(), reason="oneDNN is not on this machine")


class Run:
    """An infogan run on one backend, a step at a time."""

    def __init__(self, updater, backend):
        self.updater, self.backend = updater, backend
        self.optimizers = updater.get_all_optimizers()
        self.reporter = chainer.Reporter()
        for name, optimizer in self.optimizers.items():
            self.reporter.add_observer(name, optimizer.target)

    def step(self):
        """Update once and return what was reported, by name."""
        observation = {}
        with computing_on(self.backend), self.reporter.scope(observation):
            self.updater.update()
        return {name: float(value) for name, value in observation.items()}

    def parameters(self):
        """Each network's parameters, in one order."""
        return {name: [p for _, p in sorted(o.target.namedparams())] for name, o in self.optimizers.items()}

    def weights(self):
        """Each network's weights, as one vector."""
        return {
            name: np.concatenate([p.array.ravel() for p in parameters]).astype(np.float64)
            for name, parameters in self.parameters().items()
        }

    def statistics(self):
        """Each network's running means and variances, as one vector."""
        return {
            name: np.concatenate([getattr(link, key) for link in o.target.links() for key in sorted(link._persistent)])
            for name, o in self.optimizers.items()
        }

    def go_where(self, other):
        """Take over another run's weights and its optimizers' moments."""
        for name, parameters in self.parameters().items():
            for mine, theirs in zip(parameters, other.parameters()[name], strict=True):
                mine.array[...] = theirs.array
                for key in ("m", "v"):
                    mine.update_rule.state[key][...] = theirs.update_rule.state[key]


@contextmanager
def computing_on(name):
    before = backends.current().name
    backends.use(name)
    try:
        yield
    finally:
        backends.use(before)


@pytest.fixture
def runs(make_updater):
    """The same run on stock and on oneDNN."""
    return [Run(make_updater("infogan", CLASSES), backend) for backend in ("stock", "onednn")]


def apart(a, b, start):
    """How far apart two networks' weights are, as part of the way from ``start`` to ``a``; by network."""
    return {name: np.linalg.norm(a[name] - b[name]) / np.linalg.norm(a[name] - start[name]) for name in a}


def greatest_difference(a, b):
    assert a.keys() == b.keys()
    return max(abs(a[name] - b[name]) for name in a)


def test_a_run_stays_together(runs):
    stock, onednn = runs
    start = stock.weights()
    losses = [greatest_difference(stock.step(), onednn.step()) for _ in range(STEPS)]
    distances = apart(stock.weights(), onednn.weights(), start)
    assert max(distances.values()) < 0.15, distances
    assert max(losses) < 0.1


def test_each_step_is_the_same(runs):
    stock, onednn = runs
    losses, distances = [], []
    for _ in range(STEPS):
        start = stock.weights()
        losses.append(greatest_difference(stock.step(), onednn.step()))
        distances.append(apart(stock.weights(), onednn.weights(), start))
        onednn.go_where(stock)
    for name in distances[0]:
        assert np.median([d[name] for d in distances]) < 1.5e-5, name
    assert np.median(losses) < 2.5e-6
    for name, statistics in stock.statistics().items():
        np.testing.assert_allclose(onednn.statistics()[name], statistics, rtol=1e-5, atol=1e-5, err_msg=name)
