"""A run whose numbers are not finite: it stops at once, or goes back and another way."""

import itertools
import json
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import builder, checkpoint, extensions
from mocogan_chainer.cli import train
from mocogan_chainer.extensions import event_files
from mocogan_chainer.models.mocogan.updater import MoCoGANUpdater
from mocogan_chainer.training_runs import rollbacks
from tests.reliability import tiny_runs

SMALL = [f"model.n_filters_{x}=2" for x in ("gen", "idis", "vdis")]


@pytest.fixture
def run(tmp_path, monkeypatch, tiny_dataset, capsys):
    """Run train.py in an empty folder on the tiny dataset; return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(extensions.LossPlot, "__call__", lambda self, trainer: None)  # half of the time

    def call(*arguments, settings=(), iterations=6):
        more = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--max_iteration", str(iterations)]
        more += ["--snapshot_interval", "2", "--display_interval", "1", "--num_gen_samples", "2"]
        code = train.main([*more, *map(str, arguments), "--set", "video_length=10", *SMALL, *settings])
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def spoil_at(monkeypatch):
    """Let a discriminator's weights be spoiled before an iteration, in as many turns of the run as are named."""

    unspoiled = MoCoGANUpdater.update_video_discriminator

    def plan(iteration, turns=(0,)):
        def update(self):
            if self.iteration + 1 == iteration and self.rollbacks in turns:
                self.video_discriminator.blocks[0].conv.W.array[0] = np.nan
            unspoiled(self)

        monkeypatch.setattr(MoCoGANUpdater, "update_video_discriminator", update)

    return plan


def arrays_of(path):
    return {n: a for n, a in checkpoint.load(path).arrays.items() if "elapsed" not in n and "LogReport/rows" not in n}


def rows(folder):
    return [{k: v for k, v in row.items() if k != "elapsed_time"} for row in json.loads((folder / "log").read_text())]


def test_such_a_run_stops_with_what_was_last_seen(run, spoil_at, tmp_path):
    spoil_at(6)
    code, _, err = run()
    assert code == 2
    folder = tmp_path / "result" / "normal"
    last = rows(folder)[-1]
    assert last["iteration"] == 5
    seen = [f"{name} is nan ({last[f'video_discriminator/{name}']:.4g} before)" for name in ("loss", "real", "fake")]
    assert err.startswith(f"error: iteration 6: video_discriminator: {', '.join(seen)}, not finite: the gradient of /")
    assert err.endswith(
        "; iteration 4 is saved; go on from there with a lower optimizer.alpha, or with on_nan=rollback: "
        "--resume result/normal/snapshot_iter_4.npz --set ...\n"
    )
    assert len(err.splitlines()) == 1
    assert not (folder / "snapshot_iter_6.npz").exists()
    assert checkpoint.load(folder / "snapshot_latest.npz").iteration == 4


def test_before_the_first_snapshot_nothing_is_left(run, spoil_at):
    spoil_at(1)
    code, _, err = run()
    assert code == 2
    assert "iteration 1: video_discriminator: loss is nan, " in err
    assert "; nothing was saved yet; begin anew with a lower optimizer.alpha, or with on_nan=rollback\n" in err


def test_a_run_goes_back_and_another_way(run, spoil_at, tmp_path):
    assert run()[0] == 0
    unspoiled = arrays_of("result/normal/snapshot_iter_4.npz"), arrays_of("result/normal/snapshot_iter_6.npz")
    spoil_at(6)
    code, out, err = run("--force", settings=["on_nan=rollback"])
    assert (code, err) == (0, "")
    (line,) = (line for line in out.splitlines() if "rollback" in line)
    assert line.startswith("iteration 6: video_discriminator: loss is nan (")
    assert line.endswith(
        "; going back to result/normal/snapshot_iter_4.npz, iteration 4, with new noise: rollback 1 of 3"
    )
    folder = tmp_path / "result" / "normal"
    assert all(np.array_equal(a, unspoiled[0][n]) for n, a in arrays_of(folder / "snapshot_iter_4.npz").items())
    other = arrays_of(folder / "snapshot_iter_6.npz")
    assert other["trainer/updater/rollbacks"] == 1
    moved = {n for n, a in other.items() if not np.array_equal(a, unspoiled[1][n])}
    assert {
        f"trainer/updater/{n}" for n in ("rng", "iterator:main/rng", "iterator:image/rng", "noise/requests")
    } < moved
    assert "trainer/updater/model:generator/to_rgb/W" in moved
    assert [(row["iteration"], row.get("rollbacks")) for row in rows(folder)] == [
        *((i, None) for i in range(1, 5)),
        (5, 1),
        (6, 1),
    ]


