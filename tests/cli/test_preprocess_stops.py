"""preprocess.py stopped from outside: kill -9, Ctrl-C, a full disk, a second one beside it."""

import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from mocogan_chainer import preprocessing, video
from tests.preprocessing.toys import toy
from tests.preprocessing.toys.use import toys

try:
    import fcntl
    import termios
except ImportError:  # Windows
    fcntl = None

ROOT = Path(__file__).parents[2]
SCRIPT = [sys.executable, ROOT / "preprocess.py"]
TOYS = [sys.executable, "-m", "tests.preprocessing.toys.command"]
PATIENCE = 30
"""Seconds that anything here may take on a busy machine."""

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see other processes")


@pytest.fixture
def start():
    """Start a command in a session of its own; all are ended after the test."""
    started = []

    def run(*command, **options):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        process = subprocess.Popen(list(map(str, command)), cwd=ROOT, start_new_session=True, **pipes)
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def ctrl_c(process):
    """Do what a terminal does: interrupt the command and all that it started."""
    os.killpg(process.pid, signal.SIGINT)


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.001)
    return found


def done(out):
    """Return how many videos the journal of a preparation names."""
    try:
        return (out.parent / f".{out.name}.partial" / "journal").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def strays(session, word):
    """Return what runs in a session, and what has ``word`` in its command: workers, and their decoders."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z" and (int(its_session) == session or str(word) in command):
            found.append(command)
    return found


def require_gone(process, word, seconds):
    end = time.monotonic() + seconds
    while found := strays(process.pid, word):
        assert time.monotonic() < end, f"still there after {seconds} s: {found}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Twelve tiny videos in two classes."""
    raw = tmp_path_factory.mktemp("films") / "raw"
    for i in range(12):
        frames = np.random.default_rng(i).integers(0, 256, (6, 32, 48, 3)).astype(np.uint8)
        video.write_mp4(raw / "ab"[i % 2] / f"{i:02d}.mp4", frames, 25)
    (raw / "a" / "broken.mp4").write_text("text")
    return raw


class TestKilled:
    """At any moment, and taken up again until it is done: the bytes are those of an undisturbed run."""

    SHAPES: ClassVar = {"num": 160, "size": 32, "length": 32, "seed": 2}

    def kill_until_done(self, start, out, command, moments):
        """Kill each attempt at its moment, a number of videos or of seconds; return how many were killed."""
        killed = 0
        for moment in moments:
            process = start(*command, "--resume")
            if isinstance(moment, int):
                wait_for(lambda process=process, moment=moment: done(out) >= moment or process.poll() is not None)
            else:
                time.sleep(moment)
            process.kill()
            killed += process.wait() == -signal.SIGKILL
            if out.exists():
                break
        if not out.exists():
            process = start(*command, "--resume")
            assert process.communicate(timeout=PATIENCE)[1] == ""
            assert process.returncode == 0
        return killed

    @pytest.mark.parametrize(("workers", "step"), [(0, 50), (2, 60)])
    def test_shapes(self, start, tmp_path, workers, step):
        preprocessing.prepare("shapes", None, tmp_path / "whole", workers=0, **self.SHAPES)
        out = tmp_path / "out"
        options = [word for name, value in self.SHAPES.items() for word in (f"--{name}", value)]
        command = [*SCRIPT, "shapes", out, *options, "--workers", workers]
        assert self.kill_until_done(start, out, command, range(1, 160, step)) >= 2
        assert content(out) == content(tmp_path / "whole")

    def test_films(self, start, films, tmp_path):
        preprocessing.prepare("folder", films, tmp_path / "whole", workers=0, size=16)
        out = tmp_path / "out"
        command = [*SCRIPT, "folder", films, out, "--size", 16, "--workers", 2]
        assert self.kill_until_done(start, out, command, [1, 4, 7, 10]) >= 2
        assert content(out) == content(tmp_path / "whole")

    def test_at_random_moments(self, start, films, tmp_path):
        chance = random.Random(0)
        preprocessing.prepare("folder", films, tmp_path / "whole", workers=0, size=16)
        killed = 0
        for i in range(3):
            out = tmp_path / f"out{i}"
            command = [*SCRIPT, "folder", films, out, "--size", 16, "--workers", 1 + i]
            killed += self.kill_until_done(start, out, command, [chance.uniform(0.1, 0.7) for _ in range(3)])
            assert content(out) == content(tmp_path / "whole")
        assert killed >= 3


