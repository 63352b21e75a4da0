"""What a step's numbers are noted to be, and when it is told."""

import types

import chainer
import numpy as np
import pytest

from mocogan_chainer.backends.feeds import Feeds
from mocogan_chainer.errors import SickError
from mocogan_chainer.models.vitals import Vitals


class Network(chainer.Chain):
    def __init__(self, *names):
        super().__init__()
        with self.init_scope():
            for name in names:
                setattr(self, name, chainer.Parameter(np.zeros((2, 3), np.float32)))

    def with_gradients(self, **values):
        for name, value in values.items():
            gradient = np.ones((2, 3), np.float32)
            gradient[1, 2] = value
            getattr(self, name).grad = gradient
        return self


@pytest.fixture
def vitals():
    """On a CPU, after ten iterations."""
    device = chainer.get_device("@numpy")
    return Vitals(device, Feeds(device), lambda: 10)


@pytest.fixture
def unasked():
    """On a device that is not asked at once."""
    xp = types.SimpleNamespace(**{name: getattr(np, name) for name in dir(np) if not name.startswith("__")})
    device = types.SimpleNamespace(xp=xp)
    return Vitals(device, Feeds(device), lambda: 10)


def reports(**values):
    return {name: np.array(value, np.float32) for name, value in values.items()}


def test_what_is_finite_passes(vitals):
    for _ in range(3):
        vitals.begin_step()
        vitals.note("generator", reports(loss=3e38, score=-3e38), Network("W").with_gradients(W=1e30))


def test_a_report_is_named_with_what_it_was(vitals):
    for loss in (0.5, 0.75):
        vitals.begin_step()
        vitals.note("generator", reports(loss=loss, score=2 * loss), Network())
    vitals.begin_step()
    with pytest.raises(SickError) as error:
        vitals.note("generator", reports(loss=np.nan, score=3.0), Network())
    assert str(error.value) == "iteration 13: generator: loss is nan (0.75 before)"


def test_the_first_iteration_has_no_before(vitals):
    vitals.begin_step()
    with pytest.raises(SickError, match=r"iteration 11: critic: loss is -inf$"):
        vitals.note("critic", reports(loss=-np.inf), Network())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_is_named_by_its_parameter(vitals, value):
    vitals.begin_step()
    with pytest.raises(SickError, match=r"iteration 11: critic: not finite: the gradient of /b$"):
        vitals.note("critic", reports(loss=0), Network("a", "b", "c").with_gradients(a=0, b=value))


def test_many_gradients_are_counted(vitals):
    vitals.begin_step()
    names = dict.fromkeys("abcde", np.nan)
    with pytest.raises(SickError, match=r"the gradient of /a, /b, /c and 2 more$"):
        vitals.note("critic", reports(loss=0), Network(*names).with_gradients(**names))


def test_a_device_that_is_not_asked_tells_later_what_was_first(unasked):
    """In iteration 12 a gradient, then all that saw the weights that it spoiled."""
    for loss, gradient in ((1.0, 0.5), (2.0, np.nan), (np.nan, np.nan), (np.inf, 0.5)):
        unasked.begin_step()
        unasked.note("generator", reports(loss=loss), Network())
        unasked.note("critic", reports(loss=loss), Network("W").with_gradients(W=gradient))
    with pytest.raises(SickError) as error:
        unasked.ask()
    assert str(error.value) == "iteration 12: critic: not finite: the gradient of /W"


def test_a_device_that_is_not_asked_keeps_the_first_finding(unasked):
    for loss, score in ((1.0, 4.0), (np.nan, 5.0), (np.inf, np.nan), (2.0, 6.0)):
        unasked.begin_step()
        unasked.note("critic", reports(loss=loss, score=score), Network())
    with pytest.raises(SickError, match=r"iteration 12: critic: loss is nan \(1 before\)$"):
        unasked.ask()


def test_reports_may_differ_from_step_to_step(unasked):
    for loss in (1.0, np.nan):
        unasked.begin_step()
        unasked.note("critic", reports(loss=1), Network("W").with_gradients(W=0))
        unasked.begin_step()
        unasked.note("critic", reports(loss=loss, score=1), Network("W"))
    with pytest.raises(SickError, match=r"iteration 14: critic: loss is nan \(1 before\)$"):
        unasked.ask()
