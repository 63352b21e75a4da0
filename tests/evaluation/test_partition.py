"""Dividing videos for a classifier."""

import numpy as np
import pytest

from mocogan_chainer.evaluation.partition import divide


def rng():
    return np.random.default_rng(0)


def parts(partition):
    return partition.training, partition.choosing, partition.held_out


@pytest.mark.parametrize("subjects", [None, ["someone"] * 80, ["a", "b"] * 40, [""] * 80])
def test_each_class_by_itself_where_subjects_cannot_be_kept_apart(subjects):
    labels = [0] * 20 + [3] * 60
    found = divide(labels, subjects, rng())
    assert sorted(i for part in parts(found) for i in part) == list(range(80))
    counts = [[sum(labels[i] == label for i in part) for label in (0, 3)] for part in parts(found)]
    assert counts == [[14, 42], [3, 9], [3, 9]]
    assert not found.by_subject


def test_three_of_a_class_are_enough_and_two_are_not():
    found = divide([0, 0, 0, 1, 1, 1], None, rng())
    assert [sorted(np.array([0, 0, 0, 1, 1, 1])[part].tolist()) for part in parts(found)] == [[0, 1]] * 3
    assert divide([0, 0, 0, 1, 1], None, rng()) is None


def test_nobody_is_in_two_parts():
    subjects = [f"s{i % 10}" for i in range(60)]
    labels = [i // 10 % 3 for i in range(60)]
    found = divide(labels, subjects, rng())
    assert found.by_subject
    seen = [{subjects[i] for i in part} for part in parts(found)]
    assert [len(names) for names in seen] == [6, 2, 2]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


def test_by_subject_classes_are_divided_evenly():
    """Half of 20 people act class 0 and half class 1: each of the two small parts gets as many of both as can be."""
    labels = [i % 2 for i in range(20)] * 3
    subjects = [f"s{i}" for i in range(20)] * 3
    for seed in range(5):
        found = divide(labels, subjects, np.random.default_rng(seed))
        for part in (found.choosing, found.held_out):
            assert sum(labels[i] for i in part) in (3, 6)  # of 9: three people, of whom one or two act class 1


def test_a_video_of_nobody_known_is_somebody_else():
    subjects = ["a", "b", "c", *[""] * 20]
    found = divide([0, 1, 0, *[0, 1] * 10], subjects, rng())
    assert found.by_subject
    assert [len(part) for part in parts(found)] == [15, 4, 4]  # of eleven and of twelve people two


def test_a_class_of_one_subject_is_learned():
    labels, subjects = [0] * 3 + [1] * 9, list("aaabbbcccddd")
    for seed in range(5):
        found = divide(labels, subjects, np.random.default_rng(seed))
        assert found.by_subject
        assert {labels[i] for i in found.training} == {0, 1}


@pytest.mark.parametrize(
    ("classes", "subjects_each", "people"),
    [
        (2, 3, [3, 1, 2]),
        (4, 3, [6, 2, 4]),  # 15 % of 12 people choose, and of each class one is held out
        (10, 3, [16, 4, 10]),
        (4, 4, [10, 2, 4]),
        (4, 5, [12, 4, 4]),
        (2, 20, [28, 6, 6]),
    ],
)
def test_where_everybody_is_of_one_class_each_is_learned_and_held_out(classes, subjects_each, people):
    """As in sets whose groups are named after their class."""
    labels = [c for c in range(classes) for _ in range(subjects_each * 6)]
    subjects = [f"class{c}_g{g}" for c in range(classes) for g in range(subjects_each) for _ in range(6)]
    for seed in range(3):
        found = divide(labels, subjects, np.random.default_rng(seed))
        assert found.by_subject
        assert [len(part) for part in parts(found)] == [6 * number for number in people]
        for part in (found.training, found.held_out):
            assert {labels[i] for i in part} == set(range(classes))
        assert len({labels[i] for i in found.choosing}) == min(classes, people[1])
        seen = [{subjects[i] for i in part} for part in parts(found)]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])


@pytest.mark.parametrize(("classes", "people"), [(2, [2, 1, 1]), (6, [8, 2, 2])])
def test_where_no_class_has_three_subjects_nobody_is_in_two_parts_either(classes, people):
    labels = [c for c in range(classes) for _ in range(2 * 10)]
    subjects = [f"class{c}_g{g}" for c in range(classes) for g in range(2) for _ in range(10)]
    for seed in range(3):
        found = divide(labels, subjects, np.random.default_rng(seed))
        assert found.by_subject
        assert [len(part) for part in parts(found)] == [10 * number for number in people]
        assert {labels[i] for i in found.training} == set(range(classes))
        seen = [{subjects[i] for i in part} for part in parts(found)]
        assert [len(names) for names in seen] == people
        assert len(set.union(*seen)) == 2 * classes


def test_a_class_of_two_subjects_is_held_out_before_it_chooses():
    labels, subjects = [0] * 6 + [1] * 9, list("aaabbbcccdddeee")
    found = divide(labels, subjects, rng())
    assert [{labels[i] for i in part} for part in parts(found)] == [{0, 1}, {1}, {0, 1}]


def test_subjects_whose_classes_cannot_all_be_learned():
    """Each of three people has a class of their own."""
    found = divide([0, 0, 0, 1, 1, 1, 2, 2, 2], list("aaabbbccc"), rng())
    assert not found.by_subject
    assert [len(part) for part in parts(found)] == [3, 3, 3]


def test_the_same_for_a_seed():
    labels = [0, 1] * 30
    assert divide(labels, None, rng()) == divide(labels, None, rng())
    assert divide(labels, None, rng()) != divide(labels, None, np.random.default_rng(1))
