"""Times as users write them."""

import pytest

from mocogan_chainer.cli.durations import seconds
from mocogan_chainer.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1h50m", 6600), ("90m", 5400), ("45s", 45), ("6600", 6600), ("0.5", 0.5), ("1d2h", 93600), ("1.5h", 5400)],
)
def test_times(text, expected):
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "h", "1x", "50m1h", "1h 50m", "-5", "1:50:00", "nan", "1e3", "0", "0h0m"])
def test_mistakes(text):
    with pytest.raises(ConfigError, match=f"^--time-limit {text}: it must be (a time such as 1h50m|more than 0)"):
        seconds(text)
