"""A set whose raw files say what becomes of them: ``RAW/CLASS/NAME.toy`` holds a word, and numbers that it needs.

``good 5`` is a video of 5 frames, ``good 5 0.1`` one that takes 0.1 seconds, ``waits 5`` one that comes when there is
a file ``RAW/go`` or ``RAW/CLASS/go``; other words are mishaps. A file named ``fault...`` cannot be used, one named
``remark...`` is remarked on, and with a folder ``RAW/masks`` all have masks.
"""

import os
import signal
import time
import zlib
from dataclasses import dataclass

import numpy as np

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import Item, Recording, Source, option

ERRORS = {
    error.__name__: error for error in (KeyError, MemoryError, OSError, SyntaxError, SystemExit, ZeroDivisionError)
}


def pixels(id, length, size, channels=3):
    """Return the frames of a video, uint8 (length, size, size, channels)."""
    noise = np.random.default_rng(zlib.crc32(id.encode()))
    return noise.integers(0, 256, (length, size, size, channels)).astype(np.uint8)


@dataclass
class Toy(Source):
    NAME, HELP = "toy", "CLASS/NAME.toy"

    size: int = option(8, "height and width of the frames in pixels", low=1, high=64)

    def items(self):
        return [
            Item(
                path.stem, f"{path.parent.name}/{path.name}", path.parent.name, path.stem[-1], path, fault=_fault(path)
            )
            for path in sorted(self.raw.glob("*/*.toy"))
        ]

    def has_masks(self, items):
        return (self.raw / "masks").is_dir()

    def load(self, item):
        word, *numbers = item.data.read_text().split()
        if word == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if word == "exits":
            os._exit(3)
        if word == "refused":
            raise DataError(f"{item.data}: a reason")
        if word == "raises":
            raise ERRORS[numbers[0]](*["\n".join(numbers[1:])] * (len(numbers) > 1))
        if word == "nothing":
            return None
        while word == "waits" and not any((place / "go").exists() for place in (self.raw, item.data.parent)):
            time.sleep(0.02)
        size, channels = self.size + (word == "large"), 3 + self.has_masks([]) + (word == "deep")
        video = pixels(item.id, int(numbers[0]), size, channels)
        if word == "float":
            video = video.astype(np.float32)
        frames = _frames(video, word, *map(float, numbers[1:]))
        return Recording(frames, f"by {item.id}", "remarkable" if item.id.startswith("remark") else "")


def _fault(path):
    return "known before" if path.stem.startswith("fault") else ""


def _frames(video, word, seconds=0.0):
    time.sleep(seconds)
    yield from video
    if word == "late":
        raise DataError("damaged at its end")


def write(raw, **words):
    """Write ``a_0001="good 3"`` as ``RAW/a/0001.toy`` and so on; return ``raw``."""
    for name, word in words.items():
        class_name, _, stem = name.partition("_")
        path = raw / class_name / f"{stem}.toy"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(word)
    return raw


def mixed(raw, count=24, seconds=0, waiting=""):
    """Write ``count`` videos in three classes, of which some are skipped, faulty or remarked on.

    Each takes so many seconds; those of the classes ``waiting`` wait.
    """
    for i in range(count):
        stem = "fault" * (i % 8 == 3) + "remark" * (i % 5 == 1) + f"{i:03d}"
        word = "waits" if "abc"[i % 3] in waiting else "good"
        mishap = "refused" if i % 9 == 4 else "late 2" if i % 11 == 7 else ""
        write(raw, **{f"{'abc'[i % 3]}_{stem}": mishap or f"{word} {1 + i % 4} {seconds}"})
    return raw
