"""Every primitive but convolutions, against the reference on NumPy arrays, in float64 where that has no noise in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.gpu_check.place import Place, error, fetch  # first: it makes chainer importable
from benchmarks.gpu_check.results import Results
from mocogan_chainer.backends import AdamState, Backend, Noise, NonFiniteRecord, RunningStatistics, stock

KEY = 0xFEDCBA9876543210
NOISE = Noise(KEY, 0.3)
FLOAT32 = 2e-5

Run = Callable[[Backend, Callable[[Any], Any]], list[Any]]

SHAPES = {
    "images": (8, 64, 16, 16),
    "videos": (4, 128, 7, 8, 8),
    "three channels": (4, 3, 6, 32, 32),
    "odd": (3, 7, 5, 29, 31),
    "rows": (300, 66),
    "wide": (2, 1500, 3),
}


def check(place: Place, results: Results, shapes: dict[str, tuple[int, ...]] = SHAPES) -> None:
    """Check every primitive on every shape that suits it."""
    backend = place.load("float32")

    def compare(run: Run, in_float64: bool, bound: float) -> tuple[float, float]:
        def exact(value: Any) -> Any:
            if isinstance(value, list):
                return [exact(v) for v in value]
            floats = isinstance(value, np.ndarray) and value.dtype == np.float32
            return value.astype(np.float64) if floats and in_float64 else value

        actual, expected = run(backend, place.send), run(stock, exact)
        return max(error(a, e) for a, e in zip(actual, expected, strict=True)), bound

    for name, run, in_float64, bound in (*_by_shape(shapes), *_others()):
        results.check(f"primitive {name}", lambda run=run, f=in_float64, bound=bound: compare(run, f, bound))
    results.check("primitive a key on the device gives the same noise", lambda: (_key_on_device(place, backend), 0.0))


def _by_shape(shapes: dict[str, tuple[int, ...]]) -> Iterator[tuple[str, Run, bool, float]]:
    for number, (name, shape) in enumerate(shapes.items()):
        rng = np.random.default_rng(number)
        x, gy = (np.moveaxis(rng.standard_normal((shape[0], *shape[2:], shape[1]), np.float32), -1, 1) for _ in "ab")
        gamma, beta = (rng.standard_normal(shape[1], np.float32) for _ in "ab")
        far = x * np.float32(0.5) + np.float32(30)

        def by_moments(b: Backend, send: Any, function: str, *rest: Any, by_sample: bool, x: Any = x) -> list[Any]:
            found = b.moments(send(x), by_sample)
            given = getattr(b, function)(
                *map(send, (x, *rest)), *found, 1e-5, 0.2, *([None] * ("back" not in function))
            )
            return [*found, *given] if isinstance(given, tuple) else [*found, given]

        yield f"add_noise {name}", lambda b, send, x=x: [b.add_noise(send(x), NOISE)], False, FLOAT32
        yield f"rectify {name}", lambda b, send, x=x: list(b.rectify(send(x), 0.2, None)), True, FLOAT32
        yield f"rectify with noise {name}", lambda b, send, x=x: list(b.rectify(send(x), 0.2, NOISE)), False, FLOAT32
        yield (
            f"rectify_backward {name}",
            lambda b, send, x=x, gy=gy: [b.rectify_backward(send(x > 0), send(gy), 0.2)],
            True,
            FLOAT32,
        )
        yield f"drop {name}", lambda b, send, x=x: [b.drop(send(x), 0.4, KEY)], False, FLOAT32

        def following(b: Backend, send: Any, x: Any = x) -> list[Any]:
            running = RunningStatistics(
                *map(send, (np.ones(x.shape[1], np.float32), np.ones(x.shape[1], np.float32))), 0.9
            )
            b.moments(send(x), running=running)
            return [running.mean, running.variance]

        yield f"running moments {name}", following, True, FLOAT32
        yield f"moments far from 0 {name}", lambda b, send, x=far: list(b.moments(send(x))), True, 1e-4
        for by_sample in (False, True)[: 1 + (len(shape) > 2)]:
            kind = "by sample " if by_sample else ""
            yield (
                f"normalize_rectify {kind}{name}",
                lambda b, send, s=by_sample, g=gamma, z=beta, f=by_moments: f(
                    b, send, "normalize_rectify", g, z, by_sample=s
                ),
                True,
                FLOAT32 * 5,
            )
            yield (
                f"normalize_rectify_backward {kind}{name}",
                lambda b, send, s=by_sample, gy=gy, g=gamma, z=beta, f=by_moments: f(
                    b, send, "normalize_rectify_backward", gy, g, z, by_sample=s
                ),
                True,
                FLOAT32 * 10,
            )


def _others() -> Iterator[tuple[str, Run, bool, float]]:
    rng = np.random.default_rng(9)

    def numbers(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, np.float32)

    for m, k, n in ((512, 10, 30), (30, 512, 10), (64, 300, 64)):
        a, b_ = numbers(m, k), numbers(n, k).T
        yield f"product {m}x{k}x{n}", lambda b, send, a=a, c=b_: [b.product(send(a), send(c))], True, FLOAT32
    for length, n, size in ((16, 32, 10), (16, 5, 128)):
        x, h0, W, c = numbers(length, n, 3 * size), numbers(n, size), numbers(3 * size, size) / size, numbers(3 * size)
        gy = numbers(n, length, size)

        def gru(b: Backend, send: Any, x: Any = x, h0: Any = h0, W: Any = W, c: Any = c, gy: Any = gy) -> list[Any]:
            states = b.gru(*map(send, (x, h0, W, c)))
            return [*states, *b.gru_backward(send(gy), send(W), *states)]

        yield f"gru of {size}", gru, True, FLOAT32 * 5
    frames = rng.integers(256, size=(90, 16, 16, 3), dtype=np.uint8)
    first, step = np.array([0, 11, 50], np.int64), np.array([1, 2, 3], np.int32)
    mirrored = np.array([False, True, True])
    yield (
        "gather_clips",
        lambda b, send: [b.gather_clips(*map(send, (frames, first, step, mirrored)), 10)],
        False,
        1e-6,
    )
    shapes = [(64, 3, 4, 4), (512,), (), (1, 512, 4, 4, 4), (30, 10)]
    parameters = [
        [np.asarray(np.abs(numbers(*s))) if i == 3 else np.asarray(numbers(*s)) for i in range(4)] for s in shapes
    ]

    def adam(b: Backend, send: Any) -> list[Any]:
        sent = [send([a.copy() for a in p]) for p in parameters]
        count = send(np.array([3]))
        rate = b.adam_rate(count, send(np.array([2e-3])), 0.5, 0.999)
        b.adam([AdamState(*p) for p in sent], rate=rate, beta1=0.5, beta2=0.999, eps=1e-8, decay=1e-2)
        return [count, rate, *(a for p in sent for a in (p[0], p[2], p[3]))]

    def average(b: Backend, send: Any) -> list[Any]:
        averages, values = ([send(p[i].copy()) for p in parameters] for i in (0, 1))
        b.move_average(averages, values, 0.75)
        b.move_average(averages, values, send(np.array([0.5])))
        return averages

    def non_finite(b: Backend, send: Any) -> list[Any]:
        record = NonFiniteRecord(*map(send, (np.zeros(4, np.int64), np.zeros(4, np.float32), np.zeros(4, np.float32))))
        for step, spoiled in ((1, ()), (2, (0, 1)), (3, (0, 3))):
            arrays = [np.ones(shape, np.float32) for shape in ((), (3,), (5000,), (9000,))]
            for number in spoiled:
                arrays[number].reshape(-1)[-1] = np.inf
            b.note_non_finite(list(map(send, arrays)), send(np.array([step])), record)
        return [record.since, record.last[:1]]

    yield "adam", adam, True, FLOAT32
    yield "move_average", average, True, FLOAT32
    yield (
        "add",
        lambda b, send: b.add([send(p[0]) for p in parameters], [send(p[1]) for p in parameters]),
        True,
        FLOAT32,
    )
    yield "note_non_finite", non_finite, False, 0.0


def _key_on_device(place: Place, backend: Backend) -> float:
    x = place.send(np.zeros((2, 64, 9, 9), np.float32))
    key = place.send(np.array([KEY], np.uint64))
    return error(backend.add_noise(x, Noise(key, 1.0)), fetch(backend.add_noise(x, Noise(KEY, 1.0))))
