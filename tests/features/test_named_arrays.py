"""Every array of a file is taken once, in the shape that is wanted."""

import numpy as np
import pytest

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.features.named_arrays import NamedArrays


def arrays(**named):
    return NamedArrays({name.replace("__", "."): np.asarray(value) for name, value in named.items()}, "a.pth", "Net")


def test_taken():
    named = arrays(fc__bias=[1.0, 2.0])
    assert named.rows("fc.bias") == 2
    np.testing.assert_array_equal(named.take("fc.bias", (2,)), [1.0, 2.0])
    named.finish()


def test_data_parallels_prefix_and_counters_are_dropped():
    named = arrays(module__bn1__bias=[1.0], module__bn1__num_batches_tracked=3)
    named.take("bn1.bias", (1,))
    named.finish()


def test_missing():
    with pytest.raises(SnapshotError, match=r"^a.pth: fc.bias is missing, which every Net has; the file belongs to an"):
        arrays(fc__weight=[1.0]).take("fc.bias", (1,))


def test_taken_twice():
    named = arrays(fc__bias=[1.0])
    named.take("fc.bias", (1,))
    with pytest.raises(SnapshotError, match="is missing"):
        named.take("fc.bias", (1,))


def test_another_shape():
    with pytest.raises(SnapshotError, match=r"^a.pth: fc.bias: it has shape \(1,\) where a Net has \(2,\)"):
        arrays(fc__bias=[1.0]).take("fc.bias", (2,))


def test_required_and_left_here():
    named = arrays(fc__bias=[1.0])
    named.require("fc.bias", (1,))
    with pytest.raises(SnapshotError, match=r"^a.pth: fc.bias: it has shape \(1,\) where a Net has \(2,\)"):
        named.require("fc.bias", (2,))
    with pytest.raises(SnapshotError, match=r"fc.weight is missing"):
        named.require("fc.weight", (1,))
    assert named.take("fc.bias", (1,)) == [1.0]


def test_a_negative_variance():
    named = arrays(bn1__running_var=[1.0, -1e-9], bn1__running_mean=[1.0, -1e-9])
    named.take("bn1.running_mean", (2,))
    with pytest.raises(SnapshotError, match=r"^a.pth: bn1.running_var: a variance is negative"):
        named.take("bn1.running_var", (2,))


@pytest.mark.parametrize("value", [[np.nan], [np.inf], [1e39], [-1e39], [1], [True]])
def test_no_finite_floats(value):
    with pytest.raises(SnapshotError, match=r"^a.pth: fc.bias: it must hold finite floats"):
        arrays(fc__bias=value).take("fc.bias", (1,))


@pytest.mark.parametrize("value", [1.0, [], np.empty((3, 0))])
def test_no_rows(value):
    with pytest.raises(SnapshotError, match=r"^a.pth: fc.bias: it is empty"):
        arrays(fc__bias=value).rows("fc.bias")


def test_left_over():
    named = arrays(fc__bias=[1.0], head__bias=[1.0])
    named.take("fc.bias", (1,))
    with pytest.raises(SnapshotError, match=r"^a.pth: head.bias: a Net has no such array"):
        named.finish()
