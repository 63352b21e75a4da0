"""A prepared dataset as a set of videos, against its files."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.datasets.writer import open_writer
from mocogan_chainer.evaluation.prepared_videos import PreparedVideos


@pytest.fixture(scope="module")
def videos(tiny_dataset):
    return PreparedVideos(PreparedDataset.open(tiny_dataset))


@pytest.fixture(scope="module")
def rows(tiny_dataset):
    return list(csv.DictReader((tiny_dataset / "videos.csv").open()))


RESIDENT = """
import sys
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.datasets.writer import open_writer
from mocogan_chainer.evaluation import prepared_videos

prepared_videos.MAPPED_BYTES = int(sys.argv[2])
videos = prepared_videos.PreparedVideos(PreparedDataset.open(sys.argv[1]))
for i in range(len(videos)):
    videos.read(i)
pages = [line for line in open("/proc/self/status") if line.startswith("RssFile")]
print(pages[0].split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says how much is mapped")
def test_memory_does_not_grow_with_the_videos(tmp_path):
    frames = np.zeros((400, 64, 64, 3), np.uint8)
    with open_writer(tmp_path / "data", "blank", 64) as writer:
        for i in range(20):  # 20 times 4.7 MiB
            writer.add(frames, id=str(i))
    resident = {
        limit: int(subprocess.check_output([sys.executable, "-c", RESIDENT, tmp_path / "data", str(limit)], text=True))
        for limit in (1 << 40, 10 << 20)
    }
    assert resident[1 << 40] - resident[10 << 20] > 60 * 1024  # KiB


def test_what_is_known_of_each(tiny_dataset, videos, rows):
    names = yaml.safe_load((tiny_dataset / "dataset.yml").read_text())["classes"]
    assert len(videos) == len(rows) == 12
    assert videos.class_names == tuple(names)
    assert [videos.class_names[videos.label(i)] for i in range(12)] == [row["class"] for row in rows]
    assert [videos.id(i) for i in range(12)] == [row["id"] for row in rows]
    assert [videos.length(i) for i in range(12)] == [int(row["length"]) for row in rows]


def test_its_name_goes_with_it_and_not_its_place(tiny_dataset, videos):
    assert videos.name == str(tiny_dataset)
    assert videos.title == "shapes"
    assert re.fullmatch("shapes [0-9a-f]{16}", videos.reference)
    assert not videos.unordered


def test_frames(tiny_dataset, videos, rows):
    shard = np.load(tiny_dataset / "frames-00000.npy")
    for i in (0, 7, 11):
        first, length = int(rows[i]["first_frame"]), int(rows[i]["length"])
        np.testing.assert_array_equal(videos.read(i), shard[first : first + length])
        wanted = videos.read(i, lambda length: [length - 1, 0, 0])
        np.testing.assert_array_equal(wanted, shard[[first + length - 1, first, first]])
