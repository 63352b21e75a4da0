"""The adversarial and categorical losses, as pure functions of scores."""

from __future__ import annotations

import chainer.functions as F
from chainer import Variable

from mocogan_chainer.backends.base import Array


def real_loss(y_real: Variable) -> Variable:
    """The real half of a discriminator's logistic loss (Goodfellow et al. 2014), averaged over samples and positions.

    Args:
        y_real: scores of any shape; positive means real.
    """
    return F.mean(F.softplus(-y_real))


def fake_loss(y_fake: Variable) -> Variable:
    """The other half: ``y_fake`` are the scores of generated samples, of any shape."""
    return F.mean(F.softplus(y_fake))


def squared_real_loss(y_real: Variable) -> Variable:
    """The real half of a discriminator's least-squares loss (Mao et al. 2017), of scores of any shape."""
    return F.mean(F.square(y_real - 1))


def squared_fake_loss(y_fake: Variable) -> Variable:
    """The other half: scores of generated samples, of any shape."""
    return F.mean(F.square(y_fake))


def generator_loss(y_fake: Variable) -> Variable:
    """Non-saturating logistic loss of the generator; ``y_fake`` are the discriminator's scores, of any shape."""
    return F.mean(F.softplus(-y_fake))


def category_loss(logits: Variable, category: Array) -> Variable:
    """Cross entropy of ``logits`` (N, K) against ``category`` (N,) int32 (MoCoGAN, section 3.4: the term L_I)."""
    return F.softmax_cross_entropy(logits, category)
