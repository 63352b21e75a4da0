"""Lines for the user while a progress bar may be shown."""

from __future__ import annotations

import contextlib

from tqdm import tqdm


def write_line(text: str) -> None:
    """Print a line above the bar; where whoever read our output has gone, as on Ctrl-C in a pipe, the run goes on."""
    with contextlib.suppress(BrokenPipeError):
        tqdm.write(text)
