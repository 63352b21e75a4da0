"""State dicts sorted into layers."""

import numpy as np
import pytest

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.models.mocogan.published_layers import in_order


def one(*shape):
    return np.ones(shape, np.float32)


def test_layers_are_in_the_order_of_their_numbers():
    state = {"main.10.weight": one(4, 2, 4, 4), "main.9.weight": one(2, 3, 4, 4), "main.2.weight": one(3, 1, 4, 4)}
    shapes = [layer["weight"].shape[0] for layer in in_order(state).convolutions]
    assert shapes == [3, 2, 4]


def test_normalizations_are_told_from_convolutions():
    norm = {f"main.5.{name}": one(8) for name in ("weight", "bias", "running_mean", "running_var")}
    state = {"main.4.weight": one(8, 4, 4, 4), **norm, "main.5.num_batches_tracked": np.int64(3)}
    layers = in_order(state)
    assert [list(layer) for layer in layers.convolutions] == [["weight"]]
    assert [list(layer) for layer in layers.norms] == [["weight", "bias", "running_mean", "running_var"]]


def test_a_normalization_without_statistics_is_one():
    assert len(in_order({"main.5.weight": one(8), "main.5.bias": one(8)}).norms) == 1


def test_the_prefix_of_data_parallel():
    layers = in_order({"module.recurrent.bias_ih": one(6), "module.main.0.weight": one(1, 1, 4, 4)})
    assert list(layers.motion) == ["bias_ih"]
    assert len(layers.convolutions) == 1


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["fc.weight"], r"^fc.weight: no MoCoGAN network has an array of this name$"),
        (["main.weight"], "no MoCoGAN network"),
        (["main.1.weight.more"], "no MoCoGAN network"),
        (["main.\u0661.weight"], "no MoCoGAN network"),
        (["main.99999999.weight"], "no MoCoGAN network"),
        (["main.0.weight", "module.main.0.weight"], "it twice, once with and once without module"),
    ],
)
def test_strange_names(names, message):
    with pytest.raises(SnapshotError, match=message):
        in_order(dict.fromkeys(names, one(1, 1, 4, 4)))
