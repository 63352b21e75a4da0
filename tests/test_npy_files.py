"""Single arrays: mapped as they are, and no header is taken at its word."""

import os

import numpy as np
import pytest

from mocogan_chainer.npy_files import NpyError, mapped
from tests.test_npz_files import described, npy


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_numpy_writes(tmp_path, order):
    array = np.asarray(np.random.default_rng(0).standard_normal((3, 4)), order=order)
    np.save(tmp_path / "a.npy", array)
    found = mapped(tmp_path / "a.npy")
    assert type(found) is np.ndarray
    assert np.array_equal(found, array)
    assert found.flags.c_contiguous == (order == "C")
    assert not found.flags.writeable


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "magic"),
        (b"PK\x03\x04 and more", "magic"),
        (npy(described((3,)), bytes(16)), "cut short: 89 bytes by its shape and type, and it has 81"),
        (npy(described((2**62,)), bytes(16)), "cut short"),
        (npy(described((2**63, 2**63)), bytes(16)), "cut short"),
        (npy(described((-1,)), bytes(16)), "it has no shape"),
        (npy(described((2.0,)), bytes(16)), "shape is not valid"),
        (npy(described((2**64, 0)), bytes(16)), "it holds no values"),
        (npy(described(descr="|O"), bytes(16)), "objects, which are pickled"),
        (npy(b"{", bytes(16)), None),
        (npy(b"(" * 900, bytes(16)), None),
        (npy(described(), bytes(16), (3, 0)), "of .npy version 3.0"),
    ],
)
def test_refused(tmp_path, data, message):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(NpyError, match=message):
        mapped(tmp_path / "a.npy")


def test_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(OSError, match="not a plain file"):
        mapped(tmp_path / "a.npy")
