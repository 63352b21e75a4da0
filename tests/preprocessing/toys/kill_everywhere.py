"""Prepare toys again and again, each time killed at a later call that changes files, until one ends by itself.

``python -m tests.preprocessing.toys.kill_everywhere RAW FOLDER [OPTION=NUMBER ...]`` leaves what the N-th attempt left
in ``FOLDER/N``. An attempt is a fork: it costs no start of Python, and loses what it had not handed to the system, as
after a real kill.
"""

import itertools
import os
import shutil
import sys
import traceback
from pathlib import Path

from mocogan_chainer import decoding
from mocogan_chainer.preprocessing import prepare
from tests.preprocessing.toys.sabotage import sabotage
from tests.preprocessing.toys.use import toys

KILLED = 9


def attempt(raw, out, at, options):
    sabotage(setattr, at, lambda: os._exit(KILLED))
    prepare("toy", raw, out, workers=0, **options)


def main(raw, folder, *options):
    toys(setattr)
    decoding.version()  # asked for once, not in each fork
    options = {name: int(value) for name, value in (option.split("=") for option in options)}
    for at in itertools.count(1):
        place = folder / f"{at:04d}"
        shutil.copytree(folder / "before", place, symlinks=True)
        child = os.fork()
        if not child:
            try:
                attempt(raw, place / "out", at, options)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code != KILLED:
            return code
    return None


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
