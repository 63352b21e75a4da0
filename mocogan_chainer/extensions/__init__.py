"""What watches and saves a run: logs, plots, GIFs, TensorBoard, snapshots."""

from chainer.training.extensions import LogReport

from mocogan_chainer.extensions.health import HealthCheck
from mocogan_chainer.extensions.learning_rate import LinearDecay
from mocogan_chainer.extensions.loss_plot import LossPlot
from mocogan_chainer.extensions.redone import Redone
from mocogan_chainer.extensions.snapshot import Snapshot
from mocogan_chainer.extensions.tensorboard import TensorBoard
from mocogan_chainer.extensions.terminal import LossTable, Progress
from mocogan_chainer.extensions.triggers import AnyOf, IntervalAndLast, StopTrigger
from mocogan_chainer.extensions.video_grid import VideoGrid
from mocogan_chainer.extensions.watch import Watch

__all__ = [
    "AnyOf",
    "HealthCheck",
    "IntervalAndLast",
    "LinearDecay",
    "LogReport",
    "LossPlot",
    "LossTable",
    "Progress",
    "Redone",
    "Snapshot",
    "StopTrigger",
    "TensorBoard",
    "VideoGrid",
    "Watch",
]
