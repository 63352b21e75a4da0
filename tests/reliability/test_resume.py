"""Runs that are stopped, killed and gone on with end as an undisturbed one, bit for bit."""

import contextlib
import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest

from mocogan_chainer import checkpoint, snapshot_files, training_runs
from mocogan_chainer.cli import train
from mocogan_chainer.errors import OutputError, SnapshotError, Stopped
from mocogan_chainer.extensions import LossPlot
from mocogan_chainer.models.updater import GANUpdater
from tests.reliability import tiny_runs

ROOT = Path(__file__).parents[2]
ITERATIONS = 6
OFTEN = {"snapshot_interval": 4, "display_interval": 3, "log_tensorboard_interval": 1}


@pytest.fixture(scope="module", autouse=True)
def _plots():
    with pytest.MonkeyPatch.context() as patch:
        tiny_runs.plain_plots(patch.setattr)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_runs.prepare(tmp_path_factory.mktemp("data"))


@contextlib.contextmanager
def happens_in(iteration, act):
    """Do ``act`` in the middle of an iteration."""
    with pytest.MonkeyPatch.context() as patch:
        update = GANUpdater.update

        def interrupted(self):
            update(self)
            if self.iteration == iteration:
                act()

        patch.setattr(GANUpdater, "update", interrupted)
        yield


def term():
    os.kill(os.getpid(), signal.SIGTERM)


class Crash(BaseException):
    """Nobody catches this one."""


def crash():
    raise Crash


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """What the undisturbed run of a family makes."""
    made = {}

    def of(family):
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            tiny_runs.run(family, data[family], folder, ITERATIONS, settings=OFTEN)
            made[family] = tiny_runs.result(folder)
        return made[family]

    return of


@pytest.mark.parametrize("family", tiny_runs.FAMILIES)
def test_stopped_by_a_signal_and_crashed_between_snapshots(data, tmp_path, whole, family):
    """At 2, in the middle of a row of the log; then at 6, after what was written at 5, which is after the snapshot."""
    expected = whole(family)
    assert [row["iteration"] for row in json.loads(expected["log"])] == [3, 6]
    steps = {tag: [step for step, _ in points] for tag, points in expected["board"].items()}
    assert steps.pop("samples") == [4, 6]
    assert all(of_tag == [1, 2, 3, 4, 5, 6] for of_tag in steps.values())
    again = {"resume": training_runs.AUTO, "settings": OFTEN}
    with happens_in(2, term), pytest.raises(Stopped, match="stopped by SIGTERM: iteration 2 is saved") as stopped:
        tiny_runs.run(family, data[family], tmp_path, ITERATIONS, **again)
    assert stopped.value.code == 143
    assert list(snapshot_files.found(tmp_path / "run")) == [2]
    assert not (tmp_path / "run" / "log").exists()
    with happens_in(6, crash), pytest.raises(Crash):
        tiny_runs.run(family, data[family], tmp_path, ITERATIONS, **again)
    assert list(snapshot_files.found(tmp_path / "run")) == [2, 4]
    tiny_runs.run(family, data[family], tmp_path, ITERATIONS, **again)
    assert tiny_runs.differences(tiny_runs.result(tmp_path), expected) == []


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("g3an", {"model.conditional": True}),
        ("g3an", {"model.mode": "3d", "flip": True, "ema_decay": 0}),
        ("affinegan", {"optimizer.decay_part": 0.7}),
        ("affinegan", {"model.alpha_samples": "sorted", "model.patch": False, "ema_decay": 0.9}),
        ("affinegan", {"model.generator": "resnet_6blocks", "model.fine_size": 32, "model.gan_loss": "lsgan"}),
        ("prediction", {"model.lambda_perceptual": 1, "model.least_horizon": None, "ema_decay": 0.9}),
        ("prediction", {"model.generator": "resnet", "ema_decay": 0, "flip": True}),
    ],
)
def test_other_forms_of_a_family(data, tmp_path, family, settings):
    """Crashed at 3, after its snapshot at 2, with the backend that a user has."""
    settings = {"snapshot_interval": 2, "display_interval": 3, "backend": "auto"} | settings
    run = partial(tiny_runs.run, family, data[family], iterations=4, settings=settings)
    run(folder=tmp_path / "whole")
    expected = tiny_runs.result(tmp_path / "whole")
    with happens_in(3, crash), pytest.raises(Crash):
        run(folder=tmp_path / "crashed")
    run(folder=tmp_path / "crashed", resume=training_runs.NEWEST)
    assert tiny_runs.differences(tiny_runs.result(tmp_path / "crashed"), expected) == []
    half = tiny_runs.state(checkpoint.load(tmp_path / "whole" / "run" / "snapshot_iter_2.npz"))
    weights = {name for name in half if name.startswith("trainer/updater/model:")}
    assert len(weights & set(tiny_runs.differences(half, expected))) > len(weights) / 2


