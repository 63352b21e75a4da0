"""How matrix products go to a GPU; that they are right is tests/backends/test_products.py."""

import numpy as np
import pytest

from mocogan_chainer.backends.cudnn import products
from tests.backends.cudnn import host


@pytest.mark.parametrize(
    ("sizes", "blocks"),
    [
        ((256, 10, 30), [(8, 1, 1)]),  # a GRU's inputs
        ((30, 512, 10), [(1, 1, 8), (2,)]),  # its weights' gradient: too few tiles, so that sums are split
        ((33, 64, 33), [(2, 2, 1)]),
        ((5, 65, 5), [(1, 1, 2), (1,)]),
    ],
)
def test_blocks(sizes, blocks):
    m, k, n = sizes
    grids = []

    def launch(source, kernel, blocks, *arguments):
        grids.append(blocks)
        host.launch(source, kernel, blocks, *arguments)

    products.product(launch, np.ones((m, k), np.float32), np.ones((k, n), np.float32))
    assert grids == blocks


def test_transposed_views_are_not_copied():
    given = []

    def launch(*arguments):
        given.extend(a for a in arguments if isinstance(a, np.ndarray))

    a, b = np.ones((3, 4), np.float32), np.ones((5, 3), np.float32)
    products.product(launch, a.T, b.T)
    assert np.shares_memory(given[0], a) and np.shares_memory(given[1], b)
