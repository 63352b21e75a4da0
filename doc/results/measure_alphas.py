"""How far along its expression is each frame of real videos, by a trained AffineGAN? Does alpha grow with time?

    PYTHONPATH=. python doc/results/measure_alphas.py DATASET SNAPSHOT

For each video of five frames or more: its split; how the alphas of its later frames rank beside time (Spearman: 1 where
each is larger than the one before, 0 where there is no order); and the alphas of nine frames spread over it. Alphas are
means over the nine cuts of training size at corners, sides and centre, each also mirrored.
"""

import sys

import numpy as np

import mocogan_chainer  # noqa: F401  (makes chainer importable)
from mocogan_chainer import builder, functions, video
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.models import affinegan
from mocogan_chainer.models.affinegan.generator import Generator
from mocogan_chainer.models.affinegan.updater import measure_alphas

import chainer  # isort: skip

_LEAST, _SHOWN = 5, 9


def alphas_of(generator: Generator, frames: np.ndarray, load_size: int) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) -> alphas (T,), the first frame's 0."""
    size, margin = generator.size, load_size - generator.size
    scaled = video.resize(frames, load_size)
    offsets = (0, margin // 2, margin)
    cuts = [scaled[:, top : top + size, left : left + size] for top in offsets for left in offsets]
    return np.mean([_of_cut(generator, cut[:, :, ::way]) for cut in cuts for way in (1, -1)], axis=0)


def _of_cut(generator: Generator, frames: np.ndarray) -> np.ndarray:
    x = functions.to_float(np.ascontiguousarray(frames))  # (T, 3, size, size)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        start = generator.feature(generator.encode_base(x[:1]))
        direction = generator.feature(generator.encode_residual(x[:1]))
        features = generator.feature(generator.encode_base(x))
        return measure_alphas(start, features[None], direction).array[0]


def ranks(values: np.ndarray) -> np.ndarray:
    """(T,) -> the rank of each; equal ones share the mean of theirs."""
    return np.array([((values < value).sum() + (values <= value).sum() - 1) / 2 for value in values])


def order(values: np.ndarray) -> float:
    """Spearman's correlation of (T,) with time; not a number where all are equal."""
    ranked = ranks(values) - (len(values) - 1) / 2
    time = np.arange(len(values)) - (len(values) - 1) / 2
    norm = np.linalg.norm(ranked) * np.linalg.norm(time)
    return float(ranked @ time / norm) if norm else float("nan")


def main() -> None:
    """Measure and print."""
    parser = entry.Parser(description="Does alpha grow with time?")
    parser.add_argument("dataset")
    parser.add_argument("snapshot")
    arguments = parser.parse_args()
    networks, config = builder.load_networks(arguments.snapshot)
    generator = networks["generator"]
    if not isinstance(generator, Generator):
        raise ConfigError(f"{arguments.snapshot}: it is not an AffineGAN, and only that measures alphas")
    load_size, _ = affinegan.sizes(config["model"])
    dataset = PreparedDataset.open(arguments.dataset)
    print(f"{'video':<24}  split  frames  order  alphas")
    for i, (name, split) in enumerate(zip(dataset.ids, dataset.splits, strict=True)):
        length = int(dataset.lengths[i])
        if length < _LEAST:
            continue
        alphas = alphas_of(generator, dataset.frames(i, range(length)), load_size)
        shown = alphas[np.linspace(0, length - 1, min(_SHOWN, length)).round().astype(int)]
        numbers = " ".join(f"{alpha:.2f}" for alpha in shown)
        print(f"{name[-24:]:<24}  {split or '-':<5}  {length:>6}  {order(alphas[1:]):>5.2f}  {numbers}")


if __name__ == "__main__":
    sys.exit(entry.run(main))
