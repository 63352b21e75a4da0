"""What is said of a result besides its row: the baselines, the best of several futures, and where it is ahead."""

from __future__ import annotations

from itertools import groupby

from mocogan_chainer.evaluation.metrics.baselines import LABELS, frames_ahead, frames_behind
from mocogan_chainer.evaluation.metrics.best_of import BEST, FUTURES, MEAN
from mocogan_chainer.evaluation.result import Result, shown


def lines(found: Result) -> list[str]:
    """Return lines on the predictions of a result; none where it has no baseline."""
    others, metric = found.others, found.protocol.metric
    there = [name for name in LABELS if name in others]
    if not there:
        return []
    said = [f"{metric} of the predictions: {shown(found.value, found.spread)}"]
    if BEST in others:
        said.append(
            f"{metric} of the best of {found.counts[FUTURES]} futures of each video: "
            f"{shown(others[BEST], others.get(f'{BEST} spread'))}; of a single one: {shown(others[MEAN], None)}"
        )
    for name in there:
        line = f"{metric} of a baseline, the {LABELS[name]}: {shown(others[name], others.get(f'{name} spread'))}"
        if f"gain over {name}" in others:
            gain = shown(others[f"gain over {name}"], others.get(f"gain over {name} spread"))
            line += f"; the predictions' gain over it: {gain}"
        said.append(line)
    ahead = frames_ahead(others)
    if ahead is not None:
        which = "both baselines" if len(there) > 1 else "the baseline"
        where = f"at {_ranges(ahead)} of the horizon" if ahead else "at no frame of the horizon"
        said.append(f"better than {which} {where} (by more than two standard errors)")
        behind = {name: frames_behind(others, name) for name in there}
        said += [f"worse than the {LABELS[name]} at {_ranges(frames)}" for name, frames in behind.items() if frames]
    return said


def _ranges(numbers: list[int]) -> str:
    """Return "frames 1, 3..7" for ascending numbers."""
    runs = [[n for _, n in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    named = ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)
    return f"frame{'s' * (len(numbers) > 1)} {named}"
