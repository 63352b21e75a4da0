"""From raw data to the prepared form. Each dataset is a module of this package: see :class:`Source`."""

from mocogan_chainer.preprocessing.prepare import Report, prepare
from mocogan_chainer.preprocessing.sets import find, sets
from mocogan_chainer.preprocessing.source import Item, Recording, Source, option

__all__ = ["Item", "Recording", "Report", "Source", "find", "option", "prepare", "sets"]
