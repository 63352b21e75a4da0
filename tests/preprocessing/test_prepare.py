"""What holds for every set: options, limits, places, records, and the finding of sets."""

import re
import sys

import numpy as np
import pytest
import yaml
from PIL import Image

from mocogan_chainer import preprocessing
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.errors import ConfigError, DataError, OutputError


@pytest.fixture
def raw(tmp_path):
    """Twelve strips in three classes, video i with i % 4 + 1 frames."""
    for i in range(12):
        path = tmp_path / "raw" / "abc"[i % 3] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (8, 8 * (i % 4 + 1), 3)).astype(np.uint8)
        Image.fromarray(noise).save(path)
    return tmp_path / "raw"


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_every_set_says_what_it_is():
    sets = preprocessing.sets()
    assert list(sets) == ["mnist", "mug", "shapes", "strips"]
    for name, kind in sets.items():
        assert name == kind.NAME
        assert kind.HELP
        assert {"size", "seed"} <= {field.name for field in kind.options()}
        assert all(field.metadata["help"] for field in kind.options())


def test_a_new_set_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "plain.py").write_text(
        "from dataclasses import dataclass\n"
        "import numpy as np\n"
        "from mocogan_chainer.preprocessing import Item, Source, option\n"
        "@dataclass\n"
        "class Plain(Source):\n"
        "    NAME, HELP, NEEDS_RAW, WORKERS = 'plain', 'grey videos', False, 0\n"
        "    grey: int = option(7, 'brightness', low=0, high=255)\n"
        "    def items(self):\n"
        "        return [Item('one', 'one')]\n"
        "    def load(self, item):\n"
        "        return np.full((2, self.size, self.size, 3), self.grey, np.uint8)\n"
    )
    monkeypatch.setattr(preprocessing, "__path__", [*preprocessing.__path__, str(tmp_path)])
    try:
        preprocessing.prepare("plain", None, tmp_path / "out", grey=9)
    finally:
        sys.modules.pop("mocogan_chainer.preprocessing.plain", None)
    assert PreparedDataset.open(tmp_path / "out").frames(0, [1]).max() == 9


def test_the_result_does_not_depend_on_the_workers(raw, tmp_path):
    (raw / "a" / "bad.png").write_text("text")
    made = []
    for workers in (0, 1, 3):
        preprocessing.prepare("strips", raw, tmp_path / f"out{workers}", workers=workers, size=16)
        made.append(content(tmp_path / f"out{workers}"))
    assert made[0] == made[1] == made[2]
    assert "skipped.csv" in made[0]


def test_everything_that_matters_is_recorded(raw, tmp_path):
    preprocessing.prepare("strips", raw, tmp_path / "out", size=16, limit=11, min_frames=2, seed=5, workers=0)
    meta = yaml.safe_load((tmp_path / "out" / "dataset.yml").read_text())
    assert meta["options"] == {"size": 16, "seed": 5, "limit": 11, "min_frames": 2, "raw": str(raw)}
    assert meta["counts"]["videos"] + meta["counts"]["skipped"] == 11


def test_the_report(raw, tmp_path):
    report = preprocessing.prepare("strips", raw, tmp_path / "out", workers=0, min_frames=2)
    assert (report.name, report.size, report.videos, report.frames) == ("strips", 64, 9, 3 * (2 + 3 + 4))
    assert report.classes == {"a": 3, "b": 3, "c": 3}
    assert report.skipped == [(s, "1 frames, fewer than min_frames=2") for s in ("a/0.png", "b/4.png", "c/8.png")]
    assert report.preview.is_file()
    assert report.skipped_list.is_file()


def test_a_limit_draws_at_random_under_the_seed(raw, tmp_path):
    drawn = []
    for i, seed in enumerate([0, 0, 1]):
        preprocessing.prepare("strips", raw, tmp_path / str(i), workers=0, limit=5, seed=seed, size=8)
        drawn.append(PreparedDataset.open(tmp_path / str(i)).ids)
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(len(ids) == 5 and ids == sorted(ids, key=lambda s: (s[0], int(s[2:-4]))) for ids in drawn)
    preprocessing.prepare("strips", raw, tmp_path / "all", workers=0, limit=100, size=8)
    assert len(PreparedDataset.open(tmp_path / "all")) == 12


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"sise": 32}, r"sise: strips has no such option; it has size, seed \(did you mean size\?\)"),
            ({"size": 0}, "size=0: it must be between 1 and 4096"),
            ({"size": "64"}, "size=64: it must be of type int"),
            ({"size": None}, "size=None: it must be of type int"),
            ({"seed": -1}, "seed=-1: it must be at least 0"),
            ({"workers": -1}, "workers=-1: it must be at least 0"),
            ({"limit": 0}, "limit=0: it must be at least 1"),
            ({"min_frames": 0}, "min_frames=0: it must be at least 1"),
        ],
    )
    def test_options(self, raw, tmp_path, options, message):
        with pytest.raises(ConfigError, match=message):
            preprocessing.prepare("strips", raw, tmp_path / "out", **options)
        assert not (tmp_path / "out").exists()

    def test_an_unknown_set(self, tmp_path):
        with pytest.raises(
            ConfigError, match=r"shape: no such dataset; it must be one of mnist, .* \(did you mean shapes\?\)"
        ):
            preprocessing.prepare("shape", None, tmp_path / "out")

    def test_raw_data_where_none_is_wanted_and_the_reverse(self, tmp_path):
        with pytest.raises(ConfigError, match=r"raw: shapes makes its own videos and takes no raw data; leave it away"):
            preprocessing.prepare("shapes", "raw", tmp_path / "out")
        with pytest.raises(ConfigError, match=r"strips needs raw data: CLASS/VIDEO\.png"):
            preprocessing.prepare("strips", None, tmp_path / "out")

    def test_no_raw_data_there(self, tmp_path):
        with pytest.raises(DataError, match=r"gone: no such file or folder; mug reads SUBJECT/EMOTION/TAKE"):
            preprocessing.prepare("mug", tmp_path / "gone", tmp_path / "out")

    @pytest.mark.parametrize("out", ["raw", "raw/out", ".", "link"])
    def test_out_over_in_or_around_the_raw_data(self, raw, tmp_path, out):
        (tmp_path / "link").symlink_to(raw)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(OutputError, match=re.escape(str(tmp_path / out))):
            preprocessing.prepare("strips", raw, tmp_path / out, force=True)
        assert sorted(tmp_path.rglob("*")) == before

    def test_raw_data_within_a_prepared_dataset_is_not_replaced(self, tmp_path, raw):
        preprocessing.prepare("shapes", None, tmp_path / "data", num=1)
        with pytest.raises(OutputError, match="data: it must lie apart from the raw data"):
            preprocessing.prepare("mnist", tmp_path / "data" / "frames-00000.npy", tmp_path / "data", force=True)

    def test_an_existing_dataset_is_refused_before_the_work(self, raw, tmp_path, monkeypatch):
        preprocessing.prepare("shapes", None, tmp_path / "data", num=1)
        monkeypatch.setattr(preprocessing.find("strips"), "items", lambda self: pytest.fail("it began"))
        with pytest.raises(OutputError, match="use --force to replace it"):
            preprocessing.prepare("strips", raw, tmp_path / "data")
