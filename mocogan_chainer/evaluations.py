"""What ``evaluate.py`` does: open the sets and the network, measure, write the results."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mocogan_chainer import backends, builder
from mocogan_chainer.config import Config
from mocogan_chainer.errors import ConfigError, DataError, MocoganError, require_one_of
from mocogan_chainer.evaluation import classifier_file, classifier_training, curves, gathering, result
from mocogan_chainer.evaluation.classifier import Classifier
from mocogan_chainer.evaluation.clips import choose
from mocogan_chainer.evaluation.extraction import Extractor
from mocogan_chainer.evaluation.gathering import Advance, Gathered
from mocogan_chainer.evaluation.metrics import category, class_scores, content, coverage, feature_distance, prediction
from mocogan_chainer.evaluation.recipes import RECIPES, Recipe, of_metric
from mocogan_chainer.evaluation.result import Result
from mocogan_chainer.evaluation.snapshot_videos import SnapshotVideos
from mocogan_chainer.evaluation.video_set import VideoSet, open_videos
from mocogan_chainer.features import c3d, catalogue, weights
from mocogan_chainer.files import atomic_write, ensure_writable
from mocogan_chainer.sampling import Sampler

Say = Callable[[str], None]
SAMPLES, FRAMES = 2048, 16
"""Videos, and frames of each, for metrics whose protocol names no number."""


@dataclass(frozen=True)
class Request:
    """What the user asks for.

    Attributes:
        real: the real set or stored statistics of one, or None.
        fake: the evaluated set or a snapshot, or None.
        protocol: its name; None for the metric's usual one.
        weights: the network's weight file; None for its usual place.
        samples: videos of each set; None for the protocol's number.
        splits: parts that are scored alone; None for the protocol's number.
        seed: of every random choice.
        batchsize: videos that the network sees at once.
        gpu: device number, -1 for the CPU.
        split: which part of the real set.
        every_nth: the real videos' frames from one of a clip to the next; None for the snapshot's, else 1.
        frames: that the network sees; None for the protocol's number.
        length: frames of a snapshot's videos; None for as many as it was trained on.
        features: what content is; None for what suits the set.
        measure: which frames' contents are compared.
        classifier: file of a trained classifier, or None.
        context: frames that a prediction has seen, or None.
        out: folder for results, or the file of statistics.
    """

    real: str | None = None
    fake: str | None = None
    protocol: str | None = None
    weights: str | None = None
    samples: int | None = None
    splits: int | None = None
    seed: int = 0
    batchsize: int = 8
    gpu: int = -1
    split: str = "all"
    every_nth: int | None = None
    frames: int | None = None
    length: int | None = None
    features: str | None = None
    measure: str = "pairs"
    classifier: str | None = None
    context: int | None = None
    out: str = "evaluation"


def evaluate(metric: str, request: Request, say: Say) -> list[Result]:
    """Measure, write each result as JSON and Markdown, and say what it came to.

    Args:
        metric: a metric, or "all" for every one that the data allows.
        request: what the user asks for.
        say: takes lines for the user.

    Raises:
        MocoganError: sets, weights, settings and machine do not go together.
    """
    session = _Session(request, say)
    out = ensure_writable(request.out)
    results = list(_all(session, say) if metric == "all" else _METRICS[metric](session))
    if not results:
        raise DataError("none of the metrics could be computed; see why above")
    for warning in dict.fromkeys(warning for found in results for warning in found.warnings):
        say(f"warning: {warning}")
    say("\n".join([result.HEADER, *[found.markdown_row() for found in results]]))
    for found in results:
        say(f"{_write(out, found)}")
    return results


def precalc(request: Request, part: tuple[int, int], say: Say) -> None:
    """Store the statistics of a real set's features.

    Args:
        request: what the user asks for.
        part: which of how many shares of the work to do, counted from 1.
        say: takes lines for the user.

    Raises:
        MocoganError: set, weights, settings and machine do not go together.
    """
    if Path(request.out).suffix != ".npz":
        raise ConfigError(f"--out {request.out}: statistics are a file whose name ends in .npz")
    session = _Session(request, say)
    gathered = session.gather_real(session.recipe(None), part)
    gathered.save(request.out)
    for name, reason in gathered.left_out:
        say(f"left out {name}: {reason}")
    say(f"{request.out}: {gathered.protocol.name}, {_count(gathered.gaussian.count, 'video')} of {gathered.name}")


def merge(parts: list[str], out: str, say: Say) -> None:
    """Join the statistics of all parts of a set.

    Raises:
        MocoganError: a file cannot be used, or they are not the parts of one whole.
    """
    gathered = gathering.merge(parts)
    gathered.save(out)
    say(f"{out}: {gathered.protocol.name}, {_count(gathered.gaussian.count, 'video')} of {_count(len(parts), 'part')}")


def compare(first: str, second: str, say: Say) -> None:
    """Put two results beside each other.

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


