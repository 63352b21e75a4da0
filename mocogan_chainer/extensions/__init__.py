"""What watches and saves a run: logs, plots, GIFs, TensorBoard, snapshots."""

from mocogan_chainer.extensions.early_stop import EarlyStop, signals_heard
from mocogan_chainer.extensions.learning_rate import LinearDecay
from mocogan_chainer.extensions.log_report import LogReport
from mocogan_chainer.extensions.loss_plot import LossPlot
from mocogan_chainer.extensions.redone import Redone
from mocogan_chainer.extensions.snapshot import Snapshot
from mocogan_chainer.extensions.tensorboard import TensorBoard
from mocogan_chainer.extensions.terminal import LossTable, Progress
from mocogan_chainer.extensions.triggers import AnyOf, IntervalAndLast, StopTrigger
from mocogan_chainer.extensions.video_grid import VideoGrid, grid_path

__all__ = [
    "AnyOf",
    "EarlyStop",
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
    "grid_path",
    "signals_heard",
]
