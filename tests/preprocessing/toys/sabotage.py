"""Failing at one of the calls that change files: every write, flush, sync, rename, link, removal and new folder."""

import functools
import itertools
import os
from pathlib import Path


def sabotage(patch, at, act, after=True):
    """Call ``act`` at the ``at``-th of these calls, which it may end, in the middle of a write.

    Args:
        patch: ``monkeypatch.setattr``, or ``setattr`` in a process of its own.
        at: which call, from 1.
        act: what to do there; the call goes on when it returns.
        after: count the moment after a rename or removal too, where a stop may come but no error.
    """
    count = itertools.count(1)

    def point():
        if next(count) == at:
            act()

    class File:
        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def write(self, data):
            half = len(data) // 2
            self._file.write(data[:half])
            if next(count) == at:
                self._file.flush()
                act()
            self._file.write(data[half:])

        def writelines(self, lines):
            for line in lines:
                self.write(line)

        def flush(self):
            point()
            self._file.flush()

    def counted(function, after):
        @functools.wraps(function)
        def call(*args, **kwargs):
            point()
            result = function(*args, **kwargs)
            if after:
                point()
            return result

        return call

    path_open, fdopen = Path.open, os.fdopen

    def sabotaged(open):
        def opened(self, mode="r", *args, **kwargs):
            file = open(self, mode, *args, **kwargs)
            return File(file) if set(mode) & set("wa+") else file

        return opened

    patch(Path, "open", sabotaged(path_open))
    patch(os, "fdopen", sabotaged(fdopen))
    patch(os, "fsync", lambda file: point())  # no power fails here, and it takes long on a busy disk
    patch(os, "link", counted(os.link, after))
    for name in ("replace", "unlink", "mkdir"):
        patch(Path, name, counted(getattr(Path, name), after))
