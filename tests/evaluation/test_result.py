"""Results: files, rows, comparisons."""

import json
import math

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError, OutputError
from mocogan_chainer.evaluation import result as results
from mocogan_chainer.evaluation.protocol import Protocol
from mocogan_chainer.evaluation.result import Result, compare, read, shown


def make(value=151.39261, spread=0.8421, metric="fvd", evaluated="result/a.npz", protocol=None, **changes):
    protocol = {"frames": 16, "reference_samples": 2048, "evaluated_samples": 2000, **(protocol or {})}
    return Result(
        **{
            "protocol": Protocol(metric=metric, name=f"{metric}-x", **protocol),
            "evaluated": evaluated,
            "value": value,
            "spread": spread,
            "spread_kind": "jackknife, 20 parts",
            "counts": {"videos": 2000, "videos left out": 3},
            "versions": {"numpy": "2.4.6"},
            "seconds": 12.5,
            "others": {"F1/8": 0.25, "curve": [1.0, 0.5, math.inf]},
            "warnings": ("2000 of 2048 samples",),
            **changes,
        }
    )


class TestFiles:
    @pytest.mark.parametrize(
        "changes",
        [
            {},
            {"value": math.inf, "spread": None, "spread_kind": ""},
            {"value": -math.inf},
            {"evaluated": "inf"},
            {"value": 3, "seconds": 0, "others": {}, "warnings": ()},
        ],
    )
    def test_back_and_forth(self, tmp_path, changes):
        result = make(**changes)
        result.write(tmp_path / "result.json")
        assert read(tmp_path / "result.json") == result

    def test_what_the_file_holds(self, tmp_path):
        make(value=np.float64(2.5), spread=None).write(tmp_path / "result.json")
        values = json.loads((tmp_path / "result.json").read_text(), parse_constant=pytest.fail)
        assert values["value"] == 2.5 and values["spread"] is None
        assert values["protocol"]["frames"] == 16 and values["protocol"]["seed"] is None
        assert values["others"]["curve"] == [1.0, 0.5, "inf"]
        assert values["counts"] == {"videos": 2000, "videos left out": 3}

    def test_a_place_that_cannot_be_written(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OutputError):
            make().write(tmp_path / "file" / "result.json")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": "other"}, "it does not say that it is one"),
            ({"version": 2}, "its format is version 2 and this program reads version 1"),
            ({"value": None}, "value=None: it must be a number"),
            ({"value": "many"}, "value='many': it must be a number"),
            ({"value": math.nan}, "value=nan: it must be a number"),
            ({"value": True}, "value=True: it must be a number"),
            ({"value": 10**400}, "value=1000.*: it must be a number"),
            ({"others": {"a": 10**400}}, "others=.*a table of numbers"),
            ({"spread": -1.0}, "spread=-1.0: it must be nothing or a finite number of at least 0"),
            ({"spread": "inf"}, "spread='inf': it must be"),
            ({"counts": {"videos": 1.5}}, "counts=.*: it must be a table of whole numbers"),
            ({"counts": [1]}, "counts="),
            ({"versions": {"numpy": 2}}, "versions=.*a table of texts"),
            ({"seconds": -1}, "seconds=-1: it must be a finite number"),
            ({"others": {"a": "b"}}, "others=.*a table of numbers and lists of numbers"),
            ({"others": {"a": [[1.0]]}}, "others="),
            ({"others": [1.0]}, "others="),
            ({"warnings": [1]}, "warnings=.*a list of texts"),
            ({"warnings": "text"}, "warnings='text'"),
            ({"evaluated": 5}, "evaluated=5: it must be text"),
            ({"spread_kind": None}, "spread_kind=None: it must be text"),
            ({"protocol": []}, "protocol: a protocol must be a table"),
            ({"protocol": {"metric": "fvd", "name": "a", "frames": "16"}}, "protocol: frames='16'"),
        ],
    )
    def test_wrong_fields(self, tmp_path, change, message):
        path = tmp_path / "result.json"
        path.write_text(json.dumps({**make().to_dict(), **change}))
        with pytest.raises(DataError, match=message) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: no result of evaluate.py: ") and "\n" not in str(caught.value)

    def test_an_earlier_version_s_file(self, tmp_path):
        values = make().to_dict()
        del values["frame_sizes"]
        (tmp_path / "result.json").write_text(json.dumps(values))
        assert read(tmp_path / "result.json") == make()

    @pytest.mark.parametrize("name", [name for name in make().to_dict() if name != "frame_sizes"])
    def test_missing_fields(self, tmp_path, name):
        values = make().to_dict()
        del values[name]
        (tmp_path / "result.json").write_text(json.dumps(values))
        with pytest.raises(DataError, match=r"no result of evaluate\.py"):
            read(tmp_path / "result.json")

    def test_no_result(self, tmp_path):
        with pytest.raises(DataError, match=r"no such file; evaluate\.py METRIC writes results"):
            read(tmp_path / "missing.json")
        for data in (b"", b"\xff\xfe", b"[" * 100_000, b"3"):
            (tmp_path / "broken.json").write_bytes(data)
            with pytest.raises(DataError, match=r"no result of evaluate\.py"):
                read(tmp_path / "broken.json")
        with pytest.raises(DataError, match=r"no result of evaluate\.py"):
            read(tmp_path)


