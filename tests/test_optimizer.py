"""Adam against its formula in float64, and against Chainer's."""

import chainer
import numpy as np
import pytest
from chainer import optimizer_hooks, serializers

from mocogan_chainer import backends, checkpoint
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.optimizer import Adam

SHAPES = {"W": (8, 6, 4, 4), "b": (8,), "scale": ()}
OPTIONS = {"alpha": 0.002, "beta1": 0.5, "beta2": 0.999}
DECAY = 0.01


@pytest.fixture(autouse=True, params=["stock", "onednn"])
def _backend(request, monkeypatch):
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    monkeypatch.setattr(backends, "_current", backends.current())
    backends.use(request.param)


def make_link(seed=0):
    """A link with parameters of several shapes."""
    rng, link = np.random.default_rng(seed), chainer.Link()
    with link.init_scope():
        for name, shape in SHAPES.items():
            setattr(link, name, chainer.Parameter(np.asarray(rng.standard_normal(shape), np.float32)))
    return link


def gradients(steps):
    """A dictionary of gradients for each step."""
    rng = np.random.default_rng(1)
    return [{k: np.asarray(rng.standard_normal(s), np.float32) for k, s in SHAPES.items()} for _ in range(steps)]


def step(optimizer, link, gradient):
    for name, parameter in link.namedparams():
        parameter.grad = gradient[name.lstrip("/")].copy()
    optimizer.update()


def chainers_adam(link, decay):
    optimizer = chainer.optimizers.Adam(**OPTIONS).setup(link)
    if decay:
        optimizer.add_hook(optimizer_hooks.WeightDecay(decay))
    return optimizer


def assert_equal_steps(link, other):
    """To rounding: 3e-6 of what ten steps move, and the weights' own."""
    for name, parameter in link.namedparams():
        expected = other[name.lstrip("/")]
        np.testing.assert_allclose(parameter.array, expected, rtol=6e-7, atol=3e-6 * 10 * OPTIONS["alpha"])


@pytest.mark.parametrize("decay", [0.0, DECAY])
def test_equals_the_formula(decay):
    link = make_link()
    w = {name: parameter.array.astype(float) for name, parameter in make_link().namedparams()}
    m, v = ({name: np.zeros_like(a) for name, a in w.items()} for _ in range(2))
    optimizer = Adam(**OPTIONS, weight_decay=decay).setup(link)
    for t, gradient in enumerate(gradients(10), 1):
        step(optimizer, link, gradient)
        for name in w:
            g = gradient[name.lstrip("/")].astype(float) + decay * w[name]
            m[name] = 0.5 * m[name] + (1 - 0.5) * g
            v[name] = 0.999 * v[name] + (1 - 0.999) * g**2
            rate = 0.002 * np.sqrt(1 - 0.999**t) / (1 - 0.5**t)  # the end of the paper's section 2
            w[name] = w[name] - rate * m[name] / (np.sqrt(v[name]) + 1e-8)
    assert_equal_steps(link, {name.lstrip("/"): a for name, a in w.items()})


@pytest.mark.parametrize("decay", [0.0, DECAY])
def test_equals_chainers(decay):
    one, other = make_link(), make_link()
    adam, reference = Adam(**OPTIONS, weight_decay=decay).setup(one), chainers_adam(other, decay)
    for gradient in gradients(10):
        step(adam, one, gradient)
        step(reference, other, gradient)
    assert_equal_steps(one, {name.lstrip("/"): p.array for name, p in other.namedparams()})


def test_weight_decay_pulls_towards_zero():
    link = make_link()
    before = np.abs(link.W.array).sum()
    optimizer = Adam(**OPTIONS, weight_decay=DECAY).setup(link)
    for _ in range(3):
        step(optimizer, link, {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()})
    assert np.abs(link.W.array).sum() < before


def test_updates_the_array_itself():
    """What holds the parameter's array sees the update; the gradient stays what it was."""
    link, (gradient,) = make_link(), gradients(1)
    array = link.W.array
    step(Adam(**OPTIONS, weight_decay=DECAY).setup(link), link, gradient)
    assert link.W.array is array
    assert np.array_equal(link.W.grad, gradient["W"])


def test_a_parameter_without_gradient_is_left_alone():
    link = make_link()
    Adam(**OPTIONS, weight_decay=DECAY).setup(link)
    link.cleargrads()
    link.b.grad = np.ones(8, np.float32)
    for parameter in link.params():
        parameter.update()
    assert np.array_equal(link.W.array, make_link().W.array)
    assert not np.array_equal(link.b.array, make_link().b.array)


@pytest.mark.parametrize("decay", [0.0, DECAY])
def test_a_cleared_gradient_counts_as_chainer_counts_it(decay):
    """Chainer's optimizers put zeros in its place, to which weight decay adds."""
    one, other, arrays = make_link(), make_link(), make_link()
    adam, reference = Adam(**OPTIONS, weight_decay=decay).setup(one), chainers_adam(other, decay)
    for link, optimizer in ((one, adam), (other, reference)):
        link.cleargrads()
        link.b.grad = np.ones(8, np.float32)
        optimizer.update()
    assert_equal_steps(one, {name.lstrip("/"): p.array for name, p in other.namedparams()})
    assert np.array_equal(one.W.array, arrays.W.array) == (decay == 0)


