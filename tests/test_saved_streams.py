"""Random streams in snapshots."""

from mocogan_chainer import saved_streams, seeding


def test_a_renewal_gives_every_saved_generator_a_stream_of_its_own():
    class Owner:
        def __init__(self):
            self.first, self.second, self.count = seeding.stream(0), seeding.stream(1), 5

        def serialize(self, serializer):
            saved_streams.serialize(serializer, "rng", self.first)
            saved_streams.serialize(serializer["part"], "rng", self.second)
            self.count = serializer("count", self.count)

    owner = Owner()
    owner.serialize(saved_streams.Renewal(lambda name: seeding.stream(7, name)))
    assert owner.first.random() == seeding.stream(7, "rng").random()
    assert owner.second.random() == seeding.stream(7, "part/rng").random()
    assert owner.count == 5
