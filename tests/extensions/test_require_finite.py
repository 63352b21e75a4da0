"""Nothing that is not finite is saved."""

from types import SimpleNamespace

import chainer
import numpy as np
import pytest

from mocogan_chainer import extensions
from mocogan_chainer.errors import NonFiniteError


class Updater:
    iteration = 7

    def __init__(self):
        self.network = chainer.Chain()
        with self.network.init_scope():
            self.network.W = chainer.Parameter(np.ones((2, 2), np.float32))
            self.network.norm = chainer.links.BatchNormalization(2)
        self.optimizer = chainer.optimizers.Adam().setup(self.network)
        self.finite_check = SimpleNamespace(check=lambda: None)

    def serialize(self, serializer):
        self.network.serialize(serializer["model:critic"])
        self.optimizer.serialize(serializer["optimizer:critic"])


def spoil_weight(updater):
    updater.network.W.array[0, 1] = np.nan


def spoil_statistic(updater):
    updater.network.norm.avg_var[1] = np.inf


def spoil_moment(updater):
    updater.network.W.grad = np.full((2, 2), 1e30, np.float32)
    for parameter in updater.network.norm.params():
        parameter.grad = np.zeros_like(parameter.array)
    with np.errstate(over="ignore"):
        updater.optimizer.update()


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (spoil_weight, "model:critic/W"),
        (spoil_statistic, "model:critic/norm/avg_var"),
        (spoil_moment, "optimizer:critic/W/v"),
    ],
)
def test_all_that_would_be_saved_is_looked_at(spoil, where):
    trainer = SimpleNamespace(updater=Updater())
    check = extensions.RequireFinite(lambda trainer: True)
    check(trainer)
    spoil(trainer.updater)
    extensions.RequireFinite(lambda trainer: False)(trainer)
    with pytest.raises(NonFiniteError) as error:
        check(trainer)
    assert str(error.value) == f"iteration 7: {where} is not finite; found before it was saved"


def test_it_reads_what_was_flagged():
    def check():
        raise NonFiniteError("iteration 3: critic: loss is nan")

    trainer = SimpleNamespace(updater=SimpleNamespace(finite_check=SimpleNamespace(check=check)))
    with pytest.raises(NonFiniteError, match="iteration 3"):
        extensions.RequireFinite(lambda trainer: False)(trainer)


def test_its_name_in_snapshots_stays():
    assert extensions.RequireFinite(bool).default_name == "HealthCheck"
