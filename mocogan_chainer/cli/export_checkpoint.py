"""``python -m mocogan_chainer export``: a snapshot's networks for the published code (doc/checkpoints.md)."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Sequence
from pathlib import Path

from mocogan_chainer import builder, models
from mocogan_chainer.cli import entry
from mocogan_chainer.errors import ConfigError, OutputError, require_one_of
from mocogan_chainer.safetensors_files import write_safetensors
from mocogan_chainer.torch_files import write_state_dict

FORMATS = {"pth": write_state_dict, "safetensors": write_safetensors}

_SUFFIXES = {".pth": "pth", ".pt": "pth", ".safetensors": "safetensors"}


def main(argv: Sequence[str] | None = None) -> int:
    """Export; return the exit code."""
    return entry.run(lambda: _export(_parser().parse_args(argv)))


def _parser() -> argparse.ArgumentParser:
    parser = entry.Parser(
        prog="python -m mocogan_chainer export", description="Write a snapshot's networks as PyTorch's state dicts."
    )
    parser.add_argument("snapshot", metavar="SNAPSHOT", help="result/NAME/snapshot_*.npz")
    parser.add_argument(
        "out", metavar="OUT", help="a folder for all networks, or a .pth or .safetensors file for the generator alone"
    )
    parser.add_argument("--format", metavar="F,...", help="in a folder: of pth, safetensors (default: pth)")
    parser.add_argument("--raw", action="store_true", help="the generator as trained, not its moving average")
    parser.add_argument("--force", action="store_true", help="replace files of the same names")
    return parser


def _export(arguments: argparse.Namespace) -> None:
    out = Path(arguments.out)
    alone = _is_file(out)
    if alone and arguments.format is not None:
        raise ConfigError(f"--format {arguments.format}: {out} names the format already; give only one of them")
    formats = _formats(arguments.format or "pth")
    networks, config = builder.load_networks(arguments.snapshot, arguments.raw)
    form = models.published_form(config["family"])
    if alone:
        name = form.NETWORKS[0]
        networks = {name: networks[name]}
        files = {out: (name, _SUFFIXES[out.suffix])}
    else:
        files = {out / f"{name}.{kind}": (name, kind) for name in networks for kind in formats}
    _check_free(out, files, arguments.force)
    arrays = {name: form.dump(network) for name, network in networks.items()}
    for path, (name, kind) in files.items():
        FORMATS[kind](path, arrays[name])
        print(f"{path}: {len(arrays[name])} arrays of {sum(array.size for array in arrays[name].values()):,} numbers")
    for line in form.remarks(networks, config):
        print(line)


def _is_file(out: Path) -> bool:
    """Whether ``out`` names a file; a folder's name has no suffix that looks like a file's."""
    if out.is_dir() or not out.suffix[1:].isalpha():
        return False
    if out.suffix not in _SUFFIXES:
        raise OutputError(f"{out}: {out.suffix} is not written; name a folder, or a file in {', '.join(_SUFFIXES)}")
    return True


def _formats(text: str) -> list[str]:
    formats = text.split(",")
    for name in formats:
        require_one_of("--format", name, FORMATS)
    return formats


def _check_free(out: Path, files: Collection[Path], force: bool) -> None:
    if out.is_file() and out not in files:
        raise OutputError(f"{out}: it is a file; name a folder, or a file in {', '.join(_SUFFIXES)}")
    for path in files:
        if path.is_dir():
            raise OutputError(f"{path}: it is a folder where a file is to be written; choose another place")
        if path.exists() and not force:
            raise OutputError(f"{path}: it exists already; use --force to replace it, or choose another place")
