"""From clips to features."""

import numpy as np
import pytest

from mocogan_chainer.evaluation.clips import LeftOut
from tests.evaluation.fakes import Videos, extractor, noisy


def expected(video, frames=slice(0, 4)):
    """What the stand-in network makes of a video, by hand."""
    clip = video[frames].astype(np.float64)
    return [clip[..., 0].mean(), clip[..., 0].std(), clip[-1].mean()]


def rows(outputs):
    return np.concatenate([output for output in outputs if not isinstance(output, LeftOut)])


@pytest.mark.parametrize("batchsize", [1, 3, 100])
def test_features_come_in_the_order_asked_for(batchsize):
    videos = noisy(7)
    found = rows(extractor(batchsize=batchsize).outputs(Videos(videos), [5, 0, 3, 6]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected(videos[i]) for i in (5, 0, 3, 6)], rtol=1e-5)


def test_no_batch_is_larger_than_asked_for():
    sizes = [len(output) for output in extractor(batchsize=3).outputs(Videos(noisy(7)), range(7))]
    assert sizes == [3, 3, 1]


def test_the_stride_is_the_videos_own():
    videos = noisy(2, length=8)
    found = rows(extractor().outputs(Videos(videos), [0, 1], stride=2))
    np.testing.assert_allclose(found, [expected(video, slice(0, 8, 2)) for video in videos], rtol=1e-5)


def test_a_video_without_a_clip_is_told_of_and_costs_no_other():
    videos = noisy(4)
    videos[1], videos[2] = None, videos[2][:3]  # unreadable; a frame too short
    outputs = list(extractor().outputs(Videos(videos), range(4)))
    left_out = {output.name: output.reason for output in outputs if isinstance(output, LeftOut)}
    assert list(left_out) == ["video1", "video2"]
    assert "cannot be read" in left_out["video1"]
    assert "3 frames" in left_out["video2"]
    np.testing.assert_allclose(rows(outputs), [expected(videos[i]) for i in (0, 3)], rtol=1e-5)


def test_probabilities_are_the_softmax_of_the_scores():
    videos = [np.full((4, 8, 8, 3), value, np.uint8) for value in (0, 1, 2)]
    found = rows(extractor(output="probabilities").outputs(Videos(videos), range(3)))
    first = np.exp([0.0, 1.0, 2.0])
    np.testing.assert_allclose(found, np.stack([first / (first + 1), 1 / (first + 1)], axis=1), rtol=1e-5)


def test_clips_reach_the_network_in_channels_last_memory():
    seen = []
    feeding = extractor()
    feeding.network.features = lambda x: (
        seen.append(np.moveaxis(x, 1, -1).flags.c_contiguous) or type(feeding.network).features(feeding.network, x)
    )
    list(feeding.outputs(Videos(noisy(3)), range(3)))
    assert seen == [True]
