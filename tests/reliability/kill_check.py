"""Kill training and preprocessing again and again, and see that nothing is lost: ``make kill-check``.

Every attempt is a fork of one process that has imported everything and has no threads of its own; it is killed by
SIGKILL, as the system kills what runs out of memory. What comes out at last is compared with the undisturbed result
bit for bit (``tests/reliability/tiny_runs.py`` says what a result is). Four parts:

- training: a run is killed at a random moment and gone on with, which may be killed again;
- writing: a process ends itself within each single call that writes, syncs, renames, links or removes a file while a
  snapshot is saved; a whole snapshot must be left, the newest or the one before;
- damage: the newest snapshot is cut short or one of its bits is flipped; that must be seen and the one before taken;
- preparing: as training, with ``preprocess.py``'s work.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from mocogan_chainer import builder, checkpoint, preprocessing, snapshot_files, training_runs
from mocogan_chainer import config as configuration
from mocogan_chainer.errors import OutputError
from mocogan_chainer.extensions import Snapshot
from tests.preprocessing.toys.sabotage import sabotage
from tests.reliability import tiny_runs

FAMILY = "infogan"
ITERATIONS = 14
SETTINGS = {"snapshot_interval": 4, "display_interval": 5, "log_tensorboard_interval": 2, "keep_last": 2}
SHAPES = {"num": 200, "size": 32, "length": 32, "seed": 2, "workers": 0}
ENDED = 9
PARTS = ("training", "writing", "damage", "preparing")


def fork(work: Callable[[], object]) -> int:
    """Do ``work`` in a fork and return its number; it says nothing unless it fails."""
    child = os.fork()
    if child:
        return child
    try:
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def ended(child: int) -> int:
    """Wait for a fork; return its exit code."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_until_done(work: Callable[[], object], longest: float, chance: random.Random, mercy: float) -> int:
    """Kill attempts at ``work`` at random moments until one ends by itself; return how many were killed.

    An attempt after the first is left alone with probability ``mercy``.
    """
    for killed in itertools.count():
        child = fork(work)
        if killed == 0 or chance.random() > mercy:
            time.sleep(chance.uniform(0, longest))
            os.kill(child, signal.SIGKILL)
        code = ended(child)
        if code == 0:
            return killed
        if code != -signal.SIGKILL:
            raise SystemExit(f"an attempt failed by itself with exit code {code}")
    raise AssertionError


def training(folder: Path, trials: int, chance: random.Random) -> bool:
    data = tiny_runs.prepare(folder)[FAMILY]

    def train(place: Path) -> Callable[[], object]:
        return lambda: tiny_runs.run(FAMILY, data, place, ITERATIONS, resume=training_runs.AUTO, settings=SETTINGS)

    begin = time.monotonic()
    if ended(fork(train(folder / "whole"))):
        return False
    longest = time.monotonic() - begin
    whole = tiny_runs.result(folder / "whole")
    equal = kills = 0
    for trial in range(trials):
        place = folder / f"run{trial}"
        kills += killed_until_done(train(place), longest, chance, mercy=0.5)
        differing = tiny_runs.differences(tiny_runs.result(place), whole)
        leftovers = [path.name for path in place.rglob("*") if path.name.endswith(".part") or path.name == "lock"]
        equal += not differing and not leftovers
        if differing or leftovers:
            print(f"training {trial}: {', '.join(differing + leftovers)}")
        shutil.rmtree(place)
    print(
        f"training: {kills} kills in {trials} runs of {longest:.1f} s; {equal} of {trials} end as the undisturbed one"
    )
    return equal == trials


