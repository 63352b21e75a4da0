"""Which of a step's numbers are flagged as not finite, and when that is told."""

import types

import chainer
import numpy as np
import pytest

from mocogan_chainer.backends.feeds import Feeds
from mocogan_chainer.errors import NonFiniteError
from mocogan_chainer.models.finite_check import FiniteCheck


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
def finite_check():
    """On a CPU, after ten iterations."""
    device = chainer.get_device("@numpy")
    return FiniteCheck(device, Feeds(device), lambda: 10)


@pytest.fixture
def unread():
    """On a device whose flags are not read at once."""
    xp = types.SimpleNamespace(**{name: getattr(np, name) for name in dir(np) if not name.startswith("__")})
    device = types.SimpleNamespace(xp=xp)
    return FiniteCheck(device, Feeds(device), lambda: 10)


def reports(**values):
    return {name: np.array(value, np.float32) for name, value in values.items()}


def test_what_is_finite_passes(finite_check):
    for _ in range(3):
        finite_check.begin_step()
        finite_check.note("generator", reports(loss=3e38, score=-3e38), Network("W").with_gradients(W=1e30))


def test_a_report_is_named_with_what_it_was(finite_check):
    for loss in (0.5, 0.75):
        finite_check.begin_step()
        finite_check.note("generator", reports(loss=loss, score=2 * loss), Network())
    finite_check.begin_step()
    with pytest.raises(NonFiniteError) as error:
        finite_check.note("generator", reports(loss=np.nan, score=3.0), Network())
    assert str(error.value) == "iteration 13: generator: loss is nan (0.75 before)"


def test_the_first_iteration_has_no_before(finite_check):
    finite_check.begin_step()
    with pytest.raises(NonFiniteError, match=r"iteration 11: critic: loss is -inf$"):
        finite_check.note("critic", reports(loss=-np.inf), Network())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_is_named_by_its_parameter(finite_check, value):
    finite_check.begin_step()
    with pytest.raises(NonFiniteError, match=r"iteration 11: critic: not finite: the gradient of /b$"):
        finite_check.note("critic", reports(loss=0), Network("a", "b", "c").with_gradients(a=0, b=value))


def test_many_gradients_are_counted(finite_check):
    finite_check.begin_step()
    names = dict.fromkeys("abcde", np.nan)
    with pytest.raises(NonFiniteError, match=r"the gradient of /a, /b, /c and 2 more$"):
        finite_check.note("critic", reports(loss=0), Network(*names).with_gradients(**names))


def test_flags_that_are_read_later_tell_what_was_first(unread):
    """In iteration 12 a gradient, then all that saw the weights that it spoiled."""
    for loss, gradient in ((1.0, 0.5), (2.0, np.nan), (np.nan, np.nan), (np.inf, 0.5)):
        unread.begin_step()
        unread.note("generator", reports(loss=loss), Network())
        unread.note("critic", reports(loss=loss), Network("W").with_gradients(W=gradient))
    with pytest.raises(NonFiniteError) as error:
        unread.check()
    assert str(error.value) == "iteration 12: critic: not finite: the gradient of /W"


def test_flags_that_are_read_later_keep_the_first_finding(unread):
    for loss, score in ((1.0, 4.0), (np.nan, 5.0), (np.inf, np.nan), (2.0, 6.0)):
        unread.begin_step()
        unread.note("critic", reports(loss=loss, score=score), Network())
    with pytest.raises(NonFiniteError, match=r"iteration 12: critic: loss is nan \(1 before\)$"):
        unread.check()


def test_reports_may_differ_from_step_to_step(unread):
    for loss in (1.0, np.nan):
        unread.begin_step()
        unread.note("critic", reports(loss=1), Network("W").with_gradients(W=0))
        unread.begin_step()
        unread.note("critic", reports(loss=loss, score=1), Network("W"))
    with pytest.raises(NonFiniteError, match=r"iteration 14: critic: loss is nan \(1 before\)$"):
        unread.check()
