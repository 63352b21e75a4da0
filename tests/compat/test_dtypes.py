"""float32 stays float32, and sums stay float64, whatever NumPy's scalars do."""

from __future__ import annotations

import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
import pytest
from chainer.functions.normalization import batch_normalization
from chainer.link_hooks import SpectralNormalization

from mocogan_chainer import compat
from mocogan_chainer.compat.dtypes import plain

CPU = pytest.param("@numpy", id="cpu")
GPU = pytest.param("@cupy:0", id="gpu", marks=pytest.mark.device)


@pytest.fixture(params=[CPU, GPU])
def device(request):
    if request.param != "@numpy" and compat.device_count() == 0:
        pytest.skip(f"no CUDA device: {compat.device_problem()}")
    return chainer.get_device(request.param)


class Net(chainer.Chain):
    """Every kind of layer and loss that the models train with: images (N, 3, 8, 8) to a scalar loss."""

    def __init__(self):
        super().__init__()
        with self.init_scope():
            self.convolution = L.Convolution2D(3, 4, 4, stride=2, pad=1, initialW=chainer.initializers.HeNormal())
            self.norm = L.BatchNormalization(4)
            self.deconvolution = L.Deconvolution2D(
                4, 4, 4, stride=2, pad=1, initialW=chainer.initializers.Normal(np.float64(0.02))
            )
            self.convolution_3d = L.Convolution3D(4, 4, 3, pad=1, initialW=chainer.initializers.GlorotUniform())
            self.norm_3d = L.BatchNormalization(4, decay=np.float64(0.9), eps=np.float64(1e-5))
            self.linear = L.Linear(None, 5)

    def forward(self, x):
        h = F.leaky_relu(self.norm(self.convolution(x)), slope=np.float64(0.2))
        h = F.tanh(self.deconvolution(h))
        h = F.expand_dims(h, 2)
        h = F.relu(self.norm_3d(self.convolution_3d(F.concat([h, h], axis=2))))
        y = self.linear(h)
        label = self.xp.arange(len(x), dtype=np.int32) % 4
        target = (self.xp.arange(len(x)) % 2).astype(np.int32)
        losses = [
            F.mean(F.softplus(-y[:, 0])),
            F.softmax_cross_entropy(y[:, 1:], label),
            F.sigmoid_cross_entropy(y[:, 0], target),
            F.mean_squared_error(y, y * np.float64(0.5)),
            F.mean_absolute_error(y, F.sigmoid(y)),
        ]
        assert {loss.dtype for loss in losses} == {np.dtype(np.float32)}
        return sum(losses) * np.float64(0.5)


def train(device, optimizer, hooks, iterations=3):
    """Return the network after some iterations on the same data, from the same start."""
    rng = np.random.default_rng(0)
    net = Net()
    x = rng.standard_normal((4, 3, 8, 8)).astype(np.float32)
    net(x)
    for _, parameter in sorted(net.namedparams()):
        parameter.array[...] = rng.standard_normal(parameter.shape) * 0.1
    net.to_device(device)
    optimizer.setup(net)
    for hook in hooks:
        optimizer.add_hook(hook)
    for _ in range(iterations):
        optimizer.update(net, device.send(x))
    return net


def dtypes(net):
    """Return the dtype of every array that training holds, by name."""
    found = {}
    for name, parameter in net.namedparams():
        found[name] = parameter.array.dtype
        found[f"{name} gradient"] = parameter.grad.dtype
        found.update({f"{name} {key}": state.dtype for key, state in parameter.update_rule.state.items()})
    for norm in (net.norm, net.norm_3d):
        found.update({f"{norm.name} {key}": getattr(norm, key).dtype for key in ("avg_mean", "avg_var")})
    return found


@pytest.mark.parametrize("number", [float, np.float64], ids=["float", "float64"])
@pytest.mark.parametrize("options", [{}, {"weight_decay_rate": 1e-4, "amsgrad": True}], ids=["adam", "amsgrad"])
@pytest.mark.parametrize("clip", [1.0, 1e3], ids=["clipped", "not-clipped"])
def test_training_with_adam_stays_in_float32(device, number, options, clip):
    options = {key: value if value is True else number(value) for key, value in options.items()}
    optimizer = chainer.optimizers.Adam(number(2e-4), beta1=number(0.5), beta2=number(0.999), **options)
    hooks = [
        chainer.optimizer_hooks.WeightDecay(number(1e-5)),
        chainer.optimizer_hooks.GradientClipping(number(clip)),
    ]
    found = dtypes(train(device, optimizer, hooks))
    assert len(found) == 12 * (4 + bool(options)) + 4
    assert {name: dtype for name, dtype in found.items() if dtype != np.float32} == {}


