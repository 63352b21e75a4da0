"""Frames out of video files: ffmpeg decodes, filters and scales them and hands them over through a pipe."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ffmpeg
import numpy as np

from mocogan_chainer.errors import DataError, OutputError
from mocogan_chainer.files import open_plain
from mocogan_chainer.video import MOST_PIXELS, ffmpeg_program

try:
    import resource
except ImportError:  # Windows
    resource = None

SUFFIXES = frozenset(
    {
        *(".3g2", ".3gp", ".asf", ".avi", ".f4v", ".flv", ".gif", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpe"),
        *(".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".vob", ".webm", ".wmv"),
    }
)
"""Suffixes of video files, in lower case."""

CONTAINERS = "mov,avi,matroska,webm,gif,flv,mpeg,mpegts,asf,ogg"
"""Formats that a file may have. Not a playlist: that could make ffmpeg open other files."""
_LIMITS = {"protocol_whitelist": "file,pipe", "format_whitelist": CONTAINERS}

EXPLAINED = {
    "Stream map": "it holds no video",
    "Format not on whitelist": "a playlist, or a video format that is not supported",
    "Not detecting m3u8": "a playlist, or a video format that is not supported",
    "Error opening input: ": "it cannot be opened",
}
"""What some of ffmpeg's messages mean, by how they begin."""

HARMLESS = ("mmco: unref short failure", "co located POCs unavailable", "number of reference frames")
"""What ffmpeg reports as errors although the picture is intact; common in clips cut from broadcasts."""

PACKETS = ((188, 0), (192, 4), (204, 0))
"""Size of a transport stream's packet and place of its mark, in bytes: as sent, on discs, with error correction."""
PACKET_MARK = b"G"

STREAM = re.compile(
    r"^ *Stream #\S+: Video: (?P<codec>\w+)(?: \([^)\n]*\))*, (?P<pixels>\w+)(?!.*attached pic)", re.MULTILINE
)
"""ffmpeg's line about the video in a file, not about a cover picture."""
ALPHA_FORMATS = re.compile(r"rgba|argb|bgra|abgr|yuva|gbrap|ya8|ya16|ayuv|vuya")
"""Beginnings of the names of ffmpeg's pixel formats that can be transparent."""
ON_WHITE = "format=gbrap16le,negate,premultiply=inplace=1,negate,format=rgb24"
"""Filters that lay the picture on white; opaque colours stay as they are."""

READ_BYTES = 1 << 20
MEMORY_BYTES = 2 << 30
"""How much memory ffmpeg may use, if the system can limit it (Linux): a time stamp may demand any number of frames."""
MOST_THREADS = 4
"""The most threads of a decoder: each keeps its own pictures, and few of the largest fit into that memory."""
MESSAGE_BYTES = 1 << 16
"""How many bytes of ffmpeg's messages are kept."""


def decode(
    path: str | os.PathLike, filters: str = "", *, count: int | None = None, threads: int = 0, patience: float = 60.0
) -> Iterator[np.ndarray]:
    """Decode the video in a file, frame by frame, turned as its container says.

    Every frame of the stream comes once, whatever its time stamp, unless a filter selects some. Transparent parts of a
    QuickTime or Matroska file become white, as in a GIF.

    Args:
        path: the file.
        filters: a chain of ffmpeg's video filters, for example ``format=rgb24,scale=64:64:flags=area``.
        count: stop after this many frames; None for all.
        threads: the decoder's threads, at most 4; 0 for as many as there are cores. The frames do not depend on it.
        patience: give up on the file if nothing comes for this many seconds.

    Yields:
        uint8 ``(H, W, 3)``, RGB.

    Raises:
        DataError: the file is not a video, is damaged, or no more frames come; some may have come before.
        OutputError: there is no ffmpeg, or the system cannot start it.
    """
    if os.path.lexists(path) and not Path(path).is_file():  # ffmpeg would wait for a pipe
        raise DataError(f"{path}: cannot be decoded as a video: not a file")
    if cut := _cut_packet(path):
        raise DataError(f"{path}: cannot be decoded as a video: {cut}")
    on_white = _has_alpha(path, patience)
    command = _command(Path(path), ",".join(filter(None, [ON_WHITE * on_white, filters])), count, threads)
    frames = 0
    with _Process(command, patience) as process:
        while (frame := process.frame()) is not None:
            yield frame
            frames += 1
        code, messages = process.wait()
    fault = _fault(messages)
    if os.strerror(errno.ENOMEM) in fault:
        fault = f"it takes more than the {MEMORY_BYTES / 2**30:g} GiB of memory that ffmpeg may use"
        if "fps=" in filters:
            fault += "; with --fps, a time stamp far ahead of the others can cause this"
    if process.gave_up:
        raise DataError(f"{path}: gave up: nothing came for {patience:g} seconds after {frames} frames")
    if fault or code:
        state = f"damaged after {frames} frames" if frames else "cannot be decoded as a video"
        raise DataError(f"{path}: {state}: {fault or f'ffmpeg ended with code {code}'}")
    if not frames:
        raise DataError(f"{path}: it gives no frames; it is empty, or too short for the frame rate")


