"""When a run is warned of, and where the warning goes."""

import json
from types import SimpleNamespace

import chainer
import numpy as np
import pytest

from mocogan_chainer import checkpoint, extensions
from mocogan_chainer.cli import train
from mocogan_chainer.extensions import failure_signs
from mocogan_chainer.models.updater import GANUpdater


class Watched:
    """A run of which only the watch is there."""

    def __init__(self):
        self.network = chainer.links.Linear(3, 2)
        self.scalars, self.newest = [], None
        self.watch = extensions.Watch("generator", self.network, lambda *scalar: self.scalars.append(scalar), True)
        self.begin(0)

    def look(self, spread=20.0, learns=True):
        """Ten iterations, then a look at videos that are so far apart."""
        self.iteration += 10
        if learns:
            self.network.W.array += 1
        videos = np.zeros((2, 1, 2, 2, 3), np.uint8)
        videos[1] = spread
        videos[:, 0, 0, 0, 0] = self.iteration % 256 if learns else videos[:, 0, 0, 0, 0]
        self.watch.look(videos, self.iteration)

    def report(self, row=None):
        """An iteration, the one after that of the row."""
        if row is not None:
            self.newest = row
        self.iteration = (row["iteration"] if row else self.iteration) + 1
        trainer = self._trainer()
        self.watch(trainer)
        return trainer.observation

    def begin(self, iteration):
        """Go on from there."""
        self.iteration = iteration
        self.watch.initialize(self._trainer())

    def _trainer(self):
        updater = SimpleNamespace(iteration=self.iteration, certain=GANUpdater.certain)
        return SimpleNamespace(updater=updater, observation={}, get_extension=lambda name: self)


@pytest.fixture
def watched():
    return Watched()


def test_a_good_run_is_not_warned_of(watched, capsys):
    for i in range(1, 9):
        watched.look(20 + i % 3)
        assert watched.report({"iteration": watched.iteration, "critic/real": 3, "critic/fake": -3}) == {}
    assert capsys.readouterr().out == ""
    assert {tag for tag, _, _ in watched.scalars} == {"preview/distance"}


def test_a_collapse_is_said_as_it_begins(watched, capsys):
    for spread in (20, 24, 22, 4, 4, 22, 4):
        watched.look(spread)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": the")[0] for line in lines] == ["warning: iteration 40", "warning: iteration 70"]
    assert " of 255 apart, 0.1" in lines[0]
    assert [(tag, at) for tag, _, at in watched.scalars if "warning" in tag] == [
        ("warning/collapse", 40),
        ("warning/collapse", 70),
    ]


def test_the_next_row_of_the_log_has_the_number(watched):
    for spread in (20, 24, 22, 4):
        watched.look(spread)
    observed = watched.report()
    assert observed == {"warning_collapse": pytest.approx(0.18, abs=0.02)}
    assert watched.report() == {}


def test_a_generator_that_stands_still_is_said_once(watched, capsys):
    for learns in (True, False, False, False, True, False):
        watched.look(20, learns)
    line = "warning: iteration {}: the generator stands still: its {} are those of 10 iterations before"
    assert capsys.readouterr().out.splitlines() == [
        line.format(20, "weights"),  # the average still moves
        line.format(30, "videos"),
        line.format(60, "weights"),
    ]


def wins(iteration, real=9):
    return {"iteration": iteration, "critic/loss": 1e-3, "critic/real": real, "critic/fake": -9}


SCORES = "(real 9, fake -9, loss 0.001)"


@pytest.mark.parametrize(("every", "said"), [(100, 500), (50, 500), (300, 600), (2000, 2000)])
def test_a_discriminator_that_wins_is_said_once(watched, capsys, every, said):
    for i in range(1, 20):
        watched.report(wins(every * i))
    assert capsys.readouterr().out.splitlines() == [
        f"warning: iteration {said}: the critic has had no doubts for {said} iterations {SCORES}: it wins outright"
    ]
    assert watched.scalars == [("warning/critic_wins", said, said)]


