"""Protocols: their fields, how they differ, and JSON."""

import dataclasses
import json
import pickle

import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.protocol import BETTER, FEATURES, Protocol, differences, in_words

FULL = {
    "metric": "fid",
    "name": "fid-resnext101-g3an",
    "network": "3-D ResNeXt-101, average pool",
    "weights_sha256": "0123456789abcdef" * 4,
    "size": 112,
    "resize": "bilinear",
    "crop": "none",
    "channel_order": "RGB",
    "pixel_values": "0..255 less (114.7748, 107.7354, 99.4750)",
    "frames": 16,
    "stride": 1,
    "start": "middle",
    "short_videos": "left out",
    "reference": "uva-nemo 1234abcd",
    "split": "train",
    "reference_samples": 1240,
    "evaluated_samples": 5000,
    "seed": 0,
    "settings": {"resamples": 50, "epsilon": 1e-7, "form": "g3an", "flipped": False},
}


def protocol(**changes):
    return Protocol(**{**FULL, **changes})


def test_every_field_is_tried_here():
    assert list(FULL) == [field.name for field in dataclasses.fields(Protocol)]
    assert set(FEATURES) < set(FULL)


@pytest.mark.parametrize("name", [name for name in FULL if name not in ("metric", "settings")])
def test_each_field_makes_a_difference(name):
    value = FULL[name]
    other = value + 1 if isinstance(value, int) else value[::-1]
    changed = protocol(**{name: other})
    assert differences(protocol(), changed) == [(name, value, other)]
    assert changed != protocol() and changed.digest() != protocol().digest()


def test_settings_differ_one_by_one():
    changed = protocol(metric="is", settings={"resamples": 51, "epsilon": 1e-7, "form": "g3an", "loops": 10})
    assert differences(protocol(), changed) == [
        ("metric", "fid", "is"),
        ("settings.flipped", False, None),
        ("settings.loops", None, 10),
        ("settings.resamples", 50, 51),
    ]
    assert differences(protocol(), changed, FEATURES) == []


def test_some_fields_only():
    changed = protocol(crop="centre", evaluated_samples=2048, split="test")
    assert [name for name, *_ in differences(protocol(), changed, FEATURES)] == ["crop"]
    assert [name for name, *_ in differences(protocol(), changed, FEATURES)] == ["crop"]


def test_in_words():
    found = differences(protocol(), protocol(crop="centre", seed=None))
    assert in_words(found) == "crop is none and centre; seed is 0 and not set"


def test_equal_ones():
    settings = dict(reversed(FULL["settings"].items()))
    same = protocol(settings=settings)
    assert differences(protocol(), same) == [] and same == protocol() and hash(same) == hash(protocol())
    assert same.digest() == protocol().digest() and len(same.digest()) == 8


def test_json_and_pickle():
    text = protocol().to_json()
    assert json.loads(text) == FULL and "\n" not in text
    assert Protocol.from_json(text, "file") == protocol()
    assert pickle.loads(pickle.dumps(protocol())) == protocol()


def test_what_is_not_set_stays_so():
    short = Protocol(metric="psnr", name="psnr")
    assert Protocol.from_json(short.to_json(), "file") == short
    assert Protocol.from_json('{"metric": "psnr", "name": "psnr"}', "file") == short
    assert short.size is None and short.settings == ()


def test_it_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        protocol().size = 64


@pytest.mark.parametrize("metric", BETTER)
def test_every_metric(metric):
    assert protocol(metric=metric).metric == metric


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "fad"}, "metric=fad: it must be one of fvd, fid"),
        ({"metric": None}, "metric=None: it must be text"),
        ({"size": "112"}, "size='112': it must be a whole number or nothing"),
        ({"size": True}, "size=True: it must be a whole number"),
        ({"crop": 3}, "crop=3: it must be text or nothing"),
        ({"weights_sha256": "af5c50f0"}, "weights_sha256=af5c50f0: it must be 64 hexadecimal digits"),
        ({"weights_sha256": "X" * 64}, "64 hexadecimal digits"),
        (
            {"settings": {"a": None}},
            r"settings\.a=None: it must be true or false or a whole number or a number or text",
        ),
        ({"settings": {"a": float("nan")}}, r"settings\.a=nan"),
        ({"settings": {"a": float("-inf")}}, r"settings\.a=-inf"),
    ],
)
def test_wrong_fields(change, message):
    with pytest.raises(ValueError, match=message):
        protocol(**change)
    with pytest.raises(DataError, match=message) as caught:
        Protocol.from_json(json.dumps({**FULL, **change}), "real.npz")
    assert str(caught.value).startswith("real.npz: no protocol of evaluate.py: ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no protocol"),
        ("[]", "a protocol must be a table of fields"),
        ("[" * 200_000, "it is nested too deeply"),
        ('{"a":' * 200_000, "it is nested too deeply"),
        ('{"metric": "fvd"}', "name is missing"),
        ('{"metric": "fvd", "name": "a", "sise": 3}', r"sise: no field of a protocol \(did you mean size\?\)"),
        ('{"metric": "fvd", "name": "a", "settings": [1]}', "settings must be a table"),
    ],
)
def test_wrong_texts(text, message):
    with pytest.raises(DataError, match=message) as caught:
        Protocol.from_json(text, "real.npz")
    assert "\n" not in str(caught.value)
