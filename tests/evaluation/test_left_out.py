"""What messages say of videos that could not be used."""

from mocogan_chainer.evaluation import left_out


def test_how_many_and_why_the_first_one():
    assert left_out.in_words(["a: too short", "b: torn"]) == ["2 videos are left out; the first: a: too short"]
    assert left_out.in_words([]) == []


def test_of_a_set():
    found = [("a", "too short"), ("b", "torn")]
    assert left_out.without_clip("real", found) == ["real: left out 2 that gave no clip; the first: a: too short"]
    assert left_out.without_clip("real", ()) == []


def test_none_usable():
    error = left_out.none_usable("real", 2, "gave a clip", ["a: too short", "b: torn"])
    assert str(error) == "real: none of its 2 videos gave a clip; the first: a: too short"
    assert str(left_out.none_usable("real", 0, "gave a clip", [])) == "real: none of its 0 videos gave a clip"
