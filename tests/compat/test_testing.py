from __future__ import annotations

import unittest

import chainer.gradient_check
import chainer.testing
import numpy as np
import pytest

from mocogan_chainer.compat.testing import ResolutionError, WorkingSet


@pytest.mark.parametrize("requirement", ["numpy", "numpy>=1.10", "chainer==7.8.1"])
def test_requirements_that_are_met(requirement):
    WorkingSet().require(requirement)


@pytest.mark.parametrize("requirement", ["numpy<1", "a-distribution-that-nobody-has"])
def test_requirements_that_are_not_met(requirement):
    with pytest.raises(ResolutionError, match=requirement):
        WorkingSet().require("numpy", requirement)


def test_chainer_skips_by_requirement():
    @chainer.testing.with_requires("numpy<1")
    def skipped():
        pass

    @chainer.testing.with_requires("numpy>=2")
    def runs():
        return 1

    with pytest.raises(unittest.SkipTest):
        skipped()
    assert runs() == 1


def test_gradient_check():
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    chainer.gradient_check.check_backward(
        chainer.functions.softplus, x, np.ones_like(x), dtype=np.float64, atol=1e-5, rtol=1e-4
    )
