"""What sets have in common whose videos are each made of another set's."""

from mocogan_chainer.evaluation.derived_videos import DerivedVideos
from tests.evaluation.fakes import Videos, noisy


def another():
    videos = Videos(noisy(3), labels=[1, 0, -1], class_names=("up", "down"))
    videos.subjects = ["a", "b", ""]
    return videos


def test_all_of_them():
    videos = DerivedVideos(another(), name="made")
    assert (len(videos), videos.name, videos.title, videos.class_names) == (3, "made", "videos", ("up", "down"))
    assert [videos.id(i) for i in range(3)] == ["video0", "video1", "video2"]
    assert [videos.label(i) for i in range(3)] == [1, 0, -1]
    assert videos.subjects == ["a", "b", ""]


def test_some_of_them():
    videos = DerivedVideos(another(), numbers=[2, 0])
    assert (len(videos), videos.name) == (2, "videos")
    assert [videos.id(i) for i in range(2)] == ["video2", "video0"]
    assert [videos.label(i) for i in range(2)] == [-1, 1]
    assert videos.subjects == ["", "a"]


def test_nobody_knows_who_is_in_them():
    assert DerivedVideos(Videos(noisy(3))).subjects is None
