"""``python -m mocogan_chainer COMMAND``: the commands without the repository's scripts beside them."""

from __future__ import annotations

import importlib
import sys

COMMANDS = {
    "preprocess": "preprocess",
    "train": "train",
    "generate": "generate",
    "evaluate": "evaluate",
    "import": "import_checkpoint",
    "export": "export_checkpoint",
}
"""Each command and its module in :mod:`mocogan_chainer.cli`."""


def main() -> int:
    """Hand over to a command; return the exit code."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: python -m mocogan_chainer {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
        return 2
    return importlib.import_module(f"mocogan_chainer.cli.{COMMANDS[sys.argv[1]]}").main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
