"""What takes lines for the user."""

from __future__ import annotations

from collections.abc import Callable

Say = Callable[[str], None]
"""Shows one line, without its line break: ``print``, a list's ``append``, or what a command prints with."""
