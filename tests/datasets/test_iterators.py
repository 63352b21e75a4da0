"""Clips and frames drawn from a dataset whose pixels say which video and frame they are."""

import chainer
import numpy as np
import pytest
from chainer import serializers

from mocogan_chainer import seeding
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


def clips(dataset, batchsize=3, length=3, nth=3, seed=0):
    return ClipIterator(dataset, batchsize, length, nth, seeding.stream(seed, "clips"))


def frames(dataset, batchsize=3, seed=0):
    return FrameIterator(dataset, batchsize, seeding.stream(seed, "frames"))


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

    @pytest.mark.parametrize("before", [0, 1, 2, 5])
    def test_a_resumed_iterator_goes_on_exactly(self, dataset, tmp_path, before):
        old, new = clips(dataset, batchsize=4), clips(dataset, batchsize=4, seed=99)
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
        with pytest.raises(DataError, match="made with 6 examples an epoch, and this dataset gives 8; resume with"):
            save_and_load(tmp_path, clips(dataset), clips(dataset, length=2, nth=1))

    def test_the_seed_decides(self, dataset):
        a, b, c = (clips(dataset, seed=seed) for seed in (1, 1, 2))
        first = [iterator.next()[0] for iterator in (a, b, c)]
        np.testing.assert_array_equal(first[0], first[1])
        assert (first[0] != first[2]).any()

    def test_all_videos_too_short(self, dataset):
        with pytest.raises(
            DataError, match="too short: 16 frames, every 3, need videos of 46 frames, and the longest has 31; lower"
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

    def test_an_epoch_is_as_many_draws_as_frames(self, dataset):
        iterator = frames(dataset, 32)
        details = [(iterator.next(), iterator.epoch, iterator.epoch_detail)[1:] for _ in range(5)]
        assert [epoch for epoch, _ in details] == [0, 0, 1, 1, 2]
        assert [detail for _, detail in details] == pytest.approx([32 * i / 80 for i in range(1, 6)])

    def test_a_resumed_iterator_goes_on_exactly(self, dataset, tmp_path):
        old, new = frames(dataset), frames(dataset, seed=5)
        for _ in range(7):
            old.next()
        save_and_load(tmp_path, old, new)
        assert new.epoch_detail == old.epoch_detail
        for _ in range(5):
            np.testing.assert_array_equal(old.next()[0], new.next()[0])
