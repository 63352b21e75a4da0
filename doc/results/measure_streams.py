"""Does appearance decide what is seen, and motion how it moves? Compares videos that share the one or the other.

    PYTHONPATH=. python doc/results/measure_streams.py SNAPSHOT [CONTENTS] [MOTIONS]

Of CONTENTS x MOTIONS videos it correlates, over all pairs that share the content, the motion or neither: what is seen,
which is the mean over time less that of all videos; when it moves, which is how much changes from frame to frame, as a
share of the video's change, less that of all videos; and where, which is how much each place changes, less what it does
on average. 1 is equal, 0 unrelated.
"""

import sys

import numpy as np

from mocogan_chainer import builder, sampling
from mocogan_chainer.cli import entry
from mocogan_chainer.errors import ConfigError


def correlations(numbers: np.ndarray) -> np.ndarray:
    """Rows of numbers (N, D) -> how each pair correlates around the mean row, (N, N)."""
    around = numbers - numbers.mean(axis=0)
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    return around @ around.T


def main() -> None:
    """Measure and print."""
    parser = entry.Parser(description="Does appearance decide what is seen, and motion how it moves?")
    parser.add_argument("snapshot")
    parser.add_argument("contents", nargs="?", type=int, default=12)
    parser.add_argument("motions", nargs="?", type=int, default=12)
    arguments = parser.parse_args()
    sampler, config = builder.load_sampler(arguments.snapshot)
    if isinstance(sampler, sampling.Animator):
        raise ConfigError(f"{arguments.snapshot}: it animates pictures and has no codes to share; give another model")
    n, k = arguments.contents, arguments.motions
    videos = sampling.content_by_motion(sampler, n, k, config["video_length"], seed=0).astype(np.float32)
    still = videos.mean(axis=1).reshape(n * k, -1)
    change = np.abs(np.diff(videos, axis=1)).mean(axis=-1)  # (N, T - 1, H, W)
    when = change.mean(axis=(2, 3))
    measured = still, when / when.sum(axis=1, keepdims=True), change.mean(axis=1).reshape(n * k, -1)
    content, motion = np.divmod(np.arange(n * k), k)
    same_content, same_motion = (a[:, None] == a for a in (content, motion))
    print(f"{f'{n} contents x {k} motions':<24}{'what is seen':>16}{'when it moves':>16}{'where it moves':>16}")
    for name, pairs in (
        ("one content", same_content & ~same_motion),
        ("one motion", same_motion & ~same_content),
        ("neither", ~same_content & ~same_motion),
    ):
        found = [correlations(numbers)[pairs] for numbers in measured]
        print(f"{name:<24}" + "".join(f"{values.mean():>8.2f} +- {values.std():.2f}" for values in found))


if __name__ == "__main__":
    sys.exit(entry.run(main))
