"""Datasets in the prepared form: reading, writing, and iterating over clips and frames.

The iterators are in :mod:`mocogan_chainer.datasets.iterators`, apart because they need Chainer and the rest does not.
"""

from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.datasets.writer import PreparedWriter, open_writer

__all__ = ["PreparedDataset", "PreparedWriter", "open_writer"]
