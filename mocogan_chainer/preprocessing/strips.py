"""Strips: one image per video, its frames side by side; a folder per class. The published MoCoGAN code reads this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import listing, tree
from mocogan_chainer.preprocessing.footage import StripFile
from mocogan_chainer.preprocessing.source import Item, Recording, Source


@dataclass
class Strips(Source):
    NAME = "strips"
    HELP = "CLASS/VIDEO.png or .jpg, one image per video: its square frames side by side (without classes: VIDEO.png)"

    def items(self) -> list[Item]:
        raw = tree.require_folder(self.raw)
        loose = [self._item(path, "") for path in tree.images(raw)]
        sorted_in = [item for folder in tree.folders(raw) for item in self._class_items(folder)]
        if loose and sorted_in:
            raise DataError(
                f"{raw}: it holds both images ({loose[0].source}) and folders ({sorted_in[0].class_name}/); put every "
                "image into the folder of its class, or all of them into one folder without classes"
            )
        found = loose + sorted_in
        if all(item.fault for item in found):
            raise DataError(f"{raw}: no images; strips reads {self.HELP}")
        return found

    def unread(self, items: Sequence[Item]) -> list[tuple[str, str]]:
        return listing.unread(self, items, tree.IMAGE_SUFFIXES)

    def load(self, item: Item) -> Recording:
        strip = StripFile(item.data)
        return Recording(strip.frames("none", self.size), strip.filter("none", self.size))

    def _class_items(self, folder: Path) -> list[Item]:
        name = folder.name
        empty = Item(name, name, name, fault="no images in this folder")
        return [self._item(path, name) for path in tree.images(folder)] or [empty]

    def _item(self, path: Path, class_name: str) -> Item:
        name = tree.relative(path, self.raw)
        return Item(name, name, class_name, data=path)
