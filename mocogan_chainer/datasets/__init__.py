"""Datasets in the prepared form: reading, writing, and iterating over clips and frames.

The iterators are in :mod:`mocogan_chainer.datasets.iterators`, separate because only they need Chainer.
"""

from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.datasets.writer import PreparedWriter, open_writer

__all__ = ["PreparedDataset", "PreparedWriter", "open_writer"]
