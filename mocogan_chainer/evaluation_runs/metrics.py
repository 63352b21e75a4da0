"""Each metric of ``evaluate.py``: from what the user asks for to results."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from mocogan_chainer import seeding
from mocogan_chainer.errors import ConfigError, DataError, MocoganError, nearest
from mocogan_chainer.evaluation import classifier_file, classifier_training
from mocogan_chainer.evaluation.animated_videos import ALPHAS, AnimatedVideos
from mocogan_chainer.evaluation.classifier import Classifier
from mocogan_chainer.evaluation.clips import mix
from mocogan_chainer.evaluation.forecast_videos import ForecastVideos
from mocogan_chainer.evaluation.gathering import Gathered
from mocogan_chainer.evaluation.metrics import psnr_ssim
from mocogan_chainer.evaluation.metrics.average_content_distance import average_content_distance
from mocogan_chainer.evaluation.metrics.frechet_distance import frechet_distance
from mocogan_chainer.evaluation.metrics.inception_score import inception_score
from mocogan_chainer.evaluation.metrics.motion_control_score import classes_of, motion_control_score
from mocogan_chainer.evaluation.metrics.precision_recall import precision_and_recall, require_single_features
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.result import Result
from mocogan_chainer.evaluation.video_set import VideoSet
from mocogan_chainer.evaluation.watched_videos import WatchedVideos
from mocogan_chainer.evaluation_runs.progress import progress
from mocogan_chainer.evaluation_runs.request import Request
from mocogan_chainer.evaluation_runs.session import Session
from mocogan_chainer.files import ensure_writable

SAMPLES, FRAMES = 2048, 16
"""Videos, and frames of each, for metrics whose protocol names no number."""
FUTURES = 5
"""Of each video that a snapshot continues, of which the best is taken, unless another number was requested."""


def require_metric(name: str, others: Iterable[str] = ()) -> None:
    """Check that there is a metric of this name, or something else that goes by it.

    Args:
        name: what was requested.
        others: names that are allowed besides those of metrics and "all".

    Raises:
        ConfigError: there is none.
    """
    known = [*_METRICS, "all", *others]
    if name not in known:
        raise ConfigError(f"{name}: no such metric; it must be one of {', '.join(known)}{nearest(str(name), known)}")


def run(metric: str, session: Session) -> Iterator[Result]:
    """Measure; "all" stands for every metric that the data allows, and says of the others why not.

    Raises:
        MocoganError: sets, weights and settings do not go together.
    """
    if metric != "all":
        _refuse_what_it_ignores(metric, session)
        yield from _METRICS[metric](session)
        return
    for name, measure in _METRICS.items():
        try:
            if name in _OF_PREDICTIONS and not session.sets.context and not session.sets.is_snapshot:
                session.say(
                    f"{name}: not run: it compares predictions with their truth; --context K says that these are"
                )
                continue
            yield from measure(session)
        except MocoganError as error:
            session.say(f"{name}: not run: {error}")


def _frechet_distance(metric: str) -> Callable[[Session], Iterator[Result]]:
    def measure(session: Session) -> Iterator[Result]:
        recipe = session.networks.recipe(metric)
        session.features.check_sets(recipe)
        reference = session.features.of_real(recipe)
        evaluated = session.features.of_fake(recipe)
        seed = session.request.seed
        found = frechet_distance(recipe, evaluated=evaluated, reference=reference, seed=seed)
        if metric == "fvd" and session.sets.forecasts:
            found = replace(found, others=_baselines(session, recipe, reference))
        yield found

    return measure


def _baselines(session: Session, recipe: Recipe, reference: Gathered) -> dict[str, float]:
    """Return the distance of what needs no model from the same real videos."""
    others = {}
    for name, gathered in session.features.of_baselines(recipe):
        found = frechet_distance(recipe, evaluated=gathered, reference=reference, seed=session.request.seed)
        others |= {name: found.value} | ({} if found.spread is None else {f"{name} spread": found.spread})
    return others


def _precision_and_recall(session: Session) -> Iterator[Result]:
    recipe = session.networks.recipe("prd")
    session.features.check_sets(recipe)
    reference = session.features.of_real(recipe)
    require_single_features(reference)
    evaluated = session.features.of_fake(recipe)
    yield precision_and_recall(recipe, evaluated=evaluated, reference=reference, seed=session.request.seed)


def _inception_score(session: Session) -> Iterator[Result]:
    _refuse_given(session, "is", "how varied its videos are is how varied these are")
    recipe = session.networks.recipe("is")
    splits = session.request.splits or recipe.splits
    each = session.sets.count(recipe.samples)
    videos = session.sets.fake(each * splits)
    least = recipe.preparation.least(session.sets.evaluated_stride)
    indices = mix(videos, session.sets.chosen(videos, each * splits, least), session.request.seed)
    if session.request.splits is None:
        splits = min(splits, max(1, len(indices) // each))
    extractor = session.networks.extractor(recipe)
    with progress(f"{recipe.name}: fake", len(indices)) as advance:
        yield inception_score(
            videos, indices, extractor, splits=splits, stride=session.sets.evaluated_stride, advance=advance
        )


def _average_content_distance(session: Session) -> Iterator[Result]:
    sets = session.sets
    videos = sets.fake(sets.count(SAMPLES))
    sets.require_evaluated_frames()
    animated = videos if isinstance(videos, AnimatedVideos) else None
    forecast = videos if isinstance(videos, ForecastVideos) else None
    given = animated or forecast
    kind = session.request.features or _content_of(session, videos)
    frames = forecast.frames if forecast else session.request.frames or (None if animated else FRAMES)
    indices = sets.chosen(videos, sets.count(SAMPLES), ((frames or 2) - 1) * sets.evaluated_stride + 1)
    if animated:
        _require_motion(session, animated, indices, "--length T says how many frames to make of each")
    with progress(f"acd, {kind}", len(indices)) as advance:
        yield average_content_distance(
            videos,
            indices,
            features=kind,
            measure=session.request.measure,
            frames=frames,
            stride=sets.evaluated_stride,
            truth=given.truth if given else None,
            begins_true=forecast is not None,
            seed=session.request.seed,
            advance=advance,
        )


def _content_of(session: Session, videos: VideoSet) -> str:
    """What shows the content of the set at hand."""
    shown = videos.title or (session.sets.real.title if session.request.real is not None else "")
    return "shape-colour" if shown == "shapes" else "face-identity"


def _motion_control_score(session: Session) -> Iterator[Result]:
    _refuse_given(session, "mcs", "nobody asks it for a category")
    videos = session.sets.fake(session.sets.count(SAMPLES), categories="balanced")
    if not videos.class_names:
        raise DataError(
            f"{videos.name}: its videos have no categories, which this score compares with what is seen; give a "
            "snapshot of a model with categories, or videos in folders by category"
        )
    if session.sets.is_snapshot and not session.sets.generator.sampler.categories_are_classes:
        raise ConfigError(
            f"--fake {session.request.fake}: this model made up its categories by itself, so that no class of the real "
            "set can be asked of it; give a snapshot of infogan with labels, of cgan, or of g3an with model.conditional"
        )
    if session.sets.real.class_names:
        classes_of(videos, session.sets.real.class_names)  # before a classifier is trained in vain
    classifier = _classifier(session)
    least = classifier.preparation.least(session.sets.evaluated_stride)
    indices = session.sets.chosen(videos, session.sets.count(SAMPLES), least)
    with progress("mcs: fake", len(indices)) as advance:
        yield motion_control_score(
            videos,
            indices,
            classifier,
            seed=session.request.seed,
            stride=session.sets.evaluated_stride,
            real_frames=_frame_size(session.sets.real),
            advance=advance,
        )


def _frame_size(videos: VideoSet) -> str | None:
    """Height and width of a set's frames by its first video; None where that cannot be read."""
    watched = WatchedVideos(videos)
    with contextlib.suppress(DataError):
        watched.read(0, lambda length: [0])
    return watched.frame_size


