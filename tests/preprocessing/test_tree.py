"""Walking folders."""

import os
from pathlib import Path

import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import tree


def test_numbers_sort_by_value():
    names = ["frame10", "Frame2", "frame1", "frame02", "a", "10", "9", "b1c10", "b1c9", "ä"]
    assert sorted(names, key=tree.natural_key) == [
        *("9", "10", "a", "b1c9", "b1c10"),
        *("frame1", "Frame2", "frame02", "frame10", "ä"),
    ]


def test_natural_order_of_frames_and_folders():
    names = ["S10_2", "S9_10", "S9_9", "s009_9", "10.5", "10", "2.10", "2.9", "x1y", "x1"]
    expected = ["2.9", "2.10", "10", "10.5", "S9_9", "s009_9", "S9_10", "S10_2", "x1", "x1y"]
    assert sorted(names, key=tree.natural_key) == expected


def test_equal_but_for_case_or_zeros_still_has_an_order():
    assert sorted(["a01", "A1", "a1"], key=tree.natural_key) == sorted(["a1", "a01", "A1"], key=tree.natural_key)


def test_what_is_found(tmp_path):
    for name in ["10.JPG", "9.png", "notes.txt", ".hidden.png", "no suffix", "1.jpeg.part"]:
        (tmp_path / name).touch()
    for name in ["b 2", "b 10", ".git", "folder.png"]:
        (tmp_path / name).mkdir()
    assert [p.name for p in tree.images(tmp_path)] == ["9.png", "10.JPG"]
    assert [p.name for p in tree.folders(tmp_path)] == ["b 2", "b 10", "folder.png"]


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert tree.folders(tmp_path) == []
    assert tree.images(tmp_path) == [tmp_path / "a.png"]  # who reads it says what is wrong


def test_a_folder_is_required(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file: a file, but a folder is needed"):
        tree.require_folder(tmp_path / "file")
    with pytest.raises(DataError, match="gone: no such folder"):
        tree.require_folder(tmp_path / "gone")


class TestWalk:
    """A tree of a/10, a/9 and b, with links."""

    @pytest.fixture
    def root(self, tmp_path):
        for name in ("root/a/10", "root/a/9", "root/b", "outside/deep/er"):
            (tmp_path / name).mkdir(parents=True)
        (tmp_path / "root" / "a" / "file").touch()
        return tmp_path / "root"

    def walked(self, root):
        return [tree.relative(path, root) for path in tree.walk(root)]

    def test_each_before_what_it_holds_in_natural_order(self, root):
        assert self.walked(root) == [".", "a", "a/9", "a/10", "b"]

    @pytest.mark.parametrize("target", [".", "..", "../..", "/", "loop"])
    def test_no_link_to_a_folder_that_it_lies_in(self, root, target):
        (root / "a" / "9" / "loop").symlink_to(target)
        assert self.walked(root) == [".", "a", "a/9", "a/10", "b"]

    def test_the_same_from_a_relative_path_and_through_a_link(self, root, monkeypatch):
        (root / "a" / "9" / "loop").symlink_to(root)
        (root.parent / "link").symlink_to(root)
        assert self.walked(root.parent / "link") == [".", "a", "a/9", "a/10", "b"]
        monkeypatch.chdir(root.parent)
        assert [path.as_posix() for path in tree.walk(Path("root"))] == [
            "root",
            *(f"root/{p}" for p in ("a", "a/9", "a/10", "b")),
        ]

    def test_two_folders_that_link_to_each_other(self, root):
        (root / "a" / "9" / "x").symlink_to(root / "b")
        (root / "b" / "y").symlink_to(root / "a" / "9")
        assert self.walked(root) == [".", "a", "a/9", "a/9/x", "a/10", "b", "b/y"]

    def test_links_to_other_places_are_followed(self, root):
        (root / "b" / "there").symlink_to(root.parent / "outside")
        assert self.walked(root) == [".", "a", "a/9", "a/10", "b", "b/there", "b/there/deep", "b/there/deep/er"]

    def test_a_circle_by_way_of_another_place(self, root):
        (root / "b" / "there").symlink_to(root.parent / "outside")
        (root.parent / "outside" / "deep" / "back").symlink_to(root)
        (root.parent / "outside" / "deep" / "er" / "up").symlink_to(root.parent)
        expected = [".", "a", "a/9", "a/10", "b", "b/there", "b/there/deep", "b/there/deep/er"]
        assert self.walked(root) == expected

    def test_a_folder_that_may_not_be_read(self, root, monkeypatch):
        def refuse(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "scandir", refuse)
        with pytest.raises(DataError, match=r"root: cannot be listed: Permission denied$"):
            self.walked(root)


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        ("1 2 3", ""),
        ("1 2 4", "3"),
        ("1 2 3 5 6 9", "4, 7 to 8"),
        ("0001 0002 0010", "3 to 9"),
        ("9 10 12", "11"),
        ("5 1 3 2", "4"),
        ("0 5 10 20 25", "15"),  # in steps of 5
        ("10 20 30", ""),
        ("2 4 6 12 14", "8 to 10"),
        ("1 2 4 6 8 10 12 14", "3, 5, 7, 9, 11, ..."),
        ("a1b3 a1b4 a2b6", "5"),  # the last number counts
        ("img_0001_left img_0002_left img_0004_left", "3"),
        ("1 3", ""),  # too few to tell the step
        ("7", ""),
        ("", ""),
        ("a b c", ""),
        ("1 2 4 x", ""),  # one has no number
        ("1 01 2 4", ""),  # two have one number
        ("a1 b1 a2 a4", ""),
    ],
)
def test_gaps(names, missing):
    assert tree.gaps(names.split()) == missing
