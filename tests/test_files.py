"""Files that are whole or not there."""

import errno
import hashlib
import os
from pathlib import Path

import pytest

from mocogan_chainer.errors import OutputError
from mocogan_chainer.files import (
    atomic_folder,
    atomic_write,
    ensure_writable,
    open_plain,
    open_to_change,
    put_folder,
    read_plain,
    remove_leftovers,
    sha256,
)


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


class TestOnItsWayToTheDisk:
    """Content before the name, the name before anything is built on it: what stays when the power fails."""

    @pytest.fixture
    def calls(self, monkeypatch):
        calls = []
        fsync, replace = os.fsync, Path.replace

        def synced(file):
            path = Path(f"/proc/self/fd/{file}").readlink()
            calls.append(("sync", "new" if path.name.endswith(".part") else path.name))
            fsync(file)

        def replaced(self, target):
            calls.append(("rename", target.name))
            return replace(self, target)

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(Path, "replace", replaced)
        return calls

    pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name open files")

    def test_a_file(self, tmp_path, calls):
        with atomic_write(tmp_path / "file") as file:
            file.write(b"all")
        assert calls == [("sync", "new"), ("rename", "file"), ("sync", tmp_path.name)]

    def test_a_folder(self, tmp_path, calls):
        with atomic_folder(tmp_path / "folder") as folder:
            (folder / "a").touch()
        assert calls == [("sync", "a"), ("sync", "new"), ("rename", "folder"), ("sync", tmp_path.name)]


def test_leftovers_of_a_name_are_removed(tmp_path):
    for name in (".log.x.part", ".log.part", "log", ".other.x.part"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path, "log")
    assert {path.name for path in tmp_path.iterdir()} == {".log.part", "log", ".other.x.part"}


class TestPutFolder:
    @pytest.fixture
    def new(self, tmp_path):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "content").touch()
        return tmp_path / "new"

    def test_where_nothing_is(self, new, tmp_path):
        put_folder(new, tmp_path / "path")
        assert sorted(tmp_path.rglob("*")) == [tmp_path / "path", tmp_path / "path" / "content"]

    @pytest.mark.parametrize("kind", ["folder", "empty folder", "file", "link", "dangling link"])
    def test_in_place_of_anything(self, new, tmp_path, kind):
        path = tmp_path / "path"
        if kind.endswith("folder"):
            path.mkdir()
        if kind == "folder":
            (path / "old").touch()
        if kind == "file":
            path.touch()
        if kind.endswith("link"):
            path.symlink_to(tmp_path / ("missing" if kind == "dangling link" else "new"))
        put_folder(new, path)
        assert sorted(tmp_path.rglob("*")) == [path, path / "content"]
        assert not path.is_symlink()

    @pytest.mark.parametrize("error", [OSError(errno.EIO, "broken"), KeyboardInterrupt()])
    @pytest.mark.parametrize("at", [1, 2])
    def test_a_failure_leaves_what_was_there(self, new, tmp_path, monkeypatch, error, at):
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "old").touch()
        replace, calls = Path.replace, []

        def failing(self, target):
            calls.append(target)
            if len(calls) == at:
                raise error
            return replace(self, target)

        before = sorted(tmp_path.rglob("*"))
        monkeypatch.setattr(Path, "replace", failing)
        with pytest.raises(type(error)):
            put_folder(new, tmp_path / "path")
        assert sorted(tmp_path.rglob("*")) == before

    def test_what_cannot_be_put_back_is_not_removed(self, new, tmp_path, monkeypatch):
        (tmp_path / "path").mkdir()
        (tmp_path / "path" / "old").touch()
        replace, calls = Path.replace, []

        def failing(self, target):
            calls.append(target)
            if len(calls) > 1:
                raise OSError(errno.EIO, "broken")
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", failing)
        with pytest.raises(OSError, match="broken"):
            put_folder(new, tmp_path / "path")
        assert [path.name for path in tmp_path.glob(".path.*.old/path/*")] == ["old"]


class TestPlain:
    def test_a_file_and_a_link_to_it(self, tmp_path):
        (tmp_path / "a").write_bytes(b"abc")
        (tmp_path / "b").symlink_to("a")
        for name in "ab":
            assert read_plain(tmp_path / name, 3) == b"abc"

    def test_more_than_is_read(self, tmp_path):
        (tmp_path / "a").write_bytes(b"abc")
        with pytest.raises(OSError, match="more than the 2 bytes"):
            read_plain(tmp_path / "a", 2)

    def test_a_pipe_without_a_writer_and_a_device_without_an_end(self, tmp_path):
        os.mkfifo(tmp_path / "a")
        (tmp_path / "b").symlink_to("/dev/zero")
        for name in "ab":
            with pytest.raises(OSError, match="not a plain file but a pipe or a device"):
                open_plain(tmp_path / name)

    def test_a_folder_and_nothing(self, tmp_path):
        with pytest.raises(IsADirectoryError):
            open_plain(tmp_path)
        with pytest.raises(FileNotFoundError):
            open_plain(tmp_path / "a")

    def test_no_link_is_followed_to_change_a_file(self, tmp_path):
        (tmp_path / "a").write_bytes(b"abc")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(OSError, match=r"symbolic links|Too many"):
            open_to_change(tmp_path / "b")
        with open_to_change(tmp_path / "a"):
            pass
        assert (tmp_path / "a").read_bytes() == b"abc"


def test_sha256(tmp_path):
    for content in (b"", b"abc", bytes(3 << 20)):
        (tmp_path / "a").write_bytes(content)
        assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()
    with pytest.raises(FileNotFoundError):
        sha256(tmp_path / "b")
