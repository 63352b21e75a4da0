"""A run's dataset, and the iterators over it."""

from __future__ import annotations

from mocogan_chainer.builder.settings import streams
from mocogan_chainer.config import Config
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.iterators import DatasetIterator
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.models.family import Family
from mocogan_chainer.wording import Say

_NAMED = 5
"""How many classes without videos are named."""


def open_dataset(config: Config) -> PreparedDataset:
    """Open the config's dataset.

    Raises:
        DataError: it is missing or broken, or none of its videos is of the config's split.
        ConfigError: its frames are not of the size that the config asks for.
    """
    dataset = PreparedDataset.open(config["dataset"], config["split"])
    if config["size"] not in (None, dataset.size):
        raise ConfigError(
            f"size={config['size']}: the frames of {config['dataset']} are {dataset.size} pixels; leave size unset or "
            f"prepare the data again with --size {config['size']}"
        )
    return dataset


def describe(dataset: PreparedDataset) -> DataDescription:
    """Return what models need to know of a dataset."""
    return DataDescription(
        name=dataset.name,
        size=dataset.size,
        channels=3,
        class_names=tuple(dataset.class_names),
        unlabelled=int((dataset.labels < 0).sum()) if dataset.class_names else 0,
        fingerprint=dataset.fingerprint(),
        masks=dataset.has_masks,
    )


def build_iterators(config: Config, family: Family, dataset: PreparedDataset, say: Say) -> dict[str, DatasetIterator]:
    """Build the family's iterators and say once how many videos are too short for a clip, and which classes lack any.

    Raises:
        DataError: all of them are.
    """
    iterators = family.iterators(dataset, streams(config))
    skipped = max(iterator.skipped for iterator in iterators.values())
    if skipped:
        say(f"{skipped} of {len(dataset)} videos are too short for a clip and are left out")
    for remark in iterators["main"].remarks:
        say(remark)
    missing = iterators["main"].missing_labels
    for label in missing[:_NAMED]:
        why = "long enough for a clip" if (dataset.labels == label).any() else f"in the data (split={config['split']})"
        say(f"no video of the class {dataset.class_names[label]} is {why}")
    if len(missing) > _NAMED:
        say(f"and none of {len(missing) - _NAMED} more classes")
    return iterators
