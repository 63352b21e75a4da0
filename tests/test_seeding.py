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


def test_a_renewal_gives_every_saved_generator_a_stream_of_its_own():
    class Owner:
        def __init__(self):
            self.first, self.second, self.count = seeding.stream(0), seeding.stream(1), 5

        def serialize(self, serializer):
            seeding.serialize(serializer, "rng", self.first)
            seeding.serialize(serializer["part"], "rng", self.second)
            self.count = serializer("count", self.count)

    owner = Owner()
    owner.serialize(seeding.Renewal(lambda name: seeding.stream(7, name)))
    assert owner.first.random() == seeding.stream(7, "rng").random()
    assert owner.second.random() == seeding.stream(7, "part/rng").random()
    assert owner.count == 5
