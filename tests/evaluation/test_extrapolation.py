"""Frames that are copied and motion that goes on, against scenes whose every frame is known."""

import cv2
import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation import extrapolation
from mocogan_chainer.evaluation.extrapolation import copy_last_frame, extrapolate

SIZE, SIDE = 32, 10


def texture(height, width, seed=0):
    noise = np.random.default_rng(seed).uniform(0, 255, (height, width, 3))
    soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.round((soft - soft.min()) / (soft.max() - soft.min()) * 200 + 55).astype(np.uint8)


def square_that_moves(dx, dy, length):
    """A textured square over black, at whole pixels."""
    frames, square = np.zeros((length, SIZE, SIZE, 3), np.uint8), texture(SIDE, SIDE)
    for t, frame in enumerate(frames):
        left, top = (11 + step * (t - length // 2) for step in (dx, dy))
        frame[top : top + SIDE, left : left + SIDE] = square
    return frames


def decibels(a, b):
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / np.square(a.astype(float) - b).mean(axis=(1, 2, 3)))


def test_copying_the_last_frame():
    seen = np.arange(3 * 2 * 2 * 3, dtype=np.uint8).reshape(3, 2, 2, 3)
    found = copy_last_frame(seen, 4)
    assert found.shape == (4, 2, 2, 3) and found.dtype == np.uint8
    assert all(frame.tolist() == seen[2].tolist() for frame in found)


@pytest.mark.parametrize(("dx", "dy"), [(1, 0), (-1, 0), (0, 1), (0, -1), (2, 0), (0, -2), (1, 1), (-2, 1)])
def test_a_moving_square_goes_on(dx, dy):
    video = square_that_moves(dx, dy, 6)
    seen, true = video[:2], video[2:]
    moved, copied = decibels(extrapolate(seen, 4), true), decibels(seen[-1:], true)
    assert (moved > copied + 6).all()


def test_a_view_that_moves_over_a_still_picture():
    """What has been seen is told to within small errors; what comes in from the right is not looked at."""
    wide = texture(48, 80)
    video = np.stack([wide[:, 2 * t : 2 * t + 48] for t in range(6)])
    made = extrapolate(video[:2], 4)
    for t, frame in enumerate(made, start=1):
        inside = np.s_[8:-8, 8 : -8 - 2 * t]
        assert np.abs(frame[inside].astype(int) - video[1 + t][inside]).mean() < 3


@pytest.mark.parametrize("size", [(1, 1), (12, 3), (5, 9), (8, 40), (13, 40), (15, 200), (16, 16), (40, 13)])
def test_what_stands_still_stays_equal(size):
    """At sizes, too, that OpenCV's optical flow refuses or does not survive."""
    still = texture(*size)
    np.testing.assert_array_equal(extrapolate(np.stack([still] * 2), 5), np.stack([still] * 5))


class TestSteps:
    FRAME = np.random.default_rng(3).integers(0, 256, (4, 6, 3)).astype(np.uint8)

    def test_are_not_rounded_and_the_border_is_repeated(self, monkeypatch):
        """Half a pixel from the left each: rounded in between, values would differ."""
        half = np.broadcast_to(np.float32([-0.5, 0]), (4, 6, 2))
        monkeypatch.setattr(extrapolation, "_flow", lambda frame, before: half)
        expected, frame = [], self.FRAME.astype(float)
        for _ in range(6):
            left = np.concatenate([frame[:, :1], frame[:, :-1]], axis=1)
            frame = (frame + left) / 2
            expected.append(np.rint(frame))
        np.testing.assert_array_equal(extrapolate(np.stack([self.FRAME] * 2), 6), np.array(expected))

    def test_the_flow_moves_on_with_its_pixels(self, monkeypatch):
        """Place 3 takes from 2, and with it the motion that was there, of two places; 2 takes from 0, which rests."""
        row = np.array([[10, 20, 30, 40, 50, 60]], np.uint8)[..., None].repeat(3, axis=-1)
        flow = np.zeros((1, 6, 2), np.float32)
        flow[0, 2, 0], flow[0, 3, 0] = -2, -1
        monkeypatch.setattr(extrapolation, "_flow", lambda frame, before: flow)
        made = extrapolate(np.stack([row] * 2), 3)
        assert made[0, 0, :, 0].tolist() == [10, 20, 10, 30, 50, 60]
        assert made[1, 0, :, 0].tolist() == [10, 20, 10, 20, 50, 60]  # 3 takes from 1 now; left behind, it would from 2
        assert made[2, 0, :, 0].tolist() == [10, 20, 10, 20, 50, 60]  # and then has the rest of 1

    def test_are_the_same_however_many_follow(self):
        video = square_that_moves(1, 0, 3)
        np.testing.assert_array_equal(extrapolate(video, 2), extrapolate(video, 5)[:2])

    def test_depend_on_the_last_two_frames_alone(self):
        video = square_that_moves(1, 0, 3)
        other = np.concatenate([255 - video[:1], video[1:]])
        np.testing.assert_array_equal(extrapolate(video, 2), extrapolate(other, 2))

    def test_none(self):
        assert extrapolate(square_that_moves(1, 0, 2), 0).shape == (0, SIZE, SIZE, 3)


def test_the_number_of_threads_does_not_matter():
    video = np.stack([texture(200, 200, seed) for seed in (0, 1)])
    threads = cv2.getNumThreads()
    try:
        made = []
        for cv2_threads in (1, 4):
            cv2.setNumThreads(cv2_threads)
            made.append(extrapolate(video, 2))
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(*made)


def test_one_frame_does_not_move():
    with pytest.raises(ConfigError, match="context=1: optical flow is between two frames; show it at least 2, or"):
        extrapolate(np.zeros((1, 16, 16, 3), np.uint8), 3)
