"""PSNR and SSIM against loops over pixels and values known."""

import math

import numpy as np
import pytest

from mocogan_chainer.errors import DataError
from mocogan_chainer.evaluation.similarity import FrameScores, psnr, ssim


def pair(frames=2, height=14, width=13, noise=20):
    rng = np.random.default_rng(0)
    true = rng.integers(0, 256, (frames, height, width, 3))
    predicted = np.clip(true + rng.integers(-noise, noise + 1, true.shape), 0, 255)
    return predicted.astype(np.uint8), true.astype(np.uint8)


def naive_psnr(a, b):
    squares = [(x - y) ** 2 for x, y in zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)]
    return 10 * math.log10(255**2 / (sum(squares) / len(squares)))


def naive_ssim(a, b):
    """Equation 13 of Wang et al. (2004) at each place and channel, with the moments of equations 14 to 16."""
    weights = [[math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / (2 * 1.5**2)) for j in range(11)] for i in range(11)]
    total = sum(map(sum, weights))
    places = [(i, j, weights[i][j] / total) for i in range(11) for j in range(11)]
    a, b = a.tolist(), b.tolist()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for top in range(len(a) - 10):
        for left in range(len(a[0]) - 10):
            for c in range(3):
                triples = [(w, a[top + i][left + j][c], b[top + i][left + j][c]) for i, j, w in places]
                mx, my = sum(w * x for w, x, _ in triples), sum(w * y for w, _, y in triples)
                vx, vy = sum(w * (x - mx) ** 2 for w, x, _ in triples), sum(w * (y - my) ** 2 for w, _, y in triples)
                cov = sum(w * (x - mx) * (y - my) for w, x, y in triples)
                values.append((2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2)))
    return sum(values) / len(values)


class TestPsnr:
    def test_against_loops(self):
        predicted, true = pair()
        expected = [naive_psnr(a, b) for a, b in zip(predicted, true, strict=True)]
        np.testing.assert_allclose(psnr(predicted, true), expected, rtol=1e-13)

    @pytest.mark.parametrize(("step", "decibels"), [(255, 0.0), (51, 20 * math.log10(5)), (1, 20 * math.log10(255))])
    def test_known(self, step, decibels):
        black = np.zeros((1, 4, 4, 3), np.uint8)
        assert psnr(black + np.uint8(step), black)[0] == pytest.approx(decibels, abs=1e-12)
        assert psnr(black, black + np.uint8(step))[0] == pytest.approx(decibels, abs=1e-12)

    def test_equal_frames_are_infinite(self):
        predicted, true = pair(3)
        predicted[1] = true[1]
        assert np.isinf(psnr(predicted, true)).tolist() == [False, True, False]


class TestSsim:
    @pytest.mark.parametrize(("height", "width", "noise"), [(14, 13, 20), (11, 11, 100), (12, 20, 3)])
    def test_against_loops(self, height, width, noise):
        predicted, true = pair(2, height, width, noise)
        expected = [naive_ssim(a, b) for a, b in zip(predicted, true, strict=True)]
        np.testing.assert_allclose(ssim(predicted, true), expected, rtol=1e-10)

    def test_equal_frames(self):
        _, true = pair(3, 16, 16)
        np.testing.assert_allclose(ssim(true, true), 1, rtol=1e-12)

    @pytest.mark.parametrize(("a", "b"), [(0, 255), (100, 120), (7, 0)])
    def test_plain_frames(self, a, b):
        """Without variance only the luminance term is left."""
        video = np.full((1, 12, 12, 3), a, np.uint8), np.full((1, 12, 12, 3), b, np.uint8)
        c1 = (0.01 * 255) ** 2
        assert ssim(*video)[0] == pytest.approx((2 * a * b + c1) / (a**2 + b**2 + c1), rel=1e-9)

    def test_a_negative_has_negative_similarity(self):
        stripes = np.zeros((1, 16, 16, 3), np.uint8)
        stripes[:, ::2] = 255
        assert -1 <= ssim(stripes, 255 - stripes)[0] < -0.9

    def test_symmetric(self):
        predicted, true = pair(2, 16, 16)
        np.testing.assert_allclose(ssim(predicted, true), ssim(true, predicted), rtol=1e-12)

    def test_channels_count_alike(self):
        """Three equal channels have the similarity of one, and one channel that differs counts a third."""
        (a,), (b,) = pair(1, 12, 12)
        alone = [ssim(*(np.repeat(frame[None, ..., c, None], 3, axis=-1) for frame in (a, b)))[0] for c in range(3)]
        assert ssim(a[None], b[None])[0] == pytest.approx(sum(alone) / 3, rel=1e-12)
        b[..., 1:] = a[..., 1:]
        assert ssim(a[None], b[None])[0] == pytest.approx((alone[0] + 2) / 3, rel=1e-12)

    def test_frames_too_small(self):
        with pytest.raises(DataError, match="frames of 20 x 10 pixels: SSIM needs at least 11 x 11"):
            ssim(*pair(1, 10, 20))


@pytest.mark.parametrize("score", [psnr, ssim])
def test_what_they_refuse(score):
    predicted, true = pair(2, 12, 12)
    with pytest.raises(ValueError, match=r"predicted: float64 \(2, 12, 12, 3\), and must be uint8 \(T, H, W, 3\)"):
        score(predicted.astype(float), true)
    with pytest.raises(ValueError, match=r"true: uint8 \(12, 12, 3\), and must be"):
        score(predicted, true[0])
    with pytest.raises(DataError, match=r"is \(1, 12, 12, 3\) and the true one \(2, 12, 12, 3\); they must be alike"):
        score(predicted[:1], true)


class TestOverVideos:
    SCORES = ([10.0, 20.0, 30.0], [20.0, np.inf, 50.0], [np.inf, np.inf, np.inf])

    def gathered(self, *videos):
        scores = FrameScores(3)
        for video in videos:
            scores.add(np.array(video))
        return scores

    def check(self, found):
        assert found.value == pytest.approx((20 + 35) / 2)
        assert found.videos.spread == pytest.approx(15 / 2)
        assert found.per_frame() == pytest.approx([15, 20, 40])
        assert found.counts() == {"videos": 3, "videos left out": 1, "equal frames left out": 4}

    def test_averages(self):
        self.check(self.gathered(*self.SCORES))

    def test_all_equal(self):
        found = self.gathered(self.SCORES[2])
        assert found.value == math.inf and found.per_frame() == [math.inf] * 3
        assert found.videos.spread is None

    def test_none(self):
        with pytest.raises(DataError, match="no videos to compare; give at least one"):
            _ = self.gathered().value

    def test_of_any_length(self):
        found = FrameScores(None)
        for video in ([10.0], [20.0, 40.0, np.inf], [30.0, 60.0]):
            found.add(np.array(video))
        assert found.per_frame() == [20, 50, math.inf]
        assert found.value == pytest.approx((10 + 30 + 45) / 3)
        assert found.counts() == {"videos": 3, "videos left out": 0, "equal frames left out": 1}

    def test_another_length(self):
        with pytest.raises(ValueError, match=r"scores \(2,\): they must be \(3,\), one a frame"):
            self.gathered([1.0, 2.0])
