"""Two sets whose features are compared must have been looked at in one way."""

from __future__ import annotations

from typing import Any

from mocogan_chainer.errors import ConfigError
from mocogan_chainer.evaluation.gathering import Gathered
from mocogan_chainer.evaluation.protocol import FEATURES, Protocol, differences, in_words
from mocogan_chainer.evaluation.recipes import Recipe
from mocogan_chainer.evaluation.watched_videos import length_setting

EACH_ITS_OWN = ("stride", "start", "short_videos")
"""What may differ: a generator's videos already run at the stride of its training, and have no other frames."""


def agreed_protocol(recipe: Recipe, *, evaluated: Gathered, reference: Gathered, **settings: Any) -> Protocol:
    """Return the protocol of a number that compares two sets.

    Args:
        recipe: how both sets' features were made.
        evaluated: one set.
        reference: the other one. Of statistics by other programs, on either side, nothing can be checked.
        settings: of the metric.

    Raises:
        ConfigError: their features were made in unlike ways.
    """
    here, there = evaluated.protocol, reference.protocol
    known = there if reference.statistics is not None else here
    if evaluated.statistics is not None and reference.statistics is not None:
        unlike = differences(here, there, among=[name for name in FEATURES if name not in EACH_ITS_OWN])
        if unlike:
            raise ConfigError(
                f"{evaluated.name} and {reference.name}: their features were made in unlike ways: {in_words(unlike)}; "
                "make them again in one way"
            )
    fields = {name: getattr(known, name) for name in FEATURES}
    if evaluated.statistics is not None:
        settings |= length_setting(evaluated.length, frames=here.frames, stride=here.stride, start=here.start)
        if here.stride != 1:
            settings["evaluated_stride"] = here.stride
    if there.seed is not None:
        settings["reference_seed"] = there.seed  # of stored statistics, it may be another one
    return Protocol(
        metric=recipe.metric,
        name=recipe.name,
        **fields,
        reference=there.reference,
        split=there.split,
        reference_samples=there.reference_samples,
        evaluated_samples=here.reference_samples,
        seed=here.seed,
        settings=settings,
    )
