"""Boxes, against a search through all that there are."""

import itertools
import re

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import boxes
from mocogan_chainer.preprocessing.boxes import Box

EXTENTS = [2, 3, 7, 8, 15, 16, 17, 40]


def naive_square(centre_x, centre_y, side, height, width):
    """The even side nearest to the wanted one, the even place nearest below the wanted one, of those within."""
    sides = range(2, min(height, width) + 1, 2)
    side = min(sides, key=lambda s: (abs(s - side), -s))

    def place(centre, extent):
        return max([p for p in range(0, extent - side + 1, 2) if p <= centre - side / 2], default=0)

    return Box(place(centre_x, width), place(centre_y, height), side, side)


class TestCentre:
    @pytest.mark.parametrize(("height", "width"), list(itertools.product([1, *EXTENTS], repeat=2)))
    def test_the_largest_square_in_the_middle(self, height, width):
        box = boxes.centre(height, width)
        assert box.width == box.height == min(height, width)
        for place, side, extent in ((box.left, box.width, width), (box.top, box.height, height)):
            assert 0 <= place <= extent - side
            assert place % 2 == 0
            assert 0 <= (extent - side) / 2 - place < 2

    def test_by_hand(self):
        assert boxes.centre(240, 320) == Box(40, 0, 240, 240)
        assert boxes.centre(490, 640) == Box(74, 0, 490, 490)  # 75 is odd
        assert boxes.centre(320, 241) == Box(0, 38, 241, 241)


class TestSquare:
    def test_many_against_a_search(self):
        random = np.random.default_rng(0)
        for height, width in itertools.product(EXTENTS, repeat=2):
            for _ in range(30):
                x, y = random.uniform(-5, 45, 2) if random.random() < 0.5 else random.integers(0, 41, 2)
                side = random.choice([random.uniform(0, 50), random.integers(1, 45)])
                box = boxes.square(x, y, side, height, width)
                assert box == naive_square(x, y, side, height, width), (x, y, side, height, width)
                assert all(isinstance(value, int) for value in box)

    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ((50, 40, 20), Box(40, 30, 20, 20)),
            ((50, 40, 21), Box(38, 28, 22, 22)),
            ((50.9, 41.9, 20.9), Box(40, 30, 20, 20)),
            ((3, 40, 20), Box(0, 30, 20, 20)),  # shifted
            ((99, 79, 20), Box(80, 60, 20, 20)),
            ((-40, 200, 20), Box(0, 60, 20, 20)),
            ((50, 40, 200), Box(10, 0, 80, 80)),  # shrunk, as little as can be
            ((90, 40, 80), Box(20, 0, 80, 80)),
            ((50, 40, 0.2), Box(48, 38, 2, 2)),
        ],
    )
    def test_by_hand(self, wanted, expected):
        assert boxes.square(*wanted, 80, 100) == expected

    def test_a_frame_of_odd_extent(self):
        assert boxes.square(20, 17, 99, 35, 41) == Box(2, 0, 34, 34)

    def test_what_was_wanted_is_inside(self):
        random = np.random.default_rng(1)
        for _ in range(300):
            side = 2 * random.integers(1, 20)
            x, y = random.uniform(side / 2, 100 - side / 2), random.uniform(side / 2, 80 - side / 2)
            box = boxes.square(x, y, side, 80, 100)
            for place, centre in ((box.left, x), (box.top, y)):
                assert abs(place + side / 2 - centre) < 2
            assert box.width == box.height == side


def test_cut():
    frame = np.arange(8 * 10 * 4).reshape(8, 10, 4)
    np.testing.assert_array_equal(Box(2, 4, 6, 2).cut(frame), frame[4:6, 2:8])