def test_rollbacks_are_in_tensorboard(run, spoil_at, tmp_path):
    spoil_at(4)
    assert run("--log_tensorboard_interval", 1, settings=["on_nan=rollback"])[0] == 0
    found = tiny_runs.series(tmp_path / "runs" / "normal")["rollbacks"]
    assert sorted(found) == [(i, 1) for i in (3, 4, 5, 6)]


def test_resuming_after_a_rollback_is_exact(run, spoil_at, tmp_path):
    """Bit for bit, though the second process was never spoiled: the count and the streams are in the snapshot."""
    spoil_at(4)
    assert run(settings=["on_nan=rollback"], iterations=8)[0] == 0
    shutil.move(tmp_path / "result" / "normal", tmp_path / "whole")
    assert run(settings=["on_nan=rollback"])[0] == 0
    assert run("--resume", "result/normal/snapshot_iter_6.npz", iterations=8)[0] == 0
    whole = arrays_of(tmp_path / "whole" / "snapshot_iter_8.npz")
    resumed = arrays_of(tmp_path / "result" / "normal" / "snapshot_iter_8.npz")
    assert resumed.keys() == whole.keys()
    for name, array in whole.items():
        assert np.array_equal(array, resumed[name]), name
    assert rows(tmp_path / "whole") == rows(tmp_path / "result" / "normal")


class Crash(BaseException):
    """Nobody catches this one."""


@pytest.fixture
def crashes(monkeypatch):
    """Let the process come to its end within an iteration of a turn of the run, once."""

    def plan(iteration, turn):
        update, left = MoCoGANUpdater.update_image_discriminator, [iteration]

        def crash(self):
            if left == [self.iteration + 1] and self.rollbacks == turn:
                left.clear()
                raise Crash
            update(self)

        monkeypatch.setattr(MoCoGANUpdater, "update_image_discriminator", crash)

    return plan


@pytest.mark.parametrize(("at", "resume"), [(5, "--resume"), (1, "--resume=auto")])
def test_a_crash_before_the_next_snapshot_does_not_undo_a_rollback(
    run, spoil_at, crashes, capsys, tmp_path, at, resume
):
    """Of a run that went back to its snapshot of iteration 4, or to its start."""
    spoil_at(at)
    assert run(settings=["on_nan=rollback"])[0] == 0
    shutil.move(tmp_path / "result" / "normal", tmp_path / "whole")
    crashes(at, turn=1)
    with pytest.raises(Crash):
        run(settings=["on_nan=rollback"])
    assert "going back to" in capsys.readouterr().out
    code, out, _ = run(resume, settings=["on_nan=rollback"])
    assert code == 0
    assert "going back" not in out
    whole = arrays_of(tmp_path / "whole" / "snapshot_iter_6.npz")
    resumed = arrays_of(tmp_path / "result" / "normal" / "snapshot_iter_6.npz")
    assert [name for name, array in whole.items() if not np.array_equal(array, resumed[name])] == []
    assert rows(tmp_path / "whole") == rows(tmp_path / "result" / "normal")


