"""Files that are whole or not there."""

import errno
import os

import pytest

from mocogan_chainer.errors import OutputError
from mocogan_chainer.files import atomic_folder, atomic_write, ensure_writable


def test_a_file_appears_at_the_end(tmp_path):
    path = tmp_path / "new" / "file"
    with atomic_write(path) as file:
        file.write(b"all")
        assert not path.exists()
    assert path.read_bytes() == b"all"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "full"), RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file(tmp_path, failure):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises((OutputError, RuntimeError, KeyboardInterrupt)), atomic_write(path) as file:
        file.write(b"new")
        raise failure
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_folder_appears_at_the_end(tmp_path):
    path = tmp_path / "folder"
    with atomic_folder(path) as temporary:
        (temporary / "a").write_text("1")
        assert not path.exists()
    assert (path / "a").read_text() == "1"


def test_an_existing_folder_needs_force(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with pytest.raises(OutputError, match=r"exists already; use --force"), atomic_folder(tmp_path / "folder"):
        pass
    with atomic_folder(tmp_path / "folder", force=True) as temporary:
        (temporary / "new").touch()
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["new"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "folder", force=True) as temporary:
        (temporary / "new").touch()
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["old"]


@pytest.mark.parametrize(
    ("number", "message"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission"), (errno.EROFS, "no permission")],
)
def test_reasons(tmp_path, monkeypatch, number, message):
    def fail(*_arguments, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("tempfile.mkstemp", fail)
    with pytest.raises(OutputError, match=message), atomic_write(tmp_path / "file"):
        pass


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        ensure_writable(tmp_path / "file")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        ensure_writable(tmp_path / "file" / "below")
