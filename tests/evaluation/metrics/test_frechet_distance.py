"""FVD and FID of two sets."""

import dataclasses

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation import gathering
from mocogan_chainer.evaluation.metrics.frechet_distance import frechet_distance
from tests.evaluation.fakes import Videos, extractor, noisy


def gather(videos, feeding=None, name="videos"):
    return gathering.gather(Videos(videos, name=name), range(len(videos)), feeding or extractor())


def distance(evaluated, reference):
    return frechet_distance(extractor().recipe, evaluated=evaluated, reference=reference, seed=0)


def by_root(a, b):
    """The distance by its definition, with the root of a product of 3 x 3 matrices by its eigenvalues."""
    (m1, s1), (m2, s2) = ((side.gaussian.mean, side.gaussian.covariance) for side in (a, b))
    root = np.sqrt(np.linalg.eigvals(s1 @ s2)).sum().real
    return ((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * root


def test_the_value_is_the_distance():
    real, fake = gather(noisy(30)), gather(noisy(40, seed=1, level=130), name="fake")
    found = distance(fake, real)
    assert found.value == pytest.approx(by_root(fake, real), rel=1e-6)
    assert found.evaluated == "fake"
    assert found.counts == {"evaluated": 40, "reference": 30, "evaluated left out": 0, "reference left out": 0}
    assert found.protocol.reference_samples == 30
    assert found.protocol.evaluated_samples == 40
    assert 0 < found.spread < found.value
    assert not found.warnings


def test_a_set_against_itself():
    real = gather(noisy(30))
    assert distance(real, real).value == pytest.approx(0, abs=1e-6)


def test_fewer_samples_than_dimensions_are_warned_of():
    (warning,) = distance(gather(noisy(2)), gather(noisy(30))).warnings
    assert "2 evaluated samples for features of 3 numbers" in warning


def test_the_spread_tells_other_draws_apart():
    """It is about the deviation of the distance over sets that are really drawn anew."""
    real = gather(noisy(400))
    values = [distance(gather(noisy(60, seed=seed, level=130)), real).value for seed in range(1, 25)]
    spread = distance(gather(noisy(60, seed=1, level=130)), real).spread
    assert 0.5 < spread / np.std(values, ddof=1) < 2


class TestPairs:
    """Videos that were made of the reference's: a little brighter, each in its own way."""

    @staticmethod
    def made_of(videos):
        rng = np.random.default_rng(5)
        return [np.clip(video + rng.normal(3, 2), 0, 255).astype(np.uint8) for video in videos]

    def gather(self, videos, order=None, **options):
        order = range(len(videos)) if order is None else order
        return gathering.gather(Videos(videos), order, extractor(), in_order=True, **options)

    def test_they_are_drawn_together(self):
        real = noisy(60)
        fake = self.made_of(real)
        together = distance(self.gather(fake), self.gather(real))
        apart = distance(gather(fake), gather(real))
        assert together.value == apart.value
        assert together.spread < apart.spread / 3
        assert together.spread_kind.endswith("over 20 parts of both sets together, pair by pair")
        assert apart.spread_kind == "standard deviation by a jackknife over 20 parts of each set"

    def test_each_finds_its_own(self):
        """In whatever order they come, and where either side lost some."""
        real = noisy(9)
        fake = self.made_of(real)
        expected = gathering.paired_features(self.gather(fake[2:8]), self.gather(real[2:8]))
        real[1] = real[8] = fake[0] = None
        found = gathering.paired_features(self.gather(fake, order=[5, 0, 2, 7, 3, 6, 8, 1, 4]), self.gather(real))
        for side, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(side, other, rtol=1e-6)

    def test_they_may_be_unknown(self):
        real = noisy(9)
        assert gathering.paired_features(self.gather(real), gather(real)) is None
        assert gathering.paired_features(self.gather(real, order=[0, 1, 2]), self.gather(real, order=[2, 3, 4])) is None


def test_unlike_features_are_refused():
    other = dataclasses.replace(extractor(), weights_sha256="cd" * 32)
    with pytest.raises(ConfigError, match=r"unlike ways: weights_sha256 is cdcd.* and abab"):
        distance(gather(noisy(9), other), gather(noisy(9)))


def test_the_strides_may_differ_and_the_reference_says_which(tmp_path):
    real = gathering.gather(Videos(noisy(9, length=8)), range(9), extractor(), stride=2)
    assert distance(gather(noisy(9)), real).protocol.stride == 2


def test_another_seed_of_stored_statistics_is_another_protocol(tmp_path):
    fake = gather(noisy(9))
    for seed in (0, 7):
        feeding = dataclasses.replace(extractor(), seed=seed)
        gather(noisy(9), feeding).save(tmp_path / f"{seed}.npz")
    protocols = [
        distance(fake, gathering.read(tmp_path / f"{seed}.npz", extractor().recipe)).protocol for seed in (0, 7)
    ]
    assert [dict(protocol.settings)["reference_seed"] for protocol in protocols] == [0, 7]
    assert protocols[0].digest() != protocols[1].digest()


def test_what_was_evaluated_is_told():
    assert distance(gather(noisy(9), name="fake"), gather(noisy(9))).evaluated_reference == "fake 0123456789abcdef"


def test_statistics_of_another_program(tmp_path):
    real = gather(noisy(30))
    np.savez(tmp_path / "theirs.npz", mu=real.gaussian.mean, sigma=real.gaussian.covariance)
    theirs = gathering.read(tmp_path / "theirs.npz", extractor().recipe)
    fake = gather(noisy(40, seed=1, level=130))
    found = distance(fake, theirs)
    assert found.value == pytest.approx(by_root(fake, real), rel=1e-6)
    assert found.spread_kind == "standard deviation by a jackknife over 20 parts of the evaluated set"
    assert found.counts == {"evaluated": 40, "evaluated left out": 0}
    assert found.protocol.frames == 4  # as the recipe has it
    assert "does not say" in found.warnings[0]


def test_statistics_of_another_program_are_evaluated(tmp_path):
    real, fake = gather(noisy(30)), gather(noisy(40, seed=1, level=130))
    np.savez(tmp_path / "theirs.npz", mu=fake.gaussian.mean, sigma=fake.gaussian.covariance)
    theirs = gathering.read(tmp_path / "theirs.npz", extractor().recipe)
    found = distance(theirs, real)
    assert found.value == pytest.approx(by_root(fake, real), rel=1e-6)
    assert found.spread_kind == "standard deviation by a jackknife over 20 parts of the reference set"
    assert (found.protocol.frames, found.protocol.evaluated_samples) == (4, None)
    alone = distance(theirs, theirs)
    assert (alone.spread, alone.spread_kind) == (None, "")


def test_frames_of_unlike_sizes_and_shapes():
    """Both are scaled to the network's size, whatever they were."""
    small, large, wide = noisy(9), [np.zeros((6, 16, 16, 3), np.uint8)] * 9, [np.zeros((6, 8, 14, 3), np.uint8)] * 9
    found = distance(gather(small), gather(large))
    assert found.frame_sizes == {"evaluated": "8 x 8", "reference": "16 x 16"}
    assert "frames of 8 x 8 pixels against frames of 16 x 16 pixels" in found.warnings[0]
    found = distance(gather(wide), gather([*small, *large]))
    assert found.frame_sizes == {"evaluated": "8 x 14", "reference": "mixed"}
    assert "frames that are not square (evaluated ones of 8 x 14 pixels)" in found.warnings[1]
    assert distance(gather(small), gather(large)).protocol == distance(gather(small), gather(small)).protocol
