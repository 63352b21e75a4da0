"""Triggers, plots and tables on a trainer that only counts."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import extensions
from mocogan_chainer.extensions.loss_plot import MOST, Curve


def trainer_at(iteration, epoch_detail=0.0, out=None, log=()):
    updater = SimpleNamespace(iteration=iteration, epoch_detail=epoch_detail)
    report = SimpleNamespace(rows=lambda: iter(log), newest=log[-1] if log else None)
    return SimpleNamespace(updater=updater, out=out, get_extension=lambda _name: report)


def test_training_stops_at_whichever_comes_first():
    stop = extensions.StopTrigger(10, 3)
    assert not stop(trainer_at(9, 2.9))
    assert stop(trainer_at(10, 0.1))
    assert stop(trainer_at(1, 3.0))
    assert stop.fraction(trainer_at(5, 0.3)) == 0.5


def test_intervals_end_with_the_last_iteration():
    trigger = extensions.IntervalAndLast(4, extensions.StopTrigger(10, None))
    assert [i for i in range(1, 11) if trigger(trainer_at(i))] == [4, 8, 10]


ROW = {
    "generator/loss": 1.5,
    "image_discriminator/loss": 0.25,
    "image_discriminator/real": 3.0,
    "epoch": 1,
    "elapsed_time": 7.2,
}


def test_the_table_has_a_column_a_loss(capsys):
    table = extensions.LossTable()
    table(trainer_at(20, 1.25, log=[ROW | {"iteration": 20}]))
    table(trainer_at(40, 2.5, log=[ROW | {"iteration": 40}]))
    header, first, second = (line.split() for line in capsys.readouterr().out.splitlines())
    assert header == ["iteration", "epoch", "seconds", "gen/loss", "img/loss"]
    assert first == ["20", "1.25", "7", "1.5000", "0.2500"]
    assert second[0] == "40"


@pytest.mark.parametrize(
    ("loss", "shown"),
    [(999.99994, "999.9999"), (-1234.5, "-1.23e+03"), (4.03e18, "4.03e+18"), (float("nan"), "nan"), (1e-9, "0.0000")],
)
def test_numbers_of_any_size_keep_to_their_columns(capsys, loss, shown):
    extensions.LossTable()(trainer_at(20, log=[ROW | {"iteration": 20, "generator/loss": loss}]))
    header, row = capsys.readouterr().out.splitlines()
    assert shown in row.split()
    assert len(row) <= len(header) + 1


def test_no_progress_bar_without_a_terminal(capsys):
    progress = extensions.Progress(extensions.StopTrigger(4, None))
    progress.initialize(trainer_at(0))
    progress(trainer_at(2))
    progress.finalize()
    assert capsys.readouterr() == ("", "")


def test_the_plot_has_a_panel_a_network(tmp_path):
    log = [ROW | {"iteration": i, "generator/loss": 2.0 - i} for i in range(5)]
    extensions.LossPlot()(trainer_at(5, out=tmp_path, log=log))
    with Image.open(tmp_path / "losses.png") as plot:
        pixels = np.asarray(plot.convert("RGB")).astype(int)
        assert plot.size == (800, 520)
    blue = (np.abs(pixels - [31, 119, 180]).sum(axis=2) < 20).any(axis=1)  # the first curve's colour
    assert blue[:260].any()
    assert blue[260:].any()


def test_of_a_long_log_the_plot_has_means_and_extremes():
    rng = np.random.default_rng(0)
    values = rng.normal(size=5 * MOST + 3)
    curve = Curve()
    for i, value in enumerate(values):
        curve.add(10 * i, value)
    assert MOST / 2 < len(curve.points) <= MOST
    for at, point in zip(range(0, len(values), 8), curve.points, strict=True):
        chunk = values[at : at + 8]
        assert point.rows == len(chunk)
        assert point.iteration == pytest.approx(10 * (at + (len(chunk) - 1) / 2))
        assert point.mean == pytest.approx(chunk.mean())
        assert (point.least, point.greatest) == (chunk.min(), chunk.max())


def test_of_a_short_log_the_plot_has_every_row():
    curve = Curve()
    for i in range(MOST):
        curve.add(i, -i)
    assert [point[:4] for point in curve.points] == [(i, -i, -i, -i) for i in range(MOST)]


def test_grid_of_videos(tmp_path):
    videos = np.stack([np.full((3, 8, 8, 3), 40 * i, np.uint8) for i in range(5)])
    shown = []
    grid = extensions.VideoGrid(lambda: videos, 8, lambda *call: shown.append(call))
    grid(trainer_at(7, out=tmp_path))
    with Image.open(tmp_path / "samples_iter_7.gif") as gif:
        assert gif.size == (3 * 8 + 2 * 2, 2 * 8 + 2)
    ((tag, frames, iteration),) = shown
    assert (tag, iteration) == ("samples", 7)
    assert [frames[0, 4, 4 + 10 * i, 0] for i in range(3)] == [0, 40, 80]


def step_sizes(decay, iterations, **alphas):
    """What the decay makes of optimizers' alphas at these iterations."""
    optimizers = {name: SimpleNamespace(alpha=alpha) for name, alpha in alphas.items()}
    seen = {name: [] for name in optimizers}
    for i, iteration in enumerate(iterations):
        updater = SimpleNamespace(
            iteration=iteration, epoch_detail=iteration / 2, get_all_optimizers=lambda: optimizers
        )
        (decay if i else decay.initialize)(SimpleNamespace(updater=updater))
        for name, optimizer in optimizers.items():
            seen[name].append(pytest.approx(optimizer.alpha))
    return seen


def test_the_step_size_falls_in_the_last_part():
    decay = extensions.LinearDecay(extensions.StopTrigger(10, None), 0.4)
    seen = step_sizes(decay, range(11), a=8.0, b=4.0)  # after so many updates; the last has no update after it
    assert seen == {"a": [8, 8, 8, 8, 8, 8, 8, 6, 4, 2, 0], "b": [4, 4, 4, 4, 4, 4, 4, 3, 2, 1, 0]}


def test_a_resumed_run_goes_on_with_the_step_size_of_its_place():
    decay = extensions.LinearDecay(extensions.StopTrigger(10, None), 0.4)
    assert step_sizes(decay, [8], a=8.0) == {"a": [4]}


def test_training_by_epochs_decays_too():
    decay = extensions.LinearDecay(extensions.StopTrigger(1000, 4), 0.5)
    assert step_sizes(decay, [0, 4, 6, 8], a=8.0) == {"a": [8, 8, 4, 0]}


def test_the_latest_snapshot_is_the_newest_file(tmp_path):
    class Trainer:
        def __init__(self, iteration):
            self.updater, self.out = SimpleNamespace(iteration=iteration), tmp_path

        def serialize(self, serializer):
            serializer("iteration", self.updater.iteration)

    snapshot = extensions.Snapshot("model_name: x\n", {"name": "y"})
    for iteration in (1, 2):
        snapshot(Trainer(iteration))
    latest = (tmp_path / "snapshot_latest.npz").read_bytes()
    assert latest == (tmp_path / "snapshot_iter_2.npz").read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {f"snapshot_{n}.npz" for n in ("iter_1", "iter_2", "latest")}


def test_no_plot_before_the_first_row(tmp_path):
    extensions.LossPlot()(trainer_at(5, out=tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_line_that_nobody_reads_does_not_end_a_run(monkeypatch):
    def gone(text):
        raise BrokenPipeError

    monkeypatch.setattr("mocogan_chainer.extensions.lines.tqdm.write", gone)
    extensions.write_line("a row")
