"""What ``evaluate.py`` does: open the sets and the network, measure, write the results."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation import gathering, result
from mocogan_chainer.evaluation.result import Result
from mocogan_chainer.evaluation.watched_videos import length_setting
from mocogan_chainer.evaluation_runs import metrics, outputs, summary
from mocogan_chainer.evaluation_runs.caveats import against_itself, caveats
from mocogan_chainer.evaluation_runs.metrics import require_metric
from mocogan_chainer.evaluation_runs.request import Request
from mocogan_chainer.evaluation_runs.session import Session
from mocogan_chainer.evaluation_runs.sets import is_npz
from mocogan_chainer.features import weights
from mocogan_chainer.files import ensure_writable
from mocogan_chainer.wording import Say, counted

__all__ = ["Request", "compare", "evaluate", "fetch", "merge", "precalc", "require_metric"]


def evaluate(metric: str, request: Request, say: Say) -> list[Result]:
    """Measure, write each result as JSON, Markdown and, where it has one, its curve, and say what it came to.

    Args:
        metric: a metric, or "all" for every one that the data allows.
        request: what the user asks for.
        say: takes lines for the user.

    Raises:
        MocoganError: there is no such metric, or sets, weights, settings and machine do not go together.
    """
    require_metric(metric)
    out = ensure_writable(request.out)
    session = Session(request, say)
    results, paths = [], []
    for found in metrics.run(metric, session):
        results.append(_with_surroundings(found, session))
        paths.append(outputs.write(out, results[-1]))  # at once: what comes next may fail
    if not results:
        raise DataError("none of the metrics could be computed; see why above")
    for warning in dict.fromkeys(warning for found in results for warning in found.warnings):
        say(f"warning: {warning}")
    for found in results:
        for line in summary.lines(found):
            say(line)
    say("\n".join([result.HEADER, *[found.markdown_row() for found in results]]))
    for path in paths:
        say(str(path))
    return results


def precalc(request: Request, part: tuple[int, int], say: Say) -> None:
    """Store the statistics of a set's features.

    Args:
        request: what the user asks for, with a real or an evaluated set.
        part: which of how many shares of the work to do, counted from 1.
        say: takes lines for the user.

    Raises:
        MocoganError: set, weights, settings and machine do not go together.
    """
    if (request.real is None) == (request.fake is None):
        raise ConfigError("give either --real or --fake: statistics are of one set")
    if Path(request.out).suffix != ".npz":
        raise ConfigError(f"--out {request.out}: statistics are a file whose name ends in .npz")
    ensure_writable(Path(request.out).parent)
    session = Session(request, say)
    if session.sets.animates or session.sets.forecasts:
        does = "are made of real pictures" if session.sets.animates else "go on from real ones"
        raise ConfigError(
            f"--fake {request.fake}: precalc stores sets that stand alone, and this snapshot's videos {does}; measure "
            f"them with evaluate.py fvd --real DATASET_OR_VIDEOS --fake {request.fake}"
        )
    recipe = session.networks.recipe(None)
    if request.real is not None:
        _ = session.sets.real
        if recipe.preparation.short_videos == "leave out":
            session.sets.require_real_frames()
        gathered = session.features.of_real(recipe, part)
    else:
        if is_npz(request.fake) and not session.sets.is_snapshot:
            raise ConfigError(f"--fake {request.fake}: statistics already")
        gathered = session.features.of_fake(recipe, part)
    gathered.save(request.out)
    for name, reason in gathered.left_out or ():
        say(f"left out {name}: {reason}")
    for warning in (*gathered.warnings, *caveats(session, "precalc"), *session.networks.remarks.values()):
        say(f"warning: {warning}")
    say(f"{request.out}: {gathered.protocol.name}, {counted(gathered.gaussian.count, 'video')} of {gathered.name}")


def merge(parts: list[str], out: str, say: Say) -> None:
    """Join the statistics of all parts of a set.

    Raises:
        MocoganError: a file cannot be used, or they are not the parts of one whole.
    """
    gathered = gathering.merge(parts)
    gathered.save(out)
    say(
        f"{out}: {gathered.protocol.name}, {counted(gathered.gaussian.count, 'video')} of {counted(len(parts), 'part')}"
    )


def compare(first: str, second: str, say: Say) -> None:
    """Put two results side by side.

    Raises:
        MocoganError: a file is no result, or their protocols differ.
    """
    say(result.compare(result.read(first), result.read(second)).text())


def fetch(name: str, say: Say) -> None:
    """Get a published weight file.

    Raises:
        MocoganError: it is not to be had that way; the message says where it is.
    """
    say(f"{weights.fetch(name, say=say)}")


def _with_surroundings(found: Result, session: Session) -> Result:
    """Add what the metrics do not know: who computed, whose weights, how long a snapshot's videos were made."""
    remark = session.networks.remarks.get(found.protocol.weights_sha256 or "")
    settings = dict(found.protocol.settings)
    settings |= _made_length(found, session)
    if session.sets.forecasts:
        settings["context"] = session.sets.context
    if session.sets.evaluated_stride != 1:
        settings["evaluated_stride"] = session.sets.evaluated_stride
    return dataclasses.replace(
        found,
        protocol=dataclasses.replace(found.protocol, settings=settings),
        versions={**found.versions, "backend": session.backend},
        warnings=(
            *found.warnings,
            *caveats(session, found.protocol.metric),
            *against_itself(found),
            *[remark] * bool(remark),
        ),
    )


def _made_length(found: Result, session: Session) -> dict[str, int]:
    """Return the setting that says how long a snapshot's videos were made, where that matters to the number."""
    sets, protocol = session.sets, found.protocol
    if sets.animates:  # the longer an animation, the slower it moves: this matters to its first frames, too
        return {} if sets.made_length in (None, protocol.frames) else {"evaluated_length": sets.made_length}
    return length_setting(sets.made_length, frames=protocol.frames, stride=sets.evaluated_stride, start=protocol.start)
