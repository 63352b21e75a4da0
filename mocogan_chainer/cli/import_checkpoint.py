"""``python -m mocogan_chainer import``: a snapshot from published checkpoints (doc/checkpoints.md)."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import chainer
import numpy as np

from mocogan_chainer import builder, checkpoint, models
from mocogan_chainer import config as configuration
from mocogan_chainer.cli import entry
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError, OutputError, SnapshotError, require_range
from mocogan_chainer.models.family import Inferred, PublishedForm
from mocogan_chainer.safetensors_files import read_safetensors
from mocogan_chainer.torch_files import read_checkpoint

PROGRAM = "python -m mocogan_chainer import"


def main(argv: Sequence[str] | None = None) -> int:
    """Import; return the exit code."""
    return entry.run(_import, sys.argv[1:] if argv is None else argv)


def _import(argv: Sequence[str]) -> None:
    form, arguments = _parse(argv)
    out = Path(arguments.out)
    _check_out(out, arguments.force)
    class_names, n_categories = _classes(arguments.classes, arguments.categories)
    files = {name: getattr(arguments, name) for name in form.NETWORKS if getattr(arguments, name) is not None}
    arrays = {name: _read(path, name, form) for name, path in files.items()}
    inferred = form.infer(arrays, model=arguments.model, n_categories=n_categories)
    _require_family(inferred.model, arguments.family)
    if class_names and not inferred.n_classes:
        raise ConfigError(f"--classes: {inferred.model} learned no classes, so there is nothing to name; leave it out")

    flags = {"video_length": arguments.video_length, "fps": arguments.fps}
    given = {name: value for name, value in flags.items() if value is not None}
    given |= configuration.parse_settings(arguments.set)
    config = configuration.resolve(inferred.model, settings={**inferred.settings, **given})
    builder.check(config)
    data = DataDescription(
        name=Path(files[form.NETWORKS[0]]).name,
        size=inferred.size,
        channels=3,
        class_names=class_names or tuple(map(str, range(inferred.n_classes))),
    )
    family = models.build(config, data)
    data = replace(data, size=getattr(family.networks[form.NETWORKS[0]], "size", data.size))  # as settings may say
    for name, path in files.items():
        try:
            form.load(family.networks[name], arrays[name])
        except SnapshotError as error:
            raise SnapshotError(f"{path}: {error}") from error
    networks = _Networks({name: family.networks[name] for name in files})
    checkpoint.save(out, networks, config=configuration.dump(config), data=data.to_dict(), iteration=0)
    inferred = replace(inferred, remarks=tuple(r for r in inferred.remarks if not _is_settled(r, given)))
    _report(files, arrays, inferred, data, [name for name in family.networks if name not in files], out)


def _parse(argv: Sequence[str]) -> tuple[PublishedForm, argparse.Namespace]:
    """Parse the family first: it says which networks there are."""
    first = entry.Parser(prog=PROGRAM, add_help=False)
    first.add_argument("--family")
    family = first.parse_known_args(argv)[0].family
    form = None if family is None else models.published_form(family)
    parser = entry.Parser(prog=PROGRAM, description="Make a snapshot of a published checkpoint.")
    parser.add_argument(
        "--family",
        required=True,
        metavar="|".join(models.published_families()),
        help="whose networks they are; with it, --help shows the options of further files",
    )
    main_network, *others = form.NETWORKS if form else ("checkpoint",)
    parser.add_argument(main_network, metavar="CHECKPOINT", help=f"the {main_network}: a PyTorch or safetensors file")
    parser.add_argument("out", metavar="OUT", help="the snapshot to write, a name ending in .npz")
    for name in others:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="FILE", help=f"the {name.replace('_', ' ')} too")
    parser.add_argument(
        "--model", choices=configuration.model_names(), help="which model it is (default: inferred from the shapes)"
    )
    parser.add_argument("--categories", type=int, metavar="N", help="how many categories the generator's code has")
    parser.add_argument("--classes", metavar="NAME,...", help="names of the categories (default: their numbers)")
    parser.add_argument("--video-length", type=int, metavar="T", help="frames per video (default: the model's)")
    parser.add_argument("--fps", type=int, help="frames per second of GIFs and videos (default: the model's)")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="any setting, by its dotted name"
    )
    parser.add_argument("--force", action="store_true", help="replace OUT")
    return form, parser.parse_args(argv)


def _check_out(out: Path, force: bool) -> None:
    if out.suffix != ".npz":
        raise OutputError(f"{out}: a snapshot's name ends in .npz")
    if out.is_dir():
        raise OutputError(f"{out}: it is a folder; name a file that ends in .npz")
    if out.exists() and not force:
        raise OutputError(f"{out}: it exists already; use --force to replace it, or choose another name")


def _classes(names: str | None, count: int | None) -> tuple[tuple[str, ...], int | None]:
    """Return the classes' names, if they were given, and the number of categories, if that is known."""
    if count is not None:
        require_range("--categories", count, 0, 1000)
    if names is None:
        return (), count
    listed = tuple(name.strip() for name in names.split(","))
    if "" in listed or len(set(listed)) != len(listed):
        raise ConfigError(f"--classes {names}: a name is empty or stands there twice; write NAME,NAME,...")
    if count not in (None, len(listed)):
        raise ConfigError(f"--classes {names}: these are {len(listed)} names for --categories {count}")
    return listed, len(listed)


