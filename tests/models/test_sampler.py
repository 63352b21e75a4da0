"""Paths between codes; tiles are tested with each family's sampler."""

import numpy as np
import pytest

from mocogan_chainer.models.sampler import great_circle


def test_a_quarter_circle():
    path = great_circle(np.array([2, 0], np.float32), np.array([0, 2], np.float32), 4)
    angles = np.radians([0, 30, 60, 90])
    np.testing.assert_allclose(path, 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1), atol=1e-6)
    assert path.dtype == np.float32


@pytest.mark.parametrize("factor", [1, -1, 3])
def test_where_there_is_no_one_circle(factor):
    start = np.array([1, 2, 3], np.float32)
    path = great_circle(start, factor * start, 3)
    np.testing.assert_allclose(path, [start, (1 + factor) / 2 * start, factor * start], atol=1e-5)
