"""Reading PyTorch's files without PyTorch."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_files import read_state_dict


def write(path, pickled, **members):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickled)
        for name, content in members.items():
            archive.writestr(f"archive/data/{name}", content)
    return path


def tensor_pickle(offset=1, shape=(2, 3), stride=(3, 1), key="0", kind="storage"):
    """The pickle of {"w": a tensor}, opcode by opcode: its names need no importable object that way."""

    def integers(values):
        return b"(" + b"".join(b"I%d\n" % v for v in values) + b"t"

    def text(value):
        return b"V" + value.encode() + b"\n"

    storage = b"(" + text(kind) + b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + b"I7\ntQ"
    arguments = b"(" + storage + b"I%d\n" % offset + integers(shape) + integers(stride) + b"I00\nNt"
    return b"\x80\x02(" + text("w") + b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"Rd."


NUMBERS = np.arange(7, dtype=np.float32)


def test_a_tensor_is_cut_out_of_its_storage(tmp_path):
    path = write(tmp_path / "x.pth", tensor_pickle(), **{"0": NUMBERS.tobytes()})
    state = read_state_dict(path)
    assert state["w"].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_strides_are_followed(tmp_path):
    path = write(tmp_path / "x.pth", tensor_pickle(0, (3, 2), (1, 3)), **{"0": NUMBERS.tobytes()})
    assert read_state_dict(path)["w"].tolist() == [[0, 3], [1, 4], [2, 5]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"offset": 5}, "beyond its storage"),
        ({"stride": (3000, 1)}, "beyond its storage"),
        ({"stride": (-3, 1)}, "negative"),
        ({"offset": -1}, "negative"),
        ({"key": "../../etc"}, "it is refused"),
        ({"key": "9"}, "damaged"),
        ({"kind": "module"}, "it is refused"),
    ],
)
def test_tensors_that_cannot_be(tmp_path, options, message):
    path = write(tmp_path / "x.pth", tensor_pickle(**options), **{"0": NUMBERS.tobytes()})
    with pytest.raises(SnapshotError, match=message):
        read_state_dict(path)


@pytest.mark.parametrize("name", ["os\nsystem", "builtins\neval", "torch\nload", "numpy\nload"])
def test_other_names_are_refused_and_never_called(tmp_path, name):
    pickled = b"c" + name.encode().replace(b"\\n", b"\n") + b"\n(Vtouch " + os.fsencode(tmp_path / "ran") + b"\ntR."
    with pytest.raises(SnapshotError, match="which is no tensor; it is refused"):
        read_state_dict(write(tmp_path / "x.pth", pickled))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x02", b"plain text", pickle.dumps({"a": 1})])
def test_other_files(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(SnapshotError, match=r"x.pth: not a state dict"):
        read_state_dict(tmp_path / "x.pth")


def test_other_content(tmp_path):
    with pytest.raises(SnapshotError, match="more than tensors"):
        read_state_dict(write(tmp_path / "x.pth", pickle.dumps({"a": 1}, protocol=2)))
    with pytest.raises(SnapshotError, match="no such file"):
        read_state_dict(tmp_path / "none.pth")
