"""Archives of arrays: what NumPy writes is read, and nothing else is opened or unpacked beyond its stated size."""

import io
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest

from mocogan_chainer import npz_files
from mocogan_chainer.npz_files import NpzError

ARRAYS = {
    "meta": np.array('{"name": "ä"}'),
    "a/b": np.arange(6, dtype=np.float32).reshape(2, 3),
    "turned": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1).copy(order="F"),
    "big endian": np.arange(4, dtype=">i4"),
    "number": np.float64(3.5),
    "nothing": np.empty((3, 0), np.uint8),
    "flags": np.array([True, False]),
    "large": np.random.default_rng(0).standard_normal(400_000),
    "bytes": np.array([b"abc", b"d"]),
}


def npy(header, data=b"", version=(1, 0)):
    """A .npy file with a header of one's own."""
    text = header if isinstance(header, bytes) else repr(header).encode()
    size = len(text).to_bytes(2 if version == (1, 0) else 4, "little")
    return b"\x93NUMPY" + bytes(version) + size + text + data


def described(shape=(2,), descr="<f8", fortran_order=False):
    return {"descr": descr, "fortran_order": fortran_order, "shape": shape}


def archive(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of names that stand there twice
        for name, data in members:
            file.writestr(name, data)
    return path


def patched(path, place, data):
    """Change the directory's entry of the only member, ``place`` bytes after its start."""
    whole = bytearray(path.read_bytes())
    start = whole.rindex(b"PK\x01\x02") + place
    whole[start : start + len(data)] = data
    path.write_bytes(bytes(whole))
    return path


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes(tmp_path, save):
    save(tmp_path / "a.npz", **ARRAYS)
    arrays = npz_files.read(tmp_path / "a.npz")
    assert list(arrays) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert arrays[name].dtype == expected.dtype
        assert arrays[name].shape == expected.shape
        assert np.array_equal(arrays[name], expected), name
        assert arrays[name].flags.writeable


def test_a_header_of_version_2(tmp_path):
    file = io.BytesIO()
    np.lib.format.write_array(file, np.arange(3.0), version=(2, 0))
    arrays = npz_files.read(archive(tmp_path / "a.npz", [("a.npy", file.getvalue())]))
    assert np.array_equal(arrays["a"], [0, 1, 2])


def test_only_what_is_wanted(tmp_path):
    path = archive(
        tmp_path / "a.npz",
        [("mu.npy", npy(described(), bytes(16))), ("other.npy", b"no array"), ("read me", b"text")],
    )
    assert list(npz_files.read(path, ["mu", "sigma", "read me"])) == ["mu"]
    assert npz_files.names(path) == {"mu", "other"}
    with pytest.raises(NpzError, match="read me is not an array"):
        npz_files.read(path)


def test_the_systems_errors_stay(tmp_path):
    for function in (npz_files.read, npz_files.names):
        with pytest.raises(FileNotFoundError):
            function(tmp_path / "none.npz")
        with pytest.raises(OSError, match=r"directory|denied"):
            function(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 but no more", b"\x80\x04."])
def test_no_archive(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    for function in (npz_files.read, npz_files.names):
        with pytest.raises(NpzError):
            function(tmp_path / "a.npz")


def test_a_single_array(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(3))
    with pytest.raises(NpzError, match="a single array"):
        npz_files.read(tmp_path / "a.npy")


@pytest.mark.parametrize("name", ["../a.npy", "/a.npy", "b/../../a.npy", "b\\a.npy"])
def test_names_outside(tmp_path, name):
    with pytest.raises(NpzError, match="outside"):
        npz_files.read(archive(tmp_path / "a.npz", [(name, npy(described(), bytes(16)))]))


def test_a_name_twice(tmp_path):
    member = ("a.npy", npy(described(), bytes(16)))
    with pytest.raises(NpzError, match=r"it has a.npy twice"):
        npz_files.read(archive(tmp_path / "a.npz", [member, member]), ["b"])


class Boom:
    def __reduce__(self):
        return (open, ("pwned", "w"))


@pytest.mark.parametrize("dtype", [object, [("a", "<f8"), ("b", object)]])
def test_pickles_are_not_opened(tmp_path, monkeypatch, dtype):
    monkeypatch.chdir(tmp_path)
    np.savez("a.npz", a=np.array([(1.0, Boom())] if isinstance(dtype, list) else Boom(), dtype))
    with pytest.raises(NpzError, match=r"a.npy: it holds objects, which are pickled"):
        npz_files.read("a.npz")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("array", [np.zeros(2, [("a", "<f8")]), np.zeros(2, "V4"), np.zeros(2, "datetime64[s]")])
def test_neither_numbers_nor_text(tmp_path, array):
    np.savez(tmp_path / "a.npz", a=array)
    with pytest.raises(NpzError, match="neither numbers nor text"):
        npz_files.read(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"text", "magic"),
        (npy(described(), bytes(15)), "takes 81 bytes by its shape and type where 80 are stated"),
        (npy(described(), bytes(17)), "by its shape and type where"),
        (npy(described((10**12,)), bytes(16)), "by its shape and type where"),
        (npy(described((-2,)), bytes(16)), "has no shape"),
        (npy(described((True,)), bytes(8)), "has no shape"),
        (npy(described((10**30, 0)), bytes(0)), "dimension"),
        (npy(described((2,) * 70), bytes(16)), "has no shape"),
        (npy(described((0,) + (1,) * 70)), "has no shape"),
        (npy(described(descr="<f9"), bytes(16)), "descr"),
        (npy(b"(" * 5000, bytes(16)), None),
        (npy(b"[" * 90 + b"]" * 90), None),
        (npy(described(), bytes(16), (3, 0)), "of .npy version 3.0"),
        (npy(b" " * 70_000 + repr(described()).encode(), bytes(16), (2, 0)), "header"),
    ],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_strange_headers(tmp_path, data, message, compression):
    path = archive(tmp_path / "a.npz", [("a.npy", data)], compression)
    with pytest.raises(NpzError, match=message) as caught:
        npz_files.read(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_packers(tmp_path, compression):
    """They unpack without a limit."""
    with pytest.raises(NpzError, match="packed in a way"):
        npz_files.read(archive(tmp_path / "a.npz", [("a.npy", npy(described(), bytes(16)))], compression))


def test_encrypted(tmp_path):
    path = archive(tmp_path / "a.npz", [("a.npy", npy(described(), bytes(16)))])
    with pytest.raises(NpzError, match="encrypted"):
        npz_files.read(patched(path, 8, b"\x01"))


def test_two_sizes_of_what_is_not_packed(tmp_path):
    path = archive(tmp_path / "a.npz", [("a.npy", npy(described(), bytes(16)))])
    with pytest.raises(NpzError, match="two sizes"):
        npz_files.read(patched(path, 24, (1 << 20).to_bytes(4, "little")))


def test_a_size_that_is_not_there(tmp_path):
    """Directory and header agree on far more than is packed."""
    data = npy(described((1 << 17,)), bytes(16))
    path = archive(tmp_path / "a.npz", [("a.npy", data)], zipfile.ZIP_DEFLATED)
    with pytest.raises(NpzError, match="ends too early"):
        npz_files.read(patched(path, 24, (len(data) - 16 + (8 << 17)).to_bytes(4, "little")))


def test_more_than_is_stated(tmp_path):
    """Directory and header agree on less than is packed: only that much is unpacked, and the sum is wrong."""
    data = npy(described((2,)), bytes(1 << 20))
    path = archive(tmp_path / "a.npz", [("a.npy", data)], zipfile.ZIP_DEFLATED)
    with pytest.raises(NpzError, match="CRC"):
        npz_files.read(patched(path, 24, (len(data) - (1 << 20) + 16).to_bytes(4, "little")))


@pytest.mark.parametrize("wanted", [None, ["zeros"]])
def test_a_bomb_is_not_unpacked(tmp_path, wanted):
    np.savez_compressed(tmp_path / "a.npz", zeros=np.zeros(96 << 20, np.uint8))
    assert (tmp_path / "a.npz").stat().st_size < 1 << 17
    tracemalloc.start()
    try:
        with pytest.raises(NpzError, match=r"its arrays would take 100\d+ bytes unpacked, and at most 6\d+ are read"):
            npz_files.read(tmp_path / "a.npz", wanted)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert npz_files.read(tmp_path / "a.npz", ["other"]) == {}


def test_the_limit_is_of_all_together(tmp_path):
    np.savez(tmp_path / "a.npz", a=np.zeros(100), b=np.zeros(100))
    stated = 2 * (128 + 800)  # NumPy's headers take 128 bytes
    assert set(npz_files.read(tmp_path / "a.npz", limit=stated)) == {"a", "b"}
    with pytest.raises(NpzError, match=f"would take {stated} bytes unpacked, and at most {stated - 1} are read"):
        npz_files.read(tmp_path / "a.npz", limit=stated - 1)
    assert set(npz_files.read(tmp_path / "a.npz", ["a"], limit=stated - 1)) == {"a"}


def test_a_long_name_in_a_message(tmp_path):
    path = archive(tmp_path / "a.npz", [("x" * 5000 + ".npy", npy(described(), bytes(16)))])
    data = bytearray(path.read_bytes())
    data[40] ^= 1  # a letter of the name beside the values; the directory has another
    path.write_bytes(data)
    with pytest.raises(NpzError) as caught:
        npz_files.read(path)
    assert len(str(caught.value)) < 300


def test_a_large_directory(tmp_path):
    path = tmp_path / "a.npz"
    archive(path, [(f"{number:05}{'x' * 60000}.npy", b"") for number in range(150)])
    with pytest.raises(NpzError, match="it is refused"):
        npz_files.read(path, ["a"])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_cut_and_flipped_bit_is_noticed(tmp_path, save):
    array = np.random.default_rng(0).standard_normal(30)
    save(tmp_path / "a.npz", a=array)
    whole = (tmp_path / "a.npz").read_bytes()
    for place in range(0, len(whole), 3):
        (tmp_path / "cut.npz").write_bytes(whole[:place])
        with pytest.raises(NpzError):
            npz_files.read(tmp_path / "cut.npz")
        flipped = bytearray(whole)
        flipped[place] ^= 4
        (tmp_path / "flipped.npz").write_bytes(flipped)
        try:
            found = npz_files.read(tmp_path / "flipped.npz")
        except NpzError:
            continue
        assert all(np.array_equal(value, array) for value in found.values())  # a date, or a letter of the name
