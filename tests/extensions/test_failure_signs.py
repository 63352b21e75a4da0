"""Signs of failing, in synthetic runs."""

import itertools

import chainer
import numpy as np
import pytest

from mocogan_chainer.extensions import failure_signs
from mocogan_chainer.models.updater import GANUpdater

LOGITS = GANUpdater.certain


def row(real, fake):
    """A row of the log: the mean scores of real and of generated ones."""
    return {"iteration": 100, "critic/real": real, "critic/fake": fake}


class TestWins:
    @pytest.mark.parametrize("scores", [(7.9, -9), (9, -7.9), (-9, 9), (np.nan, -9)])
    def test_both_scores_must_be_beyond_the_line(self, scores):
        assert not failure_signs.wins(row(*scores), "critic", LOGITS)
        assert failure_signs.wins(row(9, -9), "critic", LOGITS)

    def test_the_line_is_the_losses(self):
        """Of least squares a discriminator is certain at 1 and 0, where logits would be full of doubt."""
        assert not failure_signs.wins(row(0.97, 0.02), "critic", LOGITS)
        assert failure_signs.wins(row(0.97, 0.02), "critic", (0.95, 0.05))

    @pytest.mark.parametrize(("loss", "expected"), [(0.7, False), (0.0006, True)])
    def test_without_scores_the_loss_tells(self, loss, expected):
        assert failure_signs.wins({"discriminator/loss": loss}, "discriminator", LOGITS) == expected

    def test_who_discriminates(self):
        more = {"generator/loss": 1, "x_discriminator/loss": 1}
        assert failure_signs.discriminators(row(1, 1) | more) == ["critic", "x_discriminator"]


class TestDistance:
    def test_equals_naive_loops(self):
        videos = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 6, 3)).astype(np.uint8)
        pairs = list(itertools.combinations(videos.astype(float), 2))
        naive = np.sqrt(np.mean([np.mean((a - b) ** 2) for a, b in pairs]))
        assert failure_signs.distance(videos) == pytest.approx(naive, rel=1e-6)

    def test_of_the_same_video(self):
        assert failure_signs.distance(np.full((4, 2, 3, 3, 3), 77, np.uint8)) == 0


class TestShrinkage:
    def test_is_told_where_videos_come_together(self):
        assert failure_signs.shrinkage([20, 24, 22, 4.4]) == pytest.approx(0.2)
        assert failure_signs.shrinkage([20, 24, 22, 0]) == 0

    @pytest.mark.parametrize("distances", [[20], [20, 24, 1], [20, 24, 22, 7], [1, 2, 30, 20], [5, 5, 5, 50]])
    def test_is_none_of_good_or_young_runs(self, distances):
        assert failure_signs.shrinkage(distances) is None


class TestDigest:
    def test_changes_with_any_bit(self):
        first, second = np.arange(6, dtype=np.float32), np.arange(4, dtype=np.uint8).reshape(2, 2)
        known = failure_signs.digest(first, second)
        assert failure_signs.digest(first.copy(), second.copy()) == known
        first[3] = np.nextafter(first[3], np.float32(9))
        assert failure_signs.digest(first, second) != known

    def test_of_weights(self):
        network = chainer.links.Linear(3, 2)
        known = failure_signs.weights_digest(network)
        assert failure_signs.weights_digest(network) == known
        network.b.array[1] += 1e-6
        assert failure_signs.weights_digest(network) != known
