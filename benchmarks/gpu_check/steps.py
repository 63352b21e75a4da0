"""Whole training steps: against the CPU, recorded against unrecorded, and the published networks' numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import chainer
import chainer.functions as F
import numpy as np

from benchmarks.gpu_check.model import make_updater, run  # first: it makes chainer importable
from benchmarks.gpu_check.place import Place, error, fetch
from benchmarks.gpu_check.results import Results
from mocogan_chainer import backends, npz_files, seeding
from mocogan_chainer.backends import stock
from mocogan_chainer.links import NoiseSource
from mocogan_chainer.models.mocogan import published
from mocogan_chainer.models.mocogan.codes import Codes, CodeSizes
from mocogan_chainer.models.mocogan.discriminators import image_discriminator, video_discriminator
from mocogan_chainer.models.mocogan.generator import Generator
from mocogan_chainer.models.mocogan.updater import MoCoGANUpdater
from mocogan_chainer.torch_files import read_checkpoint

SMALL = {"batch": 4, "filters": 8, "size": 32, "length": 13}
STEPS = 8
PRECISIONS = ("tf32", "bf16", "fp16")


def check(place: Place, results: Results, fixtures: Path | None) -> None:
    """Check steps of small networks, and the published numbers where their folder is given."""
    results.check("step equals that of NumPy", lambda: (_against_numpy(place), 1e-2))
    results.check("step recorded equals unrecorded", lambda: (_recorded(place, "float32", True), 5e-3))
    results.check("step recorded with frames from the host", lambda: (_recorded(place, "float32", False), 5e-3))
    for precision in PRECISIONS:
        results.check(f"step recorded in {precision} is finite", lambda p=precision: (_finite(place, p), 0.0))
    if fixtures is None:
        return
    try:
        numbers = npz_files.read(fixtures / "pub_mocogan_io.npz")
    except OSError as error:
        results.note("published networks", left_out=str(error))
        return
    backends._current = place.load("float32")
    for what, measure in _published(place, fixtures, numbers).items():
        results.check(f"published {what}", lambda measure=measure: (measure(), 1e-4))


def _against_numpy(place: Place) -> float:
    """The largest difference of what the first step reports, relative to it, and of the moments that it leaves.

    A number near 0 that rounding brings to the rectifier's other side moves a moment by 3e-3.
    """
    cpu = replace(place, device=chainer.get_device("@numpy"), load=lambda precision: stock)
    runs = []
    for where in (cpu, place):
        backends._current = where.load("float32")
        updater = make_updater(where, resident=where is place, **SMALL)
        runs.append((run(updater, 1), _moments(updater)))
    (expected, m), (actual, n) = runs
    reports = max(abs(actual[name] - value) / max(abs(value), 0.1) for name, value in expected.items())
    return max(reports, max(error(n[name], m[name]) for name in m))


def _moments(updater: MoCoGANUpdater) -> dict[str, np.ndarray]:
    return {
        f"{network}{name}": fetch(parameter.update_rule.state["m"])
        for network, optimizer in updater.get_all_optimizers().items()
        for name, parameter in optimizer.target.namedparams()
    }


def _recorded(place: Place, precision: str, resident: bool) -> float:
    """How far a recorded run ends from one that is not, as part of the way that the weights went."""
    backends._current = place.load(precision)
    ends, starts = [], []
    for recorded in (False, True):
        updater = make_updater(place, resident=resident, **SMALL)
        starts.append(_weights(updater))
        if recorded:
            updater.record(place.recorder(), _refused)
        run(updater, STEPS)
        ends.append(_weights(updater))
    return float(np.linalg.norm(ends[1] - ends[0]) / np.linalg.norm(ends[0] - starts[0]))


def _finite(place: Place, precision: str) -> float:
    """The number of reported values that are no numbers after some recorded steps."""
    backends._current = place.load(precision)
    updater = make_updater(place, **SMALL)
    updater.record(place.recorder(), _refused)
    return float(sum(not np.isfinite(value) for value in run(updater, STEPS).values()))


def _weights(updater: MoCoGANUpdater) -> np.ndarray:
    return np.concatenate(
        [
            fetch(p.array).ravel()
            for o in updater.get_all_optimizers().values()
            for _, p in sorted(o.target.namedparams())
        ]
    )


def _refused(why: str) -> None:
    raise RuntimeError(f"the step was not recorded: {why}")


def _published(place: Place, fixtures: Path, numbers: dict[str, np.ndarray]) -> dict[str, Callable[[], float]]:
    """What is compared with the published networks' numbers, by name."""

    def load(network: chainer.Chain, name: str) -> chainer.Chain:
        published.load(network, read_checkpoint(fixtures / f"pub_mocogan_{name}.pth"))
        network.to_device(place.device)
        return network

    def generator() -> Generator:
        sizes = CodeSizes(content=10, categories=6, motion=5)
        network = Generator(
            size=64, n_filters=4, code_sizes=sizes, category_to="image_generator", rng=seeding.stream(0)
        )
        return load(network, "generator")

    def videos(train: bool) -> float:
        codes = Codes(numbers["z_content"], numbers["category"].astype(np.int32), numbers["h0"], numbers["e"])
        with chainer.using_config("train", train), chainer.no_backprop_mode():
            made = generator().videos(codes.map(place.send)).array[:1]
        return error(made, numbers[f"generated_{'train' if train else 'eval'}"])

    def discriminator(name: str) -> chainer.Chain:
        common = {"size": 64, "in_channels": 3, "n_filters": 4, "patch": "patch" in name, "sigma": 0.0}
        common |= {"noise": NoiseSource(0), "rng": seeding.stream(0)}
        if "image" in name:
            return load(image_discriminator(**common), name)
        return load(video_discriminator(n_categories=0 if "patch" in name else 6, **common), name)

    def scores(name: str) -> float:
        drawn = np.random.RandomState(int(numbers["video_input_seed"])).randn(2, 3, 16, 64, 64)
        x = np.tanh(drawn).astype(np.float32)
        x = chainer.Variable(place.send(np.ascontiguousarray(x[:, :, 1] if "image" in name else x)))
        network = discriminator(name)
        with chainer.using_config("train", False):
            apart = error(network(x).array, numbers[f"{name}_eval"])
        y = network(x)
        network.cleargrads()
        F.sum(y**2).backward()
        apart = max(apart, error(y.array, numbers[f"{name}_train"]), error(x.grad[:1], numbers[f"{name}_grad_input"]))
        return max(apart, error(network.blocks[0].conv.W.grad, numbers[f"{name}_grad_first_weight"]))

    names = ("image_discriminator", "patch_image_discriminator", "video_discriminator", "patch_video_discriminator")
    return {
        "generator in evaluation": lambda: videos(False),
        "generator in training": lambda: videos(True),
        **{name: lambda name=name: scores(name) for name in names},
    }
