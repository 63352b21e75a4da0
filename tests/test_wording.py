"""Numbers and lists in messages."""

from mocogan_chainer.wording import counted, listed


def test_one_of_a_thing_and_several():
    assert [counted(number, "video") for number in (0, 1, 2)] == ["0 videos", "1 video", "2 videos"]


def test_lists():
    assert [listed("abc"[:n]) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
