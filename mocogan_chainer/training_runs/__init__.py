"""What ``train.py`` does: settle the settings, check them before any work, start or resume a run."""

from mocogan_chainer.training_runs.dry_run import dry_run
from mocogan_chainer.training_runs.request import AUTO, NEWEST, Request
from mocogan_chainer.training_runs.training import train

__all__ = ["AUTO", "NEWEST", "Request", "dry_run", "train"]
