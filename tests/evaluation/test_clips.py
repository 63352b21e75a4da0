"""Clips: which frames, which pixels, and in which order and thread they are made."""

import dataclasses
import itertools
import threading
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import video
from mocogan_chainer.errors import DataError, OutputError
from mocogan_chainer.evaluation.clips import AHEAD, Clip, LeftOut, Preparation, batches_of, choose, clips_of, mix, stack
from mocogan_chainer.evaluation.video_files import VideoFiles

PLAIN = Preparation(
    frames=4, start="first", short_videos="leave out", size=8, resize="bilinear", crop="none", channel_order="RGB"
)


def of(**changes):
    return dataclasses.replace(PLAIN, **changes)


def noise(length=4, height=8, width=8, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (length, height, width, 3), dtype=np.uint8)


def rng(seed=0):
    return np.random.default_rng(seed)


class TestWhich:
    @pytest.mark.parametrize(
        ("length", "start"), [(16, 0), (17, 0), (18, 1), (19, 1), (20, 2), (33, 8), (40, 12), (250, 117)]
    )
    def test_the_middle_of_16_is_that_of_published_code(self, length, start):
        """From n // 2 - 8 on."""
        places = of(frames=16, start="middle").which(length, rng())
        assert places.tolist() == list(range(start, start + 16))

    @pytest.mark.parametrize(("start", "first"), [("first", 0), ("middle", 4)])
    def test_stride(self, start, first):
        assert of(start=start, stride=3).which(20, rng()).tolist() == [first, first + 3, first + 6, first + 9]

    def test_a_clip_never_leaves_its_video(self):
        lengths, strides, starts = range(1, 40), (1, 2, 3, 7), ("first", "middle", "random")
        for length, frames, stride, start in itertools.product(lengths, (1, 2, 5, 8), strides, starts):
            if length <= (frames - 1) * stride:
                continue
            places = of(frames=frames, stride=stride, start=start).which(length, rng(length))
            assert len(places) == frames
            assert set(np.diff(places)) <= {stride}
            assert places[0] >= 0 and places[-1] < length

    def test_the_middle_is_in_the_middle(self):
        for length, frames, stride in itertools.product(range(30, 60), (1, 4, 5, 8), (1, 2, 3)):
            places = of(frames=frames, stride=stride, start="middle").which(length, rng())
            assert abs(places[0] - (length - 1 - places[-1])) <= stride + 1

    def test_random_starts_are_all_equally_likely(self):
        stream = rng()
        starts = [of(start="random", stride=2).which(9, stream)[0] for _ in range(3000)]
        counts = np.bincount(starts)
        assert len(counts) == 3  # the clip takes 7 of 9 frames
        assert np.abs(counts - 1000).max() < 120

    @pytest.mark.parametrize("start", ["first", "middle", "random"])
    def test_short_videos_loop(self, start):
        looped = of(frames=8, start=start, short_videos="loop")
        assert looped.which(3, rng()).tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
        assert looped.which(1, rng()).tolist() == [0] * 8
        assert looped.which(8, rng()).tolist() == list(range(8))
        assert dataclasses.replace(looped, frames=4, stride=2).which(5, rng()).tolist() == [0, 2, 4, 1]

    @pytest.mark.parametrize("stride", [1, 2])
    def test_short_videos_are_left_out(self, stride):
        span = 3 * stride + 1
        assert len(of(stride=stride).which(span, rng())) == 4
        with pytest.raises(DataError, match=f"^{span - 1} frames, and a clip takes {span}$"):
            of(stride=stride).which(span - 1, rng())


