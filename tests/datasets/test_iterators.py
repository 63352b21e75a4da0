"""Clips and frames drawn from datasets whose pixels say which video and frame they are."""

import itertools
import multiprocessing
from collections import Counter, deque

import chainer
import numpy as np
import pytest
from chainer import serializers

from mocogan_chainer import builder, config, models, seeding
from mocogan_chainer.datasets import PreparedDataset, open_writer
from mocogan_chainer.datasets.iterators import ClipIterator, FrameIterator
from mocogan_chainer.errors import ConfigError, DataError

LENGTHS = [10, 7, 31, 8, 3, 12, 7, 2]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Red is the video's number, green the frame's."""
    path = tmp_path_factory.mktemp("prepared") / "data"
    with open_writer(path, "toy", 4, ["a", "b"]) as writer:
        for i, length in enumerate(LENGTHS):
            frames = np.zeros((length, 4, 4, 3), np.uint8)
            frames[..., 0] = i
            frames[..., 1] = np.arange(length)[:, None, None]
            writer.add(frames, str(i), ["a", "b", ""][i % 3])
    return PreparedDataset.open(path)


UNEVEN = """
    a 10    b 11    a 13    - 10    a 5    a 10    d 6    a 21
    - 1     c 12    a 10    b 30    a 11   a 10
"""
CLASSES = ["a", "b", "c", "d"]
NAMES = [*CLASSES, "-"]
"""By label; -1 is none."""
USABLE = Counter(a=7, b=2, c=1) + Counter({"-": 1})
"""How many videos a clip of seven frames can be cut from."""


class Pictures:
    """A prepared set of the videos in UNEVEN (class, length), of random pixels, which know where they are from."""

    def __init__(self, path, size):
        words = UNEVEN.split()
        self.classes = words[::2]
        lengths = list(map(int, words[1::2]))
        rng = np.random.default_rng(5)
        self.videos = [rng.integers(0, 256, (length, size, size, 3), np.uint8) for length in lengths]
        with open_writer(path, "uneven", size, CLASSES) as writer:
            for i, (name, video) in enumerate(zip(self.classes, self.videos, strict=True)):
                writer.add(video, str(i), name.strip("-"))
        self.dataset = PreparedDataset.open(path)
        self._places = {}
        for i, video in enumerate(self.videos):
            for j, frame in enumerate(video):
                mirror = np.stack([frame[:, column] for column in reversed(range(size))], axis=1)
                self._places |= {frame.tobytes(): (i, j, False), mirror.tobytes(): (i, j, True)}

    def place(self, frame):
        """Return a frame's video, its number there, and whether it is mirrored."""
        return self._places[frame.tobytes()]

    def place_of_clip(self, clip, nth):
        """Return the same of a clip's first frame, having checked those after it."""
        video, first, mirrored = self.place(clip[0])
        assert [self.place(frame) for frame in clip] == [(video, first + nth * i, mirrored) for i in range(len(clip))]
        return video, first, mirrored


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return Pictures(tmp_path_factory.mktemp("uneven") / "data", 16)


def clips(dataset, batchsize=3, length=3, nth=3, seed=0, **options):
    return ClipIterator(dataset, batchsize, length, nth, seeding.stream(seed, "clips"), **options)


def frames(dataset, batchsize=3, seed=0, least=1, **options):
    return FrameIterator(dataset, batchsize, least, seeding.stream(seed, "frames"), **options)


def assert_near(counts, expected, draws):
    """Fail where a count of independent draws is five standard deviations off."""
    np.testing.assert_allclose(counts, expected, atol=5 * np.sqrt(expected * (1 - expected / draws)))


OPTIONS = [{}, {"flip": True}, {"balance": True}, {"flip": True, "balance": True}]


def save_and_load(tmp_path, old, new):
    serializers.save_npz(tmp_path / "iterator.npz", old)
    serializers.load_npz(tmp_path / "iterator.npz", new)