@needs_proc
class TestNobodyIsLeftBehind:
    @pytest.fixture
    def sleepy(self, start, tmp_path):
        """A command whose two workers have just begun to sleep for a minute."""
        raw = toy.write(tmp_path / "raw", **{f"a_{i}": "good 1" if i < 3 else "good 1 60" for i in range(9)})
        process = start(*TOYS, "toy", raw, tmp_path / "out", "--workers", 2)
        wait_for(lambda: done(tmp_path / "out") == 3)
        return process

    @pytest.fixture
    def busy(self, start, tmp_path):
        """A command with a decoder at work."""
        frames = np.random.default_rng(0).integers(0, 256, (200, 16, 16, 3)).astype(np.uint8)
        video.write_mp4(tmp_path / "raw" / "a" / "0.mp4", frames, 25)
        loop = [video.ffmpeg_program(), "-v", "error", "-stream_loop", "400", "-i", tmp_path / "raw" / "a" / "0.mp4"]
        subprocess.run([*loop, "-c", "copy", tmp_path / "raw" / "a" / "1.mp4"], check=True)
        process = start(*SCRIPT, "folder", tmp_path / "raw", tmp_path / "out", "--workers", 2)
        wait_for(lambda: any("1.mp4" in command for command in strays(process.pid, tmp_path / "raw" / "a" / "1.mp4")))
        return process

    def test_killed(self, sleepy, tmp_path):
        sleepy.kill()
        require_gone(sleepy, tmp_path / "raw", 5)

    def test_killed_with_a_decoder(self, busy, tmp_path):
        busy.kill()
        require_gone(busy, tmp_path / "raw" / "a", 5)

    def test_ctrl_c(self, sleepy, tmp_path):
        ctrl_c(sleepy)
        assert sleepy.communicate(timeout=PATIENCE) == (
            "",
            "interrupted: 3 of 9 videos are done and kept: the same command with --resume goes on from there\n",
        )
        assert sleepy.returncode == 130
        require_gone(sleepy, tmp_path / "raw", 1)

    def test_ctrl_c_with_a_decoder(self, busy, tmp_path):
        ctrl_c(busy)
        out, err = busy.communicate(timeout=PATIENCE)
        assert (out, busy.returncode) == ("", 130)
        assert err.startswith("interrupted") and err.count("\n") == 1
        require_gone(busy, tmp_path / "raw" / "a", 2)


class TestCtrlC:
    def test_and_taken_up_again(self, start, tmp_path, monkeypatch):
        raw, out = toy.mixed(tmp_path / "raw", 24, waiting="bc"), tmp_path / "out"
        # What waits keeps the first run, however late it is interrupted, from doing what is waited for in the second.
        for count, free in ((2, "a"), (12, "b")):
            (raw / free / "go").touch()
            process = start(*TOYS, "toy", raw, out, "--workers", 2, "--resume")
            wait_for(lambda count=count: done(out) >= count)
            ctrl_c(process)
            line = process.communicate(timeout=PATIENCE)[1]
            found = re.fullmatch(
                r"interrupted: (\d+) of 24 videos are done and kept: the same command with --resume goes on from "
                r"there\n",
                line,
            )
            assert found, line
            assert process.returncode == 130
            assert int(found[1]) == done(out)
        (raw / "go").touch()
        process = start(*TOYS, "toy", raw, out, "--workers", 2, "--resume")
        lines, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
        assert lines.startswith(f"{found[1]} videos were done before\n")
        toys(monkeypatch.setattr)
        preprocessing.prepare("toy", raw, tmp_path / "whole", workers=0)
        assert content(out) == content(tmp_path / "whole")

    @pytest.mark.parametrize("seconds", [0, 0.1, 0.2, 0.4, 0.8])
    def test_before_anything_is_done_leaves_nothing(self, start, tmp_path, seconds):
        """Also while workers start, which hear the terminal too."""
        raw = toy.write(tmp_path / "raw", **{f"a_{i}": "good 1 60" for i in range(9)})
        process = start(*TOYS, "toy", raw, tmp_path / "out", "--workers", 3)
        wait_for((tmp_path / ".out.partial" / "parts").exists)
        time.sleep(seconds)
        ctrl_c(process)
        assert process.communicate(timeout=PATIENCE) == ("", "interrupted\n")
        assert process.returncode == 130
        assert [path.name for path in tmp_path.iterdir()] == ["raw"]

    def test_without_workers(self, start, tmp_path):
        raw = toy.write(tmp_path / "raw", a_0="good 1", a_1="good 1 60")
        process = start(*TOYS, "toy", raw, tmp_path / "out", "--workers", 0)
        wait_for(lambda: done(tmp_path / "out") == 1)
        ctrl_c(process)
        assert process.communicate(timeout=PATIENCE)[1].startswith("interrupted: 1 of 2 videos are done and kept")
        assert process.returncode == 130


