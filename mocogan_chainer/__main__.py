"""``python -m mocogan_chainer COMMAND``: the commands by their names. The repository's scripts hand over here too."""

from __future__ import annotations

import importlib
import sys

from mocogan_chainer.errors import nearest

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
    """Hand over to the command that is named; return the exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        given = f"{name}: no such command" if name else "no command"
        print(f"error: {given}; it must be one of {', '.join(COMMANDS)}{nearest(name, COMMANDS)}", file=sys.stderr)
        return 2
    return run(name, sys.argv[2:])


def run(command: str, arguments: list[str]) -> int:
    """Run a command; return the exit code. Ctrl-C ends it in a line also while its modules are loaded."""
    try:
        return importlib.import_module(f"mocogan_chainer.cli.{COMMANDS[command]}").main(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