def test_a_doubt_begins_the_count_anew(watched):
    for i in range(1, 20):
        watched.report(wins(100 * i, real=1 if i in (3, 10) else 9))
    assert watched.scalars == [("warning/critic_wins", 500, 800), ("warning/critic_wins", 500, 1500)]


def test_the_count_goes_through_a_snapshot(tmp_path):
    first, second = Watched(), Watched()
    for i in (1, 2, 3):
        first.report(wins(100 * i, real=9 if i > 1 else 1))
    checkpoint.save(tmp_path / "a.npz", first.watch, config="", data={}, iteration=300)
    checkpoint.load(tmp_path / "a.npz").restore(second.watch)
    second.begin(300)
    for i in (4, 5, 6):
        second.report(wins(100 * i))
    assert second.scalars == [("warning/critic_wins", 500, 600)]


def test_what_was_before_it_watched_does_not_count(watched):
    watched.watch = extensions.Watch("generator", watched.network, lambda *scalar: watched.scalars.append(scalar), True)
    watched.begin(1000)
    for i in range(11, 16):
        watched.report(wins(100 * i))
    assert watched.scalars == [("warning/critic_wins", 500, 1500)]


def test_what_was_seen_goes_through_a_snapshot(tmp_path, capsys):
    whole, first, second = Watched(), Watched(), Watched()
    for run in (whole, first):
        for spread in (20, 24, 22):
            run.look(spread)
    checkpoint.save(tmp_path / "a.npz", first.watch, config="", data={}, iteration=30)
    checkpoint.load(tmp_path / "a.npz").restore(second.watch)
    second.iteration = 30
    second.network.copyparams(first.network)
    for run in (whole, second):
        run.look(3, learns=False)
    assert second.scalars == whole.scalars[3:]
    assert len(set(capsys.readouterr().out.splitlines())) == 2


def test_a_run_that_was_not_watched_before(tmp_path):
    unwatched = SimpleNamespace(serialize=lambda serializer: None)
    checkpoint.save(tmp_path / "a.npz", unwatched, config="", data={}, iteration=1)
    run = Watched()
    checkpoint.load(tmp_path / "a.npz").restore(run.watch)
    run.look()
    assert [tag for tag, _, _ in run.scalars] == ["preview/distance"]


@pytest.fixture
def run(tmp_path, monkeypatch, tiny_dataset, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(failure_signs, "LONG", 10)
    monkeypatch.setattr(extensions.LossPlot, "__call__", lambda self, trainer: None)  # half of the time

    def call(*settings, iterations):
        small = [f"model.n_filters_{x}=2" for x in ("gen", "idis", "vdis")]
        more = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--max_iteration", str(iterations)]
        more += ["--snapshot_interval", "2", "--display_interval", "2", "--num_gen_samples", "3"]
        assert train.main([*more, "--set", "video_length=10", *small, *settings]) == 0
        log = json.loads((tmp_path / "result" / "normal" / "log").read_text())
        return [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")], log

    return call


def test_a_real_run_that_cannot_learn(run):
    warnings, log = run("optimizer.alpha=0", iterations=6)
    assert warnings == [
        "warning: iteration 4: the generator stands still: its weights are those of 2 iterations before"
    ]
    assert [row.get("warning_frozen") for row in log] == [None, None, 2]


@pytest.mark.filterwarnings("ignore:overflow")
def test_a_real_run_whose_discriminators_win(run):
    warnings, log = run("optimizer.alpha=0.3", "snapshot_interval=100", iterations=26)
    assert any("the video_discriminator has had no doubts for 10 iterations (real " in line for line in warnings)
    assert 10 in [row.get("warning_video_discriminator_wins") for row in log]


def test_warnings_can_be_turned_off(run):
    warnings, log = run("optimizer.alpha=0", "warn=false", iterations=6)
    assert warnings == []
    assert not any(name.startswith("warning") for row in log for name in row)
