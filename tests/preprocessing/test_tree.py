"""Walking folders."""

import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import tree


def test_numbers_sort_by_value():
    names = ["frame10", "Frame2", "frame1", "frame02", "a", "10", "9", "b1c10", "b1c9", "ä"]
    assert sorted(names, key=tree.natural_key) == [
        *("9", "10", "a", "b1c9", "b1c10"),
        *("frame1", "Frame2", "frame02", "frame10", "ä"),
    ]


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
    assert tree.images(tmp_path) == tree.folders(tmp_path) == []


def test_a_folder_is_required(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file: a file, and a folder is needed"):
        tree.require_folder(tmp_path / "file")
    with pytest.raises(DataError, match="gone: no such folder"):
        tree.require_folder(tmp_path / "gone")