@pytest.mark.parametrize("name", ["Adam", "AdaBound", "AMSBound", "MomentumSGD", "RMSprop"])
def test_float64_hyperparameters_give_the_same_numbers(name):
    def trained(number):
        optimizer = getattr(chainer.optimizers, name)(number(3e-3))
        if name == "Adam":
            optimizer.beta1, optimizer.eps = number(0.5), number(1e-7)
        return train(chainer.get_device("@numpy"), optimizer, [])

    expected, net = trained(float), trained(np.float64)
    for (key, parameter), (_, other) in zip(sorted(net.namedparams()), sorted(expected.namedparams()), strict=True):
        np.testing.assert_array_equal(parameter.array, other.array, err_msg=key)


def test_hyperparameters_are_python_numbers():
    optimizer = chainer.optimizers.Adam(alpha=np.float64(0.1), amsgrad=np.bool_(True))
    optimizer.beta1 = np.float32(0.5)
    assert (type(optimizer.alpha), type(optimizer.beta1)) == (float, float)
    assert optimizer.amsgrad is True
    assert (optimizer.alpha, optimizer.beta1, optimizer.beta2) == (0.1, 0.5, 0.999)


def test_plain_leaves_everything_but_scalars():
    array = np.zeros(3)
    assert plain(array) is array
    assert plain(None) is None
    assert type(plain(np.int64(3))) is int


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: F.layer_normalization(x, np.ones(3, "f"), np.zeros(3, "f"), eps=np.float64(1e-5)),
        lambda x: F.local_response_normalization(x, k=np.float64(2), alpha=np.float64(1e-4), beta=np.float64(0.75)),
        lambda x: L.BatchRenormalization(3, rmax=np.float64(2), dmax=np.float64(1), eps=np.float64(1e-5))(x),
        lambda x: L.Linear(3, 2).add_hook(SpectralNormalization(eps=np.float64(1e-12)))(x),
        lambda x: L.Linear(3, 2).add_hook(SpectralNormalization(eps=1e-12, factor=np.float64(2)))(x),
    ],
    ids=["layer norm", "local response", "batch renorm", "spectral norm", "spectral norm with a factor"],
)
def test_layers_with_float64_options_stay_in_float32(layer):
    x = chainer.Variable(np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32))
    y = layer(x)
    F.sum(y * y).backward()
    assert (y.dtype, x.grad.dtype) == (np.float32, np.float32)


def test_fixed_batch_normalization_works_in_float32():
    function = batch_normalization.FixedBatchNormalization(eps=np.float64(1e-5))
    arrays = [np.ones(3, np.float32) for _ in range(4)]
    function.apply((np.ones((2, 3), np.float32), *arrays))
    assert function.inv_std.dtype == np.float32


@pytest.mark.parametrize("weight", [1, np.float32(2)], ids=["plain", "weighted"])
def test_summary_adds_in_float64(device, weight):
    values = (1000.5 + np.random.default_rng(0).uniform(-0.5, 0.5, 20_000)).astype(np.float32)
    summary = chainer.reporter.Summary()
    for value in device.send(values):
        summary.add(value, weight)
    mean, deviation = (float(statistic) for statistic in summary.make_statistics())
    assert mean == pytest.approx(values.astype(np.float64).mean(), abs=1e-6)
    assert deviation == pytest.approx(values.astype(np.float64).std(), abs=1e-4)


def test_a_long_epoch_reports_the_right_mean():
    values = np.linspace(1000, 1001, 100_000, dtype=np.float32)
    summary = chainer.reporter.DictSummary()
    for value in values:
        summary.add({"loss": value})
    statistics = summary.make_statistics()
    assert statistics["loss"] == pytest.approx(1000.5, abs=1e-3)
    assert statistics["loss.std"] == pytest.approx(1 / 12**0.5, abs=1e-3)
