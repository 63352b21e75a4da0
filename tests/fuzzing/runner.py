"""Runs readers over damaged inputs in child processes, so that nothing an input does stays unseen or goes further.

A child takes many inputs one after the other, within a limit of memory. It says which one it is at; when it dies or
keeps silent for too long, that was this input's doing, and another child goes on with the next.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import resource
import select
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mocogan_chainer.errors import one_line
from tests.fuzzing.reader import Files, Reader, put

LONGEST_MESSAGE = 2000
OWN, RESULT = "own error", "result"


@dataclass
class Report:
    """What a reader made of its inputs.

    Attributes:
        reader: its name.
        outcomes: how many inputs ended how.
        slowest: seconds, and the number of the input.
        peak: bytes of memory beside what the process had, or of a process that the reader started, and the number.
        failures: (number, what happened, details), of inputs that ended otherwise than with a result or an own error.
    """

    reader: str
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, -1)
    peak: tuple[int, int] = (0, -1)
    failures: list[tuple[int, str, str]] = field(default_factory=list)

    @property
    def inputs(self) -> int:
        """How many there were."""
        return self.outcomes.total()

    def take(self, record: dict[str, Any]) -> None:
        """Count one input."""
        self.outcomes[record["outcome"]] += 1
        self.slowest = max(self.slowest, (record["seconds"], record["number"]))
        self.peak = max(self.peak, (record["memory"], record["number"]))
        if record["outcome"] not in (OWN, RESULT):
            self.failures.append((record["number"], record["outcome"], record["details"]))


def run(reader: Reader, seed: int, numbers: Iterable[int], work: Path, save: Path | None = None) -> Report:
    """Let ``reader`` read the damaged inputs ``numbers`` of ``seed``.

    Args:
        work: a folder for what is only needed meanwhile.
        save: where inputs that fail are put, a folder each.
    """
    report = Report(reader.name)
    sound = reader.inputs(work / f"{reader.name}-sound")
    waiting = list(numbers)
    while waiting:
        done = _batch(reader, seed, waiting, sound, work, report)
        waiting = waiting[done:]
    for number, _, _ in report.failures:
        if save is not None:
            put(reader.case(seed, number, sound), save / f"{reader.name}-{seed}-{number}")
    shutil.rmtree(work / reader.name, ignore_errors=True)
    return report


def _batch(reader: Reader, seed: int, numbers: list[int], sound: list[Files], work: Path, report: Report) -> int:
    """Fork a child and count what it says; return how many inputs that was."""
    incoming, outgoing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(incoming)
        try:
            _child(reader, seed, numbers, sound, work / reader.name, outgoing)
        except BaseException:
            traceback.print_exc()
        os._exit(0)
    os.close(outgoing)
    done, text, killed = 0, b"", False
    while done < len(numbers):
        if not select.select([incoming], [], [], reader.seconds)[0]:
            killed = True
            break
        block = os.read(incoming, 1 << 16)
        if not block:
            break
        *lines, text = (text + block).split(b"\n")
        for line in lines:
            report.take(json.loads(line))
            done += 1
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(incoming)
    if done < len(numbers):
        what = "hang" if killed else f"crash ({_ending(status)})"
        seconds = reader.seconds if killed else 0.0
        report.take({"number": numbers[done], "outcome": what, "seconds": seconds, "memory": 0, "details": ""})
        done += 1
    return done


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.WEXITSTATUS(status)}"


def _child(reader: Reader, seed: int, numbers: list[int], sound: list[Files], folder: Path, outgoing: int) -> None:
    os.setpgid(0, 0)
    faulthandler.disable()  # what crashes here is counted, not shown
    os.dup2(os.open(os.devnull, os.O_RDWR), 0)
    os.fsync = lambda file: None  # no power fails here, and it takes long on a busy disk
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in numbers:
        place = folder / str(number)  # a folder each: what a reader keeps by a file's name is not to help the next
        put(reader.case(seed, number, sound), place)
        with _limited(reader.bound):
            record = {"number": number, **attempt(reader, place)}
        shutil.rmtree(place)
        os.write(outgoing, json.dumps(record).encode() + b"\n")


@contextlib.contextmanager
def _limited(bound: int) -> Iterator[None]:
    """Let this process take no more than ``bound`` bytes of memory beside what it has, nor write longer files."""
    limits = {resource.RLIMIT_AS: _status("VmSize") + bound, resource.RLIMIT_FSIZE: bound}
    before = {kind: resource.getrlimit(kind) for kind in limits}
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, before[kind][1]))
    try:
        yield
    finally:
        for kind, pair in before.items():
            resource.setrlimit(kind, pair)


def attempt(reader: Reader, folder: Path) -> dict[str, Any]:
    """Let ``reader`` read ``folder``; return how that ended, and what it took."""
    before, details = _mark_memory(), ""
    start = time.perf_counter()
    try:
        reader.read(folder)
        outcome = RESULT
    except reader.errors as error:
        outcome, details = OWN, _fault_of(error)
        outcome = details or OWN
    except MemoryError:
        outcome = "memory beyond the bound"
    except BaseException as error:
        outcome, details = type(error).__name__, _where(error)
    seconds = time.perf_counter() - start
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    return {
        "outcome": outcome,
        "seconds": seconds,
        "memory": max(_status("VmHWM") - before, children),
        "details": details,
    }


def _where(error: BaseException) -> str:
    """Return an error with the last places that it came through."""
    places = traceback.extract_tb(error.__traceback__)
    return "".join(traceback.format_list(places[1:5] + places[5:][-3:]) + traceback.format_exception_only(error))


def _fault_of(error: Exception) -> str:
    """Say what is wrong with an own error; "" where nothing is."""
    message = one_line(error)
    if "Unable to allocate" in message or "MemoryError" in message:
        return "memory beyond the bound, said as an own error"
    if len(message) > LONGEST_MESSAGE:
        return f"a message of {len(message)} letters"
    return "" if message.isprintable() else "a message with control characters"


def _mark_memory() -> int:
    """Let the peak begin anew; return the memory that the process has."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) << 10
    raise OSError(f"the system does not say {key}")
