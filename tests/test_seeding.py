"""Random streams."""

import numpy as np
import pytest

from mocogan_chainer import seeding


def test_streams_are_reproducible_and_apart():
    def numbers(*names):
        return seeding.stream(3, *names).standard_normal(4).tolist()

    assert numbers("a") == numbers("a")
    assert len({tuple(numbers(*names)) for names in [("a",), ("b",), ("a", 1), ("a", 2)]}) == 4


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.SFC64, np.random.Philox])
def test_state_goes_through_text(kind):
    first, second = np.random.Generator(kind(1)), np.random.Generator(kind(2))
    first.standard_normal(3)
    seeding.set_state(second, seeding.get_state(first))
    assert first.standard_normal(5).tolist() == second.standard_normal(5).tolist()


def test_another_kind_is_refused():
    with pytest.raises(ValueError, match="a SFC64 cannot take the state of a PCG64"):
        seeding.set_state(np.random.Generator(np.random.SFC64(0)), seeding.get_state(seeding.stream(0)))
