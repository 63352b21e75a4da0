"""YAML within limits: nothing run, nothing unfolded, no number or depth without end."""

import os
import time

import pytest

from mocogan_chainer import yaml_text
from mocogan_chainer.yaml_text import NamesLoader, PlainLoader, YamlError, load


def test_plain_values():
    text = "a: 1\nb: [2.5, x, null, true, 0x1f]\nc: &n {d: -.inf}\ne: *n\nf: {<<: *n, g: 2001-01-01}"
    values = load(text)
    assert values["b"] == [2.5, "x", None, True, 31]
    assert values["c"] == values["e"] == {"d": float("-inf")}
    assert set(values["f"]) == {"d", "g"}


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("[x, x]", "[{}]"),
        ("{k: v}", "{{<<: [{}]}}"),
        ("{k: v}", "{{k: [{}]}}"),
    ],
)
def test_names_that_unfold(first, again):
    levels = [f"l0: &b0 {first}"]
    levels += [f"l{i}: &b{i} {again.format(', '.join([f'*b{i - 1}'] * 10))}" for i in range(1, 12)]
    start = time.process_time()
    with pytest.raises(YamlError, match="more than 200000 values, those counted each time that names stand for"):
        load("\n".join(levels))
    assert time.process_time() - start < 5


def test_a_name_used_as_often_as_there_is_room():
    text = "a: &a [x, x, x]\nb: [{}]"
    assert len(load(text.format(", ".join(["*a"] * 1000)))["b"]) == 1000


def test_what_stands_in_itself():
    with pytest.raises(YamlError, match=r"\*a stands in what it stands for"):
        load("&a [*a]")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth(opening):
    with pytest.raises(YamlError, match="more than 50 lists and tables in each other"):
        load(opening * 10_000)


@pytest.mark.parametrize(
    "number", ["0x" + "f" * 5000, "1" * 5000, "1:" * 400 + "1", "1:" * 400 + "1.5", "0b" + "1" * 99]
)
def test_long_numbers(number):
    for loader in (PlainLoader, NamesLoader):
        with pytest.raises(YamlError, match=r"a number of \d+ letters, and at most 40 are read"):
            load(f"a: {number}", loader)


@pytest.mark.parametrize("number", [2**128, -(2**127), 1.7976931348623157e308, 2.2250738585072014e-308])
def test_numbers_that_are_read(number):
    assert load(f"a: {number}") == {"a": number}


@pytest.mark.parametrize("text", ["!!bool x", "!!int ''", "!!float ''", "!!timestamp x", "2001-99-99", "!!binary 'é'"])
def test_values_that_do_not_go_with_their_tag(text):
    with pytest.raises(YamlError):
        load(f"a: {text}")


@pytest.mark.parametrize("text", ['a: "\\ud800"', '"\\udfff": a', 'a: ["x\\ud83d"]'])
def test_half_a_letter(text):
    with pytest.raises(YamlError, match="half a letter"):
        load(text)


def test_file_names_that_are_no_utf8():
    name = os.fsdecode(b"caf\xe9/\xff")
    text = yaml_text.dump({"a": name, name: 1})
    assert load(text, NamesLoader) == {"a": name, name: 1}
    with pytest.raises(YamlError, match="half a letter"):
        load(text)
    with pytest.raises(YamlError, match="half a letter"):
        load('a: "\\ud83d"', NamesLoader)


@pytest.mark.parametrize(
    "text", ["é", "x\x85y", "\x85", "\u2028", "a\nb", "日本", "\ufeff", "'", "x: y", "\t", "\x1b[0m"]
)
def test_what_is_dumped_is_read(text):
    assert load(yaml_text.dump({"b": text, "a": [text]})) == {"b": text, "a": [text]}
    assert list(load(yaml_text.dump({"b": 1, "a": 2}))) == ["b", "a"]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system [echo]", "!!python/name:os.system", "!x y"])
def test_tags_that_name_something(tag):
    with pytest.raises(YamlError, match="could not determine a constructor"):
        load(f"a: {tag}")


def test_a_long_text(monkeypatch):
    monkeypatch.setattr(yaml_text, "MOST_LETTERS", 10)
    with pytest.raises(YamlError, match="11 letters, and at most 10 are read"):
        load("a: 34567890")
