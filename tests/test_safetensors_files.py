"""Safetensors files, read and written."""

import json
import struct
import tracemalloc

import numpy as np
import pytest

from mocogan_chainer.errors import OutputError, SnapshotError
from mocogan_chainer.safetensors_files import read_safetensors, write_safetensors


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.safetensors"


def write(path, header, data=b"", length=None):
    """Write a file by hand; ``header`` is JSON or what becomes it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


class TestReading:
    @pytest.mark.parametrize(
        ("dtype", "layout", "values"),
        [
            ("F64", "<2d", [1.5, -2]),
            ("F32", "<2f", [1.5, -2]),
            ("F16", "<2e", [1.5, -2]),
            ("I64", "<2q", [1 << 40, -2]),
            ("I32", "<2i", [3, -2]),
            ("I16", "<2h", [3, -2]),
            ("I8", "<2b", [3, -2]),
            ("U64", "<2Q", [3, 1 << 63]),
            ("U32", "<2I", [3, 1 << 31]),
            ("U16", "<2H", [3, 1 << 15]),
            ("U8", "<2B", [3, 200]),
            ("BOOL", "<2B", [False, 2]),
        ],
    )
    def test_types(self, path, dtype, layout, values):
        data = struct.pack(layout, *values)
        array = read_safetensors(write(path, {"w": entry(dtype, (2,), (0, len(data)))}, data))["w"]
        assert array.dtype == np.dtype("?" if dtype == "BOOL" else layout[-1])
        assert array.tolist() == ([False, True] if dtype == "BOOL" else values)

    def test_bfloat16_becomes_float32(self, path):
        write(path, {"w": entry("BF16", (2, 1), (0, 4)), "v": entry("BF16", (), (4, 6))}, b"\x80\x3f\x20\xc0\x80\xbf")
        arrays = read_safetensors(path)
        assert arrays["w"].tolist() == [[1], [-2.5]]
        assert arrays["v"].tolist() == -1
        assert arrays["v"].dtype == np.float32

    def test_shapes_places_and_metadata(self, path):
        header = {
            "__metadata__": {"format": "pt"},
            "last": entry("F32", (2, 2), (6, 22)),
            "none": entry("F32", (0, 3), (6, 6)),
            "first": entry("U8", (6,), (0, 6)),
        }
        arrays = read_safetensors(write(path, header, b"abcdef" + struct.pack("<4f", 1, 2, 3, 4)))
        assert list(arrays) == ["last", "none", "first"]
        assert arrays["last"].tolist() == [[1, 2], [3, 4]]
        assert arrays["none"].shape == (0, 3)
        assert arrays["first"].tobytes() == b"abcdef"
        assert all(array.flags.writeable for array in arrays.values())

    def test_nothing(self, path):
        assert read_safetensors(write(path, b"{}")) == {}


EIGHT = bytes(8)


class TestRefusals:
    @pytest.mark.parametrize(
        ("header", "data", "message"),
        [
            (b"", b"", "its header does not begin with {"),
            (b"[]", b"", "its header does not begin with {"),
            (b"{", b"", "not a safetensors file, or damaged"),
            (b'{"w": \xff}', b"", "not a safetensors file, or damaged"),
            (b'{"a":' * 5000, b"", "not a safetensors file, or damaged"),
            (b'{"w": ' + b"9" * 10_000 + b"}", b"", "damaged"),
            (b'{"w": 1, "w": 2}', b"", "its header has a name twice"),
            ({"w": 1}, b"", "'w': its header has no type, shape and place"),
            ({"w": None}, b"", "'w': its header has no type, shape and place"),
            ({"w\n\x1b": []}, b"", r"'w\\n\\x1b': its header has no type"),
            ({"w": {"dtype": "F32", "shape": [2]}}, EIGHT, "no type, shape and place"),
            ({"w": entry(shape="2")}, EIGHT, "no type, shape and place"),
            ({"w": entry(shape=(2.0,))}, EIGHT, "no type, shape and place"),
            ({"w": entry(shape=(True, 2))}, EIGHT, "no type, shape and place"),
            ({"w": entry(shape=(-2, -1))}, EIGHT, "no type, shape and place"),
            ({"w": entry(shape=(1,) * 33, offsets=(0, 4))}, bytes(4), "no type, shape and place"),
            ({"w": entry(offsets=(0, 8, 8))}, EIGHT, "no type, shape and place"),
            ({"w": entry(offsets=(-8, 0))}, EIGHT, "no type, shape and place"),
            ({"w": entry("F8_E5M2")}, EIGHT, "'w': type 'F8_E5M2' is not read; allowed: F64, F32, .*, BOOL, BF16"),
            ({"w": entry(["F32"])}, EIGHT, "is not read"),
            ({"w": entry(shape=(3,))}, EIGHT, "'w': its shape and type do not fill its 8 bytes"),
            ({"w": entry(shape=(10**15,))}, EIGHT, "'w': its shape and type do not fill its 8 bytes"),
            ({"w": entry(shape=(0, 10**30), offsets=(0, 0))}, b"", "not a safetensors file, or damaged"),
            ({"w": entry(offsets=(8, 0))}, EIGHT, "do not fill its -8 bytes"),
            ({"w": entry(shape=(10**15,), offsets=(0, 4 * 10**15))}, EIGHT, "take 4000000000000000 bytes and it has 8"),
            ({"w": entry()}, bytes(7), "its arrays take 8 bytes and it has 7"),
            ({"w": entry()}, bytes(9), "its arrays take 8 bytes and it has 9"),
            ({"w": entry(offsets=(4, 12))}, bytes(12), "overlap or leave a gap at byte 0"),
            ({"w": entry(), "v": entry(offsets=(4, 12))}, bytes(12), "overlap or leave a gap at byte 4"),
            ({"w": entry(), "v": entry()}, EIGHT, "overlap or leave a gap at byte 0"),
            ({"w": entry(), "v": entry(offsets=(12, 20))}, bytes(20), "overlap or leave a gap at byte 8"),
        ],
    )
    def test_what_cannot_be(self, path, header, data, message):
        write(path, header, data)
        tracemalloc.start()
        try:
            with pytest.raises(SnapshotError, match=message) as caught:
                read_safetensors(path)
            assert tracemalloc.get_traced_memory()[1] < 4 << 20
        finally:
            tracemalloc.stop()
        assert str(caught.value).startswith(f"{path}: ")
        assert str(caught.value).isprintable()

    @pytest.mark.parametrize("length", [3, 1 << 20, 1 << 40, (1 << 64) - 1])
    def test_a_header_beyond_the_file(self, path, length):
        with pytest.raises(SnapshotError, match=f"its header has {length} bytes where at most 2 can be"):
            read_safetensors(write(path, b"{}", length=length))

    def test_a_header_too_long(self, path):
        with pytest.raises(SnapshotError, match="where at most 8388608 can be"):
            read_safetensors(write(path, b"{" + b" " * (8 << 20) + b"}"))

    def test_cut_off_anywhere(self, path):
        data = write(path, {"w": entry(), "v": entry("U8", (3,), (8, 11))}, bytes(11)).read_bytes()
        for length in range(len(data)):
            path.write_bytes(data[:length])
            with pytest.raises(SnapshotError):
                read_safetensors(path)

    def test_bytes_changed_at_random(self, path):
        rng = np.random.default_rng(3)
        sound = write(path, {"w": entry(), "v": entry("BOOL", (3,), (8, 11))}, bytes(11)).read_bytes()
        refused = 0
        for _ in range(300):
            data = bytearray(sound)
            for at in rng.integers(len(data), size=rng.integers(1, 4)):
                data[at] = rng.integers(256)
            path.write_bytes(data)
            try:
                assert all(isinstance(array, np.ndarray) for array in read_safetensors(path).values())
            except SnapshotError as error:
                assert str(error).isprintable()
                refused += 1
        assert refused > 100

    def test_no_file(self, tmp_path):
        with pytest.raises(SnapshotError, match=r"none: no such file; name a \.safetensors file"):
            read_safetensors(tmp_path / "none")
        with pytest.raises(SnapshotError, match="cannot be read"):
            read_safetensors(tmp_path)


ARRAYS = {
    "small": np.array([True, False, True]),
    "b": np.array([[1, 2, 3], [4, 5, 6]], np.float32).T,
    "a": np.array(7, np.float32),
    "größe": np.array([1, 2], ">i8"),
    "none": np.zeros((2, 0), np.float16),
}


class TestWriting:
    def test_bytes(self, path):
        write_safetensors(path, ARRAYS)
        data = path.read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8 : 8 + length])
        assert list(header) == ["größe", "a", "b", "none", "small"]
        assert header["größe"] == {"dtype": "I64", "shape": [2], "data_offsets": [0, 16]}
        assert header["a"] == {"dtype": "F32", "shape": [], "data_offsets": [16, 20]}
        assert header["b"] == {"dtype": "F32", "shape": [3, 2], "data_offsets": [20, 44]}
        assert header["none"] == {"dtype": "F16", "shape": [2, 0], "data_offsets": [44, 44]}
        assert header["small"] == {"dtype": "BOOL", "shape": [3], "data_offsets": [44, 47]}
        assert data[8 + length :] == struct.pack("<2q7f3B", 1, 2, 7, 1, 4, 2, 5, 3, 6, 1, 0, 1)
        assert length % 8 == 0

    def test_the_same_bytes_whatever_the_order(self, path, tmp_path):
        write_safetensors(path, ARRAYS)
        write_safetensors(tmp_path / "folder" / "y", dict(reversed(ARRAYS.items())))
        assert path.read_bytes() == (tmp_path / "folder" / "y").read_bytes()

    def test_nothing(self, path):
        write_safetensors(path, {})
        assert path.read_bytes() == struct.pack("<Q", 8) + b"{}      "

    def test_arrays_come_back(self, path):
        write_safetensors(path, ARRAYS)
        arrays = read_safetensors(path)
        assert arrays.keys() == ARRAYS.keys()
        for name, array in ARRAYS.items():
            assert arrays[name].shape == array.shape
            np.testing.assert_array_equal(arrays[name], array)

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"w": np.zeros(1, np.complex64)}, "w: complex64 is not a safetensors type; allowed: float64, float32"),
            ({"w": np.array(["x"])}, "w: <U1 is not a safetensors type"),
            ({3: np.zeros(1)}, "3: an array's name must be a text"),
            ({"__metadata__": np.zeros(1)}, "__metadata__: an array's name must be a text other than __metadata__"),
        ],
    )
    def test_what_cannot_be_written(self, path, arrays, message):
        with pytest.raises(SnapshotError, match=message):
            write_safetensors(path, arrays)
        assert not path.exists()

    def test_where_nothing_can_be_written(self, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(OutputError, match="a file stands where a folder is needed"):
            write_safetensors(tmp_path / "file" / "x", ARRAYS)


class TestWithThePackage:
    """The format's own package, where it is installed, reads what we write and writes what we read."""

    ours = staticmethod(lambda: {name: array for name, array in ARRAYS.items() if array.dtype.isnative})

    def test_it_reads(self, path):
        package = pytest.importorskip("safetensors.numpy")
        write_safetensors(path, self.ours())
        arrays = package.load_file(path)
        assert arrays.keys() == self.ours().keys()
        for name, array in self.ours().items():
            np.testing.assert_array_equal(arrays[name], array)

    def test_it_writes(self, path):
        package = pytest.importorskip("safetensors.numpy")
        package.save_file({name: np.ascontiguousarray(array) for name, array in self.ours().items()}, path)
        arrays = read_safetensors(path)
        assert arrays.keys() == self.ours().keys()
        for name, array in self.ours().items():
            np.testing.assert_array_equal(arrays[name].ravel(), array.ravel())