class TestClips:
    def test_form(self, dataset):
        videos, labels = clips(dataset).next()
        assert (videos.shape, videos.dtype) == ((3, 3, 4, 4, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((3,), np.int32)

    def test_a_clip_is_every_nth_frame_of_one_video_with_its_label(self, dataset):
        iterator = clips(dataset)
        for _ in range(20):
            videos, labels = next(iterator)
            assert (videos == videos[:, :, :1, :1]).all()
            video, frame = videos[:, :, 0, 0, 0], videos[:, :, 0, 0, 1].astype(int)
            assert (video == video[:, :1]).all()
            assert (np.diff(frame, axis=1) == 3).all()
            np.testing.assert_array_equal(labels, np.array([0, 1, -1])[video[:, 0] % 3])

    def test_every_start_is_drawn_and_equally_often(self, dataset):
        iterator = clips(dataset, batchsize=6)
        starts = {i: [] for i in range(len(LENGTHS))}
        for _ in range(3000):
            for clip in iterator.next()[0]:
                starts[int(clip[0, 0, 0, 0])].append(int(clip[0, 0, 0, 1]))
        for i, length in enumerate(LENGTHS):
            expected = max(length - 6, 0)  # a clip spans 7 frames
            counts = np.bincount(starts[i], minlength=expected)
            assert len(counts) == expected
            if expected:
                assert len(starts[i]) == 3000
                np.testing.assert_allclose(counts, 3000 / expected, atol=5 * np.sqrt(3000 / expected))

    def test_of_several_steps_each_clip_takes_one_that_fits(self, dataset):
        """Videos of 10, 7, 31, 8, 7 and 12 frames: three frames at steps of 3, 4 and 5 need 7, 9 and 11."""
        iterator, seen = clips(dataset, batchsize=100, nth=[3, 4, 5]), Counter()
        for _ in range(60):
            videos, _ = next(iterator)
            for green, red in zip(videos[:, :, 0, 0, 1].astype(int), videos[:, 0, 0, 0, 0].tolist(), strict=True):
                step = green[1] - green[0]
                assert green[2] - green[1] == step
                seen[LENGTHS[red], step] += 1
        fitting = {7: {3}, 8: {3}, 10: {3, 4}, 12: {3, 4, 5}, 31: {3, 4, 5}}
        assert {n: {step for length, step in seen if length == n} for n in LENGTHS if n > 6} == fitting
        draws = sum(seen[31, step] for step in (3, 4, 5))
        for step in (3, 4, 5):
            assert_near(seen[31, step], draws / 3, draws)

    def test_short_videos_are_counted_and_never_given(self, dataset):
        iterator = clips(dataset)
        assert iterator.skipped == 2
        seen = {int(v) for _ in range(20) for v in iterator.next()[0][:, 0, 0, 0, 0]}
        assert seen == {0, 1, 2, 3, 5, 6}

    def test_an_epoch_gives_each_video_once_in_a_new_order(self, dataset):
        iterator = clips(dataset, batchsize=4)
        drawn = np.concatenate([iterator.next()[0][:, 0, 0, 0, 0] for _ in range(30)]).reshape(20, 6)
        for epoch in drawn:
            assert sorted(epoch) == [0, 1, 2, 3, 5, 6]
        assert len({tuple(epoch) for epoch in drawn}) > 15

    @pytest.mark.parametrize("batchsize", [1, 4, 6, 12, 13, 20])
    def test_counters(self, dataset, batchsize):
        iterator = clips(dataset, batchsize=batchsize)
        assert (iterator.epoch, iterator.epoch_detail, iterator.previous_epoch_detail) == (0, 0, None)
        assert not iterator.is_new_epoch
        for i in range(1, 15):
            videos, _ = iterator.next()
            assert len(videos) == batchsize
            assert iterator.epoch == i * batchsize // 6
            assert iterator.epoch_detail == pytest.approx(i * batchsize / 6)
            assert iterator.previous_epoch_detail == pytest.approx((i - 1) * batchsize / 6)
            assert iterator.is_new_epoch == (i * batchsize // 6 > (i - 1) * batchsize // 6)

    @pytest.mark.parametrize("batchsize", [12, 13, 20])
    def test_a_batch_longer_than_an_epoch_goes_round(self, dataset, batchsize):
        iterator = clips(dataset, batchsize=batchsize)
        drawn = np.concatenate([iterator.next()[0][:, 0, 0, 0, 0] for _ in range(6)]).reshape(-1, 6)
        assert all(sorted(epoch) == [0, 1, 2, 3, 5, 6] for epoch in drawn)
        assert len({tuple(epoch) for epoch in drawn}) >= len(drawn) - 2

    @pytest.mark.parametrize("options", OPTIONS)
    @pytest.mark.parametrize("before", [0, 1, 2, 5])
    def test_a_resumed_iterator_goes_on_exactly(self, pictures, tmp_path, before, options):
        old, new = (clips(pictures.dataset, batchsize=4, seed=seed, **options) for seed in (0, 99))
        for _ in range(before):
            old.next()
        new.next()
        save_and_load(tmp_path, old, new)
        for attribute in ("epoch", "is_new_epoch", "epoch_detail", "previous_epoch_detail"):
            assert getattr(new, attribute) == getattr(old, attribute)
        for _ in range(10):
            for a, b in zip(old.next(), new.next(), strict=True):
                np.testing.assert_array_equal(a, b)

    def test_another_dataset_cannot_be_resumed(self, dataset, tmp_path):
        with pytest.raises(DataError, match="made with 6 examples per epoch, but this dataset gives 8; resume with"):
            save_and_load(tmp_path, clips(dataset), clips(dataset, length=2, nth=1))

    def test_what_is_drawn_when(self, pictures):
        """Earlier runs drew like this, and must find their batches again."""
        dataset, rng = pictures.dataset, seeding.stream(3, "clips")
        usable = [i for i, video in enumerate(pictures.videos) if len(video) >= 7]
        queue = deque(rng.permutation(len(usable)))
        iterator = clips(dataset, batchsize=4, seed=3)
        for _ in range(15):
            chosen = []
            while len(chosen) < 4:
                chosen.append(usable[queue.popleft()])
                if not queue:
                    queue.extend(rng.permutation(len(usable)))
            starts = rng.integers(0, [len(pictures.videos[i]) - 6 for i in chosen])
            expected = [pictures.videos[i][[s, s + 3, s + 6]] for i, s in zip(chosen, starts, strict=True)]
            videos, labels = iterator.next()
            np.testing.assert_array_equal(videos, expected)
            assert [NAMES[label] for label in labels] == [pictures.classes[i] for i in chosen]

    def test_the_seed_decides(self, dataset):
        a, b, c = (clips(dataset, seed=seed) for seed in (1, 1, 2))
        first = [iterator.next()[0] for iterator in (a, b, c)]
        np.testing.assert_array_equal(first[0], first[1])
        assert (first[0] != first[2]).any()

    def test_all_videos_too_short(self, dataset):
        with pytest.raises(
            DataError, match="too short: 16 frames at every_nth=3 need videos of 46 frames, but the longest has 31;"
        ):
            clips(dataset, length=16)

    def test_a_clip_as_long_as_the_longest_video(self, dataset):
        iterator = clips(dataset, batchsize=2, length=31, nth=1)
        assert iterator.skipped == 7
        assert iterator.next()[0][1, :, 0, 0, 1].tolist() == list(range(31))

    @pytest.mark.parametrize(("name", "arguments"), [("batchsize", (0, 1, 1)), ("video_length", (1, 0, 1))])
    def test_numbers_out_of_range(self, dataset, name, arguments):
        with pytest.raises(ConfigError, match=f"{name}=0: it must be at least 1"):
            clips(dataset, *arguments)

    def test_chainer_takes_it_for_an_iterator(self, dataset):
        assert isinstance(clips(dataset), chainer.dataset.Iterator)
        assert clips(dataset).batch_size == 3


class TestFrames:
    def test_form(self, dataset):
        batch, labels = frames(dataset, 5).next()
        assert (batch.shape, batch.dtype) == ((5, 4, 4, 3), np.uint8)
        assert (labels.shape, labels.dtype) == ((5,), np.int32)

    def test_every_frame_of_every_video_is_drawn_equally_often(self, dataset):
        iterator = frames(dataset, 80)
        counts = np.zeros((len(LENGTHS), max(LENGTHS)), int)
        for _ in range(300):
            batch, labels = iterator.next()
            video = batch[:, 0, 0, 0]
            np.testing.assert_array_equal(labels, np.array([0, 1, -1])[video % 3])
            np.add.at(counts, (video, batch[:, 0, 0, 1]), 1)
        there = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
        assert counts[~there].sum() == 0
        np.testing.assert_allclose(counts[there], 300, atol=5 * np.sqrt(300))

    def test_videos_that_are_too_short_for_the_clips_beside_give_none(self, dataset):
        long = [video for video, length in enumerate(LENGTHS) if length >= 9]
        for balance in (False, True):
            iterator = frames(dataset, 200, least=9, balance=balance)
            seen = {int(v) for _ in range(10) for v in iterator.next()[0][:, 0, 0, 0]}
            assert seen == set(long)
        assert iterator.batches_an_epoch == sum(LENGTHS[video] for video in long) / 200

    def test_an_epoch_is_as_many_draws_as_frames(self, dataset):
        iterator = frames(dataset, 32)
        details = [(iterator.next(), iterator.epoch, iterator.epoch_detail)[1:] for _ in range(5)]
        assert [epoch for epoch, _ in details] == [0, 0, 1, 1, 2]
        assert [detail for _, detail in details] == pytest.approx([32 * i / 80 for i in range(1, 6)])

    @pytest.mark.parametrize("options", OPTIONS)
    def test_a_resumed_iterator_goes_on_exactly(self, pictures, tmp_path, options):
        old, new = (frames(pictures.dataset, seed=seed, **options) for seed in (0, 5))
        for _ in range(7):
            old.next()
        save_and_load(tmp_path, old, new)
        assert new.epoch_detail == old.epoch_detail
        for _ in range(5):
            np.testing.assert_array_equal(old.next()[0], new.next()[0])

    def test_what_is_drawn_when(self, pictures):
        """Earlier runs drew like this, and must find their batches again."""
        rng = seeding.stream(3, "frames")
        everything = np.concatenate(pictures.videos)
        classes = [name for name, video in zip(pictures.classes, pictures.videos, strict=True) for _ in video]
        iterator = frames(pictures.dataset, 32, seed=3)
        for _ in range(15):
            drawn = rng.integers(0, len(everything), 32)
            batch, labels = iterator.next()
            np.testing.assert_array_equal(batch, everything[drawn])
            assert [NAMES[label] for label in labels] == [classes[i] for i in drawn]


class TestFlip:
    @pytest.mark.parametrize(("size", "length"), [(2, 3), (5, 1), (5, 3), (33, 3)])
    def test_half_of_the_clips_are_mirrored_as_a_whole(self, tmp_path, size, length):
        pictures = Pictures(tmp_path / "data", size)
        iterator = clips(pictures.dataset, batchsize=50, length=length, flip=True)
        seen, mirrored = Counter(), Counter()
        for _ in range(40):
            for clip in iterator.next()[0]:
                video, _, mirror = pictures.place_of_clip(clip, nth=3)
                seen[video] += 1
                mirrored[video] += mirror
        assert_near(mirrored.total(), 1000, 2000)
        for video, count in seen.items():
            assert_near(mirrored[video], count / 2, count)

    def test_half_of_the_frames_are_mirrored(self, pictures):
        iterator = frames(pictures.dataset, 50, flip=True)
        places = [pictures.place(frame) for _ in range(40) for frame in iterator.next()[0]]
        assert_near(sum(mirrored for _, _, mirrored in places), 1000, 2000)
        assert {place[:2] for place in places if place[2]} == {place[:2] for place in places if not place[2]}

    def test_labels_stay_with_their_videos(self, pictures):
        for iterator in (clips(pictures.dataset, 50, length=1, flip=True), frames(pictures.dataset, 50, flip=True)):
            batch, labels = iterator.next()
            names = [pictures.classes[pictures.place(frame)[0]] for frame in batch.reshape(50, 16, 16, 3)]
            assert [NAMES[label] for label in labels] == names

    def test_the_choice_is_drawn_anew_each_epoch(self, pictures):
        iterator = clips(pictures.dataset, batchsize=11, flip=True)
        epochs = [{pictures.place_of_clip(clip, nth=3)[::2] for clip in iterator.next()[0]} for _ in range(20)]
        assert len({frozenset(epoch) for epoch in epochs}) > 15


class TestBalancedClips:
    """Eleven usable videos of four classes: two clips of one class in an epoch, three of the others."""

    def epochs(self, pictures, count, **options):
        """Return the numbers of the videos in so many epochs of 11 clips, read in batches of 4."""
        iterator = clips(pictures.dataset, batchsize=4, balance=True, **options)
        drawn = [pictures.place_of_clip(clip, nth=3)[0] for _ in range(count * 11 // 4) for clip in iterator.next()[0]]
        return np.reshape(drawn, (count, 11))

    @pytest.mark.parametrize("flip", [False, True])
    def test_an_epoch_holds_as_many_clips_of_every_class(self, pictures, flip):
        for epoch in self.epochs(pictures, 40, flip=flip):
            counts = Counter(pictures.classes[video] for video in epoch)
            assert counts.keys() == USABLE.keys()
            assert sorted(counts.values()) == [2, 3, 3, 3]

    def test_a_repeat_comes_only_after_all_of_the_class(self, pictures):
        repeats = Counter()
        for epoch in self.epochs(pictures, 40):
            for name, size in USABLE.items():
                own = [video for video in epoch if pictures.classes[video] == name]
                rounds = [own[i : i + size] for i in range(0, len(own), size)]
                assert all(len(set(videos)) == len(videos) for videos in rounds)
                repeats[name] += len(own) - len(set(own))
        assert repeats["a"] == 0
        assert repeats["b"] > 20
        assert repeats["c"] > 60
        assert repeats["-"] > 60

    def test_short_videos_are_never_given(self, pictures):
        drawn = set(self.epochs(pictures, 40).flat)
        assert drawn == {i for i, video in enumerate(pictures.videos) if len(video) >= 7}
        assert clips(pictures.dataset, balance=True).skipped == 3

    def test_the_surplus_goes_to_any_class_and_the_order_is_mixed(self, pictures):
        counts = np.zeros((11, 4))
        surplus = Counter()
        neighbours = 0
        for epoch in self.epochs(pictures, 800):
            names = [pictures.classes[video] for video in epoch]
            surplus.update(name for name, count in Counter(names).items() if count == 3)
            counts[np.arange(11), ["abc-".index(name) for name in names]] += 1
            neighbours += sum(one == other for one, other in itertools.pairwise(names))
        for name in USABLE:
            assert_near(surplus[name], 600, 800)
        assert_near(counts, 200, 800)
        alike = (3 * 3 * 2 + 2 * 1) / (11 * 10)  # ordered pairs of one class among all pairs
        assert_near(neighbours, 8000 * alike, 8000)

    def test_every_video_of_a_class_comes_equally_often(self, pictures):
        counts = Counter(self.epochs(pictures, 800).flat)
        own = Counter(pictures.classes[video] for video in counts.elements())
        for video, count in counts.items():
            name = pictures.classes[video]
            assert_near(count, own[name] / USABLE[name], own[name])

    def test_an_epoch_stays_as_long(self, pictures):
        iterator = clips(pictures.dataset, batchsize=11, balance=True)
        for epoch in range(1, 4):
            iterator.next()
            assert (iterator.epoch, iterator.is_new_epoch, iterator.epoch_detail) == (epoch, True, epoch)

    def test_one_video_a_class(self, tmp_path):
        with open_writer(tmp_path / "data", "toy", 4, CLASSES) as writer:
            for i, name in enumerate(CLASSES):
                writer.add(np.full((3, 4, 4, 3), i, np.uint8), name, name)
        iterator = clips(PreparedDataset.open(tmp_path / "data"), batchsize=4, length=1, balance=True)
        orders = [tuple(iterator.next()[0][:, 0, 0, 0, 0].tolist()) for _ in range(30)]
        assert all(sorted(order) == [0, 1, 2, 3] for order in orders)
        assert len(set(orders)) > 10


class TestBalancedFrames:
    def test_classes_equally_often_and_frames_within_them(self, pictures):
        iterator = frames(pictures.dataset, 100, balance=True)
        seen = Counter()
        for _ in range(300):
            batch, labels = iterator.next()
            for frame, label in zip(batch, labels, strict=True):
                video, place, _ = pictures.place(frame)
                assert pictures.classes[video] == NAMES[label]
                seen[video, place] += 1
        total = Counter()
        for name, video in zip(pictures.classes, pictures.videos, strict=True):
            total[name] += len(video)
        assert len(total) == 5
        for video, name in enumerate(pictures.classes):
            for place in range(len(pictures.videos[video])):
                assert_near(seen[video, place], 30_000 / 5 / total[name], 30_000)
        assert len(seen) == total.total()

    def test_an_epoch_stays_as_long(self, pictures):
        iterator = frames(pictures.dataset, 16, balance=True)
        iterator.next()
        assert iterator.epoch_detail == pytest.approx(16 / sum(map(len, pictures.videos)))


@pytest.mark.parametrize("name", ["", "a"])
@pytest.mark.parametrize("iterator", [clips, frames])
def test_without_classes_there_is_nothing_to_balance(tmp_path, name, iterator):
    with open_writer(tmp_path / "data", "toy", 4, ["a"]) as writer:
        writer.add(np.zeros((8, 4, 4, 3), np.uint8), "0", name)
    videos = tmp_path / "data" / "videos.csv"
    videos.write_text(videos.read_text().replace(",a,", ",,"))
    dataset = PreparedDataset.open(tmp_path / "data")
    assert dataset.class_names == [name] * bool(name)
    with pytest.raises(ConfigError, match=r"^balance_classes=true: the videos of .*data have no classes; set it to"):
        iterator(dataset, balance=True)


@pytest.mark.parametrize("method", sorted({"fork", "spawn"} & set(multiprocessing.get_all_start_methods())))
def test_two_processes_draw_the_same(pictures, method):
    """Batches of 40 from epochs of 11; dataset and iterator go to the processes as pickles."""
    context = multiprocessing.get_context(method)
    with context.Pool(1) as first, context.Pool(1) as second:
        for make in (clips, frames):
            for options in OPTIONS:
                iterator = make(pictures.dataset, 40, **options)
                there = [pool.apply(next, (iterator,)) for pool in (first, second)]
                for here, *others in zip(next(iterator), *there, strict=True):
                    np.testing.assert_array_equal(here, others[0])
                    np.testing.assert_array_equal(here, others[1])


@pytest.mark.parametrize("name", ["main", "image"])
def test_the_settings_reach_the_iterators(pictures, name):
    def drawn(**settings):
        small = {f"model.n_filters_{x}": 1 for x in ("gen", "idis", "vdis")}
        shape = {"video_length": 10, "every_nth": 1, "batchsize": 40}
        resolved = config.resolve("normal", settings=small | shape | settings)
        family = models.build(resolved, builder.describe(pictures.dataset))
        batch, labels = next(family.iterators(pictures.dataset, lambda name: seeding.stream(0, name))[name])
        places = [pictures.place(frame) for frame in batch.reshape(40, -1, 16, 16, 3)[:, 0]]
        return sum(mirrored for _, _, mirrored in places), Counter(labels.tolist())[0]

    mirrored, of_class_a = drawn()
    assert mirrored == 0
    assert of_class_a > 18  # 7 of 11 videos, 85 of 160 frames
    assert 10 <= drawn(flip=True)[0] <= 30
    mirrored, of_class_a = drawn(balance_classes=True)
    assert mirrored == 0
    assert 1 <= of_class_a <= 16  # a class of four, or of five
