"""``python -m mocogan_chainer COMMAND``: the commands by their names. The repository's scripts hand over here too."""

from __future__ import annotations

import importlib
import sys

from mocogan_chainer.errors import nearest

COMMANDS = {
    "preprocess": ("preprocess", "turn raw data into a prepared dataset, or look at one"),
    "train": ("train", "train a model on a prepared dataset"),
    "generate": ("generate", "generate videos from a snapshot"),
    "evaluate": ("evaluate", "measure generated videos"),
    "import": ("import_checkpoint", "make a snapshot of a published checkpoint"),
    "export": ("export_checkpoint", "write a snapshot's networks as PyTorch's state dicts"),
}
"""Each command: its module in :mod:`mocogan_chainer.cli`, and what it does."""


def main() -> int:
    """Hand over to the command that is named; return the exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name in ("-h", "--help"):
        print(_usage())
        return 0
    if not name:
        print(_usage(), file=sys.stderr)
        return 2
    if name not in COMMANDS:
        allowed = f"it must be one of {', '.join(COMMANDS)}{nearest(name, COMMANDS)}"
        print(f"error: {name}: no such command; {allowed}", file=sys.stderr)
        return 2
    return run(name, sys.argv[2:])


def _usage() -> str:
    """Return the commands, a line each."""
    lines = [f"  {name:12}{what}" for name, (_, what) in COMMANDS.items()]
    usage = "usage: python -m mocogan_chainer COMMAND ..."
    return "\n".join([usage, "", *lines, "", "COMMAND --help lists a command's options."])


def run(command: str, arguments: list[str]) -> int:
    """Run a command; return the exit code. Ctrl-C ends it in a line also while its modules are loaded."""
    try:
        return importlib.import_module(f"mocogan_chainer.cli.{COMMANDS[command][0]}").main(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
