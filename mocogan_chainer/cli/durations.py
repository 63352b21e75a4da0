"""Times as users write them."""

from __future__ import annotations

import re

from mocogan_chainer.errors import ConfigError

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_FORM = re.compile("".join(rf"(?:(\d+(?:\.\d+)?){unit})?" for unit in _UNITS))


def seconds(text: str) -> float:
    """Return how many seconds ``1h50m``, ``90m``, ``1d``, ``45s`` or ``6600`` are.

    Raises:
        ConfigError: it is not such a time, or 0.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        total = float(text)
    elif text and (match := _FORM.fullmatch(text)):
        total = sum(float(number or 0) * unit for number, unit in zip(match.groups(), _UNITS.values(), strict=True))
    else:
        raise ConfigError(f"--time-limit {text}: it must be a time such as 1h50m, 90m, 45s or 1d, or plain seconds")
    if total <= 0:
        raise ConfigError(f"--time-limit {text}: it must be more than 0 seconds")
    return total