class _Session:
    """The sets and networks of one request, each opened once."""

    def __init__(self, request: Request, say: Say):
        self.request, self.say = request, say
        self.device = builder.choose_device(request.gpu)
        backends.use("auto", on_gpu=request.gpu >= 0)
        self._extractors: dict[tuple, Extractor] = {}
        self._gathered: dict[tuple, Gathered] = {}

    @cached_property
    def real(self) -> VideoSet:
        """The real set."""
        name = self.request.real
        if name is None:
            raise ConfigError("--real is missing: this metric compares with a real set")
        if name.endswith(".npz"):
            raise ConfigError(f"--real {name}: statistics, and this metric needs the videos themselves")
        return open_videos(name, self.request.split)

    @cached_property
    def _generator(self) -> tuple[Sampler, Config, str]:
        """The snapshot's sampler and config, and the name of the data that it was trained on."""
        snapshot, config = builder.load_snapshot(self.request.fake)
        sampler = builder.restore_sampler(snapshot, config, self.request.gpu)
        return sampler, config, builder.stored_description(snapshot).name

    @property
    def _is_snapshot(self) -> bool:
        return self.request.fake is not None and self.request.fake.endswith(".npz")

    def fake(self, count: int, categories: str = "drawn") -> VideoSet:
        """The evaluated set; of a snapshot, as many videos as are said."""
        if not self._is_snapshot:
            return self._files
        sampler, config, title = self._generator
        return SnapshotVideos(
            sampler,
            name=self.request.fake,
            length=self.request.length or config["video_length"],
            count=count,
            seed=self.request.seed,
            fingerprint=weights.sha256(self.request.fake)[:16],
            title=title,
            categories=categories,
        )

    @cached_property
    def _files(self) -> VideoSet:
        if self.request.length is not None:
            raise ConfigError(f"--length {self.request.length}: only a snapshot's videos can have another length")
        return open_videos(self.request.fake)

    @property
    def every_nth(self) -> int:
        """The stride of the real videos."""
        if self.request.every_nth is not None or not self._is_snapshot:
            return self.request.every_nth or 1
        return self._generator[1]["every_nth"]

    def recipe(self, metric: str | None) -> Recipe:
        """The recipe that is asked for, or the metric's usual one; None stands for any metric's."""
        known = list(RECIPES.values()) if metric is None else of_metric(metric)
        name = self.request.protocol or known[0].name
        require_one_of("--protocol", name, [recipe.name for recipe in known])
        recipe = RECIPES[name]
        if self.request.frames is None:
            return recipe
        return replace(recipe, preparation=replace(recipe.preparation, frames=self.request.frames))

    def extractor(self, recipe: Recipe) -> Extractor:
        """The recipe's network."""
        key = (recipe.weights, recipe.output, recipe.preparation)
        if key not in self._extractors:
            path = weights.find(recipe.weights, self.request.weights)
            network = catalogue.load(recipe.weights, path)
            least = network.least_frames
            if recipe.preparation.frames < least:
                raise ConfigError(f"--frames {recipe.preparation.frames}: {recipe.network} needs at least {least}")
            digest = weights.sha256(path)
            if remark := weights.remark(recipe.weights, digest):
                self.say(f"warning: {remark}")
            network.to_device(self.device)
            self._extractors[key] = Extractor(
                recipe,
                network,
                digest,
                self.device,
                *_mean_clip(recipe),
                batchsize=self.request.batchsize,
                seed=self.request.seed,
            )
        return replace(self._extractors[key], recipe=recipe)

    def count(self, usual: int = SAMPLES) -> int:
        """How many videos are asked for, or else usual."""
        return self.request.samples or usual

    def chosen(self, videos: VideoSet, count: int) -> list[int]:
        """Which videos of a set are taken."""
        return choose(videos, count, self.request.seed)

    def gather_real(self, recipe: Recipe, part: tuple[int, int] = (1, 1)) -> Gathered:
        """The real set's features, or those that were stored."""
        if self.request.real is not None and self.request.real.endswith(".npz"):
            return self._stored(gathering.read(self.request.real, recipe))
        return self._gather("real", self.real, recipe, self.every_nth, part)

    def gather_fake(self, recipe: Recipe) -> Gathered:
        """The evaluated set's features."""
        return self._gather("fake", self.fake(self.count(recipe.samples)), recipe, 1, (1, 1))

    def _stored(self, gathered: Gathered) -> Gathered:
        """Warn where stored statistics are of another pace than the snapshot was trained at."""
        stride = gathered.protocol.stride
        if stride in (None, self.every_nth):
            return gathered
        warning = (
            f"{gathered.name} is of every {stride}. frame, and the evaluated videos stand for every {self.every_nth}.; "
            f"make it again with evaluate.py precalc --every-nth {self.every_nth}"
        )
        return replace(gathered, warnings=(*gathered.warnings, warning))

    def _gather(self, side: str, videos: VideoSet, recipe: Recipe, stride: int, part: tuple[int, int]) -> Gathered:
        extractor = self.extractor(recipe)
        key = (side, recipe.weights, recipe.output, recipe.preparation, recipe.samples)
        if key not in self._gathered:
            indices = self.chosen(videos, self.count(recipe.samples))
            with progress(f"{recipe.name}: {side}", len(indices[part[0] - 1 :: part[1]])) as advance:
                gathered = gathering.gather(videos, indices, extractor, stride=stride, part=part, advance=advance)
            self._gathered[key] = gathered
        gathered = self._gathered[key]
        return (
            replace(gathered, warnings=_few(videos.name, gathered.gaussian.count, recipe)) if part[1] == 1 else gathered
        )


