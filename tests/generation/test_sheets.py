"""Pictures of clips side by side."""

import numpy as np
import pytest

from mocogan_chainer.generation import sheets

GREEN = (22, 150, 70)


@pytest.mark.parametrize(("size", "shown"), [(16, 96), (32, 96), (40, 120), (64, 128), (96, 96), (300, 256)])
def test_small_frames_are_enlarged_by_a_whole_factor(size, shown):
    frames = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    sheet = sheets.strip([sheets.Tile("mean", frames, ["given", "predicted"])], [0, 1])
    inner = sheet[23 : 23 + shown, 67 : 67 + shown]
    assert (sheet[23 : 23 + shown, 66] == GREEN).all()
    assert (sheet[23 : 23 + shown, 67 + shown] == GREEN).all()
    if size <= 256:
        factor = shown // size
        expected = np.array([[frames[0, y // factor, x // factor] for x in range(shown)] for y in range(shown)])
        assert np.array_equal(inner, expected)
