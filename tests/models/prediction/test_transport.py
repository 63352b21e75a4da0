"""Pixels that are carried, against sampling place by place."""

import chainer
import chainer.functions as F
import numpy as np
import pytest

from mocogan_chainer import seeding
from mocogan_chainer.models.prediction.transport import Transport, blend

N, LENGTH, COPIES, SIDE, DIM_ZM = 2, 3, 2, 7, 4


def make(scale, copies=COPIES):
    """A transport whose copies go somewhere."""
    transport, rng = Transport(DIM_ZM, copies, seeding.stream(0)), np.random.default_rng(0)
    if scale:
        transport.to_places.W.array[...] = scale * rng.standard_normal(transport.to_places.W.shape)
        transport.to_places.b.array[...] = 0.3 * rng.standard_normal(transport.to_places.b.shape)
    return transport


def given(side=SIDE):
    rng = np.random.default_rng(1)
    shapes = (N, 3, side, side), (N, DIM_ZM), (N, LENGTH, DIM_ZM)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def test_gradients_of_any_stretch_are_finite():
    """Of a logarithm far beyond what single precision's exponential takes."""
    transport = make(1e4)
    transport.cleargrads()
    variables = [chainer.Variable(a) for a in given()]
    carried = transport(*variables)
    F.sum(carried).backward()
    assert np.isfinite(carried.array).all()
    for _, parameter in transport.namedparams():
        assert np.isfinite(parameter.grad).all()


def moves_of(transport, start, code):
    """Shift and logarithm of the stretch, along y and along x, of each copy: (copies, 2, 2)."""
    layers = transport.hidden, transport.to_places
    h = np.concatenate([start, code])
    h = np.tanh(layers[0].W.array @ h + layers[0].b.array)
    return (layers[1].W.array @ h + layers[1].b.array).reshape(-1, 2, 2)


def bilinear(frame, y, x):
    """The pixel (3,) at a place between pixels, or at the border nearest to it."""
    side = frame.shape[1]
    y, x = min(max(y, 0), side - 1), min(max(x, 0), side - 1)
    top, left = int(y), int(x)
    below, right = min(top + 1, side - 1), min(left + 1, side - 1)
    upper = (1 - (x - left)) * frame[:, top, left] + (x - left) * frame[:, top, right]
    lower = (1 - (x - left)) * frame[:, below, left] + (x - left) * frame[:, below, right]
    return (1 - (y - top)) * upper + (y - top) * lower


def naive(transport, frame, start, motion):
    """Return the carried frames, and how many places lay outside."""
    side = frame.shape[-1]
    found, outside = np.empty((N * LENGTH, transport.copies, 3, side, side)), 0
    for n in range(N):
        for t in range(LENGTH):
            for k, ((shift_y, stretch_y), (shift_x, stretch_x)) in enumerate(
                moves_of(transport, start[n], motion[n, t])
            ):
                for row in range(side):
                    for column in range(side):
                        y = (2 * row / (side - 1) - 1) * np.exp(stretch_y) + shift_y
                        x = (2 * column / (side - 1) - 1) * np.exp(stretch_x) + shift_x
                        outside += max(abs(y), abs(x)) > 1
                        place = (y + 1) * (side - 1) / 2, (x + 1) * (side - 1) / 2
                        found[n * LENGTH + t, k, :, row, column] = bilinear(frame[n], *place)
    return found, outside


def test_pixels_come_from_where_the_moves_say():
    transport, (frame, start, motion) = make(0.2), given()
    expected, outside = naive(transport, frame, start, motion)
    assert 0.1 < outside / expected[:, :, 0].size < 0.9
    carried = transport(frame, chainer.Variable(start), chainer.Variable(motion)).array
    assert carried.dtype == np.float32
    np.testing.assert_allclose(carried, expected, atol=2e-5)


def test_a_shift_of_whole_pixels():
    """Towards the right in the source: what was there comes to the left, and the border repeats."""
    transport, (frame, start, motion) = make(0.0, 1), given()
    transport.to_places.W.array[...] = 0
    transport.to_places.b.array[...] = [0, 0, 2 * 2 / (SIDE - 1), 0]
    carried = transport(frame, chainer.Variable(start), chainer.Variable(motion)).array[0, 0]
    np.testing.assert_allclose(carried[:, :, :-2], frame[0, :, :, 2:], atol=1e-5)
    np.testing.assert_allclose(carried[:, :, -2:], frame[0, :, :, -1:].repeat(2, 2), atol=1e-5)


@pytest.mark.parametrize("copies", [1, 3])
def test_at_first_copies_are_nearly_the_frame(copies):
    transport = make(0.0, copies)
    _, start, motion = given()
    frame = np.broadcast_to(
        np.linspace(-1, 1, 32, dtype=np.float32), (N, 3, 32, 32)
    )  # a change of 0.03 is half a pixel
    carried = transport(frame, chainer.Variable(start), chainer.Variable(motion)).array
    assert carried.shape == (N * LENGTH, copies, 3, 32, 32)
    error = np.abs(carried.reshape(N, LENGTH, copies, 3, 32, 32) - frame[:, None, None])
    assert error.max() < 0.15  # of 2
    assert error.mean() < 0.06


@pytest.mark.parametrize("wanted", ["frame", "start", "motion", "parameters"])
def test_gradients(wanted):
    """Against central differences of the naive loop, in a random direction."""
    transport, arrays = make(0.2), given(5)
    rng = np.random.default_rng(2)
    weighing = rng.standard_normal((N * LENGTH, COPIES, 3, 5, 5), np.float32)
    variables = [chainer.Variable(array) for array in arrays]
    transport.cleargrads()
    F.sum(transport(*variables) * weighing).backward()
    parts = {"frame": variables[:1], "start": variables[1:2], "motion": variables[2:]}
    gradients = [v.grad for v in parts.get(wanted, list(transport.params()))]
    arrays = [array.astype(np.float64) for array in arrays]  # rounding is more than such small steps
    for parameter in transport.params():
        parameter.array = parameter.array.astype(np.float64)
    parts = {"frame": arrays[:1], "start": arrays[1:2], "motion": arrays[2:]}
    places = parts.get(wanted, [p.array for p in transport.params()])
    directions = [rng.standard_normal(place.shape) for place in places]
    slope = sum(float((g * d).sum()) for g, d in zip(gradients, directions, strict=True))
    starts, sums, step = [place.copy() for place in places], [], 1e-6
    for sign in (1, -1):
        for place, start, direction in zip(places, starts, directions, strict=True):
            place[...] = start + sign * step * direction
        sums.append((naive(transport, *arrays)[0] * weighing).sum())
    assert slope == pytest.approx((sums[0] - sums[1]) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("copies", [1, 3])
def test_blend(copies):
    rng = np.random.default_rng(0)
    shapes = (4, 3, 5, 5), (4, copies, 3, 5, 5), (4, copies, 5, 5)
    drawn, carried, masks = (rng.standard_normal(shape, np.float32) for shape in shapes)
    found = blend(*map(chainer.Variable, (drawn, carried, 3 * masks))).array
    leanings = np.exp(3 * masks.astype(np.float64))
    expected = ((carried * leanings[:, :, None]).sum(1) + drawn) / (leanings.sum(1) + 1)[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-5)
