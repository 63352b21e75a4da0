"""How far along its expression each frame of real videos is, by a trained AffineGAN: does alpha grow with time?

PYTHONPATH=. python doc/results/measure_alphas.py data/happy result/happy/snapshot_latest.npz

For each video of at least three frames: its split, how alpha ranks beside time (Spearman; 1: it never falls), and the
alphas of nine frames spread over it.
"""

import argparse

import chainer
import numpy as np

from mocogan_chainer import backends, builder, functions
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.datasets.scaling import scale
from mocogan_chainer.models.affinegan.generator import Generator
from mocogan_chainer.models.affinegan.updater import measure_alphas

_LEAST, _SHOWN = 3, 9


def alphas_of(generator: Generator, frames: np.ndarray) -> np.ndarray:
    """Frames uint8 (T, H, W, 3) -> alphas (T,), the first frame's 0."""
    x = functions.to_float(np.stack([scale(frame, generator.size) for frame in frames]))  # (T, 3, size, size)
    with chainer.using_config("train", False), chainer.no_backprop_mode():
        start = generator.feature(generator.encode_base(x[:1]))
        direction = generator.feature(generator.encode_residual(x[:1]))
        features = generator.feature(generator.encode_base(x))
        return measure_alphas(start, features[None], direction).array[0]


def ranks_beside_time(values: np.ndarray) -> float:
    """Spearman's correlation of (T,) with its own order; ties by place."""
    ranks = np.argsort(np.argsort(values, kind="stable"))
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def main() -> None:
    """Print a line a video."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("snapshot")
    arguments = parser.parse_args()
    backends.use("auto", on_gpu=False)
    networks, _ = builder.load_networks(arguments.snapshot)
    dataset = PreparedDataset.open(arguments.dataset)
    print(f"{'video':>24}  {'split':>5}  frames  ranks  alphas")
    for i, (name, split) in enumerate(zip(dataset.ids, dataset.splits, strict=True)):
        length = int(dataset.lengths[i])
        if length < _LEAST:
            continue
        alphas = alphas_of(networks["generator"], dataset.frames(i, range(length)))
        shown = alphas[np.linspace(0, length - 1, min(_SHOWN, length)).round().astype(int)]
        numbers = " ".join(f"{alpha:.2f}" for alpha in shown)
        print(f"{name[-24:]:>24}  {split or '-':>5}  {length:>6}  {ranks_beside_time(alphas):>5.2f}  {numbers}")


if __name__ == "__main__":
    main()
