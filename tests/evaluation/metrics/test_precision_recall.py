"""Precision and recall of two sets."""

import dataclasses

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation import gathering
from mocogan_chainer.evaluation.metrics.precision_recall import precision_and_recall
from tests.evaluation.fakes import Videos, extractor, noisy


def gather(videos, name="videos", **options):
    return gathering.gather(Videos(videos, name=name), range(len(videos)), extractor(), **options)


def run(evaluated, reference):
    recipe = dataclasses.replace(extractor().recipe, metric="prd")
    return precision_and_recall(recipe, evaluated=evaluated, reference=reference, seed=0)


def test_a_part_of_the_reference_is_precise_and_covers_less():
    low, high = noisy(60), noisy(60, seed=1, level=220)
    found = run(gather(noisy(60, seed=2), name="fake"), gather(low + high))
    assert found.others["F1/8 (precision)"] > found.value + 0.15
    assert found.counts["clustered of each"] == 60


def test_alike_sets():
    found = run(gather(noisy(60)), gather(noisy(60)))
    assert found.value == pytest.approx(1)
    assert found.protocol.settings == (("angles", 1001), ("clusters", 20), ("reference_seed", 0), ("runs", 10))


def test_a_reference_without_single_features(tmp_path):
    np.savez(tmp_path / "theirs.npz", mu=np.zeros(3), sigma=np.eye(3))
    theirs = gathering.read(tmp_path / "theirs.npz", extractor().recipe)
    with pytest.raises(ConfigError, match=r"mu and sigma alone, and precision and recall need single features"):
        run(gather(noisy(30)), theirs)


def test_a_set_and_itself_do_not_vary():
    real, alone = gather(noisy(40), in_order=True), gather(noisy(40))
    found = run(real, real)
    assert (found.value, found.spread) == pytest.approx((1, 0), abs=1e-12)
    assert "pair by pair" in found.spread_kind
    assert run(alone, alone).spread > 0.01
