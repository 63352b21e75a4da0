"""Pickles of arrays: read as they are, and nothing in them is run."""

import pickle
import struct
import tracemalloc

import numpy as np
import pytest

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.features import pickled_arrays
from mocogan_chainer.features.pickled_arrays import read_arrays
from tests.torch_forms.handmade import FALSE, NONE, call, dictionary, name, number, numbers, pickled, several, text


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.ckpt"


@pytest.fixture
def refused(path):
    """Check that the bytes are refused with a message, without anything done or much memory taken."""

    def check(data, message):
        path.write_bytes(data)
        tracemalloc.start()
        try:
            with pytest.raises(SnapshotError, match=message) as caught:
                read_arrays(path)
            assert tracemalloc.get_traced_memory()[1] < 8 << 20
        finally:
            tracemalloc.stop()
        said = str(caught.value)
        assert said.startswith(f"{path}: ")
        assert said.isprintable()
        assert len(said) < len(str(path)) + 300
        assert list(path.parent.iterdir()) == [path]

    return check


def data(values):
    return b"B" + struct.pack("<I", len(values)) + values


def dtype(code="f4", order="<"):
    state = several(number(3), text(order), NONE, NONE, NONE, number(-1), number(-1), number(0))
    return call(name("numpy", "dtype"), text(code), FALSE, FALSE) + state + b"b"


def empty_array(core="core"):
    function = name(f"numpy.{core}.multiarray", "_reconstruct")
    return call(function, name("numpy", "ndarray"), numbers([0]), data(b"b"))


def array(shape=(2,), values=bytes(8), kind=None, fortran=FALSE, core="core"):
    kind = dtype() if kind is None else kind
    return empty_array(core) + several(number(1), numbers(shape), kind, fortran, data(values)) + b"b"


class TestReading:
    @pytest.mark.parametrize("protocol", [3, 4])
    def test_what_python_wrote(self, path, protocol):
        first, second = np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.float32([[7, -1]])
        path.write_bytes(pickle.dumps({"params": {"a b": {"kernel": first}}, "x": second, "none": {}}, protocol))
        arrays = read_arrays(path)
        assert list(arrays) == ["params/a b/kernel", "x"]
        np.testing.assert_array_equal(arrays["params/a b/kernel"], first)
        np.testing.assert_array_equal(arrays["x"], second)
        assert all(array.dtype == np.float32 for array in arrays.values())

    @pytest.mark.parametrize("core", ["core", "_core"])
    def test_the_names_of_either_numpy(self, path, core):
        path.write_bytes(pickled(dictionary({"x": array(values=struct.pack("<2f", 1.5, -2), core=core)})))
        assert read_arrays(path)["x"].tolist() == [1.5, -2]

    def test_an_empty_array_and_one_number(self, path):
        path.write_bytes(pickled(dictionary({"a": array((0, 3), b""), "b": array((), struct.pack("<f", 4))})))
        arrays = read_arrays(path)
        assert arrays["a"].shape == (0, 3)
        assert arrays["b"] == 4


CALLS = ["os.system", "posix.system", "builtins.eval", "builtins.exec", "builtins.getattr", "subprocess.Popen"]
CALLS += ["numpy.load", "numpy.fromfile", "numpy.core.multiarray.scalar", "numpy.core.multiarray.fromfile"]
CALLS += ["torch.load", "collections.OrderedDict", "copyreg._reconstructor", "importlib.import_module"]


class TestRefused:
    @pytest.mark.parametrize("called", CALLS)
    def test_a_call(self, path, refused, called):
        package, _, function = called.rpartition(".")
        for command in (f"touch {path.parent / 'ran'}", f"open({str(path.parent / 'ran')!r}, 'w')"):
            refused(
                pickled(dictionary({"x": call(name(package, function), text(command))})), f"it calls {called}, which"
            )

    def test_an_array_of_a_call(self, refused):
        kind = call(name("os", "getpid"))
        refused(pickled(dictionary({"x": array(kind=kind)})), r"it calls os\.getpid, which is refused")

    def test_a_class_with_a_constructor(self, refused):
        refused(
            pickled(dictionary({"x": name("os", "popen") + several(text("ls")) + b"\x81"})), r"an object of os\.popen"
        )

    def test_what_python_pickles(self, path, refused):
        class Evil:
            def __reduce__(self):
                return eval, (f"open({str(path.parent / 'ran')!r}, 'w')",)

        refused(pickle.dumps({"x": Evil()}), r"it calls builtins\.eval, which is refused")

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (number(3), "x is a int where an array should be"),
            (name("os", "system"), r"x is os\.system where an array should be"),
            (b"]", "x is a list"),
            (empty_array(), "x: an array without its values"),
            (array(kind=dtype("O")), "x: an array that is not of little-endian float32"),
            (array(kind=dtype("f8"), shape=(1,)), "x: an array that is not of little-endian float32"),
            (array(kind=dtype(order=">")), "x: an array that is not of little-endian float32"),
            (array(kind=call(name("numpy", "dtype"), text("f4"), FALSE, FALSE)), "not of little-endian float32"),
            (array(kind=text("f4")), "x: an array that is not of little-endian float32"),
            (array(fortran=b"\x88"), "x: an array of another layout"),
            (array(shape=(-2,)), "x: an array of another layout"),
            (array(shape=(3,)), "x: its shape is .3,. and its values do not fit"),
            (array(shape=(1 << 40, 1 << 40)), "its values do not fit"),
            (call(name("numpy", "dtype"), text("f4")), "it calls numpy.dtype with arguments that NumPy does not write"),
        ],
    )
    def test_values(self, refused, value, message):
        refused(pickled(dictionary({"x": value})), message)

    def test_dicts_that_hold_each_other(self, refused):
        endless = b"}q\x00" + text("a") + b"h\x00s"
        refused(pickled(endless), "more than 10000 parts|a name of more than 200 letters")

    def test_dicts_that_unfold(self, refused):
        value = dictionary({})
        for level in range(40):
            value = (
                value
                + b"q"
                + bytes([level])
                + b"0"
                + dictionary({"": b"h" + bytes([level]), "b": b"h" + bytes([level])})
            )
        refused(pickled(value), "more than 10000 parts")

    def test_long_names(self, refused):
        refused(pickled(dictionary({"a" * 201: array()})), "a name of more than 200 letters")

    def test_a_large_file(self, path, refused, monkeypatch):
        monkeypatch.setattr(pickled_arrays, "MOST_BYTES", 100)
        refused(pickled(dictionary({"x": array((50,), bytes(200))})), r"it has \d+ bytes where at most 100 are read")

    def test_a_length_beyond_the_end(self, refused):
        refused(b"\x80\x02B" + struct.pack("<I", 1 << 31) + b"abc.", "its pickle is damaged")

    def test_damage_anywhere(self, path):
        whole = pickle.dumps({"a": {"b": np.arange(3, dtype=np.float32)}}, 4)
        for end in range(len(whole)):
            path.write_bytes(whole[:end])
            with pytest.raises(SnapshotError, match="damaged"):
                read_arrays(path)

    def test_no_file(self, path):
        with pytest.raises(SnapshotError, match=r"x\.ckpt: cannot be read: No such file"):
            read_arrays(path)
        with pytest.raises(SnapshotError, match="cannot be read: Is a directory"):
            read_arrays(path.parent)
