"""Stopping a preparation at any place, by anything, and taking it up again: the result has the same bytes as ever."""

import errno
import json
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mocogan_chainer.datasets.writer import PreparedWriter
from mocogan_chainer.errors import DataError, MocoganError, OutputError
from mocogan_chainer.locks import locked
from mocogan_chainer.preprocessing import partial, prepare, runner
from tests.preprocessing.toys import toy
from tests.preprocessing.toys.sabotage import sabotage
from tests.preprocessing.toys.use import toys

ROOT = Path(__file__).parents[2]
VIDEOS = 9
STOP = 7
"""How many are done in an attempt that :func:`stopped` leaves."""


@pytest.fixture(autouse=True)
def _toys(monkeypatch):
    toys(monkeypatch.setattr)
    monkeypatch.setattr(os, "fsync", lambda file: None)  # no power fails here, and it takes long on a busy disk


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Videos of 1 to 4 frames with masks in three classes; some are left out and some remarked on."""
    raw = toy.mixed(tmp_path_factory.mktemp("partial") / "raw", VIDEOS)
    (raw / "masks").mkdir()
    return raw


@pytest.fixture(scope="module")
def whole(raw):
    """Every byte of the dataset that an undisturbed preparation makes."""
    with pytest.MonkeyPatch.context() as patch:
        toys(patch.setattr)
        run(raw, raw.parent / "whole")
    made = content(raw.parent / "whole")
    assert len([name for name in made if name.startswith("frames-")]) > 1
    assert {"videos.csv", "skipped.csv", "remarks.csv", "masks-00000.npy", "preview.gif"} < set(made)
    return made


@pytest.fixture
def out(tmp_path):
    (tmp_path / "place").mkdir()
    return tmp_path / "place" / "out"


@pytest.fixture
def stopped(raw, out, monkeypatch):
    """The hidden folder of an attempt that ended after ``STOP`` videos."""
    note = partial.Partial.note

    def stop(self, *known):
        note(self, *known)
        if self.kept == STOP:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(partial.Partial, "note", stop)
        with pytest.raises(KeyboardInterrupt):
            run(raw, out)
    assert not out.exists()
    return out.parent / ".out.partial"


def run(raw, out, **options):
    return prepare("toy", raw, out, workers=0, **options)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def journal(out):
    path = out.parent / f".{out.name}.partial" / "journal"
    return path.read_bytes().split(b"\n")[:-1] if path.exists() else []


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def beside(out):
    return {path.name for path in out.parent.iterdir()}


class TestAnyCall:
    """Every call that writes, flushes, renames, removes or makes a file or folder is where a stop or error comes."""

    def killed(self, raw, folder, *options):
        """Return what attempts leave that are killed, each at a later call."""
        script = "tests.preprocessing.toys.kill_everywhere"
        # Python warns of a fork beside threads, which NumPy has, and which do nothing here.
        command = [sys.executable, "-W", "ignore", "-m", script, raw, folder, *options]
        (folder / "before").mkdir(parents=True, exist_ok=True)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stderr) == (0, "")
        return [path / "out" for path in sorted(folder.iterdir()) if path.name != "before"][:-1]

    def test_killed(self, raw, tmp_path, whole):
        outs = self.killed(raw, tmp_path)
        assert len(outs) > 10 * VIDEOS
        unfinished = [out for out in outs if not out.exists()]
        assert len(outs) - len(unfinished) <= 2  # killed after all was done: the rename, and its way to the disk
        for out in unfinished:
            run(raw, out, resume=True)
            assert beside(out) == {"out"}
        for out in outs:
            if out not in unfinished:
                with pytest.raises(OutputError, match="it holds a prepared dataset already"):
                    run(raw, out, resume=True)
                assert beside(out) == {"out"}
            assert content(out) == whole

    def test_killed_while_it_replaces(self, raw, tmp_path, whole):
        folder = tmp_path / "attempts"
        run(raw, folder / "before" / "out", seed=1)
        old = content(folder / "before" / "out")
        short = toy.write(tmp_path / "raw", a_1="good 1", b_2="good 2")
        run(short, tmp_path / "new")
        new = content(tmp_path / "new")
        seen = set()
        for out in self.killed(short, folder, "force=1"):
            if not out.exists():
                seen.add("away")
                (away,) = out.parent.glob(".out.*.old/out")
                assert content(away) == old
            elif content(out) == new:
                seen.add("new")
            else:
                seen.add("old")
                assert content(out) == old
            run(short, out, resume=True, force=True)
            assert content(out) == new
        assert seen == {"old", "new", "away"}

    def test_killed_again_and_again(self, raw, out, whole):
        chance = random.Random(0)
        attempts = 0
        while not out.exists():
            script = (
                "import pathlib, sys\n"
                "from tests.preprocessing.toys import kill_everywhere, use\n"
                "use.toys(setattr)\n"
                "raw, out = map(pathlib.Path, sys.argv[2:])\n"
                "kill_everywhere.attempt(raw, out, int(sys.argv[1]), {'resume': True})\n"
            )
            at = str(chance.randrange(25, 100))
            subprocess.run([sys.executable, "-c", script, at, raw, out], cwd=ROOT, capture_output=True, timeout=60)
            attempts += 1
        assert attempts > 3
        assert content(out) == whole

    @pytest.mark.parametrize(
        ("error", "seen"), [(OSError(errno.ENOSPC, "full"), OutputError), (KeyboardInterrupt(), KeyboardInterrupt)]
    )
    def test_failed(self, raw, out, whole, monkeypatch, error, seen):
        ends = set()
        for at in range(1, 1000):
            with monkeypatch.context() as patch:
                hits = []

                def act(hits=hits):
                    hits.append(1)
                    raise error

                sabotage(patch.setattr, at, act, after=seen is KeyboardInterrupt)
                try:
                    run(raw, out)
                except seen as raised:
                    message = str(raised)
                else:
                    message = None
            if not hits:
                break
            kept = len(journal(out))
            if message is None or out.exists():
                ends.add("done")
                assert content(out) == whole
            else:
                ends.add("stopped")
                said = f"{kept} of {VIDEOS} videos are done and kept: the same command with --resume goes on from there"
                assert message.endswith(said) if kept else not files(out.parent)
                assert seen is KeyboardInterrupt or ": the disk is full; free some space or choose" in message
                assert run(raw, out, resume=True).recovered == kept
            assert content(out) == whole
            assert beside(out) == {"out"}
            shutil.rmtree(out)
        assert at > 10 * VIDEOS
        assert "stopped" in ends


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0x10
    path.write_bytes(data)


def lines(change):
    """Make a damage that changes the lines of the journal."""

    def damage(folder):
        path = folder / "journal"
        path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))

    return damage


def swapped(all):
    return [*all[:1], all[2], all[1], *all[3:]]


def resealed(change):
    """Make a damage that changes what the fourth line says, under a checksum that is right."""

    def damage(all):
        said = change(json.loads(all[3].partition(b" ")[2]))
        return [*all[:3], partial._sealed(json.dumps(said).encode()), *all[4:]]

    return lines(damage)


# What is done when it stops: a video of 1 frame, one left out, one of 3 frames (in the first shard), two left out,
# videos of 2 and 3 frames (in the second).
DAMAGES = {
    "none": (lambda folder: None, STOP),
    "the last line cut short": (lines(lambda all: [*all[:-1], all[-1][:-9]]), STOP - 1),
    "no line break at the end": (lines(lambda all: [*all[:-1], all[-1][:-1]]), STOP - 1),
    "garbage after the last line": (lines(lambda all: [*all, b"\0" * 4096]), STOP),
    "a line of garbage": (lines(lambda all: [*all[:3], b"\xff\xfe\n", *all[3:]]), 3),
    "a line that only looks right": (lines(lambda all: [*all[:3], b"{}\n", *all[3:]]), 3),
    "a line that is no table": (resealed(lambda said: [said]), 3),
    "a line of nothing": (resealed(lambda said: None), 3),
    "a line about nobody": (resealed(lambda said: {k: v for k, v in said.items() if k != "id"}), 3),
    "a line with more in it": (resealed(lambda said: {**said, "more": 1}), 3),
    "a length in words": (resealed(lambda said: {**said, "length": "3"}), 3),
    "a length below 0": (resealed(lambda said: {**said, "length": -1}), 3),
    "a reason that is a number": (resealed(lambda said: {**said, "length": 0, "reason": 3}), 3),
    "a line twice": (lines(lambda all: [*all[:2], *all[1:]]), 2),
    "a line lost": (lines(lambda all: [*all[:1], *all[2:]]), 1),
    "lines swapped": (lines(swapped), 1),
    "a letter of a reason": (lines(lambda all: [line.replace(b"a reason", b"a season") for line in all]), 3),
    "a letter of a remark": (lines(lambda all: [line.replace(b"remarkable", b"remarkably") for line in all]), 2),
    "an empty journal": (lambda folder: (folder / "journal").write_bytes(b""), 0),
    "a journal of garbage": (lambda folder: (folder / "journal").write_bytes(bytes(range(256)) * 9), 0),
    "no journal": (lambda folder: (folder / "journal").unlink(), 0),
    "no data": (lambda folder: shutil.rmtree(folder / "data"), 0),
    "no first shard": (lambda folder: (folder / "data" / "frames-00000.npy").unlink(), 0),
    "no second shard": (lambda folder: (folder / "data" / "frames-00001.npy").unlink(), 5),
    "no masks of the second shard": (lambda folder: (folder / "data" / "masks-00001.npy").unlink(), 5),
    "a shard cut short": (lambda folder: os.truncate(folder / "data" / "frames-00000.npy", 128 + 3 * 192), 2),
    "an empty shard": (lambda folder: os.truncate(folder / "data" / "frames-00000.npy", 0), 0),
    "a longer shard": (lambda folder: (folder / "data" / "frames-00001.npy").open("ab").write(b"0" * 999), STOP),
    "a shard too many": (lambda folder: (folder / "data" / "frames-00009.npy").write_bytes(b"0"), STOP),
    "a header of garbage": (lambda folder: flip(folder / "data" / "frames-00001.npy", 10), STOP),
    "parts left over": (lambda folder: (folder / "parts" / "00000007").write_bytes(b"0" * 999), STOP),
    "files of an end that was stopped": (lambda folder: (folder / "data" / ".preview.gif.x.part").touch(), STOP),
}


class TestDamage:
    """What is not proven whole is done again."""

    @pytest.mark.parametrize("name", DAMAGES)
    def test_of_any_kind(self, raw, out, whole, stopped, name):
        damage, recovered = DAMAGES[name]
        damage(stopped)
        assert run(raw, out, resume=True).recovered == recovered
        assert content(out) == whole
        assert beside(out) == {"out"}

    def test_a_byte_anywhere_in_the_shards(self, raw, out, whole, stopped, tmp_path):
        shutil.copytree(out.parent, tmp_path / "stopped")
        owners = {0: [0, 2, 2, 2], 1: [5, 5, 6, 6, 6]}  # of each frame: how many videos come before its own
        for shard, of_frame in owners.items():
            for kind, frame_bytes in (("frames", 192), ("masks", 64)):
                for frame, owner in enumerate(of_frame):
                    shutil.rmtree(out.parent)
                    shutil.copytree(tmp_path / "stopped", out.parent)
                    flip(stopped / "data" / f"{kind}-{shard:05d}.npy", 128 + frame * frame_bytes + 50)
                    assert run(raw, out, resume=True).recovered == owner
                    assert content(out) == whole


class TestRefusals:
    def test_an_attempt_that_nobody_speaks_of(self, raw, out, stopped):
        before = {path: path.read_bytes() for path in files(stopped)}
        with pytest.raises(
            OutputError,
            match=re.escape(
                f"{out}: an earlier preparation was stopped; continue it with --resume, or start again with --force"
            ),
        ):
            run(raw, out)
        assert {path: path.read_bytes() for path in files(stopped)} == before

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"size": 9}, "size was 8 and is now 9"),
            ({"seed": 1}, "seed was 0 and is now 1"),
            ({"split": 0.5}, "split was 0.0 and is now 0.5"),
            ({"limit": 3}, "limit was None and is now 3"),
            ({"min_frames": 2}, "min_frames was 1 and is now 2"),
        ],
    )
    def test_other_options(self, raw, out, whole, stopped, options, words):
        message = (
            f"{out}: the preparation that was stopped differs from this one: {words}; give the same options with "
            "--resume, or start again with --force"
        )
        with pytest.raises(OutputError, match=f"^{re.escape(message)}$"):
            run(raw, out, resume=True, **options)
        run(raw, out, resume=True)
        assert content(out) == whole

    @pytest.mark.parametrize("text", [None, b"\xff", b"[1]"])
    def test_a_plan_that_cannot_be_read(self, raw, out, whole, stopped, text):
        plan = stopped / "plan.json"
        plan.unlink() if text is None else plan.write_bytes(text)
        with pytest.raises(OutputError, match="what a stopped preparation left is damaged; start again with --force"):
            run(raw, out, resume=True)
        assert run(raw, out, force=True).recovered == 0
        assert content(out) == whole

    @pytest.mark.parametrize("change", ["added", "removed", "moved", "longer"])
    def test_other_raw_data(self, raw, out, stopped, tmp_path, change):
        shutil.copytree(raw, tmp_path / "kept")
        try:
            if change == "added":
                toy.write(raw, a_new="good 1")
            elif change == "removed":
                (raw / "c" / "008.toy").unlink()
            elif change == "longer":
                with (raw / "c" / "008.toy").open("a") as file:
                    file.write(" ")
            else:
                (raw / "c" / "008.toy").rename(raw / "a" / "008.toy")
            count = VIDEOS + {"added": 1, "removed": -1, "moved": 0, "longer": 0}[change]
            words = rf"raw data is not what it was .*: {VIDEOS} \(\w+\) videos then, {count} \(\w+\) now; restore it"
            with pytest.raises(OutputError, match=words):
                run(raw, out, resume=True)
        finally:
            shutil.rmtree(raw)
            shutil.copytree(tmp_path / "kept", raw)

    def test_other_places_sets_and_tools(self, raw, out, stopped, tmp_path, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(partial, "__version__", "99")
            with pytest.raises(OutputError, match=r"tool was .* and is now 99; "):
                run(raw, out, resume=True)
        with monkeypatch.context() as patch:
            patch.setattr("cv2.__version__", "99")
            with pytest.raises(OutputError, match=r"made_with was .* and is now .*'opencv': '99'"):
                run(raw, out, resume=True)
        shutil.copytree(raw, tmp_path / "raw")
        with pytest.raises(OutputError, match=rf"raw was {raw} and is now {tmp_path / 'raw'}; "):
            run(tmp_path / "raw", out, resume=True)
        with pytest.raises(OutputError, match="dataset was toy and is now shapes; "):
            prepare("shapes", None, out, num=1, resume=True)

    def test_nothing_to_resume_just_begins(self, raw, out, whole):
        assert run(raw, out, resume=True).recovered == 0
        assert content(out) == whole

    def test_an_attempt_that_got_nowhere_is_in_nobodys_way(self, raw, out, whole, stopped):
        (stopped / "journal").write_bytes(b"")
        run(raw, out)
        assert content(out) == whole

    def test_force_drops_the_attempt(self, raw, out, whole, stopped):
        assert run(raw, out, force=True).recovered == 0
        assert content(out) == whole
        assert beside(out) == {"out"}

    def test_the_same_raw_data_written_otherwise(self, raw, out, whole, stopped):
        assert run(f"{raw.parent}/./{raw.name}/", out, resume=True).recovered == STOP
        assert content(out) == whole

    def test_force_and_resume_over_a_dataset(self, raw, out, whole, stopped, monkeypatch):
        run(raw, out.parent / "other", seed=1)
        old = content((out.parent / "other").rename(out))
        with pytest.raises(OutputError, match=r"it holds a prepared dataset already; use --force to replace it$"):
            run(raw, out, resume=True)
        become, seen = partial.Partial.become, []

        def watched(self):
            seen.append(content(out))
            become(self)

        monkeypatch.setattr(partial.Partial, "become", watched)
        assert run(raw, out, resume=True, force=True).recovered == STOP
        assert seen == [old]
        assert content(out) == whole
        assert beside(out) == {"out"}

    def test_another_process_at_work(self, raw, out, whole, stopped):
        message = f"{out}: another process is preparing it; wait for it or choose another folder"
        with locked(stopped / "lock", "never"):
            for options in ({}, {"resume": True}, {"force": True}, {"resume": True, "force": True}):
                with pytest.raises(OutputError, match=f"^{re.escape(message)}$"):
                    run(raw, out, **options)
        assert run(raw, out, resume=True).recovered == STOP
        assert content(out) == whole

    def test_a_place_that_is_taken_meanwhile_is_left_alone(self, raw, out, whole, monkeypatch):
        finish = PreparedWriter.finish

        def taken(self):
            finish(self)
            out.mkdir()
            (out / "letter.txt").write_text("dear")

        with monkeypatch.context() as patch:
            patch.setattr(PreparedWriter, "finish", taken)
            with pytest.raises(
                OutputError, match=rf"it holds things .*letter\.txt.*; {VIDEOS} of {VIDEOS} videos are done and kept"
            ):
                run(raw, out)
        assert (out / "letter.txt").read_text() == "dear"
        (out / "letter.txt").unlink()
        assert run(raw, out, resume=True).recovered == VIDEOS
        assert content(out) == whole

    def test_a_mount_point(self, raw, out, monkeypatch):
        out.mkdir()
        monkeypatch.setattr(os.path, "ismount", lambda path: path == out)
        with pytest.raises(OutputError, match=r"out: it is a mount point, .*; choose a folder in it"):
            run(raw, out)
        assert beside(out) == {"out"}


class TestWhatAStopLeaves:
    def test_nothing_where_nothing_can_be_used(self, out, tmp_path):
        raw = toy.write(tmp_path / "raw", a_1="refused", a_fault2="good 1")
        with pytest.raises(DataError, match=r"toy: no usable video: 2 left out; the first was a/1\.toy: a reason"):
            run(raw, out)
        assert beside(out) == set()

    def test_nothing_where_workers_cannot_start(self, raw, out, monkeypatch):
        monkeypatch.setattr(runner._Worker, "start", sys.exit)  # pickled by reference, so each worker ends at once
        with pytest.raises(MocoganError, match="the worker processes cannot start"):
            prepare("toy", raw, out, workers=1)
        assert beside(out) == set()

    def test_no_worker_where_it_stops_between_two_videos(self, out, tmp_path, monkeypatch):
        """Nor what one would still write: the next attempt may begin at once."""
        raw = toy.write(tmp_path / "raw", a_1="good 1", a_2="good 1 60", a_3="good 1 60")
        before = set(multiprocessing.active_children())

        def interrupt(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(partial.Partial, "note", interrupt)
        with pytest.raises(KeyboardInterrupt) as caught:
            prepare("toy", raw, out, workers=2)
        assert set(multiprocessing.active_children()) == before
        assert beside(out) == set()
        assert caught.value.args == ()

    def test_all_that_was_done_when_it_stops_while_that_is_read_again(self, raw, out, whole, stopped, monkeypatch):
        def interrupt(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(PreparedWriter, "recover", interrupt)
            with pytest.raises(KeyboardInterrupt, match=f"^{STOP} of {VIDEOS} videos are done and kept: "):
                run(raw, out, resume=True)
        assert run(raw, out, resume=True).recovered == STOP
        assert content(out) == whole

    def test_all_that_was_done_at_a_fault_of_ours(self, raw, out, whole, monkeypatch):
        def fault(*_):
            raise ValueError("a fault of ours")

        with monkeypatch.context() as patch:
            patch.setattr(PreparedWriter, "finish", fault)
            with pytest.raises(ValueError, match="a fault of ours"):
                run(raw, out)
        assert run(raw, out, resume=True).recovered == VIDEOS
        assert content(out) == whole


@pytest.mark.parametrize("name", ["", "data", "parts"])
def test_a_link_in_its_place_is_left_alone(raw, out, stopped, name):
    """Others can foresee its name, and what it holds is overwritten and removed."""
    place, foreign = stopped / name, out.parent / "foreign"
    foreign.mkdir()
    (foreign / "photo").write_text("mine")
    if place.exists():
        shutil.rmtree(place)
    place.symlink_to(foreign)
    with pytest.raises(OutputError, match="it is a link, but must be a folder made by this program; remove it"):
        run(raw, out, resume=True)
    assert (foreign / "photo").read_text() == "mine"


@pytest.mark.parametrize("name", ["lock", "data/frames-00000.npy", "journal"])
def test_no_link_is_written_through(raw, out, stopped, name):
    foreign = out.parent / "foreign"
    foreign.write_text("mine")
    (stopped / name).unlink()
    (stopped / name).symlink_to(foreign)
    try:
        run(raw, out, resume=True)
    except OutputError as error:
        assert "\n" not in str(error)
    assert foreign.read_text() == "mine"


def test_a_pipe_for_a_journal(raw, out, stopped):
    (stopped / "journal").unlink()
    os.mkfifo(stopped / "journal")
    with pytest.raises(OutputError, match=r"journal: cannot be read: .*not a plain file"):
        run(raw, out, resume=True)