def _frechet(metric: str) -> Callable[[_Session], Iterator[Result]]:
    def run(session: _Session) -> Iterator[Result]:
        recipe = session.recipe(metric)
        reference = session.gather_real(recipe)
        evaluated = session.gather_fake(recipe)
        yield feature_distance.frechet_distance(
            recipe, evaluated=evaluated, reference=reference, seed=session.request.seed
        )

    return run


def _prd(session: _Session) -> Iterator[Result]:
    recipe = session.recipe("prd")
    reference = session.gather_real(recipe)
    evaluated = session.gather_fake(recipe)
    yield coverage.precision_and_recall(recipe, evaluated=evaluated, reference=reference, seed=session.request.seed)


def _inception_score(session: _Session) -> Iterator[Result]:
    recipe = session.recipe("is")
    extractor = session.extractor(recipe)
    splits = session.request.splits or recipe.splits
    each = session.count(recipe.samples)
    videos = session.fake(each * splits)
    indices = session.chosen(videos, each * splits)
    if session.request.splits is None:
        splits = min(splits, max(1, len(indices) // each))
    with progress(f"{recipe.name}: fake", len(indices)) as advance:
        yield class_scores.inception_score(videos, indices, extractor, splits=splits, advance=advance)


def _content(session: _Session) -> Iterator[Result]:
    videos = session.fake(session.count())
    kind = session.request.features or _content_of(session, videos)
    indices = session.chosen(videos, session.count())
    with progress(f"acd, {kind}", len(indices)) as advance:
        yield content.average_content_distance(
            videos,
            indices,
            features=kind,
            measure=session.request.measure,
            frames=session.request.frames or FRAMES,
            seed=session.request.seed,
            advance=advance,
        )


def _content_of(session: _Session, videos: VideoSet) -> str:
    """What shows the content of the set at hand."""
    shown = videos.title or (session.real.title if session.request.real is not None else "")
    return "shape-colour" if shown == "shapes" else "face-identity"


def _category(session: _Session) -> Iterator[Result]:
    videos = session.fake(session.count(), categories="balanced")
    indices = session.chosen(videos, session.count())
    classifier = _classifier(session)
    with progress("mcs: fake", len(indices)) as advance:
        yield category.motion_control_score(videos, indices, classifier, seed=session.request.seed, advance=advance)


def _classifier(session: _Session) -> Classifier:
    """Read the classifier that is asked for, or train one on the real set."""
    path = None if session.request.classifier is None else Path(session.request.classifier)
    if path is not None and path.exists():
        found = classifier_file.load(path)
        if (found.reference, found.split) != (session.real.reference, session.real.split):
            raise ConfigError(
                f"--classifier {path}: it was trained on {found.reference}, split {found.split}, and --real is "
                f"{session.real.reference}, split {session.real.split}; name another file to train one on that"
            )
        return found
    if path is not None and path.suffix != ".npz":
        raise ConfigError(f"--classifier {path}: a classifier is a file whose name ends in .npz")
    session.say(f"training a classifier on {session.real.name}")
    trained = classifier_training.train(
        session.real,
        range(len(session.real)),
        seed=session.request.seed,
        frames=session.request.frames or FRAMES,
        stride=session.every_nth,
        subjects=session.real.subjects,
        device=session.device,
        say=session.say,
    )
    if path is not None:
        classifier_file.save(path, trained)
    return trained


def _prediction(metric: str) -> Callable[[_Session], Iterator[Result]]:
    def run(session: _Session) -> Iterator[Result]:
        videos = session.fake(len(session.real))
        indices = session.chosen(videos, session.count(len(videos)))
        with progress(metric, len(indices)) as advance:
            yield prediction.compare(
                session.real,
                videos,
                indices,
                metric=metric,
                context=session.request.context or 0,
                frames=session.request.frames,
                stride=session.every_nth,
                seed=session.request.seed,
                advance=advance,
            )

    return run


_METRICS: dict[str, Callable[[_Session], Iterator[Result]]] = {
    "fvd": _frechet("fvd"),
    "fid": _frechet("fid"),
    "is": _inception_score,
    "prd": _prd,
    "acd": _content,
    "mcs": _category,
    "psnr": _prediction("psnr"),
    "ssim": _prediction("ssim"),
}


def _all(session: _Session, say: Say) -> Iterator[Result]:
    """Run every metric that the data allows, and say of the others why not."""
    for metric, run in _METRICS.items():
        if metric in ("psnr", "ssim") and session.request.context is None:
            say(f"{metric}: not run: it compares predictions with their truth; --context K says that these are some")
            continue
        try:
            yield from run(session)
        except MocoganError as error:
            say(f"{metric}: not run: {error}")


@contextmanager
def progress(title: str, total: int) -> Iterator[Advance]:
    """Show a bar while videos are looked at."""
    with tqdm(total=total, desc=title, unit="video", disable=None) as bar:
        yield bar.update


def _write(out: Path, found: Result) -> Path:
    """Write a result as JSON, Markdown and, where it has one, its curve; return the JSON file."""
    parts = Path(found.evaluated).with_suffix("").parts[-2:]
    label = re.sub(r"[^\w-]+", "_", "-".join(parts)).strip("_") or "videos"
    path = out / f"{label}-{found.protocol.name}-{found.protocol.digest()}.json"
    found.write(path)
    with atomic_write(path.with_suffix(".md")) as file:
        file.write("\n".join([result.HEADER, found.markdown_row(), ""]).encode())
    curves.write(path.with_suffix(".png"), found)
    return path


def _mean_clip(recipe: Recipe) -> tuple[np.ndarray | None, str | None]:
    """Return the clip that the recipe subtracts, and its file's SHA-256."""
    if recipe.mean is None:
        return None, None
    path = weights.find(recipe.mean)
    return c3d.load_mean(path, recipe.mean_left), weights.sha256(path)


def _few(name: str, count: int, recipe: Recipe) -> tuple[str, ...]:
    if count >= recipe.samples:
        return ()
    return (
        f"{name}: {count} videos, and {recipe.name} is usually computed of {recipe.samples}; compare with numbers of "
        "as many videos only",
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