def test_values_are_checked_when_made():
    with pytest.raises(ValueError, match="value=nan: it must be a number"):
        make(value=math.nan)
    with pytest.raises(ValueError, match="counts="):
        make(counts={"videos": -1})


class TestRow:
    def test_cells(self):
        row = make().markdown_row()
        digest = make().protocol.digest()
        assert row == f"| result/a.npz | fvd | 151.39 ± 0.84 | lower | 2000 against 2048 | fvd-x {digest} |"

    def test_it_has_the_header_s_columns(self):
        row = make(evaluated="a|b\nc", spread=None, protocol={"reference_samples": None}).markdown_row()
        assert row.startswith(r"| a\|b c | fvd | 151.4 | lower | 2000 | ")
        columns = {line.replace(r"\|", "").count("|") for line in (*results.HEADER.split("\n"), row)}
        assert columns == {7}

    @pytest.mark.parametrize(
        ("value", "spread", "text"),
        [
            (151.39261, 0.8421, "151.39 ± 0.84"),
            (151.39261, 12.34, "151 ± 12"),
            (151.39261, 345.0, "151 ± 345"),
            (0.98765, 0.00321, "0.9877 ± 0.0032"),
            (3.14159265, None, "3.142"),
            (12345.678, None, "12346"),
            (5.0, 0.0, "5"),
            (1e-14, None, "1e-14"),
            (math.inf, None, "inf"),
            (-3.21, 0.5, "-3.21 ± 0.50"),
        ],
    )
    def test_numbers(self, value, spread, text):
        assert shown(value, spread) == text


class TestCompare:
    def test_unlike_protocols_are_refused(self):
        first = make(protocol={"crop": "none", "settings": {"loops": 10}})
        second = make(evaluated="b", protocol={"crop": "centre", "frames": 10})
        with pytest.raises(ConfigError) as caught:
            compare(first, second)
        message = str(caught.value)
        assert message.startswith("result/a.npz and b were evaluated by unlike protocols")
        assert "crop is none and centre; frames is 16 and 10; settings.loops is 10 and not set" in message
        assert "\n" not in message

    @pytest.mark.parametrize(("metric", "better"), [("fvd", "a"), ("ssim", "b")])
    def test_a_clear_difference(self, metric, better):
        found = compare(make(10.0, 0.3, metric, "a"), make(12.0, 0.4, metric, "b"))
        assert found.difference == pytest.approx(2) and found.spread == pytest.approx(0.5)
        assert found.better.evaluated == better
        turned = compare(found.second, found.first)
        assert turned.difference == pytest.approx(-2) and turned.better.evaluated == better
        assert found.text().splitlines()[-1] == f"difference: 2.00 ± 0.50: {better} is better"

    def test_within_chance(self):
        found = compare(make(10.0, 0.3), make(10.9, 0.4))
        assert found.better is None
        assert found.text().endswith("within 2 spreads, which chance alone may give")

    def test_without_a_spread(self):
        found = compare(make(10.0, None), make(11.0, 0.4))
        assert found.spread is None and found.better is None
        assert "without a spread" in found.text()

    def test_equal_values(self):
        found = compare(make(math.inf, None, "psnr"), make(math.inf, None, "psnr"))
        assert found.difference == 0 and found.text().endswith("difference: 0: none")


def test_what_a_terminal_would_obey_is_shown_escaped():
    """Results come from other people, and a name need not be UTF-8."""
    found = make(evaluated="a\x1b[2J", warnings=("\ud800 and \x1b[31m",))
    for text in (found.markdown_row(), compare(found, found).text()):
        assert text.encode()
        assert "\x1b" not in text
        assert r"a\x1b[2J" in text
    assert r"warning: \ud800 and \x1b[31m" in compare(found, found).text()


def test_warnings_of_both_are_said_once():
    first = make(10.0, 0.3, evaluated="a", warnings=("real: few", "97 videos are left out", "a: few"))
    second = make(12.0, 0.4, evaluated="b", warnings=("real: few", "b: few"))
    assert compare(first, second).text().split("\n")[:-4] == [
        "warning: real: few",
        "warning: a: 97 videos are left out",
        "warning: a: few",
        "warning: b: few",
    ]


def test_versions():
    found = results.versions()
    assert found["numpy"] == np.__version__
    assert set(found) == {"mocogan-chainer", "python", "chainer", "numpy", "opencv", "pillow"}
    make(versions=found)
