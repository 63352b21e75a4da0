"""GANs that make video with separate content and motion, in Chainer.

Importing this package makes Chainer 7.8.1 work on today's NumPy and CuPy (see :mod:`mocogan_chainer.compat`),
so import it before ``chainer``.

Where to begin, in scripts and notebooks (doc/python.md shows each at work):

- ``builder.load_sampler``: from a snapshot to videos; ``sampling`` makes sets of them, ``video`` writes files.
- ``preprocessing.prepare`` and ``datasets.PreparedDataset``: from raw videos to a dataset, and to its frames.
- ``training_runs.train``: what ``train.py`` does.
- ``evaluation_runs.evaluate``: what ``evaluate.py`` does, of files, snapshots and arrays.
"""

from mocogan_chainer import compat

__version__ = "0.1.0"

compat.install()
