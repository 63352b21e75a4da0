"""Train and test."""

import random
from collections import Counter

import pytest

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.preprocessing import splits
from mocogan_chainer.preprocessing.source import Item


def clips(subjects, each=3, **known):
    """Return so many videos of each subject."""
    return [Item(f"{s}/{i}", f"{s}/{i}", "ab"[i % 2], s, **known) for s in subjects for i in range(each)]


def names(count):
    return [f"{i:03d}" for i in range(count)]


def sides(items):
    return {item.id: item.split for item in items}


def people(items, side):
    return {item.subject for item in items if item.split == side}


class TestSubjects:
    @pytest.mark.parametrize("seed", range(5))
    def test_nobody_is_on_both_sides(self, seed):
        items = clips(names(20))
        divided = splits.divide(items, 0.3, seed)
        assert people(divided, "train") | people(divided, "test") == set(names(20))
        assert not people(divided, "train") & people(divided, "test")
        assert [(item.id, item.class_name, item.subject) for item in divided] == [
            (item.id, item.class_name, item.subject) for item in items
        ]

    @pytest.mark.parametrize(
        ("count", "part", "test"),
        [(20, 0.3, 6), (52, 0.2, 10), (53, 0.2, 11), (10, 0.26, 3), (10, 0.24, 2), (9, 0.9, 8)],
    )
    def test_the_part_is_rounded(self, count, part, test):
        assert len(people(splits.divide(clips(names(count)), part, 0), "test")) == test

    @pytest.mark.parametrize(("part", "test"), [(0.01, 1), (0.9, 1)])
    def test_each_side_has_one(self, part, test):
        divided = splits.divide(clips(["a", "b"]), part, 0)
        assert len(people(divided, "test")) == len(people(divided, "train")) == test

    def test_subjects_are_counted_and_not_their_videos(self):
        divided = splits.divide(clips(["a"], each=100) + clips(["b", "c", "d"], each=1), 0.5, 0)
        assert len(people(divided, "test")) == 2

    def test_the_seed_decides(self):
        items = clips(names(20))
        assert sides(splits.divide(items, 0.3, 1)) == sides(splits.divide(items, 0.3, 1))
        assert len({frozenset(people(splits.divide(items, 0.3, seed), "test")) for seed in range(10)}) > 7

    def test_these_are_always_drawn(self):
        # Guards the divisions of finished runs: changing what a seed gives is a change of the dataset.
        assert sorted(people(splits.divide(clips(names(20)), 0.3, 1), "test")) == [
            "007",
            "008",
            "009",
            "011",
            "012",
            "017",
        ]

    def test_every_subject_may_be_drawn(self):
        drawn = Counter(
            name for seed in range(200) for name in people(splits.divide(clips("abcde"), 0.2, seed), "test")
        )
        assert set(drawn) == set("abcde")
        assert min(drawn.values()) > 20

    def test_the_order_does_not(self):
        items = clips(names(20))
        mixed = random.Random(0).sample(items, len(items))
        divided = splits.divide(mixed, 0.3, 4)
        assert [item.id for item in divided] == [item.id for item in mixed]
        assert sides(divided) == sides(splits.divide(items, 0.3, 4))

    def test_one_is_too_few(self):
        with pytest.raises(
            ConfigError, match=r"split=0\.2: it takes two subjects to divide into train and test; use split=0"
        ):
            splits.divide(clips(["a"]), 0.2, 0)


class TestClasses:
    """Where no subject is known."""

    def items(self, **counts):
        return [Item(f"{name}/{i}", f"{name}/{i}", name) for name, count in counts.items() for i in range(count)]

    def test_a_part_of_each(self):
        divided = splits.divide(self.items(a=10, b=20, c=3, d=2), 0.2, 0)
        test = Counter(item.class_name for item in divided if item.split == "test")
        assert test == {"a": 2, "b": 4, "c": 1, "d": 1}
        assert sum(item.split == "train" for item in divided) == 27

    def test_a_class_of_one_video_is_for_training(self):
        divided = splits.divide(self.items(a=5, b=1), 0.9, 0)
        assert divided[5].split == "train"
        assert [item.split for item in divided[:5]].count("test") == 4

    def test_without_classes(self):
        divided = splits.divide([Item(name, name) for name in names(10)], 0.3, 0)
        assert [item.split for item in divided].count("test") == 3

    def test_order_and_seed(self):
        items = self.items(a=10, b=20)
        mixed = random.Random(0).sample(items, len(items))
        assert sides(splits.divide(mixed, 0.3, 4)) == sides(splits.divide(items, 0.3, 4))
        assert sides(splits.divide(items, 0.3, 4)) != sides(splits.divide(items, 0.3, 5))

    def test_a_class_is_drawn_by_itself(self):
        """Another class beside it changes nothing."""
        alone = sides(splits.divide(self.items(a=10), 0.3, 4))
        assert alone.items() <= sides(splits.divide(self.items(a=10, b=20), 0.3, 4)).items()

    def test_classes_are_drawn_apart_from_each_other(self):
        divided = splits.divide(self.items(a=30, b=30), 0.5, 0)
        a, b = ([item.split for item in divided if item.class_name == name] for name in "ab")
        assert a != b

    def test_single_videos_are_too_few(self):
        with pytest.raises(ConfigError, match=r"split=0\.2: it takes two videos of a class to divide"):
            splits.divide(self.items(a=1, b=1), 0.2, 0)


class TestFaults:
    def test_they_do_not_count(self):
        bad = clips(names(40)[20:], fault="broken")
        good = clips(names(20))
        divided = splits.divide(bad + good, 0.3, 0)
        assert divided[: len(bad)] == bad
        assert divided[len(bad) :] == splits.divide(good, 0.3, 0)

    def test_a_faulty_one_without_subject_is_no_hindrance(self):
        divided = splits.divide([Item("x", "x", fault="broken"), *clips(["a", "b"])], 0.3, 0)
        assert divided[0].split == ""
        assert people(divided, "test") | people(divided, "train") == {"a", "b"}

    def test_a_subject_of_faulty_ones_only(self):
        with pytest.raises(ConfigError, match="it takes two subjects"):
            splits.divide(clips(["a"]) + clips(["b"], fault="broken"), 0.3, 0)

    def test_the_subject_of_a_faulty_one_is_divided_by_its_others(self):
        items = [Item("a/bad", "a/bad", "x", "a", fault="broken"), *clips(["a", "b"])]
        assert [item.split == "" for item in splits.divide(items, 0.5, 0)] == [True] + [False] * 6


def test_some_subjects_known_and_others_not():
    items = [*clips(["a", "b"]), Item("x", "x"), Item("y", "y")]
    with pytest.raises(
        ConfigError, match=r"split=0\.2: 2 of 8 videos have no subject \(the first is x\), so subjects .*; give"
    ):
        splits.divide(items, 0.2, 0)