def _classifier(session: Session) -> Classifier:
    """Read the classifier that was requested, or train one on the real set."""
    path = None if session.request.classifier is None else Path(session.request.classifier)
    if path is not None and path.suffix != ".npz":
        raise ConfigError(f"--classifier {path}: a classifier is a file whose name ends in .npz")
    real, frames = session.sets.real, session.request.frames or FRAMES
    if path is not None and path.exists():
        return _read_classifier(path, session, frames)
    if path is not None:
        ensure_writable(path.parent)
    session.say(f"training a classifier on {real.name}")
    trained = classifier_training.train(
        real,
        range(len(real)),
        seed=session.request.seed,
        frames=frames,
        stride=session.sets.every_nth,
        subjects=real.subjects,
        device=session.device,
        say=session.say,
    )
    if path is not None:
        classifier_file.save(path, trained)
    return trained


def _read_classifier(path: Path, session: Session, frames: int) -> Classifier:
    found = classifier_file.load(path)
    there = (found.reference, found.split, found.preparation.frames, found.preparation.stride)
    here = (session.sets.real.reference, session.sets.real.split, frames, session.sets.every_nth)
    if there != here:
        raise ConfigError(
            f"--classifier {path}: it was trained on {_trained(*there)}, but {_trained(*here)} was requested; name "
            "another file to train one"
        )
    found.to_device(session.device)
    return found


