"""What a reader of a number should know of the sets that it is of."""

from __future__ import annotations

from mocogan_chainer.evaluation.result import Result
from mocogan_chainer.evaluation_runs.features import every_frame_taken
from mocogan_chainer.evaluation_runs.session import Session
from mocogan_chainer.evaluation_runs.sets import is_npz

OF_MOTION = ("fvd", "fid", "prd", "mcs", "precalc")
"""Metrics that compare how fast things move in one set and in another."""


def caveats(session: Session, metric: str) -> list[str]:
    """What a reader of a metric's number should know of the sets, a line each."""
    sets, request, found = session.sets, session.request, []
    in_files = request.fake is not None and not is_npz(request.fake)
    coded = getattr(sets.fake_files, "lossy", 0) if in_files else 0
    if coded:
        found.append(
            f"{sets.fake_files.name}: {coded} of its videos are coded files; coding changes colours a little, which "
            "can change ACD by half; generate_samples.py --format frames loses nothing"
        )
    for videos in sets.given:
        if passed_over := getattr(videos, "left_out", ()):
            name, reason = passed_over[0]
            more = f", and {len(passed_over) - 1} more" * (len(passed_over) > 1)
            found.append(f"{videos.name}: not taken: {name}: {reason}{more}")
    paceless = request.every_nth is None and not sets.is_snapshot and request.fake != request.real
    if metric in OF_MOTION and request.real is not None and not is_npz(request.real) and paceless:
        found.append(every_frame_taken(sets.real.name))
    if (sets.animates or sets.forecasts) and request.real is not None:
        found += _of_given_videos(session)
    return found


def against_itself(found: Result) -> list[str]:
    """Say that the evaluated set is the real one, where it is: a slip of the hand else looks like a perfect model."""
    if not found.evaluated_reference or found.evaluated_reference != found.protocol.reference:
        return []
    return [f"{found.evaluated}: it is the real set itself, or a part of it: the number says nothing of a model"]


def _of_given_videos(session: Session) -> list[str]:
    sets, name, found = session.sets, session.sets.real.name, []
    if sets.real.split not in (None, "test"):
        found.append(
            f"{name}: of the split {sets.real.split}, so the snapshot may have been trained on these videos; "
            "--split test takes those that are held out, where some are"
        )
    learned, there = sets.generator.class_name, sets.real.class_names
    if sets.animates and there and learned not in there:
        found.append(
            f"{name}: all of its videos are taken, of the classes {', '.join(there)}, and the snapshot "
            + (f"learned {learned}" if learned else "does not say which it learned")
        )
    return found