def test_the_time_goes_on(data, tmp_path):
    args = ("normal", data["normal"], tmp_path, 3)
    with happens_in(2, term), pytest.raises(Stopped):
        tiny_runs.run(*args, settings=OFTEN | {"display_interval": 1})
    before = json.loads((tmp_path / "run" / "log").read_text())[-1]["elapsed_time"]
    time.sleep(0.2)  # no time of the run
    tiny_runs.run(*args, resume=training_runs.NEWEST, settings=OFTEN | {"display_interval": 1})
    times = [row["elapsed_time"] for row in json.loads((tmp_path / "run" / "log").read_text())]
    assert times == sorted(times)
    assert times[1] == before


class TestPicturesAfterASnapshot:
    """A kill between a snapshot and its pictures: they are made up for."""

    def test_in_the_middle_and_at_the_end(self, data, tmp_path, whole, monkeypatch):
        again = {"resume": training_runs.AUTO, "settings": OFTEN}
        for at in (4, 6):
            with monkeypatch.context() as patch:
                patch.setattr(LossPlot, "__call__", lambda self, trainer: crash())
                with pytest.raises(Crash):
                    tiny_runs.run("normal", data["normal"], tmp_path, ITERATIONS, **again)
            assert not (tmp_path / "run" / f"samples_iter_{at}.gif").exists()
            if at == 4:
                with happens_in(5, crash), pytest.raises(Crash):
                    tiny_runs.run("normal", data["normal"], tmp_path, ITERATIONS, **again)
                assert (tmp_path / "run" / "samples_iter_4.gif").exists()
        lines = tiny_runs.run("normal", data["normal"], tmp_path, ITERATIONS, **again)
        assert lines[-1].startswith("done after 6 iterations")
        assert tiny_runs.differences(tiny_runs.result(tmp_path), whole("normal")) == []

    def test_a_run_at_its_end_is_no_mistake_for_a_scheduler(self, data, tmp_path):
        args = ("normal", data["normal"], tmp_path, 1)
        tiny_runs.run(*args)
        assert "the run is at its end (iteration 1)" in tiny_runs.run(*args, resume=training_runs.AUTO)[-1]
        with pytest.raises(SnapshotError, match="the run is at its end"):
            tiny_runs.run(*args, resume=training_runs.NEWEST)


