"""What watches and saves a run: logs, plots, GIFs, TensorBoard, snapshots."""

from mocogan_chainer.extensions.early_stop import EarlyStop, signals_heard, sigterm_raises
from mocogan_chainer.extensions.event_files import cut
from mocogan_chainer.extensions.learning_rate import LinearDecay
from mocogan_chainer.extensions.lines import write_line
from mocogan_chainer.extensions.log_report import LogReport
from mocogan_chainer.extensions.loss_plot import LossPlot
from mocogan_chainer.extensions.repeat_on_resume import RepeatOnResume
from mocogan_chainer.extensions.require_finite import RequireFinite
from mocogan_chainer.extensions.snapshot import Snapshot
from mocogan_chainer.extensions.tensorboard import TensorBoard
from mocogan_chainer.extensions.terminal import LossTable, Progress
from mocogan_chainer.extensions.triggers import AnyOf, IntervalAndLast, StopTrigger
from mocogan_chainer.extensions.video_grid import VideoGrid
from mocogan_chainer.extensions.watch import Watch

__all__ = [
    "AnyOf",
    "EarlyStop",
    "IntervalAndLast",
    "LinearDecay",
    "LogReport",
    "LossPlot",
    "LossTable",
    "Progress",
    "RepeatOnResume",
    "RequireFinite",
    "Snapshot",
    "StopTrigger",
    "TensorBoard",
    "VideoGrid",
    "Watch",
    "cut",
    "signals_heard",
    "sigterm_raises",
    "write_line",
]