def _read(path: str, name: str, form: PublishedForm) -> dict[str, np.ndarray]:
    """Read a file and see that it is of the network ``name``."""
    arrays = read_safetensors(path) if Path(path).suffix == ".safetensors" else read_checkpoint(path)
    try:
        found = form.recognize(arrays)
    except SnapshotError as error:
        raise SnapshotError(f"{path}: {error}{_of_another_family(arrays)}") from error
    if name not in found:
        held, places = " or ".join(map(_words, found)), " or ".join(_place(network, form) for network in found)
        raise SnapshotError(f"{path}: it holds the {held}, and here the {_words(name)} is needed; give it {places}")
    return arrays


def _of_another_family(arrays: Mapping[str, np.ndarray]) -> str:
    """Say which family knows the arrays, if one does."""
    known = []
    for family in models.published_families():
        with contextlib.suppress(SnapshotError):
            models.published_form(family).recognize(arrays)
            known.append(f"--family {family}")
    return f"; it looks like {' or '.join(known)}" if known else ""


def _place(name: str, form: PublishedForm) -> str:
    return "as CHECKPOINT" if name == form.NETWORKS[0] else f"to --{name.replace('_', '-')}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _is_settled(remark: str, given: Mapping[str, Any]) -> bool:
    """Whether the user said what the remark would tell how to say."""
    return any(f"--set {name}=" in remark for name in given)


def _require_family(model: str, family: str) -> None:
    found = configuration.resolve(model)["family"]
    if found != family:
        raise ConfigError(f"--model {model}: it is of the family {found}, and --family says {family}")


def _report(
    files: Mapping[str, str | os.PathLike],
    arrays: Mapping[str, Mapping[str, np.ndarray]],
    inferred: Inferred,
    data: DataDescription,
    missing: Sequence[str],
    out: Path,
) -> None:
    for name, path in files.items():
        count = sum(array.size for array in arrays[name].values())
        print(f"{_words(name)}: {path}, {len(arrays[name])} arrays of {count:,} numbers")
    settings = " ".join(f"{name}={value}" for name, value in inferred.settings.items())
    print(f"inferred: --model {inferred.model}, {data.size} x {data.size} pixels, {settings}")
    if data.class_names:
        print(f"categories: {', '.join(data.class_names)}")
    for line in inferred.remarks:
        print(f"assumed: {line}")
    if missing:
        print(f"not given: {', '.join(map(_words, missing))}; a run from this snapshot makes them anew")
    print(f"{out}: written")


class _Networks:
    """Serializes networks where a trainer would."""

    def __init__(self, networks: Mapping[str, chainer.Chain]):
        self.networks = networks

    def serialize(self, serializer: Any) -> None:
        for name, network in self.networks.items():
            network.serialize(serializer["updater"][f"model:{name}"])