def test_a_frozen_parameter_is_left_alone():
    link, (gradient,) = make_link(), gradients(1)
    optimizer = Adam(**OPTIONS).setup(link)
    link.W.update_rule.enabled = False
    step(optimizer, link, gradient)
    assert np.array_equal(link.W.array, make_link().W.array)
    assert not np.array_equal(link.b.array, make_link().b.array)


@pytest.mark.parametrize("saved_by", ["ours", "chainers"])
def test_state_is_that_of_chainers(tmp_path, saved_by):
    """Saved with one and loaded with the other, a run goes on as if nothing had happened."""
    path, steps = tmp_path / "adam.npz", gradients(8)
    saved, loaded = make_link(), make_link()
    ours = {"saved": saved, "loaded": loaded}["saved" if saved_by == "ours" else "loaded"]
    optimizers = {
        link: Adam(**OPTIONS, weight_decay=DECAY).setup(link) if link is ours else chainers_adam(link, DECAY)
        for link in (saved, loaded)
    }
    for gradient in steps[:4]:
        step(optimizers[saved], saved, gradient)
    serializers.save_npz(path, optimizers[saved])
    loaded.copyparams(saved)
    serializers.load_npz(path, optimizers[loaded])
    assert optimizers[loaded].t == 4
    for gradient in steps[4:]:
        for link in (saved, loaded):
            step(optimizers[link], link, gradient)
    assert_equal_steps(loaded, {name.lstrip("/"): p.array for name, p in saved.namedparams()})


def test_names_in_the_file_are_chainers(tmp_path):
    names = []
    for number, optimizer in enumerate([Adam(**OPTIONS).setup(make_link()), chainers_adam(make_link(), 0.0)]):
        step(optimizer, optimizer.target, gradients(1)[0])
        serializers.save_npz(tmp_path / f"{number}.npz", optimizer)
        with np.load(tmp_path / f"{number}.npz") as file:
            names.append({name: (file[name].shape, file[name].dtype) for name in file.files})
    assert names[0] == names[1]
    assert "/W/m" in {"/" + name for name in names[0]}


def test_moments_from_a_snapshot_lie_as_their_weights(tmp_path):
    """A backend updates in one pass what lies in one order; a snapshot has no order."""
    whole, parts = make_link(), make_link()
    for link in (whole, parts):
        link.W.array = np.moveaxis(np.moveaxis(link.W.array, 1, -1).copy(), -1, 1)  # channels-last
    first, second = gradients(2)
    optimizer, resumed = Adam(**OPTIONS).setup(whole), Adam(**OPTIONS).setup(parts)
    step(optimizer, whole, first)
    checkpoint.save(tmp_path / "moments.npz", optimizer, config="", data={}, iteration=1)
    parts.copyparams(whole)
    step(optimizer, whole, second)
    checkpoint.load(tmp_path / "moments.npz").restore(resumed)
    step(resumed, parts, second)
    for a, b in zip(whole.params(), parts.params(), strict=True):
        assert (
            b.update_rule.state["m"].strides == b.update_rule.state["v"].strides == b.array.strides == a.array.strides
        )
        np.testing.assert_array_equal(b.array, a.array)


def test_a_snapshot_that_is_read_again_leaves_moments_in_their_place(tmp_path):
    """A recorded step has their addresses."""
    link = make_link()
    optimizer = Adam(**OPTIONS).setup(link)
    step(optimizer, link, gradients(1)[0])
    checkpoint.save(tmp_path / "moments.npz", optimizer, config="", data={}, iteration=1)
    places = [p.update_rule.state["m"] for p in link.params()]
    checkpoint.load(tmp_path / "moments.npz").restore(optimizer)
    step(optimizer, link, gradients(1)[0])
    assert all(p.update_rule.state["m"] is place for p, place in zip(link.params(), places, strict=True))


class TestWhatItCannotDo:
    """It updates all parameters alike, and does not leave out in silence what a rule has of its own."""

    def test_hyperparameters_of_one_parameter(self):
        link = make_link()
        optimizer = Adam(**OPTIONS).setup(link)
        link.W.update_rule.hyperparam.alpha = 1e-4
        with pytest.raises(ConfigError, match=r"^the update rule of W: alpha of its own; this Adam updates all"):
            step(optimizer, link, gradients(1)[0])

    def test_hooks_of_one_parameter(self):
        link = make_link()
        optimizer = Adam(**OPTIONS).setup(link)
        link.b.update_rule.add_hook(lambda rule, parameter: None, name="mine")
        with pytest.raises(ConfigError, match=r"^the update rule of b: hooks of its own; this Adam"):
            step(optimizer, link, gradients(1)[0])

    def test_a_rule_that_is_switched_off_is_not_asked(self):
        link = make_link()
        optimizer = Adam(**OPTIONS).setup(link)
        link.W.update_rule.hyperparam.alpha = 1e-4
        link.W.update_rule.enabled = False
        before = link.W.array.copy()
        step(optimizer, link, gradients(1)[0])
        assert np.array_equal(link.W.array, before)
