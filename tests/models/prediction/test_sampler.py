"""Futures: numbers name them, and their beginnings do not depend on how long they are."""

import io
import re
import tracemalloc

import chainer
import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.models.prediction.sampler import PredictionForecaster
from mocogan_chainer.sampling import Animator, Forecaster
from tests.models.prediction.test_networks import make_predictor

SIZE = 16


@pytest.fixture(params=["deconvolution", "resnet"])
def forecaster(request):
    return make_forecaster(request.param)


def make_forecaster(kind="deconvolution", noise_scale=1.0):
    predictor = make_predictor(kind, SIZE, n_filters=3)
    for name, parameter in predictor.namedparams():
        if not name.startswith("/transport"):
            parameter.array *= 3  # frames that differ
    return PredictionForecaster(predictor, most_context=3, noise_scale=noise_scale, transfers_motion=True)


def frames(count, seed=0):
    return np.random.default_rng(seed).integers(256, size=(count, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("given", [1, 3])
@pytest.mark.parametrize("length", [1, 16, 19])
def test_shapes(forecaster, given, length):
    futures = forecaster.forecast(frames(given), length, [3, None])
    assert (futures.shape, futures.dtype) == ((2, length, SIZE, SIZE, 3), np.uint8)
    moved = forecaster.transfer(frames(given), frames(length, 1))
    assert (moved.shape, moved.dtype) == ((length, SIZE, SIZE, 3), np.uint8)


def test_no_seeds(forecaster):
    futures = forecaster.forecast(frames(2), 5, [])
    assert (futures.shape, futures.dtype) == ((0, 5, SIZE, SIZE, 3), np.uint8)


def test_a_future_depends_on_its_own_seed_only(forecaster):
    together = forecaster.forecast(frames(2), 6, [1, None, 2, 1])
    assert np.array_equal(together[0], together[3])
    assert len({future.tobytes() for future in together}) == 3
    for i, seed in enumerate([1, None, 2]):
        assert np.array_equal(forecaster.forecast(frames(2), 6, [seed])[0], together[i])


def test_its_first_frames_do_not_depend_on_its_length(forecaster):
    long, short = (forecaster.forecast(frames(2), length, [5, None]) for length in (20, 9))
    assert np.array_equal(long[:, :9], short)
    assert len({frame.tobytes() for frame in long[0]}) == 20


def test_noise_comes_tile_by_tile():
    """Frames behind the first 16 are not those of a motion that starts again."""
    future = make_forecaster().forecast(frames(2), 32, [None])[0].astype(int)
    assert not np.array_equal(future[16], future[0])
    predictor = make_forecaster().predictor
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        x = frames(2).transpose(3, 0, 1, 2)[None].astype(np.float32) / 127.5 - 1
        expected = predictor.predict(predictor.see(x), np.zeros((32, 1, predictor.dim_e), np.float32)).frames.array[0]
    assert np.abs((expected.transpose(1, 2, 3, 0) + 1) * 127.5 - future).max() <= 0.55


def test_the_mean_future_is_the_one_without_noise():
    silent = make_forecaster(noise_scale=0.0).forecast(frames(2), 6, [1, 2, None])
    assert np.array_equal(silent[0], silent[2])
    assert np.array_equal(silent[1], silent[2])
    noisy = make_forecaster(noise_scale=1.0).forecast(frames(2), 6, [1, None])
    assert np.array_equal(noisy[1], silent[2])
    assert not np.array_equal(noisy[0], silent[2])


def test_noise_is_as_large_as_in_training(monkeypatch):
    forecaster, drawn = make_forecaster(noise_scale=0.3), []
    motion = forecaster.predictor.motion
    forward = motion.forward
    monkeypatch.setattr(motion, "forward", lambda state, e: drawn.append(e) or forward(state, e))
    forecaster.forecast(frames(1), 800, [1])
    assert np.concatenate(drawn).std() == pytest.approx(0.3, rel=0.05)


def test_a_long_future_stays_finite(forecaster, monkeypatch):
    shown, render = [], forecaster.predictor.render
    monkeypatch.setattr(forecaster.predictor, "render", lambda *a: shown.append(render(*a)) or shown[-1])
    assert forecaster.forecast(frames(3), 64, [0]).shape == (1, 64, SIZE, SIZE, 3)
    assert len(shown) == 4
    assert all(np.isfinite(x.array).all() and np.abs(x.array).max() <= 1 for x in shown)


def test_transfer_shows_what_is_given_and_moves_as_the_clip(forecaster):
    content, clip = frames(2), frames(9, 1)
    moved = forecaster.transfer(content, clip)
    assert np.array_equal(forecaster.transfer(content, np.concatenate([clip, frames(12, 2)]))[:9], moved)
    other = forecaster.transfer(content, frames(9, 3))
    assert not np.array_equal(other, moved)
    assert not np.array_equal(forecaster.transfer(frames(2, 4), clip), moved)


@pytest.mark.parametrize("length", [16, 40])
def test_transfer_is_by_the_states_of_the_whole_clip(forecaster, length):
    """Though it is encoded in parts."""
    predictor, content, clip = forecaster.predictor, frames(2), frames(length, 1)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        seen, x = (part.transpose(3, 0, 1, 2)[None].astype(np.float32) / 127.5 - 1 for part in (content, clip))
        expected = predictor.render(predictor.see(seen), predictor.motion_encoder(x)).array[0]
    found = forecaster.transfer(content, clip)
    assert np.abs((expected.transpose(1, 2, 3, 0) + 1) * 127.5 - found).max() <= 0.55


def test_the_memory_of_a_transfer_does_not_grow_with_the_clip(forecaster):
    def most(length):
        clip = frames(length, 1)
        forecaster.transfer(frames(1), clip)  # whatever is made once
        tracemalloc.start()
        try:
            forecaster.transfer(frames(1), clip)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert most(160) - most(32) < 3 * frames(128).nbytes  # tiles of bytes, and their whole


def test_there_is_no_training_in_it(forecaster):
    context = frames(2)
    arrays = {name: p.array.copy() for name, p in forecaster.predictor.namedparams()}
    before = state_of(forecaster.predictor)
    with chainer.using_config("train", True):
        first, second = (forecaster.forecast(context, 4, [0]) for _ in range(2))
    assert np.array_equal(first, second)
    assert state_of(forecaster.predictor) == before
    assert all(np.array_equal(p.array, arrays[name]) for name, p in forecaster.predictor.namedparams())


def state_of(network):
    file = io.BytesIO()
    chainer.serializers.save_npz(file, network, compression=False)
    with np.load(io.BytesIO(file.getvalue())) as arrays:
        return {name: arrays[name].tobytes() for name in arrays.files}


def test_the_same_bytes_after_save_and_reload(forecaster):
    predictor, file = forecaster.predictor, io.BytesIO()
    with chainer.using_config("train", True):  # statistics that are not the first ones
        predictor.see(np.random.default_rng(0).standard_normal((2, 3, 2, SIZE, SIZE), np.float32))
    expected = forecaster.forecast(frames(3), 18, [0, None])
    chainer.serializers.save_npz(file, predictor)
    file.seek(0)
    other = make_predictor("resnet" if hasattr(predictor.generator, "join") else "deconvolution", SIZE, n_filters=3)
    chainer.serializers.load_npz(file, other)
    found = PredictionForecaster(other, 3, 1.0, transfers_motion=True).forecast(frames(3), 18, [0, None])
    assert np.array_equal(found, expected)


def test_it_is_a_forecaster(forecaster):
    assert isinstance(forecaster, Forecaster)
    assert not isinstance(forecaster, Animator)
    assert (forecaster.size, forecaster.most_context, forecaster.transfers_motion) == (SIZE, 3, True)


@pytest.mark.parametrize("count", [0, 4])
def test_contexts_that_it_did_not_learn_to_look_at(forecaster, count):
    with pytest.raises(ConfigError, match=f"^context: {count} frames: this model looks at 1 to 3$"):
        forecaster.forecast(frames(count), 3, [0])
    with pytest.raises(ConfigError, match=f"^content: {count} frames: this model looks at 1 to 3$"):
        forecaster.transfer(frames(count), frames(3))


@pytest.mark.parametrize(
    ("wrong", "given"),
    [
        (frames(2) / 255, "float64 (2, 16, 16, 3)"),
        (frames(2).astype(np.int64), "int64 (2, 16, 16, 3)"),
        (frames(2)[0], "uint8 (16, 16, 3)"),
        (frames(2)[:, :8], "uint8 (2, 8, 16, 3)"),
        (frames(2)[..., :1], "uint8 (2, 16, 16, 1)"),
        (list(frames(2)), "list"),
    ],
)
def test_frames_of_another_type_or_shape(forecaster, wrong, given):
    message = re.escape(f"{given}: it must be an array, uint8 (N, 16, 16, 3), of RGB from 0 to 255")
    with pytest.raises(DataError, match=f"^context: {message}"):
        forecaster.forecast(wrong, 3, [None])
    with pytest.raises(DataError, match=f"^content: {message}"):
        forecaster.transfer(wrong, frames(3))
    with pytest.raises(DataError, match=f"^clip: {message}"):
        forecaster.transfer(frames(2), wrong)


@pytest.mark.parametrize(
    ("length", "seeds", "message"),
    [
        (0, [None], "length=0: it must be at least 1"),
        (2.5, [None], "length=2.5: it must be a whole number"),
        (3, [None, -1], "seed=-1: it must be at least 0"),
    ],
)
def test_numbers_out_of_range(forecaster, length, seeds, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        forecaster.forecast(frames(2), length, seeds)


def test_a_clip_without_a_frame(forecaster):
    with pytest.raises(ConfigError, match=r"^clip: 0 frames: it needs at least one$"):
        forecaster.transfer(frames(2), frames(0))
