"""Videos of random codes; also as a grid, on the way from one content to another, and at several lengths."""

from __future__ import annotations

from collections.abc import Sequence

from mocogan_chainer import sampling, video
from mocogan_chainer.errors import ConfigError, nearest
from mocogan_chainer.files import ensure_writable, part_of_name
from mocogan_chainer.generation import earlier_runs
from mocogan_chainer.generation.model import Model
from mocogan_chainer.generation.output import Output
from mocogan_chainer.generation.progress import progress
from mocogan_chainer.generation.requests import RandomVideosRequest
from mocogan_chainer.sampling import Sampler
from mocogan_chainer.wording import Say, counted, listed


def make(model: Model, request: RandomVideosRequest, output: Output, say: Say) -> None:
    """Make and write the videos.

    Raises:
        ConfigError: the model has no such category or length.
        OutputError: they cannot be written.
    """
    sampler, seed = model.sampler, request.seed
    every = request.category == "all"
    if every and not sampler.class_names:
        raise ConfigError(f"--category all: {model.snapshot} has no categories; omit --category")
    category = None if every or request.category is None else _category(str(request.category), sampler)
    if not (request.num or request.grid or request.interpolate or request.lengths):
        raise ConfigError("--num 0: there is nothing to make then; ask for --grid, --interpolate or --lengths too")
    length = request.length or model.video_length
    _check_lengths(sampler, seed, length, request.lengths)
    folder = ensure_writable(output.folder)

    # First what may be too wide for a format.
    if request.grid is not None:
        rows, columns = request.grid
        frames = sampling.content_by_motion(sampler, rows, columns, length, seed, category)
        output.video(f"grid_{rows}x{columns}", video.grid(frames, columns=columns))
    if request.interpolate is not None:
        frames = sampling.content_path(sampler, request.interpolate, length, seed, category)
        output.video("interpolation", video.grid(frames, columns=len(frames)))
    names: list[str] = []
    total = request.num * (len(sampler.class_names) if every else 1)
    videos = sampling.random_videos(sampler, request.num, length, seed, request.batchsize, category, every)
    for index, made_category, frames in progress(videos, total, "video"):
        names.append(f"video{_label(made_category, sampler)}_{index:05d}")
        output.video(names[-1], frames)
    for each, frames in sampling.at_lengths(sampler, request.lengths, seed, category):
        output.video(f"length_{each:05d}", frames)
    earlier_runs.warn(folder, names, output.formats)
    made = [counted(total, "video")]
    made += ["1 grid"] if request.grid is not None else []
    made += ["1 interpolation"] if request.interpolate is not None else []
    more = f", and one video at {counted(len(request.lengths), 'length')}," if request.lengths else ""
    say(f"{listed(made)} of {counted(length, 'frame')}{more} in {folder}")


def _check_lengths(sampler: Sampler, seed: int, length: int, lengths: Sequence[int]) -> None:
    """Let the model refuse a length that it does not have, before any work."""
    sampler.draw(seed, [0], [0], length)
    for each in lengths:
        try:
            sampler.draw(seed, [0], [0], each)
        except ConfigError as error:
            raise ConfigError(f"--lengths {each}: {error}") from error


def _category(text: str, sampler: Sampler) -> int:
    """Turn a name or number into a category's number."""
    names = sampler.class_names
    if not names:
        raise ConfigError(f"--category {text}: this model has no categories; omit --category")
    if text in names:
        return names.index(text)
    if any(name.isdecimal() for name in names):
        allowed = f"{', '.join(names)} (names; this model's are not counted)"
    else:
        if text.isdecimal() and int(text) < len(names):
            return int(text)
        allowed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    raise ConfigError(f"--category {text}: it must be all or one of {allowed}{nearest(text, names)}")


def _label(category: int | None, sampler: Sampler) -> str:
    """A category as part of a file name: its number, and its name where that says more."""
    if category is None:
        return ""
    name = part_of_name(sampler.class_names[category])
    return f"_{category}" if name == str(category) else f"_{category}_{name}"