def _trained(reference: str, split: str | None, frames: int, stride: int) -> str:
    return f"{reference} (split {split or 'all'}) in clips of {frames} frames, every {stride}"


def _psnr_ssim(metric: str) -> Callable[[Session], Iterator[Result]]:
    def measure(session: Session) -> Iterator[Result]:
        sets = session.sets
        if sets.is_snapshot and not (sets.animates or sets.forecasts):
            raise ConfigError(
                f"--fake {session.request.fake}: this model makes videos of its own, not predictions of given ones, "
                f"which {metric} compares with their truth"
            )
        if session.request.futures is not None and not sets.forecasts:
            raise ConfigError(
                f"--futures {session.request.futures}: only a snapshot that continues videos makes several of each"
            )
        forecast = sets.forecast_videos(None) if sets.forecasts else None
        real, fake = sets.real, forecast or sets.fake(len(sets.real))
        sets.require_real_frames()
        least = forecast.frames if forecast else 1
        if sets.animates:
            least = max(session.request.frames or 1, sets.context + 1)
        indices = sets.chosen(fake, sets.count(len(fake)), least)
        if sets.animates:
            _require_as_long(session)
            _require_motion(session, fake, indices, "a photo has no truth to compare with; acd needs none")
        with progress(metric, len(indices)) as advance:
            yield psnr_ssim.compare(
                real,
                fake,
                indices,
                metric=metric,
                context=sets.context,
                frames=forecast.frames if forecast else session.request.frames,
                stride=sets.every_nth,
                whole=sets.animates or sets.forecasts,
                futures=partial(forecast.futures, seeds=_seeds(session.request)) if forecast else None,
                resize=sets.resize,
                settings={"alphas": ALPHAS} if sets.animates else {},
                seed=session.request.seed,
                advance=advance,
            )

    return measure


def _seeds(request: Request) -> list[int]:
    """The seeds of a video's futures: that of the set which other metrics take, and draws that other seeds lack."""
    more = range(1, request.futures or FUTURES)
    return [request.seed, *(int(seeding.stream(request.seed, "futures", i).integers(2**63)) for i in more)]


def _refuse_what_it_ignores(metric: str, session: Session) -> None:
    if session.request.context is not None and metric not in _OF_PREDICTIONS and not session.sets.forecasts:
        raise ConfigError(
            f"--context {session.request.context}: {metric} takes whole videos; only a snapshot that continues videos "
            "is shown a part of them first"
        )


def _refuse_given(session: Session, metric: str, why: str) -> None:
    if session.sets.animates or session.sets.forecasts:
        does = "animates given pictures" if session.sets.animates else "continues given videos"
        raise ConfigError(f"evaluate.py {metric} has no meaning for {session.request.fake}: it {does}, and {why}")


def _require_as_long(session: Session) -> None:
    if session.request.length is not None:
        raise ConfigError(
            f"--length {session.request.length}: the animation is compared with its real video frame by frame, and so "
            "as long; leave out --length"
        )


def _require_motion(session: Session, videos: AnimatedVideos, indices: list[int], hint: str) -> None:
    if all(_is_still(videos, index) for index in indices):
        stride = "" if session.sets.every_nth == 1 else f" at --every-nth {session.sets.every_nth}"
        raise DataError(f"{session.sets.real.name}: its videos have one frame each{stride}; {hint}")


def _is_still(videos: AnimatedVideos, index: int) -> bool:
    try:
        return videos.length(index) == 1
    except DataError:  # who reads the video says so
        return False


_OF_PREDICTIONS = ("psnr", "ssim")
_METRICS: dict[str, Callable[[Session], Iterator[Result]]] = {
    "fvd": _frechet_distance("fvd"),
    "fid": _frechet_distance("fid"),
    "is": _inception_score,
    "prd": _precision_and_recall,
    "acd": _average_content_distance,
    "mcs": _motion_control_score,
    **{name: _psnr_ssim(name) for name in _OF_PREDICTIONS},
}
