"""One process per folder or file."""

import errno
import json
import os
import socket
import subprocess
import sys

import pytest

from mocogan_chainer import locks
from mocogan_chainer.errors import OutputError
from mocogan_chainer.locks import locked, own_folder

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


class TestLocked:
    MESSAGE = "it is taken; wait"

    @pytest.fixture(autouse=True)
    def fcntl(self):
        return pytest.importorskip("fcntl", reason="needs locks as on Unix")

    def test_a_second_is_refused_until_the_first_is_through(self, tmp_path):
        with locked(tmp_path / "lock", "never"):
            for _ in range(2):
                with pytest.raises(OutputError, match=f"^{self.MESSAGE}$"), locked(tmp_path / "lock", self.MESSAGE):
                    pytest.fail("it was let in")
        with locked(tmp_path / "lock", "never"):
            pass

    def test_an_error_lets_go(self, tmp_path):
        with pytest.raises(RuntimeError), locked(tmp_path / "lock", "never"):
            raise RuntimeError
        with locked(tmp_path / "lock", "never"):
            pass

    def test_a_killed_process_lets_go(self, tmp_path):
        script = (
            "import sys, pathlib, mocogan_chainer.locks as locks\n"
            "with locks.locked(pathlib.Path(sys.argv[1]), 'never'):\n"
            "    print('held', flush=True)\n"
            "    sys.stdin.read()\n"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "lock")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"held\n"
            with pytest.raises(OutputError, match=self.MESSAGE), locked(tmp_path / "lock", self.MESSAGE):
                pytest.fail("it was let in")
            process.kill()
        with locked(tmp_path / "lock", "never"):
            pass

    @pytest.mark.parametrize("anew", [False, True])
    def test_a_file_that_its_holder_removed_is_no_lock(self, tmp_path, monkeypatch, fcntl, anew):
        """Opened before the removal and locked after it: another may hold the new file of that name."""
        flock = fcntl.flock

        def late(file, how):
            (tmp_path / "lock").unlink()
            if anew:
                (tmp_path / "lock").touch()
            flock(file, how)

        monkeypatch.setattr(fcntl, "flock", late)
        with pytest.raises(OutputError, match=self.MESSAGE), locked(tmp_path / "lock", self.MESSAGE):
            pytest.fail("it was let in")

    def test_a_file_system_without_locks_is_taken_as_it_is(self, tmp_path, monkeypatch, fcntl):
        def refuse(*_):
            raise OSError(errno.ENOLCK, "no locks")

        monkeypatch.setattr(fcntl, "flock", refuse)
        with locked(tmp_path / "lock", "never"):
            pass

    def test_a_place_that_cannot_be_written(self, tmp_path):
        with (
            pytest.raises(OutputError, match=r"missing/lock: cannot be written"),
            locked(tmp_path / "missing" / "lock", "never"),
        ):
            pytest.fail("it was let in")

    def test_no_link_is_followed_and_nothing_is_written(self, tmp_path):
        (tmp_path / "a").write_bytes(b"abc")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(OutputError), locked(tmp_path / "b", "held"):
            pass
        with locked(tmp_path / "a", "held"):
            pass
        assert (tmp_path / "a").read_bytes() == b"abc"