def test_rollbacks_before_a_crash_count(run, spoil_at, crashes, capsys):
    spoil_at(3, turns=range(9))
    crashes(3, turn=1)
    with pytest.raises(Crash):
        run(settings=["on_nan=rollback", "max_rollbacks=2"])
    assert "rollback 1 of 2" in capsys.readouterr().out
    code, out, err = run("--resume=auto", settings=["on_nan=rollback", "max_rollbacks=2"])
    assert code == 2
    assert "rollback 1 of" not in out
    assert "2 rollbacks did not help (max_rollbacks=2); iteration 2 is saved; go on from there with a lower " in err


@pytest.mark.parametrize("arguments", [["--resume"], ["--resume", "auto", "--force"]])
def test_a_kill_at_any_step_of_going_back(run, spoil_at, capsys, monkeypatch, tmp_path, arguments):
    """Twice back, from 5 to 4 and from there to 2, which sets aside a snapshot and its pictures."""
    spoil_at(5, turns=(0, 1))
    assert run(settings=["on_nan=rollback"])[0] == 0
    shutil.move(tmp_path / "result" / "normal", tmp_path / "whole")
    whole, replace, go_back = (
        arrays_of(tmp_path / "whole" / "snapshot_iter_6.npz"),
        Path.replace,
        rollbacks.Run._go_back,
    )
    for step in itertools.count(1):
        left = []

        def going_back(self, what, step=step, left=left):
            left[:] = [step] if self.trainer.updater.rollbacks == 1 else []
            go_back(self, what)
            left.clear()

        def dies(self, target, left=left):
            if left:
                left[0] -= 1
                if left[0] == 0:
                    left.clear()
                    raise Crash
            return replace(self, target)

        with monkeypatch.context() as patch:
            patch.setattr(rollbacks.Run, "_go_back", going_back)
            patch.setattr(Path, "replace", dies)
            try:
                run("--force", settings=["on_nan=rollback"])
                break
            except Crash:
                pass
        capsys.readouterr()
        code, out, err = run(*arguments, settings=["on_nan=rollback"])
        assert (code, err) == (0, ""), step
        assert "rollback 1 of 3" not in out
        resumed = arrays_of(tmp_path / "result" / "normal" / "snapshot_iter_6.npz")
        assert [name for name, array in whole.items() if not np.array_equal(array, resumed[name])] == [], step
        assert rows(tmp_path / "whole") == rows(tmp_path / "result" / "normal")
        for i in (2, 4, 6):
            one, other = (
                folder / f"samples_iter_{i}.gif" for folder in (tmp_path / "whole", tmp_path / "result/normal")
            )
            assert one.read_bytes() == other.read_bytes()
    assert step == 5  # after the note, the latest, the pictures and the snapshot


def test_a_run_that_goes_another_way_forgets_where_it_went_back_to(run, spoil_at, crashes, tmp_path):
    spoil_at(5)
    assert run(settings=["on_nan=rollback"])[0] == 0
    again = ("--resume", "result/normal/snapshot_iter_2.npz", "--set", "optimizer.alpha=1e-4")
    spoil_at(5, turns=())
    crashes(6, turn=0)
    with pytest.raises(Crash):
        run(*again)
    assert run("--resume", settings=["optimizer.alpha=1e-4"])[0] == 0
    shutil.move(tmp_path / "result" / "normal" / "snapshot_iter_6.npz", tmp_path / "crashed.npz")
    assert run(*again)[0] == 0
    undisturbed, crashed = arrays_of("result/normal/snapshot_iter_6.npz"), arrays_of(tmp_path / "crashed.npz")
    assert undisturbed["trainer/updater/rollbacks"] == 0
    assert [name for name, array in undisturbed.items() if not np.array_equal(array, crashed[name])] == []


def test_a_new_run_begins_with_its_own_noise(run, spoil_at, tmp_path):
    assert run()[0] == 0
    unspoiled = arrays_of("result/normal/snapshot_iter_6.npz")
    spoil_at(5)
    assert run("--force", settings=["on_nan=rollback"])[0] == 0
    assert (tmp_path / "result" / "normal" / "rollback.json").exists()
    spoil_at(5, turns=())
    assert run("--force")[0] == 0
    again = arrays_of("result/normal/snapshot_iter_6.npz")
    assert [name for name, array in unspoiled.items() if not np.array_equal(array, again[name])] == []
    assert not (tmp_path / "result" / "normal" / "rollback.json").exists()


