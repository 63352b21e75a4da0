"""A snapshot's model, and what can be asked of it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from mocogan_chainer import builder
from mocogan_chainer.config import Config
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.generation.requests import AnimationRequest, FutureRequest, RandomVideosRequest
from mocogan_chainer.sampling import Animator, Forecaster, Sampler


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes:
        does: what such a model does, as it stands after its name.
        request: the type of what can be asked of it.
    """

    does: str
    request: type[RandomVideosRequest] | type[AnimationRequest] | type[FutureRequest]


_OF_PHOTOS = Kind("animates photos", AnimationRequest)
_OF_CLIPS = Kind("continues clips", FutureRequest)
_OF_CODES = Kind("makes videos of codes", RandomVideosRequest)


@dataclass(frozen=True)
class Model:
    """A snapshot's model.

    Attributes:
        snapshot: the file, as it was named.
        sampler: what makes its videos.
        config: the settings that it was trained with.
    """

    snapshot: str | os.PathLike
    sampler: Sampler | Animator | Forecaster
    config: Config

    @property
    def name(self) -> str:
        """What its settings are called."""
        return self.config["model_name"]

    @property
    def video_length(self) -> int:
        """Frames of the videos that it was trained on."""
        return self.config["video_length"]

    @property
    def every_nth(self) -> int:
        """Steps in the real videos from one of these frames to the next."""
        return self.config["every_nth"]

    @property
    def fps(self) -> float:
        """Frames a second that its run wrote."""
        return self.config["fps"]

    @property
    def kind(self) -> Kind:
        """What it makes videos of."""
        if isinstance(self.sampler, Animator):
            return _OF_PHOTOS
        return _OF_CLIPS if isinstance(self.sampler, Forecaster) else _OF_CODES


def load(snapshot: str | os.PathLike, gpu: int = -1) -> Model:
    """Rebuild a snapshot's model; see :func:`mocogan_chainer.builder.load_sampler`."""
    if not isinstance(snapshot, str | os.PathLike):
        raise ConfigError(f"snapshot={snapshot!r}: it must be the path of a snapshot")
    return Model(snapshot, *builder.load_sampler(snapshot, gpu))
