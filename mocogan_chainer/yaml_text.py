"""Untrusted YAML: plain values, nothing run, and never far more of them than there are characters.

A few lines can name a list ten times in a list that is named ten times in another; spelt out, as in a message, that
would fill any memory. Names may stand for what was written before, but what they stand for counts each time.
"""

from __future__ import annotations

from typing import Any

import yaml

from mocogan_chainer.errors import one_line

MOST_LETTERS = 4 << 20
MOST_VALUES = 200_000
"""Values, lists and tables in a text, with those that a name stands for counted each time."""
MOST_DEPTH = 50
LONGEST_NUMBER = 40
"""Letters of a number; 2 ** 128 has 39 digits."""


class YamlError(ValueError):
    """A text is not YAML, or is refused; the message is the reason."""


class PlainLoader(yaml.SafeLoader):
    """PyYAML's safe loader within the limits above. Give it to :func:`load`."""

    def __init__(self, stream: str):
        super().__init__(stream)
        self._values = 0
        self._depth = 0
        self._sizes: dict[str, int] = {}  # values that each name stands for, once all of them were read

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a value, if there is room for it."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self.anchors and event.anchor not in self._sizes:
                raise YamlError(f"*{event.anchor} stands in what it stands for, which would have no end")
            self._spend(self._sizes.get(event.anchor, 0))
            return super().compose_node(parent, index)
        before = self._values
        self._spend(1)
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise YamlError(f"more than {MOST_DEPTH} lists and tables in each other")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if event.anchor is not None:
            self._sizes[event.anchor] = self._values - before
        return node

    def _spend(self, values: int) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            raise YamlError(f"more than {MOST_VALUES} values, those counted each time that names stand for")

    def _number(self, node: yaml.ScalarNode) -> int | float:
        if len(node.value) > LONGEST_NUMBER:
            raise YamlError(f"a number of {len(node.value)} letters, and at most {LONGEST_NUMBER} are read")
        if node.tag.endswith(":int"):
            return self.construct_yaml_int(node)
        return self.construct_yaml_float(node)

    def _text(self, node: yaml.ScalarNode) -> str:
        text = self.construct_yaml_str(node)
        if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise YamlError("a text with half a letter in it, which cannot be written")
        return text


PlainLoader.add_constructor("tag:yaml.org,2002:str", PlainLoader._text)
PlainLoader.add_constructor("tag:yaml.org,2002:int", PlainLoader._number)
PlainLoader.add_constructor("tag:yaml.org,2002:float", PlainLoader._number)


class NamesLoader(PlainLoader):
    """Also takes file names whose bytes are not UTF-8, in the form that Python gives them."""

    def _text(self, node: yaml.ScalarNode) -> str:
        text = self.construct_yaml_str(node)
        return text if _is_name(text) else super()._text(node)


def _is_name(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


NamesLoader.add_constructor("tag:yaml.org,2002:str", NamesLoader._text)


def dump(values: Any) -> str:
    """Return a text that :class:`NamesLoader` reads as these plain values, tables in their order."""
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    # PyYAML writes this letter as it is, and takes it for the end of a line when it reads.
    return yaml.safe_dump(values, sort_keys=False) if "\x85" in text else text


def load(text: str, loader: type[PlainLoader] = PlainLoader) -> Any:
    """Return the plain values that a text holds.

    Args:
        text: YAML.
        loader: with the tags that the text may have besides YAML's own.

    Raises:
        YamlError: it is not YAML, or beyond the limits.
    """
    if len(text) > MOST_LETTERS:
        raise YamlError(f"{len(text)} letters, and at most {MOST_LETTERS} are read")
    try:
        return yaml.load(text, Loader=loader)
    except YamlError:
        raise
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that does not exist
        raise YamlError(one_line(error)) from error
    except (
        Exception
    ) as error:  # PyYAML takes a tag at its word: !!bool x is a KeyError, !!timestamp x an AttributeError
        raise YamlError(f"a value that does not go with its tag ({one_line(error)})") from error
