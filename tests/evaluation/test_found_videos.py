"""Which videos are found in a folder, in which classes, and what is left out."""

import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.found_videos import find


def tree(root, *names):
    """Make empty files; only names count here."""
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def names(found):
    return [video.name for video in found]


def test_files_and_folders_of_images_at_any_depth(tmp_path):
    tree(tmp_path, "b10.mp4", "b9.AVI", "walk/x.webm", "run/far/clip/2.png", "run/far/clip/10.jpg", "notes.txt")
    tree(tmp_path, ".hidden.mp4", ".hidden/a.mp4")
    found, left_out = find(tmp_path)
    assert names(found) == ["b9.AVI", "b10.mp4", "run/far/clip", "walk/x.webm"]
    assert [video.category for video in found] == [None, None, (0, "run"), (0, "walk")]
    assert found[2].images == (tmp_path / "run/far/clip/2.png", tmp_path / "run/far/clip/10.jpg")
    assert left_out == []


def test_a_link_that_leads_nowhere_is_still_a_video(tmp_path):
    (tmp_path / "a.mp4").symlink_to(tmp_path / "gone.mp4")
    assert names(find(tmp_path)[0]) == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("video_00000.mp4", None),
        ("video_123456.gif", None),
        ("video_3_00001.mp4", (3, "3")),
        ("video_12_brush_hair_00001.mp4", (12, "brush_hair")),
        ("video_0_a_00007_00001.mp4", (0, "a_00007")),
        ("video_0_up_00001/0001.png", (0, "up")),
        ("video_0_up.mp4", None),
        ("samples/video_0_up_00001.mp4", (0, "up")),
        ("samples/video_00001.mp4", (0, "samples")),
        ("walk/video_20240101_123450.mp4", (0, "walk")),
        ("walk/video_0_20240101.mp4", (0, "walk")),
        ("video_20240101_123450.mp4", None),
    ],
)
def test_classes_in_names(tmp_path, name, category):
    (video,) = find(tree(tmp_path, name))[0]
    assert video.category == category


def test_grids_are_no_videos(tmp_path):
    tree(tmp_path, "video_00000.gif", "grid_4x6.gif", "grid_4x6.mp4", "interpolation.mp4", "grid_2x3/0001.png")
    tree(tmp_path, "grid_of_mine.mp4", "interpolation_2.mp4")
    found, left_out = find(tmp_path)
    assert names(found) == ["grid_of_mine.mp4", "interpolation_2.mp4", "video_00000.gif"]
    left = ["grid_2x3", "grid_4x6.gif", "grid_4x6.mp4", "interpolation.mp4"]
    assert sorted(left_out) == [(name, "several videos side by side") for name in left]


def test_each_video_once_in_its_truest_form(tmp_path):
    tree(tmp_path, "a.gif", "a.mp4", "a/1.png", "b.gif", "b.MP4", "c.gif", "d.gif", "d.mp4", "other/a.mp4")
    found, left_out = find(tmp_path)
    assert sorted(names(found)) == ["a", "b.MP4", "c.gif", "d.mp4", "other/a.mp4"]
    assert dict(left_out) == {
        "a.gif": "by its name a is the same video",
        "a.mp4": "by its name a is the same video",
        "b.gif": "by its name b.MP4 is the same video",
        "d.gif": "by its name d.mp4 is the same video",
    }


def test_what_generate_samples_does_not_write_is_another_video(tmp_path):
    tree(tmp_path, "c.mp4", "c.mkv", "c.mov", "c.gif", "d.avi", "d.gif")
    found, left_out = find(tmp_path)
    assert names(found) == ["c.mp4", "c.mkv", "c.mov", "d.avi", "d.gif"]
    assert left_out == [("c.gif", "by its name c.mp4 is the same video")]


def test_the_truest_form_comes_where_the_first_would(tmp_path):
    tree(tmp_path, "a.gif", "a/1.png", "b.gif", "c.gif", "c/1.png")
    assert names(find(tmp_path)[0]) == ["a", "b.gif", "c"]


def test_a_dot_in_a_name_is_no_suffix(tmp_path):
    tree(tmp_path, "take.1.mp4", "take.2.mp4", "take.3/1.png", "take.gif")
    found, left_out = find(tmp_path)
    assert sorted(names(found)) == ["take.1.mp4", "take.2.mp4", "take.3", "take.gif"]
    assert left_out == []


def test_images_beside_videos(tmp_path):
    tree(tmp_path, "cover.png", "walk/a.mp4", "walk/1.jpg", "walk/2.jpg")
    found, left_out = find(tmp_path)
    assert names(found) == ["walk/a.mp4"]
    assert left_out == [
        ("cover.png", "an image beside videos, the first of 1"),
        ("walk/1.jpg", "an image beside videos, the first of 2"),
    ]


def test_a_single_folder_of_images_is_one_video_and_no_set(tmp_path):
    with pytest.raises(DataError, match="put each video's images into a folder of its own"):
        find(tree(tmp_path, "1.png", "2.png"))


@pytest.mark.parametrize("other", ["frames-00000.npy", "videos.csv"])
def test_a_prepared_dataset_within_intact_or_not(tmp_path, other):
    with pytest.raises(DataError, match=r"shapes: a prepared dataset, which lies in .*; name it itself"):
        find(tree(tmp_path, "shapes/dataset.yml", f"shapes/{other}", "shapes/preview.gif"))


def test_a_dataset_yml_of_another_program(tmp_path):
    found, left_out = find(tree(tmp_path, "dataset.yml", "clips/dataset.yml", "clips/a.mp4"))
    assert (names(found), left_out) == (["clips/a.mp4"], [])


def test_nothing(tmp_path):
    assert find(tree(tmp_path, "readme.txt")) == ([], [])