def test_two_at_once(start, tmp_path):
    raw = toy.write(tmp_path / "raw", a_0="good 1", a_1="waits 1")
    first = start(*TOYS, "toy", raw, tmp_path / "out", "--workers", 1)
    wait_for(lambda: done(tmp_path / "out") == 1)
    for flags in ([], ["--resume"], ["--force"]):
        second = start(*TOYS, "toy", raw, tmp_path / "out", *flags)
        assert second.communicate(timeout=PATIENCE) == (
            "",
            f"error: {tmp_path / 'out'}: another process is preparing it; wait for it or choose another folder\n",
        )
        assert second.returncode == 2
    (raw / "go").touch()
    assert first.communicate(timeout=PATIENCE)[1] == ""
    assert first.returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"raw", "out"}


class TestFullDisk:
    @pytest.fixture
    def small_disk(self, tmp_path):
        """A disk of 2 MiB."""
        place = tmp_path / "disk"
        place.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", place]
        if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("needs the right to mount a small disk")
        yield place
        subprocess.run(["umount", "-l", place], check=True)

    @pytest.mark.parametrize("workers", [0, 2])
    def test_what_was_done_is_kept(self, start, tmp_path, small_disk, monkeypatch, workers):
        # 20 videos of 4 frames of 64 x 64 need 960 KiB, and there is half of that.
        raw = toy.write(tmp_path / "raw", **{f"a_{i:02d}": "good 4" for i in range(20)})
        (small_disk / "filler").write_bytes(bytes(1500 << 10))
        command = [*TOYS, "toy", raw, small_disk / "out", "--size", 64, "--workers", workers]
        process = start(*command)
        _, line = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2
        found = re.fullmatch(
            r"error: \S+: cannot be written: the disk is full; free some space or choose another folder; (\d+) of 20 "
            r"videos are done and kept: the same command with --resume goes on from there\n",
            line,
        )
        assert found, line
        assert 0 < int(found[1]) == done(small_disk / "out")
        (small_disk / "filler").unlink()
        process = start(*command, "--resume")
        lines, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, errors) == (0, "")
        assert lines.startswith(f"{found[1]} videos were done before\n")
        toys(monkeypatch.setattr)
        preprocessing.prepare("toy", raw, tmp_path / "whole", workers=0, size=64)
        assert content(small_disk / "out") == content(tmp_path / "whole")


@pytest.mark.skipif(fcntl is None, reason="needs a terminal as on Unix")
class TestTerminal:
    def run(self, start, tmp_path, stop=None):
        """Return what the command writes to a terminal."""
        ours, theirs = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        raw = toy.mixed(tmp_path / "raw", 24, 0.05, waiting="c" if stop else "")
        process = start(*TOYS, "toy", raw, tmp_path / "out", "--workers", 1, stderr=theirs)
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 4096):
                shown += data
                if stop and done(tmp_path / "out") >= stop:
                    ctrl_c(process)
                    stop = None
        except OSError:
            pass  # how a terminal says that nobody writes to it any more
        os.close(ours)
        process.communicate(timeout=PATIENCE)
        return process.returncode, shown.decode()

    def test_progress_with_the_time_left(self, start, tmp_path):
        code, shown = self.run(start, tmp_path)
        assert code == 0
        assert re.search(r"toy: +\d+%\|.*\| \d+/24 \[\d\d:\d\d<\d\d:\d\d, ", shown)
        assert "24/24" in shown

    def test_ctrl_c_gets_a_line_of_its_own(self, start, tmp_path):
        code, shown = self.run(start, tmp_path, stop=8)
        assert code == 130
        last = shown.rstrip("\r\n").splitlines()[-1]
        assert re.fullmatch(r"interrupted: \d+ of 24 videos are done and kept: .*", last), shown
