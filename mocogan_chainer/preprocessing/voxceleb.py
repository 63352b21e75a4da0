"""VoxCeleb face tracks: ID/VIDEO/TRACK.mp4, cropped to the face by their makers, and scaled here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer.preprocessing import listing
from mocogan_chainer.preprocessing.filmed import FilmedFiles, crop_option
from mocogan_chainer.preprocessing.source import Item


@dataclass
class Voxceleb(FilmedFiles):
    NAME = "voxceleb"
    HELP = "ID/VIDEO/TRACK.mp4, also deeper, as in dev/mp4/ID/VIDEO/TRACK.mp4; the ID is the subject"

    crop: str = crop_option("none")

    def items(self) -> list[Item]:
        return listing.require(self, [self._item(path) for path in listing.videos(self.raw)])

    def _item(self, path: Path) -> Item:
        folders = path.relative_to(self.raw).parts[:-1]
        if len(folders) < 2:
            return listing.item(self, path, fault="not in two folders, ID/VIDEO")
        return listing.item(self, path, subject=folders[-2])
