"""What is trained on where the user has not said it."""

import pytest

from mocogan_chainer import config, preprocessing
from mocogan_chainer.training_runs import built_in_data


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(*places):
    for place in places:
        preprocessing.prepare("shapes", None, place, num=2, size=16, length=16)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], "data/shapes"),
        (["data/shapes"], "data/shapes"),
        (["data"], "data"),
        (["data/mug"], "data"),  # an error names it
        (["data/mug", "data/shapes"], "data"),
    ],
)
def test_which_the_default_means(there, expected):
    make(*there)
    assert built_in_data.chosen("data") == built_in_data.chosen("data/").rstrip("/") == expected
    assert built_in_data.chosen("other") == "other"


def test_raw_files_in_the_folder_are_in_nobodys_way(tmp_path):
    (tmp_path / "data" / "raw").mkdir(parents=True)
    assert built_in_data.chosen("data") == "data/shapes"


def test_it_is_made_once_and_other_sets_can_lie_beside_it():
    lines, settings = [], config.resolve("normal", settings={"dataset": "data/shapes", "size": 16})
    assert built_in_data.is_missing(settings)
    built_in_data.prepare(settings, lines.append)
    assert not built_in_data.is_missing(settings)
    built_in_data.prepare(settings, lines.append)
    assert lines == ["no data at data/shapes yet: preparing the built-in shape-motion set there"]
    make("data/own")


def test_other_data_that_is_missing_is_not_made():
    assert not built_in_data.is_missing(config.resolve("normal", settings={"dataset": "data/mug"}))
