"""Losses against formulas written out."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import losses

SCORES = np.array([[2.0], [-1.0]], np.float32), np.array([[0.5], [-3.0]], np.float32)


def test_both_halves_of_a_discriminators_loss():
    real, fake = SCORES
    expected = np.mean(-np.log(1 / (1 + np.exp(-real)))) + np.mean(-np.log(1 - 1 / (1 + np.exp(-fake))))
    loss = losses.real_loss(chainer.Variable(real)) + losses.fake_loss(chainer.Variable(fake))
    assert float(loss.array) == pytest.approx(expected, rel=1e-6)
    assert loss.dtype == np.float32


def test_every_sample_counts():
    """The loss averages over the batch: each sample's score gets a gradient."""
    real, fake = map(chainer.Variable, SCORES)
    (losses.real_loss(real) + losses.fake_loss(fake)).backward()
    assert (np.abs(real.grad) > 0).all()
    assert (np.abs(fake.grad) > 0).all()


def test_generator_loss():
    loss = losses.generator_loss(chainer.Variable(SCORES[1]))
    assert float(loss.array) == pytest.approx(np.mean(np.log1p(np.exp(-SCORES[1]))), rel=1e-6)


def test_category_loss():
    logits = np.array([[1.0, 2.0, 0.0], [0.0, 0.0, 4.0]], np.float32)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss = losses.category_loss(chainer.Variable(logits), np.array([1, 2], np.int32))
    assert float(loss.array) == pytest.approx(-np.log([chances[0, 1], chances[1, 2]]).mean(), rel=1e-6)