def writing(folder: Path, step: int) -> bool:
    """Two states are known, of which the older is saved; each attempt to save the newer ends at another call."""
    data = tiny_runs.prepare(folder)[FAMILY]
    asked = tiny_runs.request(FAMILY, data, folder / "before", 4, settings={"snapshot_interval": 2})
    config = configuration.resolve(FAMILY, settings=asked.settings)
    dataset = builder.open_dataset(config)
    trainer = builder.build_trainer(config, dataset, lambda line: None)
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        trainer.run()
    out = folder / "before" / "run"
    snapshot_files.point_latest(snapshot_files.place(out, 2))
    snapshot_files.place(out, 4).unlink()
    snapshot = Snapshot(configuration.dump(config), builder.describe(dataset).to_dict(), keep_last=1)
    trainer.out = str(folder / "newer")  # not the one of the run, after which its pictures were looked at
    snapshot(trainer)
    paths = (snapshot_files.place(out, 2), snapshot_files.place(folder / "newer", 4))
    states = {found.iteration: tiny_runs.state(found) for found in map(checkpoint.load, paths)}
    good, ends, left = 0, 0, {2: 0, 4: 0}
    for at in itertools.count(1, step):
        place = folder / f"at{at}"
        shutil.copytree(out, place)

        def save(place: Path = place, at: int = at) -> None:
            trainer.out = str(place)
            sabotage(setattr, at, lambda: os._exit(ENDED))
            snapshot(trainer)

        code = ended(fork(save))
        newest = snapshot_files.newest(place)
        latest = checkpoint.load(place / snapshot_files.LATEST)
        whole = not newest.damaged and newest.snapshot is not None
        whole = whole and all(tiny_runs.state(found) == states[found.iteration] for found in (newest.snapshot, latest))
        left[newest.snapshot.iteration] += 1
        good += whole
        if not whole:
            print(f"writing: call {at} leaves {newest.snapshot and newest.snapshot.path}, damaged: {newest.damaged}")
        shutil.rmtree(place)
        if code != ENDED:
            break
        ends += 1
    print(
        f"writing: a process ended at {ends} calls of one snapshot, every {step}., and once it was through; "
        f"{good} of {ends + 1} leave a whole one: {left[2]} the one before and {left[4]} the new one",
        flush=True,
    )
    return code == 0 and good == ends + 1


def damage(folder: Path, trials: int, chance: random.Random) -> bool:
    data = tiny_runs.prepare(folder)[FAMILY]
    if ended(fork(lambda: tiny_runs.run(FAMILY, data, folder / "run", 2, settings={"snapshot_interval": 1}))):
        return False
    out = folder / "run" / "run"
    states = {n: tiny_runs.state(checkpoint.load(path)) for n, path in snapshot_files.found(out).items()}
    path = snapshot_files.place(out, 2)
    content = path.read_bytes()
    seen = harmless = 0
    for trial in range(trials):
        harmed = bytearray(content)
        if trial % 2:
            harmed[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        else:
            del harmed[chance.randrange(len(content)) :]
        path.write_bytes(harmed)
        snapshot, damaged = snapshot_files.newest(out)
        right = tiny_runs.state(snapshot) == states[snapshot.iteration]
        seen += right and snapshot.iteration == 1 and [p for p, _ in damaged] == [path]
        harmless += right and snapshot.iteration == 2  # a bit that no reader looks at, such as the time in the archive
    print(
        f"damage: {trials} times a bit flipped or the end missing: {seen} times seen and the one before taken, "
        f"{harmless} times without effect on what is read",
        flush=True,
    )
    return seen + harmless == trials


def preparing(folder: Path, trials: int, chance: random.Random) -> bool:
    def prepare(out: Path) -> Callable[[], object]:
        def work() -> None:
            try:
                preprocessing.prepare("shapes", None, out, resume=True, **SHAPES)
            except OutputError:
                if not out.exists():  # else the attempt before was killed when all was done
                    raise

        return work

    begin = time.monotonic()
    if ended(fork(prepare(folder / "whole"))):
        return False
    longest = time.monotonic() - begin
    whole = {path.name: path.read_bytes() for path in (folder / "whole").iterdir()}
    equal = kills = 0
    for trial in range(trials):
        place = folder / f"{trial}"
        kills += killed_until_done(prepare(place / "out"), longest, chance, mercy=0.5)
        made = {path.name: path.read_bytes() for path in (place / "out").iterdir()}
        leftovers = [path.name for path in place.iterdir() if path.name != "out"]
        equal += made == whole and not leftovers
        if made != whole or leftovers:
            print(f"preparing {trial}: {'the same' if made == whole else 'other'} bytes, and {leftovers}")
        shutil.rmtree(place)
    print(f"preparing: {kills} kills in {trials} sets of {longest:.1f} s; {equal} of {trials} have the same bytes")
    return equal == trials


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Kill training and preprocessing, and see that nothing is lost.")
    parser.add_argument("--trials", type=int, default=100, help="of training, of damage and of preparing")
    parser.add_argument("--every", type=int, default=1, help="of the calls of a snapshot, end at every n-th")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    options = parser.parse_args(argv)
    chance = random.Random(options.seed)
    tiny_runs.plain_plots(setattr)
    good = True
    with tempfile.TemporaryDirectory(prefix="kill-check-") as name:
        folder = Path(name)
        for part in options.parts:
            if part == "writing":
                good &= writing(folder / part, options.every)
            else:
                work = {"training": training, "damage": damage, "preparing": preparing}[part]
                good &= work(folder / part, options.trials, chance)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