class TestPixels:
    def test_colours_and_axes(self):
        x = PLAIN.pixels(noise())
        assert (x.shape, x.dtype) == ((3, 4, 8, 8), np.float32)
        np.testing.assert_array_equal(x, noise().transpose(3, 0, 1, 2))
        reversed_ = of(channel_order="BGR").pixels(noise())
        np.testing.assert_array_equal(reversed_, noise().transpose(3, 0, 1, 2)[::-1])

    @pytest.mark.parametrize("crop", ["none", "centre", "centre of 128"])
    @pytest.mark.parametrize("resize", ["bilinear-tf1", "bilinear-pil", "bicubic-cv2"])
    @pytest.mark.parametrize("order", ["RGB", "BGR"])
    @pytest.mark.parametrize("extent", [(8, 8), (20, 20), (12, 30)])
    def test_the_memory_is_channels_last(self, crop, resize, order, extent):
        x = of(crop=crop, resize=resize, channel_order=order).pixels(noise(4, *extent))
        assert x.shape == (3, 4, 8, 8)
        assert x.transpose(1, 2, 3, 0).flags.c_contiguous

    def test_the_video_stays_as_it_is(self):
        given = noise()
        of(scale=2.0, means=(1, 2, 3)).pixels(given)
        np.testing.assert_array_equal(given, noise())

    def test_minus_one_to_one(self):
        whole = np.array([0, 255, 51], np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2).repeat(3, 3)
        prepared = of(frames=3, scale=2 / 255, means=(1, 1, 1))
        x = prepared.pixels(whole)
        np.testing.assert_allclose(x[:, :, 0, 0], [[-1, 1, -0.6]] * 3, atol=1e-6)
        assert prepared.pixel_values == "-1 to 1"

    @pytest.mark.parametrize("order", ["RGB", "BGR"])
    def test_means_are_in_the_order_of_the_channels(self, order):
        prepared = of(channel_order=order, means=(114.7748, 107.7354, 99.475))
        expected = noise().transpose(3, 0, 1, 2)[:: -1 if order == "BGR" else 1].astype(float)
        expected -= np.array([114.7748, 107.7354, 99.475])[:, None, None, None]
        np.testing.assert_allclose(prepared.pixels(noise()), expected, atol=1e-4)
        assert prepared.pixel_values == "0 to 255 less 114.7748, 107.7354, 99.475"

    def test_a_mean_clip(self):
        mean = rng(1).random((3, 4, 8, 8), np.float32) * 255
        prepared = of(mean_clip=True)
        np.testing.assert_allclose(prepared.pixels(noise(), mean), noise().transpose(3, 0, 1, 2) - mean, atol=1e-4)
        assert prepared.pixel_values == "0 to 255 less a mean clip"
        with pytest.raises(ValueError, match="mean_clip=True, but a mean clip was not given"):
            prepared.pixels(noise())
        with pytest.raises(ValueError, match="mean_clip=False, but a mean clip was given"):
            PLAIN.pixels(noise(), mean)

    @pytest.mark.parametrize("size", [7, 8])
    @pytest.mark.parametrize(("height", "width"), [(20, 33), (33, 20), (21, 21), (8, 13), (13, 8), (5, 6), (7, 10)])
    def test_centre(self, height, width, size):
        """The short side becomes the size, the other in proportion, rounded down; n // 2 - size // 2 is kept first."""
        frame = noise(1, height, width)
        new = (size, int(size * width / height)) if height <= width else (int(size * height / width), size)
        whole = cv2.resize(frame[0], new[::-1], interpolation=cv2.INTER_LINEAR)
        top, left = new[0] // 2 - size // 2, new[1] // 2 - size // 2
        expected = whole[top : top + size, left : left + size].transpose(2, 0, 1)
        x = of(frames=1, size=size, crop="centre", resize="bilinear-cv2").pixels(frame)
        np.testing.assert_array_equal(x[:, 0], expected)

    def test_centre_of_128(self):
        frame = noise(1, 30, 50)
        whole = np.array(Image.fromarray(frame[0]).resize((128, 128), Image.Resampling.BILINEAR))
        x = of(frames=1, size=112, crop="centre of 128", resize="bilinear-pil").pixels(frame)
        np.testing.assert_array_equal(x[:, 0], whole[8:120, 8:120].transpose(2, 0, 1))

    def test_no_crop_squeezes(self):
        frame = noise(1, 30, 50)
        whole = np.array(Image.fromarray(frame[0]).resize((8, 8), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(of(frames=1, resize="bilinear-pil").pixels(frame)[:, 0], whole.transpose(2, 0, 1))

    def test_a_clip_of_a_video(self):
        x = of(start="middle").clip(noise(10), rng())
        np.testing.assert_array_equal(x, noise(10)[3:7].transpose(3, 0, 1, 2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": "end"}, "start=end: it must be one of first, middle, random"),
        ({"short_videos": "refuse"}, "short_videos=refuse: it must be one of loop, leave out"),
        ({"resize": "nearest"}, "resize=nearest: it must be one of bilinear-tf1, "),
        ({"crop": "top"}, "crop=top: it must be one of none, centre, centre of 128"),
        ({"channel_order": "GBR"}, "channel_order=GBR: it must be one of RGB, BGR"),
        ({"frames": 0}, "frames=0: it must be at least 1"),
        ({"stride": 0}, "stride=0: it must be at least 1"),
        ({"size": 129, "crop": "centre of 128"}, "size=129: it must be at most 128 for crop=centre of 128"),
    ],
)
def test_what_no_preparation_can_be(change, message):
    with pytest.raises(ValueError, match=message):
        of(**change)


def test_equal_preparations_are_equal_keys():
    assert {of(): 1}[of()] == 1
    assert of(stride=2) != of()


class ToySet:
    """Video i has i in each pixel; one of ``bad`` raises; all calls are noted with their thread."""

    unordered = False

    def __init__(self, count=20, bad=(), any_thread=True, length=6, error=DataError):
        self.count, self.bad, self.any_thread, self.frames, self.error = count, bad, any_thread, length, error
        self.calls, self.at_once, self.most = [], 0, 0
        self.lock = threading.Lock()

    def __len__(self):
        return self.count

    def id(self, index):
        return f"toy-{index}"

    def known_length(self, index):
        return self.frames

    def read(self, index, which=None):
        with self.lock:
            self.calls.append((index, threading.current_thread()))
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            time.sleep(0.002)
            if index in self.bad:
                raise self.error(f"toy-{index}: torn")
            video = np.full((self.frames, 8, 8, 3), index, np.uint8)
            video[..., 2] = np.arange(self.frames)[:, None, None]
            return video[which(self.frames)]
        finally:
            with self.lock:
                self.at_once -= 1


def numbers(clips):
    return [int(clip.pixels[0, 0, 0, 0]) for clip in clips]


def running():
    return [thread for thread in threading.enumerate() if thread.name.startswith("clips")]


class TestChoose:
    def test_of_the_long_enough(self):
        """As many as are asked for, whatever the seed; what is not known to be short may be drawn."""
        toy = ToySet(60)
        toy.known_length = lambda index: 4 if index % 2 else None if index < 8 else 9
        draws = [choose(toy, 20, seed, 9) for seed in range(20)]
        assert all(len(draw) == 20 and not any(index % 2 for index in draw) for draw in draws)
        assert {0, 2, 4, 6} < {index for draw in draws for index in draw}
        assert choose(toy, 40, 0, 9) == choose(toy, 60, 0, 9) == list(range(60))  # the short ones are told of

    def test_where_all_are_long_enough_the_draw_is_the_same(self):
        assert choose(ToySet(100), 30, 3, 6) == choose(ToySet(100), 30, 3)

    def test_all(self):
        assert choose(ToySet(5), None, 0) == choose(ToySet(5), 5, 0) == choose(ToySet(5), 9, 0) == [0, 1, 2, 3, 4]

    def test_the_first_of_what_has_no_order(self):
        toy = ToySet(1000)
        toy.unordered = True
        assert choose(toy, 4, 7) == [0, 1, 2, 3]

    def test_a_draw_of_what_has_one(self):
        draws = [choose(ToySet(100), 30, seed) for seed in range(200)]
        assert all(draw == sorted(set(draw)) and len(draw) == 30 for draw in draws)
        assert draws[3] == choose(ToySet(100), 30, 3)
        counts = np.bincount(np.concatenate(draws), minlength=100)
        assert len(counts) == 100
        assert counts.min() > 30 and counts.max() < 95  # each comes in 60 of 200, give or take 5 standard deviations


class TestMix:
    def test_parts_of_a_sorted_set_are_alike(self):
        """Ten classes, one after another, in four parts: each part has some of every class."""
        mixed = mix(ToySet(400), range(400), 0)
        assert sorted(mixed) == list(range(400))
        for part in np.array_split(mixed, 4):
            assert np.bincount(part // 40, minlength=10).min() >= 3
        assert mixed == mix(ToySet(400), range(400), 0) != mix(ToySet(400), range(400), 1)

    def test_what_has_no_order_stays(self):
        toy = ToySet(100)
        toy.unordered = True
        assert mix(toy, [3, 5, 8], 0) == [3, 5, 8]


class TestClipsOf:
    @pytest.mark.parametrize("workers", [0, 1, 3])
    def test_order(self, workers):
        order = [7, 3, 3, 19, 0, *range(20)]
        clips = list(clips_of(ToySet(), order, PLAIN, workers=workers))
        assert [clip.index for clip in clips] == order == numbers(clips)
        assert running() == []

    @pytest.mark.parametrize("workers", [0, 1, 3])
    def test_what_gives_no_clip_is_said(self, workers):
        made = list(clips_of(ToySet(bad=(2, 5)), range(8), PLAIN, workers=workers))
        assert [type(clip) for clip in made] == [Clip, Clip, LeftOut, Clip, Clip, LeftOut, Clip, Clip]
        assert made[5] == LeftOut(5, "toy-5", "toy-5: torn")

    def test_short_videos(self):
        made = list(clips_of(ToySet(2, length=3), range(2), PLAIN))
        assert made[1] == LeftOut(1, "toy-1", "3 frames, and a clip takes 4")
        looped = list(clips_of(ToySet(2, length=3), range(2), of(short_videos="loop")))
        assert looped[1].pixels[2, :, 0, 0].tolist() == [0, 1, 2, 0]

    @pytest.mark.parametrize("workers", [0, 1, 3])
    def test_other_errors_come_at_their_place(self, workers):
        clips = clips_of(ToySet(bad=(4,), error=OutputError), range(20), PLAIN, workers=workers)
        assert numbers(itertools.islice(clips, 4)) == [0, 1, 2, 3]
        with pytest.raises(OutputError, match="toy-4"):
            next(clips)
        assert list(clips) == []
        assert running() == []

    def test_random_starts_depend_on_seed_and_number_alone(self):
        def starts(order, seed=0, workers=0):
            clips = clips_of(ToySet(length=40), order, of(start="random"), seed=seed, workers=workers)
            return {clip.index: int(clip.pixels[2, 0, 0, 0]) for clip in clips}

        expected = starts(range(20))
        assert len(set(expected.values())) > 8
        assert starts(range(19, -1, -1), workers=3) == expected
        assert starts([4]) == {4: expected[4]}
        assert starts(range(20), seed=1) != expected

    @pytest.mark.parametrize("workers", [0, 2])
    def test_random_starts_by_place(self, workers):
        """A video that comes again starts elsewhere, as another one in its place would."""

        def starts(order, seed=0):
            clips = clips_of(
                ToySet(length=40), order, of(start="random"), seed=seed, workers=workers, start_by_place=True
            )
            return [(clip.index, int(clip.pixels[2, 0, 0, 0])) for clip in clips]

        again = starts([4] * 20)
        assert {index for index, _ in again} == {4}
        assert len({start for _, start in again}) > 8
        assert [start for _, start in starts(range(20))] == [start for _, start in again]
        assert starts([4] * 20, seed=1) != again

    def test_a_mean_clip(self):
        mean = np.full((3, 4, 8, 8), 5, np.float32)
        assert numbers(clips_of(ToySet(), [9], of(mean_clip=True), mean=mean)) == [4]

    @pytest.mark.parametrize("any_thread", [True, False])
    def test_threads(self, any_thread):
        toy = ToySet(any_thread=any_thread)
        assert len(list(clips_of(toy, range(20), PLAIN, workers=2))) == 20
        threads = {thread for _, thread in toy.calls}
        assert (threads == {threading.current_thread()}) != any_thread
        assert toy.most <= 2

    def test_some_are_made_ahead_and_not_more(self):
        toy = ToySet(100)
        clips = clips_of(toy, range(100), PLAIN)
        next(clips)
        for _ in range(200):
            if len(toy.calls) == AHEAD + 1:
                break
            time.sleep(0.01)
        time.sleep(0.05)
        assert [index for index, _ in toy.calls] == list(range(AHEAD + 1))
        clips.close()

    def test_a_reader_that_stops_leaves_no_thread(self):
        toy = ToySet(1000)
        clips = clips_of(toy, range(1000), PLAIN, workers=2)
        next(clips)
        assert running()
        clips.close()
        assert running() == []
        assert len(toy.calls) <= AHEAD + 1

    def test_a_reader_that_is_interrupted_leaves_no_thread(self):
        def read():
            for clip in clips_of(ToySet(1000), range(1000), PLAIN):
                if clip.index == 3:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            read()
        assert running() == []

    def test_nothing(self):
        assert list(clips_of(ToySet(), [], PLAIN)) == []

    def test_files(self, tmp_path):
        """A real file, a torn one and a short one."""
        video.write_frames(tmp_path / "a", noise(9))
        (tmp_path / "b.mp4").write_bytes(b"no video")
        video.write_gif(tmp_path / "c.gif", noise(3), fps=10)
        videos = VideoFiles(tmp_path)
        made = {videos.id(clip.index): clip for clip in clips_of(videos, range(3), of(start="middle"))}
        np.testing.assert_array_equal(made["a"].pixels, noise(9)[2:6].transpose(3, 0, 1, 2))
        assert made["b.mp4"].reason.startswith(f"{tmp_path / 'b.mp4'}: cannot be decoded as a video")
        assert made["c.gif"] == LeftOut(made["c.gif"].index, "c.gif", "3 frames, and a clip takes 4")


class TestBatchesOf:
    @pytest.mark.parametrize(("size", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (9, [5])])
    def test_sizes_and_order(self, size, sizes):
        batches = list(batches_of(ToySet(), [3, 1, 4, 1, 5], PLAIN, size))
        assert [len(batch) for batch in batches] == sizes
        assert numbers(itertools.chain(*batches)) == [3, 1, 4, 1, 5]

    def test_what_gives_no_clip_is_said_and_leaves_no_gap(self):
        made = list(batches_of(ToySet(bad=(0, 2, 5)), range(6), PLAIN, 2))
        assert [found.index for found in made if isinstance(found, LeftOut)] == [0, 2, 5]
        assert [numbers(found) for found in made if not isinstance(found, LeftOut)] == [[1, 3], [4]]
        assert list(batches_of(ToySet(bad=(1,)), [1], PLAIN, 2)) == [LeftOut(1, "toy-1", "toy-1: torn")]
        assert list(batches_of(ToySet(), [], PLAIN, 2)) == []

    def test_the_rest_is_as_of_single_clips(self):
        toy, prepared, mean = ToySet(length=40), of(start="random", mean_clip=True), np.full((3, 4, 8, 8), 2, "f4")
        for by_place in (False, True):
            options = {"seed": 3, "mean": mean, "start_by_place": by_place}
            single = stack(list(clips_of(toy, [2, 2, 7], prepared, **options)))
            (batch,) = batches_of(toy, [2, 2, 7], prepared, 3, **options)
            np.testing.assert_array_equal(stack(batch), single)

    def test_a_reader_that_stops_leaves_no_thread(self):
        batches = batches_of(ToySet(1000), range(1000), PLAIN, 2)
        next(batches)
        assert running()
        batches.close()
        assert running() == []


def test_stack():
    clips = [Clip(0, PLAIN.pixels(noise(seed=seed))) for seed in range(3)]
    x = stack(clips)
    assert (x.shape, x.dtype) == ((3, 3, 4, 8, 8), np.float32)
    assert x.transpose(0, 2, 3, 4, 1).flags.c_contiguous
    np.testing.assert_array_equal(x[2], noise(seed=2).transpose(3, 0, 1, 2))
