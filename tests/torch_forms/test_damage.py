"""Damaged files of each form: cut off anywhere, or with bytes changed at random."""

import tracemalloc

import numpy as np
import pytest

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_files import read_checkpoint
from tests.torch_forms.handmade import (
    Legacy,
    Zip,
    call,
    dictionary,
    module,
    name,
    number,
    parameter,
    pickled,
    several,
    tensor,
    text,
)

CONTENTS = {"0": np.arange(6, dtype="<f4").tobytes(), "1": np.arange(4, dtype="<f2").tobytes()}
MOST_MEMORY = 64 << 20
MUTATIONS = 200


def network(form):
    """Instructions of a small module in a checkpoint."""
    kind = name("models", "Net")
    if isinstance(form, Legacy):
        kind = several(text("module"), kind, text("models.py"), text("class Net: pass")) + b"Q"
    inner = module(kind, {"w": parameter(tensor(form.storage(6)))}, {"b": tensor(form.storage(6), 2, (2,), (2,))})
    half = tensor(form.storage(4, "1", "HalfStorage"), 0, (2, 2), (1, 2))
    outer = module(name("models", "Outer"), modules={"inner": inner, "last": module(kind, {"h": half})})
    return dictionary({"epoch": number(3), "args": call(name("torch", "Size"), several()), "model": outer})


def write_zip(path):
    return Zip().write(path, network(Zip()), CONTENTS, byteorder=b"little")


def write_legacy(path):
    form = Legacy()
    return form.write(path, network(form), CONTENTS)


WRITERS = {"zip": write_zip, "legacy": write_legacy}


@pytest.mark.parametrize("form", WRITERS)
def test_the_sound_file(tmp_path, form):
    arrays = read_checkpoint(WRITERS[form](tmp_path / "x.pth"))
    assert any(array.shape == (2, 3) for array in arrays.values())


@pytest.mark.parametrize("form", WRITERS)
def test_cut_off_anywhere(tmp_path, form):
    path = WRITERS[form](tmp_path / "x.pth")
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises(SnapshotError):
            read_checkpoint(path)


def mutated(data, rng):
    """Change, remove, double or insert a few bytes."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 6)):
        at, kind = rng.integers(len(data)), rng.integers(5)
        length = int(rng.integers(1, 9))
        if kind == 0:
            data[at] = rng.integers(256)
        elif kind == 1:
            data[at] ^= 1 << rng.integers(8)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        else:
            data[at : at + length] = rng.choice([b"\xff", b"\0", b"\x7f", b"R", b"b"]) * length
    return bytes(data)


@pytest.mark.parametrize("form", [*WRITERS, "pickle"])
def test_bytes_changed_at_random(tmp_path, form):
    rng = np.random.default_rng(7)
    path = tmp_path / "x.pth"
    sound = pickled(network(Zip())) if form == "pickle" else WRITERS[form](path).read_bytes()
    refused = 0
    tracemalloc.start()
    try:
        for _ in range(MUTATIONS):
            data = mutated(sound, rng)
            if form == "pickle":  # the archive's sums would reveal the change before the pickle is read
                Zip().write_pickle(path, data, CONTENTS)
            else:
                path.write_bytes(data)
            try:
                arrays = read_checkpoint(path)
                assert all(isinstance(array, np.ndarray) for array in arrays.values())
            except SnapshotError as error:
                assert str(error).isprintable()
                refused += 1
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()
    assert refused > MUTATIONS / 3
    assert list(tmp_path.iterdir()) == [path]
