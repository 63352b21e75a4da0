"""A forecaster's videos as a set, with one whose every pixel can be told beforehand."""

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.forecast_videos import ForecastVideos
from tests.evaluation.fakes import Brightening, Videos


def grey(*levels):
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), 8, 8, 3)).copy()


def of(real, forecaster=None, **how):
    settings = {"name": "run/snapshot.npz", "fingerprint": "f" * 16, "context": 2, "frames": 5}
    return ForecastVideos(forecaster or Brightening(), Videos(real), **(settings | how))


def levels(frames):
    return frames[..., 0, 0, 0].tolist()


REAL = [grey(10, 20, 21, 22, 23, 24), grey(50, 40, 30, 20, 10, 0)]


def test_the_mean_future():
    videos = of(REAL)
    assert levels(videos.read(0)) == [10, 20, 24, 28, 32]
    assert levels(videos.read(1)) == [50, 40, 44, 48, 52]
    assert levels(of(REAL, stride=2, frames=3).read(1)) == [50, 30, 34]


def test_the_future_of_a_seed():
    videos, forecaster = of(REAL, seed=3), Brightening()
    again = of(REAL, forecaster, seed=3)
    for index, last in enumerate((20, 40)):
        assert levels(again.read(index)) == levels(videos.read(index))
        (own,) = forecaster.asked[-1][2]
        step = 1 + own % 7
        assert levels(again.read(index))[2:] == [last + step, last + 2 * step, last + 3 * step]


def test_each_video_has_noise_of_its_own_for_every_seed():
    forecaster = Brightening()
    for seed in range(3):
        for index in range(2):
            of(REAL, forecaster, seed=seed).read(index)
    assert len({seeds for _, _, seeds in forecaster.asked}) == 6


def test_several_futures_at_once():
    forecaster = Brightening()
    videos = of(REAL, forecaster)
    found = videos.futures(1, [None, 0, 1, 2])
    assert found.shape == (4, 3, 8, 8, 3) and found.dtype == np.uint8
    assert levels(found[0]) == [44, 48, 52]
    assert len(forecaster.asked) == 1 and forecaster.asked[0][:2] == (2, 3)
    for future, seed in zip(found[1:], range(3), strict=True):
        np.testing.assert_array_equal(of(REAL, seed=seed).read(1)[2:], future)


def test_a_video_that_is_too_short():
    videos = of([REAL[0][:4], REAL[1]])
    for read in (videos.read, videos.truth, lambda index: videos.futures(index, [0])):
        with pytest.raises(DataError, match="video0 gives 4 frames at stride 1, fewer than frames=5"):
            read(0)
    assert levels(videos.read(1))[:2] == [50, 40]


def test_the_reference_knows_whose_futures_they_are():
    made = [of(REAL, **how) for how in ({}, {"seed": 0}, {"seed": 1}, {"fingerprint": "e" * 16}, {"context": 1})]
    assert len({videos.reference for videos in made}) == len(made)
    assert made[0].reference == (
        "snapshot ffffffffffffffff, mean futures: videos 0123456789abcdef continued from the first 2 to 5 frames at "
        "stride 1"
    )
    assert ", futures of seed 1: " in made[2].reference


@pytest.mark.parametrize("context", [0, 4])
def test_more_than_it_can_look_at(context):
    with pytest.raises(ConfigError, match=f"context={context}: it must be between 1 and 3"):
        of(REAL, context=context)
