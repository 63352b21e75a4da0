"""From a config to a trainer, and from a snapshot to a sampler: the one place where all parts meet."""

from mocogan_chainer.builder.data import build_iterators, describe, open_dataset
from mocogan_chainer.builder.devices import choose_backend, choose_device
from mocogan_chainer.builder.families import Summary, build_family, summarize
from mocogan_chainer.builder.settings import ON_NAN, check, run_name, shortage_explained, tensorboard_folder
from mocogan_chainer.builder.snapshots import (
    Generator,
    load_generator,
    load_networks,
    load_sampler,
    load_snapshot,
    stored_description,
)
from mocogan_chainer.builder.trainer import build_trainer, forget_points, limit, make_optimizer, renew_noise, resume

__all__ = [
    "ON_NAN",
    "Generator",
    "Summary",
    "build_family",
    "build_iterators",
    "build_trainer",
    "check",
    "choose_backend",
    "choose_device",
    "describe",
    "forget_points",
    "limit",
    "load_generator",
    "load_networks",
    "load_sampler",
    "load_snapshot",
    "make_optimizer",
    "open_dataset",
    "renew_noise",
    "resume",
    "run_name",
    "shortage_explained",
    "stored_description",
    "summarize",
    "tensorboard_folder",
]
