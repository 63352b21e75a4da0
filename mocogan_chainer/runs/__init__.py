"""What ``train.py`` does: settle the settings, look before the work, start or resume a run."""

from mocogan_chainer.runs.rehearsal import rehearse
from mocogan_chainer.runs.request import AUTO, NEWEST, Request
from mocogan_chainer.runs.training import train

__all__ = ["AUTO", "NEWEST", "Request", "rehearse", "train"]
