"""How every command ends: what a user can fix is one line and exit code 2, never a traceback."""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import itertools
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from mocogan_chainer.errors import ConfigError, MocoganError, Stopped, nearest, one_line
from mocogan_chainer.files import reason

_INVALID_NUMBER = re.compile(r"invalid (int|float) value: '(.*)'", re.DOTALL)
_NUMBERS = {"int": "a whole number", "float": "a number"}
_MOST_PIECES = 12
"""Most parts of a path that the shell has cut: there may be thousands of arguments."""
_INVALID_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)", re.DOTALL)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are :class:`ConfigError`, so that they end like all others.

    Options cannot be abbreviated: a misspelt one would pass for another. Their words are joined by - or _, as the
    user likes: those that are settings have _, as in files, and others -.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"allow_abbrev": False} | options)

    def parse_args(self, args: Any = None, namespace: Any = None) -> argparse.Namespace:
        args = list(sys.argv[1:] if args is None else args)
        known, unknown = self.parse_known_args(args, namespace)
        if unknown:
            hint = _torn_path(args) or self.hint(unknown[0].split("=")[0])
            self.error(f"unrecognized arguments: {' '.join(unknown)}{hint}")
        return known

    def hint(self, option: str) -> str:
        """Say in brackets what an unknown option may have meant; "" where nothing is close."""
        return nearest(option, self._option_strings())

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[argparse.Namespace, list[str]]:
        args = list(sys.argv[1:] if args is None else args)
        last = args.index("--") if "--" in args else len(args)
        return super().parse_known_args([*map(self.as_known, args[:last]), *args[last:]], namespace)

    def as_known(self, argument: str) -> str:
        """Return an option as it is known here, anything else as it is."""
        name, *value = argument.split("=", 1)
        options = self._option_strings()
        if not name.startswith("--") or name in options:
            return argument
        known = {option.replace("_", "-"): option for option in options}
        return "=".join([known.get(name.replace("_", "-"), name), *value])

    def _option_strings(self) -> list[str]:
        return [option for action in self._actions for option in action.option_strings]

    def error(self, message: str) -> NoReturn:
        if "expected one argument" in message:
            message += "; one that begins with - is given as --option=-1"
        if number := _INVALID_NUMBER.search(message):
            message = f"{message[: number.start()]}{number[2]}: it must be {_NUMBERS[number[1]]}"
        if choice := _INVALID_CHOICE.search(message):
            message += nearest(choice[1], re.findall(r"[\w.-]+", choice[2]))
        raise ConfigError(f"{message} (see {self.prog} --help)")


def _torn_path(args: Sequence[str]) -> str:
    """Say in brackets which path the shell has cut at its spaces; "" where none of the arguments are one together."""
    for first, pieces in itertools.product(range(len(args)), range(2, _MOST_PIECES + 1)):
        path = " ".join(args[first : first + pieces])
        if first + pieces <= len(args) and os.path.lexists(path):
            return f' (did you mean "{path}"? what has spaces is put in quotes)'
    return ""


def run(function: Callable[..., None], *args: Any) -> int:
    """Call ``function(*args)`` and return the exit code.

    It is 0, 2 after a user's mistake, 130 after Ctrl-C, and that of a :class:`~mocogan_chainer.errors.Stopped`.

    With the environment variable ``MOCOGAN_TRACEBACK=1`` the traceback is shown as well.
    """
    if not faulthandler.is_enabled():
        with contextlib.suppress(AttributeError, OSError, ValueError):  # there may be no such stream
            faulthandler.enable(sys.__stderr__)  # a library that crashes leaves word of where it was called
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be UTF-8
    try:
        function(*args)
    except MocoganError as error:
        return _fail(str(error))
    except MemoryError as error:
        return _fail(f"out of memory{f' ({error})' if str(error) else ''}; use smaller batches, sizes or fewer workers")
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {reason(error)}")
    except Stopped as stop:
        with contextlib.suppress(OSError):  # whoever read it may be gone
            print(stop, file=sys.stderr, flush=True)
        return stop.code
    except KeyboardInterrupt as error:
        print(": ".join(["interrupted", *map(str, error.args)]).removesuffix(": "), file=sys.stderr)
        return 130
    return 0


def _fail(message: str) -> int:
    if os.environ.get("MOCOGAN_TRACEBACK") == "1":
        traceback.print_exc()
    print(f"error: {one_line(message)}", file=sys.stderr)
    return 2