class TestRead:
    HEADER = "source,left,top,width,height\n"

    def read(self, tmp_path, text, encoding="utf-8"):
        (tmp_path / "boxes.csv").write_bytes(text.encode(encoding))
        return boxes.read(tmp_path / "boxes.csv")

    def test_good(self, tmp_path):
        text = self.HEADER + 'a/b.mp4,1,2,30,40\n"c, d.mp4",-1.5,0,3e1,0.25\n'
        expected = {"a/b.mp4": (1.0, 2.0, 30.0, 40.0), "c, d.mp4": (-1.5, 0.0, 30.0, 0.25)}
        assert self.read(tmp_path, text) == expected

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_names_in_any_letters(self, tmp_path, encoding):
        assert self.read(tmp_path, self.HEADER + "ü 动.mp4,1,2,3,4\n", encoding) == {"ü 动.mp4": (1, 2, 3, 4)}

    def test_the_form_does_not_matter(self, tmp_path):
        expected = {"a.mp4": (1, 2, 3, 4)}
        for text in (
            "source, left, top, width, height\na.mp4, 1, 2, 3, 4\n",
            "source,left,top,width,height\r\na.mp4,1,2,3,4\r\n",
            "source,left,top,width,height\n\na.mp4,1,2,3,4",
            "height,width,top,left,source\n4,3,2,1,a.mp4\n",
            "by,source,left,top,width,height\nme,a.mp4,1,2,3,4\n",
        ):
            assert self.read(tmp_path, text) == expected

    @pytest.mark.parametrize(
        "row",
        [
            *("b.mp4,1,2,3", "b.mp4,1,2,3,4,5", "b.mp4", ",1,2,3,4"),
            *("b.mp4,x,2,3,4", "b.mp4,,2,3,4", "b.mp4,1,2,3,four"),
            *("b.mp4,nan,2,3,4", "b.mp4,1,inf,3,4", "b.mp4,1,2,nan,4", "b.mp4,1,2,3,inf"),
            *("b.mp4,1,2,-3,4", "b.mp4,1,2,3,-4", "b.mp4,1,2,0,4", "b.mp4;1;2;3;4"),
        ],
    )
    def test_a_wrong_row(self, tmp_path, row):
        with pytest.raises(
            DataError, match=r"boxes\.csv: row 3 must hold source, left, top, width, height: the video's"
        ):
            self.read(tmp_path, f"{self.HEADER}a.mp4,1,2,3,4\n{row}\n")

    @pytest.mark.parametrize(
        "header",
        ["source,left,top,width", "name,left,top,width,height", "a.mp4,1,2,3,4", "source;left;top;width;height"],
    )
    def test_a_missing_column(self, tmp_path, header):
        with pytest.raises(DataError, match=rf"boxes\.csv: its first line is {re.escape(header)}, without \w+"):
            self.read(tmp_path, f"{header}\nb.mp4,1,2,3,4\n")

    def test_two_boxes_for_a_video(self, tmp_path):
        with pytest.raises(DataError, match=r"boxes\.csv: row 4: a\.mp4 already has a box; each video has only one"):
            self.read(tmp_path, self.HEADER + "a.mp4,1,2,3,4\nb.mp4,1,2,3,4\na.mp4,1,2,3,4\n")

    @pytest.mark.parametrize("text", ["", HEADER, "\n\n"])
    def test_nothing_in_it(self, tmp_path, text):
        with pytest.raises(DataError, match=r"boxes\.csv: .*a box file is CSV with the columns source, ?left"):
            self.read(tmp_path, text)

    @pytest.mark.parametrize("data", [b"\xff\xfe\x00s\xd8", b"source,left,top,width,height\n\xff.mp4,1,2,3,4\n"])
    def test_no_text(self, tmp_path, data):
        (tmp_path / "boxes.csv").write_bytes(data)
        with pytest.raises(DataError, match=r"boxes\.csv: cannot be read as a box file: \S"):
            boxes.read(tmp_path / "boxes.csv")

    def test_no_file(self, tmp_path):
        with pytest.raises(DataError, match=r"gone\.csv: no such box file$"):
            boxes.read(tmp_path / "gone.csv")
        with pytest.raises(DataError, match=r"cannot be read as a box file: \S"):
            boxes.read(tmp_path)
