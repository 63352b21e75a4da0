"""One process a folder."""

import json
import os
import socket
import subprocess
import sys

import pytest

from mocogan_chainer import locks
from mocogan_chainer.errors import OutputError
from mocogan_chainer.locks import own_folder

HOST = socket.gethostname()
WAIT = "wait for it"
HOLD = (
    "import sys, pathlib\n"
    "from mocogan_chainer.locks import own_folder\n"
    "with own_folder(pathlib.Path(sys.argv[1]), 'never'):\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.read()\n"
)


@pytest.fixture
def other(tmp_path):
    """Another process that has the folder."""
    pytest.importorskip("fcntl", reason="needs locks as on Unix")
    command = [sys.executable, "-c", HOLD, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_the_file_says_whose_it_is_and_goes_at_the_end(tmp_path):
    with own_folder(tmp_path / "run", WAIT):
        assert json.loads((tmp_path / "run" / "lock").read_text()) == {"pid": os.getpid(), "host": HOST}
    assert list((tmp_path / "run").iterdir()) == []


def test_a_second_is_refused_by_name(tmp_path, other):
    for _ in range(2):
        with pytest.raises(OutputError) as error, own_folder(tmp_path, WAIT):
            pytest.fail("it was let in")
        assert str(error.value) == f"{tmp_path}: process {other.pid} on {HOST} is at work there; {WAIT}"


def test_a_killed_one_is_no_obstacle(tmp_path, other):
    other.kill()
    other.wait()
    assert json.loads((tmp_path / "lock").read_text())["pid"] == other.pid
    with own_folder(tmp_path, WAIT):
        assert json.loads((tmp_path / "lock").read_text())["pid"] == os.getpid()


def test_what_another_machine_left_is_not_taken(tmp_path):
    text = json.dumps({"pid": 12, "host": "far"})
    (tmp_path / "lock").write_text(text)
    with pytest.raises(OutputError) as error, own_folder(tmp_path, WAIT):
        pytest.fail("it was let in")
    assert str(error.value) == (
        f"{tmp_path}: process 12 on far was at work there and did not say that it ended; see on far whether it still "
        f"runs (ps 12), and if not, remove {tmp_path / 'lock'}"
    )
    assert (tmp_path / "lock").read_text() == text
    (tmp_path / "lock").unlink()
    with own_folder(tmp_path, WAIT):
        pass


@pytest.mark.parametrize("content", [b"", b'{"pid": 1', b"[]", b"\xff"])
def test_a_file_that_says_nothing_is_nobodys(tmp_path, content):
    (tmp_path / "lock").write_bytes(content)
    with own_folder(tmp_path, WAIT):
        pass


class TestWithoutSystemLocks:
    """The number of the process is all there is to go by."""

    @pytest.fixture(autouse=True)
    def _without(self, monkeypatch):
        monkeypatch.setattr(locks, "fcntl", None)

    def test_a_living_process(self, tmp_path):
        (tmp_path / "lock").write_text(json.dumps({"pid": os.getppid(), "host": HOST}))
        with (
            pytest.raises(OutputError, match=f"process {os.getppid()} on {HOST} is at work"),
            own_folder(tmp_path, WAIT),
        ):
            pytest.fail("it was let in")

    def test_one_that_has_ended(self, tmp_path):
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        (tmp_path / "lock").write_text(json.dumps({"pid": ended.pid, "host": HOST}))
        with own_folder(tmp_path, WAIT):
            pass


def test_a_link_in_the_place_of_a_lock_is_not_written_through(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "lock").symlink_to(precious)
    with pytest.raises(OutputError, match="lock"), own_folder(tmp_path / "run", "wait"):
        pass
    assert precious.read_text() == "mine"