@functools.cache
def version() -> str:
    """Return the version of the ffmpeg that decodes.

    Raises:
        OutputError: there is none.
    """
    text = subprocess.run([ffmpeg_program(), "-version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"ffmpeg version (\S+)", text)
    return found[1] if found else "unknown"


class _Process:
    """A running ffmpeg that writes PPM images; killed when it stops sending anything and when the block ends."""

    def __init__(self, command: list[str], patience: float) -> None:
        try:
            self._ffmpeg = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=READ_BYTES,
                start_new_session=True,  # Ctrl-C is for us: ffmpeg would stop as if the video had ended
            )
        except OSError as error:  # not the video's fault: too many processes, or out of memory
            raise OutputError(f"{command[0]}: ffmpeg cannot be started: {error.strerror}") from error
        if hasattr(resource, "prlimit"):
            _limit_memory(self._ffmpeg.pid)
        self._messages = b""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._patience = patience
        self._waiting_since: float | None = None
        self._over = threading.Event()
        self.gave_up = False

    def __enter__(self) -> _Process:
        threading.Thread(target=self._watch, daemon=True).start()
        self._listener.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._ffmpeg.kill()
        self._ffmpeg.stdout.close()
        self._ffmpeg.wait()
        self._listener.join()
        self._ffmpeg.stderr.close()

    def frame(self) -> np.ndarray | None:
        """Return the next frame, or None at the end."""
        self._waiting_since = time.monotonic()
        pipe = self._ffmpeg.stdout
        kind, extent, greatest = (pipe.readline() for _ in range(3))
        if (kind, greatest) != (b"P6\n", b"255\n"):
            return None
        width, height = map(int, extent.split())
        image = np.empty((height, width, 3), np.uint8)
        whole = pipe.readinto(image.data.cast("B")) == image.nbytes
        self._waiting_since = None
        return image if whole else None

    def wait(self) -> tuple[int, str]:
        """Return ffmpeg's exit code and the first of its messages."""
        code = self._ffmpeg.wait()
        self._listener.join()
        return code, self._messages.decode(errors="replace")

    def _listen(self) -> None:
        while block := self._ffmpeg.stderr.read1(MESSAGE_BYTES):  # to the end: a full pipe would stop ffmpeg
            self._messages = (self._messages + block)[:MESSAGE_BYTES]
        if len(self._messages) == MESSAGE_BYTES:
            self._messages = self._messages.rpartition(b"\n")[0]  # whole lines: half of one could mean something else

    def _watch(self) -> None:
        while not self._over.wait(min(self._patience / 4, 1.0)):
            since = self._waiting_since
            if since is not None and time.monotonic() - since > self._patience:
                self.gave_up = True
                self._ffmpeg.kill()


def _limit_memory(process: int) -> None:
    with contextlib.suppress(OSError):  # it may have ended already
        _, most = resource.prlimit(process, resource.RLIMIT_DATA)
        bytes_ = MEMORY_BYTES if most == resource.RLIM_INFINITY else min(most, MEMORY_BYTES)
        resource.prlimit(process, resource.RLIMIT_DATA, (bytes_, bytes_))


def _command(path: Path, filters: str, count: int | None, threads: int) -> list[str]:
    # If the picture's size or format changes midway, the filters go on instead of starting again (they would count
    # frames from 0 again), and the first filter brings the picture back to what it was.
    decoder = {"reinit_filter": 0, "max_pixels": MOST_PIXELS}
    decoder["threads"] = min(threads or os.cpu_count() or 1, MOST_THREADS)
    # ffmpeg examines the sound too, whose damage says nothing about the picture; this decoder accepts any bytes.
    decoder["c:a"] = "pcm_s16le"
    # Renumbered, more than a day apart, so that ffmpeg neither doubles nor drops frames because of their durations.
    # (The option that says so is -vsync in older versions and -fps_mode in newer ones.)
    chain = ",".join(filter(None, ["scale=flags=bicubic", filters, "format=rgb24", "settb=100000", "setpts=N"]))
    output = {"map": "0:V:0", "vf": chain, "r": "1/100000", "format": "image2pipe", "vcodec": "ppm"}
    if count is not None:
        output["frames:v"] = count
    stream = ffmpeg.input("INPUT", **_LIMITS, **decoder).output("pipe:", **output)
    command = ffmpeg.compile(stream.global_args("-v", "error", "-nostdin", "-xerror"), cmd=ffmpeg_program())
    return _of_file(command, path)


def _of_file(command: list[str], path: str | os.PathLike) -> list[str]:
    # Put in last, since ffmpeg-python takes only names in UTF-8. The prefix keeps a name from being read as an address
    # or an option.
    command[command.index("INPUT")] = f"file:{os.fspath(path)}"
    return command


def _has_alpha(path: str | os.PathLike, patience: float) -> bool:
    """Whether a file's pictures can be transparent.

    ffmpeg is asked only for containers that often have such pictures: it takes a moment. Raw video counts as opaque:
    the fourth byte of its pixels usually means nothing.
    """
    try:
        with open_plain(path) as file:
            start = file.read(12)
    except OSError:  # ffmpeg will say what is wrong
        return False
    is_quicktime = start[4:] == b"ftypqt  " or start[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip")
    if not is_quicktime and start[:4] != b"\x1aE\xdf\xa3":  # the first bytes of Matroska and WebM
        return False
    limits = [word for name, value in _LIMITS.items() for word in (f"-{name}", value)]
    command = _of_file([ffmpeg_program(), "-hide_banner", "-nostdin", *limits, "-i", "INPUT"], path)
    with _Process(command, patience) as process:
        process.frame()  # there is none: it describes the file, and ends because it has no output
        _, messages = process.wait()
    stream = STREAM.search(messages)
    return stream is not None and stream["codec"] != "rawvideo" and ALPHA_FORMATS.match(stream["pixels"]) is not None


def _cut_packet(path: str | os.PathLike) -> str:
    """Return what is missing if a transport stream ends within a packet, which ffmpeg ignores; "" for other files."""
    try:
        with open_plain(path) as file:
            start = file.read(6 * max(PACKETS)[0])
            size = file.seek(0, os.SEEK_END)
            for length, mark in PACKETS:
                marks = start[mark::length]
                if len(marks) < 3 or marks.strip(PACKET_MARK) or start.startswith(b"GIF8"):
                    continue
                file.seek(size - size % length)
                if file.read().strip(b"\0"):  # a recorder fills the end of a file with zeros
                    return f"cut short: its last packet has {size % length} of {length} bytes"
    except OSError:  # ffmpeg will say what is wrong
        pass
    return ""


def _fault(messages: str) -> str:
    """Return the first of ffmpeg's messages that means damage, without the names of its parts; "" if there is none."""
    for line in messages.splitlines():
        text = re.sub(r"^(\[[^]]*\]\s*)+", "", line).strip()
        if text and not any(harmless in text for harmless in HARMLESS):
            return next((plain for start, plain in EXPLAINED.items() if text.startswith(start)), text)
    return ""