class TestNewest:
    """--resume without a snapshot."""

    @pytest.fixture
    def args(self, data, tmp_path):
        return "normal", data["normal"], tmp_path, 2

    @pytest.fixture
    def run(self, args, tmp_path):
        """The folder of a run that has two snapshots."""
        tiny_runs.run(*args, settings={"snapshot_interval": 1})
        return tmp_path / "run"

    def go_on(self, args, iterations=3, **more):
        return tiny_runs.run(*args[:3], iterations, **{"resume": training_runs.NEWEST} | more)

    def test_where_there_is_no_run(self, args, tmp_path):
        with pytest.raises(SnapshotError, match="run: no snapshot to go on from; begin a run without --resume, or let"):
            self.go_on(args)
        assert list(tmp_path.iterdir()) == []

    def test_the_other_runs_are_named(self, args, run):
        run.rename(run.with_name("mine"))
        with pytest.raises(SnapshotError, match="has snapshots of mine: name the run by --model or --save_name"):
            self.go_on(args)

    def test_a_scheduler_begins_it(self, args, tmp_path):
        assert self.go_on(args, 1, resume=training_runs.AUTO)[-1].startswith("done after 1 iteration:")

    def test_a_run_killed_before_its_first_snapshot(self, args, run):
        for path in run.glob("snapshot*"):
            path.unlink()
        with pytest.raises(
            SnapshotError, match="no snapshot to go on from; the run there ended before its first snapshot"
        ):
            self.go_on(args)
        with pytest.raises(
            OutputError, match="ended before its first snapshot; begin it anew with --force, or with --res"
        ):
            self.go_on(args, resume=None)
        assert (
            "the run ended before its first snapshot: beginning anew"
            in self.go_on(args, 1, resume=training_runs.AUTO)[0]
        )

    @pytest.mark.parametrize("harm", ["cut", "bit"])
    def test_a_damaged_one_is_named_and_set_aside(self, args, run, harm):
        path = snapshot_files.place(run, 2)
        content = bytearray(path.read_bytes())
        if harm == "cut":
            del content[-9:]
        else:
            with zipfile.ZipFile(path) as archive:
                array = max(archive.infolist(), key=lambda member: member.file_size)
            content[array.header_offset + array.file_size + len(array.filename)] ^= 4  # among its last numbers
        path.write_bytes(content)
        lines = self.go_on(args)
        assert lines[0].startswith(f"{path}: not a snapshot, or damaged (")
        assert lines[0].endswith(
            "; set aside as snapshot_iter_2.npz.damaged, and snapshot_iter_1.npz before it is used"
        )
        assert f"going on from {snapshot_files.place(run, 1)} at iteration 1" in lines
        assert (run / "snapshot_iter_2.npz.damaged").read_bytes() == content

    @pytest.mark.parametrize("resume", [training_runs.NEWEST, training_runs.AUTO])
    def test_all_are_damaged(self, args, run, resume):
        for path in run.glob("snapshot*"):
            path.write_bytes(b"nothing")
        before = sorted(run.iterdir())
        with pytest.raises(
            SnapshotError, match=r"none of its snapshots is whole: snapshot_iter_2.npz: .*; begin anew with --force"
        ):
            self.go_on(args, resume=resume)
        assert sorted(run.iterdir()) == before

    def test_a_file_system_without_links(self, args, tmp_path, monkeypatch):
        def refused(*names):
            raise OSError(errno.EPERM, "no links here")

        monkeypatch.setattr(os, "link", refused)
        tiny_runs.run(*args)
        latest, newest = tmp_path / "run" / snapshot_files.LATEST, snapshot_files.place(tmp_path / "run", 2)
        assert latest.read_bytes() == newest.read_bytes()
        assert not latest.samefile(newest)

    def test_a_link_stands_for_what_it_leads_to(self, args, run, tmp_path):
        (tmp_path / "mine").mkdir()
        others = tmp_path / "mine" / "snapshot_iter_9.npz"
        others.write_bytes(b"of another run")
        (tmp_path / "mine" / "best.npz").symlink_to(snapshot_files.place(run, 1))
        lines = self.go_on(args, resume=str(tmp_path / "mine" / "best.npz"))
        assert "snapshot_iter_2.npz: set aside as *.superseded" in lines
        assert others.read_bytes() == b"of another run"
        assert not (tmp_path / "mine" / snapshot_files.LATEST).exists()

    def test_the_weights_say_which_run_it_is(self, data, tmp_path):
        """Where a scheduler gives the same command again: without --model it is that of the weights."""
        tiny_runs.run("infogan", data["infogan"], tmp_path / "first", 1)
        request = tiny_runs.request("infogan", data["infogan"], tmp_path, 2, resume=training_runs.AUTO)
        settings = {name: value for name, value in request.settings.items() if name != "save_name"}
        weights = str(tmp_path / "first" / "run" / snapshot_files.LATEST)
        lines = []
        for end in (1, 2):
            settings["max_iteration"] = end
            training_runs.train(
                dataclasses.replace(request, model=None, settings=settings, weights=weights), lines.append
            )
        assert [line for line in lines if line.startswith("going on")] == [
            f"going on from {tmp_path / 'infogan' / 'snapshot_iter_1.npz'} at iteration 1"
        ]

    @pytest.mark.parametrize("name", ["log", "losses.png", "rollback.json"])
    def test_a_folder_in_the_place_of_a_file(self, args, run, name):
        (run / name).unlink(missing_ok=True)
        (run / name).mkdir()
        before = sorted(run.iterdir())
        with pytest.raises(OutputError, match=f"{name}: a folder stands where a run writes a file; remove it"):
            tiny_runs.run(*args, force=True)
        assert sorted(run.iterdir()) == before
        with pytest.raises(OutputError, match=f"{name}: cannot be written: a folder stands where a file is needed"):
            self.go_on(args)

    def test_a_run_at_its_end_is_not_gone_on_with_elsewhere(self, data, run, tmp_path):
        """Nothing would be written there that it could be gone on from."""
        path = str(snapshot_files.place(run, 2))
        with pytest.raises(SnapshotError, match=r"the run is at its end \(iteration 2\)"):
            tiny_runs.run("normal", data["normal"], tmp_path, 2, resume=path, settings={"save_name": "other"})
        assert not (tmp_path / "other" / "log").exists()

    def test_a_folder_is_no_snapshot(self, args, run):
        snapshot_files.place(run, 3).mkdir()
        with pytest.raises(
            OutputError, match=r"snapshot_iter_3.npz: cannot be written: a folder .* snapshot_iter_2.npz is whole"
        ):
            self.go_on(args)

    def test_only_the_latest_is_left(self, args, run):
        for path in snapshot_files.found(run).values():
            path.unlink()
        assert f"going on from {run / snapshot_files.LATEST} at iteration 2" in self.go_on(args)

    def test_a_folder_that_was_moved_stays_where_it_is(self, data, run, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        run.rename(tmp_path / "elsewhere" / "other")
        settings = {"save_name": "other"}
        tiny_runs.run(
            "normal", data["normal"], tmp_path / "elsewhere", 3, resume=training_runs.NEWEST, settings=settings
        )
        assert snapshot_files.place(tmp_path / "elsewhere" / "other", 3).exists()
        assert not run.exists()

    def test_going_back_sets_the_later_ones_aside(self, args, run):
        lines = self.go_on(args, 4, resume=str(snapshot_files.place(run, 1)))
        assert "snapshot_iter_2.npz: set aside as *.superseded" in lines
        assert list(snapshot_files.found(run)) == [1, 4]
        assert (run / "snapshot_iter_2.npz.superseded").exists()

    def test_what_a_killed_write_left_is_removed(self, args, run):
        for name in (".snapshot_iter_9.npz.abc.part", ".log.abc.part", ".snapshot_latest.npz.77.part"):
            (run / name).touch()
        (run / ".mine.part").touch()
        self.go_on(args)
        assert [path.name for path in run.glob(".*")] == [".mine.part"]


def test_retention(data, tmp_path):
    settings = {"snapshot_interval": 1, "keep_last": 2, "keep_every": 3}
    tiny_runs.run("normal", data["normal"], tmp_path, 8, settings=settings)
    assert list(snapshot_files.found(tmp_path / "run")) == [3, 6, 7, 8]
    assert (tmp_path / "run" / snapshot_files.LATEST).samefile(snapshot_files.place(tmp_path / "run", 8))


class TestFullDisk:
    def test_it_is_said_before_and_the_snapshot_before_stays(self, data, tmp_path, monkeypatch):
        free = iter([1 << 30, 1 << 10, 1 << 10])
        monkeypatch.setattr("mocogan_chainer.files.room", lambda path: next(free))
        monkeypatch.setattr("mocogan_chainer.extensions.snapshot.room", lambda path: next(free))
        with pytest.raises(OutputError) as error:
            tiny_runs.run("normal", data["normal"], tmp_path, 3, settings={"snapshot_interval": 1})
        run = tmp_path / "run"
        assert str(error.value).startswith(f"{run}/snapshot_iter_2.npz: cannot be written: it takes")
        assert str(error.value).endswith(
            "; snapshot_iter_1.npz is whole, and the same command with --resume goes on from it"
        )
        assert list(snapshot_files.found(run)) == [1]

    def test_it_may_be_full_for_anything_else(self, data, tmp_path):
        def full():
            raise OSError(errno.ENOSPC, "full")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                "os.fsync", lambda file: full() if (tmp_path / "run" / snapshot_files.LATEST).exists() else None
            )
            with pytest.raises(OutputError, match=r"the disk is full; free some .*; snapshot_iter_1.npz is whole, and"):
                tiny_runs.run("normal", data["normal"], tmp_path, 3, settings={"snapshot_interval": 1})
        tiny_runs.run("normal", data["normal"], tmp_path, 3, resume=training_runs.NEWEST)

    def test_a_warning_comes_an_interval_before(self, data, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr("mocogan_chainer.extensions.snapshot.room", lambda path: 1 << 10)
        tiny_runs.run("normal", data["normal"], tmp_path, 1)
        assert "run: the next snapshot takes" in capsys.readouterr().out


def command(data, folder, *more):
    """``train.py`` on the tiny data, as a list of words."""
    settings = tiny_runs.request("normal", data["normal"], folder, 10_000, settings={"snapshot_interval": 5}).settings
    pairs = [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in settings.items()]
    return [*map(str, more), "--set", *pairs]


@pytest.fixture
def start():
    """Start train.py; wait until its log has a row."""
    started = []

    def run(folder, words):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, ROOT / "train.py", *words], cwd=ROOT, **pipes)
        started.append(process)
        while not (folder / "run" / "log").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_the_command_is_killed_refused_and_stopped(data, tmp_path, start, capsys):
    """kill -9 leaves a lock that is taken over; while a run is on, a second one is refused; Ctrl-C saves."""
    first = start(tmp_path, command(data, tmp_path))
    for more in (["--resume"], [], ["--force"]):
        assert train.main(command(data, tmp_path, *more)) == 2
        assert f"{tmp_path / 'run'}: process {first.pid} on " in capsys.readouterr().err
    first.kill()
    first.wait()
    assert (tmp_path / "run" / "lock").exists()
    (tmp_path / "run" / "log").unlink()
    second = start(tmp_path, command(data, tmp_path, "--resume"))
    second.send_signal(signal.SIGINT)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 130
    assert "going on from" in out
    assert "SIGINT: this iteration is finished and saved; a second one stops at once" in err
    assert err.splitlines()[-1].startswith("stopped by SIGINT: iteration ")
    assert not (tmp_path / "run" / "lock").exists()
    newest = snapshot_files.newest(tmp_path / "run").snapshot.iteration
    assert train.main(command(data, tmp_path, "--resume", "--time-limit", "0.1")) == 0
    assert f"the time is over: iteration {newest + 1} is saved in" in capsys.readouterr().out
