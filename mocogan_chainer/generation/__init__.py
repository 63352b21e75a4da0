"""What ``generate_samples.py`` does: videos from a snapshot, of random codes, of photos or of clips, as files."""

from __future__ import annotations

from dataclasses import replace

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.generation import animations, clips, random_videos
from mocogan_chainer.generation.model import Model, load
from mocogan_chainer.generation.output import Output
from mocogan_chainer.generation.requests import AnimationRequest, FutureRequest, RandomVideosRequest
from mocogan_chainer.wording import Say

__all__ = ["AnimationRequest", "FutureRequest", "Model", "Output", "RandomVideosRequest", "generate", "load"]

Request = RandomVideosRequest | AnimationRequest | FutureRequest

_MAKERS = {
    RandomVideosRequest: random_videos.make,
    AnimationRequest: animations.make,
    FutureRequest: clips.make,
}


def generate(model: Model, request: Request, output: Output, say: Say) -> None:
    """Make what is requested and write it; what is left out, and warnings, go to stderr, above a bar.

    Args:
        model: the snapshot's, as :func:`load` gives it.
        request: of the type that suits the model.
        output: where and how it is written.
        say: takes the line that says what was made.

    Raises:
        ConfigError: the request does not suit the model.
        DataError: a photo or clip cannot be read, or none of them.
        OutputError: the results cannot be written, or could replace a photo or clip.
    """
    if type(request) is not model.kind.request:
        raise ConfigError(
            f"{type(request).__name__}: {model.name} {model.kind.does}; use generation.{model.kind.request.__name__}"
        )
    if output.fps is None:
        output = replace(output, fps=model.fps)
    _MAKERS[type(request)](model, request, output, say)
