"""Where noise and dropout come from: fresh at each request, and the same after a restart."""

import chainer

from mocogan_chainer import links


class TestDraw:
    def test_is_absent_in_evaluation(self):
        source = links.NoiseSource(0)
        with chainer.using_config("train", False):
            assert source.draw(0.3) is None
        assert source.draw(0) is None
        assert source.requests == 0

    def test_goes_on_after_a_restart(self):
        first = links.NoiseSource(5)
        drawn = [first.draw(1) for _ in range(3)]
        assert len({noise.key for noise in drawn}) == 3
        second = links.NoiseSource(5)
        second.requests = 2
        assert second.draw(1) == drawn[2]

    def test_a_renewed_source_gives_other_noise(self):
        first, second = links.NoiseSource(5), links.NoiseSource(5)
        second.renew(1)
        drawn = [source.draw(1).key for source in (first, second) for _ in range(4)]
        second.renew(2)
        assert len({*drawn, second.draw(1).key}) == 9

    def test_seeds_have_streams_of_their_own(self):
        assert links.NoiseSource(0).draw(1) != links.NoiseSource(1).draw(1)


class TestDrawKey:
    def test_is_absent_in_evaluation(self):
        source = links.NoiseSource(0)
        with chainer.using_config("train", False):
            assert source.draw_key() is None
        assert source.requests == 0

    def test_is_of_64_bits_and_never_the_same(self):
        source = links.NoiseSource(0)
        keys = [source.draw_key() for _ in range(64)]
        assert len(set(keys)) == 64
        assert all(type(key) is int and 0 <= key < 2**64 for key in keys)
        assert max(keys) > 2**60

    def test_counts_with_noise(self):
        first = links.NoiseSource(5)
        drawn = [first.draw(1).key, first.draw_key(), first.draw(1).key, first.draw_key()]
        second = links.NoiseSource(5)
        assert [second.draw_key() for _ in range(4)] == drawn
        assert first.requests == second.requests == 4
        third = links.NoiseSource(5)
        third.requests = 2
        assert third.draw_key() == drawn[2]