@pytest.mark.parametrize(
    "text",
    [
        *("", "[1, 2]", "[" * 1020, '{"rollbacks": 1}', '{"rollbacks": "1", "iteration": 4}'),
        *('{"rollbacks": -1, "iteration": 4}', '{"rollbacks": 100000000000, "iteration": 4}'),
    ],
)
def test_an_odd_note_is_none(tmp_path, text):
    (tmp_path / "rollback.json").write_text(text)
    assert rollbacks.read_note(tmp_path) is None


@pytest.mark.parametrize("counted", [np.arange(3), np.array("many"), np.array(np.inf)])
def test_an_odd_count_in_a_snapshot_is_left_to_who_resumes_it(counted):
    newest = checkpoint.Snapshot("a.npz", "", {}, 6, {"trainer/updater/rollbacks": counted})
    assert not rollbacks.unfinished(rollbacks.Note(2, 4), newest)


def test_snapshots_that_are_all_damaged_are_no_reason_to_begin_anew(run, spoil_at, monkeypatch, tmp_path):
    spoil_at(6)
    train = rollbacks.Run._train

    def harmed(self):
        what = train(self)
        for path in (tmp_path / "result" / "normal").glob("snapshot_iter_*.npz"):
            path.write_bytes(b"harmed")
        return what

    monkeypatch.setattr(rollbacks.Run, "_train", harmed)
    code, out, err = run(settings=["on_nan=rollback"])
    assert code == 2
    assert "going back" not in out
    assert err.rstrip().endswith(
        "; no snapshot to go back to is whole: result/normal/snapshot_iter_4.npz, result/normal/snapshot_iter_2.npz; "
        "begin anew with --force"
    )


def test_pictures_of_a_turn_that_was_left_are_set_aside(run, tmp_path):
    assert run()[0] == 0
    code, out, _ = run("--resume", "result/normal/snapshot_iter_2.npz")
    assert code == 0
    assert "snapshot_iter_4.npz, snapshot_iter_6.npz: set aside as *.superseded" in out
    names = {path.name for path in (tmp_path / "result" / "normal").iterdir()}
    assert {f"samples_iter_{i}.gif.superseded" for i in (4, 6)} < names
    assert {f"samples_iter_{i}.gif" for i in (2, 4, 6)} < names
    assert run("--resume", "result/normal/snapshot_iter_4.npz")[0] == 0
    assert (tmp_path / "result" / "normal" / "snapshot_iter_6.npz.superseded.2").exists()


def test_so_many_rollbacks_and_no_more(run, spoil_at):
    spoil_at(4, turns=range(9))
    code, out, err = run(settings=["on_nan=rollback", "max_rollbacks=2"])
    assert code == 2
    assert [line.rpartition(": ")[2] for line in out.splitlines() if "going back" in line] == [
        "rollback 1 of 2",
        "rollback 2 of 2",
    ]
    assert "; 2 rollbacks did not help (max_rollbacks=2); iteration 2 is saved; go on from there with a lower " in err


def test_a_snapshot_that_did_not_help_is_not_taken_again(run, spoil_at):
    """At 4 the first time; then at 2, and at 4 once more as that has been made anew."""
    spoil_at(5, turns=(0, 1, 2))
    code, out, _ = run(settings=["on_nan=rollback"])
    assert code == 0
    assert [line.partition("back to ")[2].split()[2] for line in out.splitlines() if "going back" in line] == [
        "4,",
        "2,",
        "4,",
    ]


def test_snapshots_of_turns_before_are_no_way_back(run, spoil_at, monkeypatch):
    """At 4, then at 2; what is found there as 4 is to be saved anew leads back to 2, not to the 4 of before."""
    spoil_at(5, turns=(0, 1))
    unspoiled = MoCoGANUpdater.update_generator

    def update(self):
        unspoiled(self)
        if self.iteration + 1 == 4 and self.rollbacks == 2:
            self.generator.blocks[0].norm.avg_var[0] = np.inf

    monkeypatch.setattr(MoCoGANUpdater, "update_generator", update)
    code, out, _ = run(settings=["on_nan=rollback"])
    assert code == 0
    lines = [line for line in out.splitlines() if "going back" in line]
    assert [line.partition("back to ")[2].split()[2] for line in lines] == ["4,", "2,", "2,"]
    assert lines[2].startswith("iteration 4: model:generator/blocks/0/norm/avg_var is not finite; found before it was ")


def test_without_a_snapshot_it_goes_back_to_the_start(run, spoil_at, tmp_path):
    spoil_at(1)
    code, out, _ = run(settings=["on_nan=rollback"])
    assert code == 0
    assert "; going back to the start with new noise: rollback 1 of 3" in out
    assert [row["iteration"] for row in rows(tmp_path / "result" / "normal")] == [1, 2, 3, 4, 5, 6]


def test_a_run_that_was_resumed_elsewhere_goes_back_to_where_it_began(run, spoil_at):
    assert run(iterations=4)[0] == 0
    spoil_at(5)
    arguments = ("--resume", "result/normal/snapshot_latest.npz", "--save_name", "other")
    code, out, _ = run(*arguments, settings=["on_nan=rollback"])
    assert code == 0
    assert "; going back to result/normal/snapshot_latest.npz, iteration 4, with new noise: rollback 1 of 3" in out


def test_snapshots_of_earlier_versions_have_no_count(run, tmp_path, monkeypatch):
    assert run(iterations=4)[0] == 0
    snapshot = checkpoint.load("result/normal/snapshot_latest.npz")
    del snapshot.arrays["trainer/updater/rollbacks"]
    monkeypatch.setattr(checkpoint, "load", lambda path: snapshot)
    assert run("--resume", "result/normal/snapshot_latest.npz")[0] == 0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("on_nan=ignore", "on_nan=ignore: it must be one of stop, rollback"),
        ("max_rollbacks=0", "max_rollbacks=0: it must be between 1 and 1000"),
    ],
)
def test_mistakes_are_one_line(run, setting, message):
    code, _, err = run(settings=[setting])
    assert (code, err) == (2, f"error: {message}\n")


def test_at_the_start_tensorboard_forgets_too(run, spoil_at):
    spoil_at(4)
    assert run("--snapshot_interval", "5", settings=["on_nan=rollback"], iterations=6)[0] == 0
    found = [e for path in sorted(Path("runs/normal").glob(event_files.PATTERN)) for e in event_files.events(path)]
    steps = [e.step for e in found if any(value.tag == "generator/loss" for value in e.summary.value)]
    assert steps == sorted(set(steps))


def test_the_old_networks_are_given_up_before_new_ones_are_built(run, spoil_at, monkeypatch):
    spoil_at(4)
    alive, build = [], builder.build_trainer

    def watched(*arguments, **options):
        alive.append([reference() is not None for reference in networks])
        trainer = build(*arguments, **options)
        networks.append(weakref.ref(trainer.updater.generator))
        return trainer

    networks = []
    monkeypatch.setattr(builder, "build_trainer", watched)
    assert run(settings=["on_nan=rollback"])[0] == 0
    assert alive == [[], [False]]


@pytest.mark.parametrize(("first", "later"), [("true", "false"), ("false", "true")])
def test_warnings_may_be_switched_where_a_run_goes_on(run, first, later):
    assert run(settings=[f"warn={first}"], iterations=2)[0] == 0
    code, _, err = run("--resume", settings=[f"warn={later}"], iterations=4)
    assert (code, err) == (0, "")


def test_a_snapshot_has_nothing_of_when_the_watchers_act(run):
    """Earlier versions had none, and their snapshots go on."""
    assert run(iterations=2)[0] == 0
    names = checkpoint.load("result/normal/snapshot_latest.npz").arrays
    assert not [name for name in names if "extension_triggers" in name and ("EarlyStop" in name or "Watch" in name)]
