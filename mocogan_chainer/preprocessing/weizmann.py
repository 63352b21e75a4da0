"""Weizmann human actions: SUBJECT_ACTION.avi, or strips of their frames as published with MoCoGAN."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer import decoding
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.preprocessing import listing, tree
from mocogan_chainer.preprocessing.filmed import FilmedFiles
from mocogan_chainer.preprocessing.footage import Footage, StripFile
from mocogan_chainer.preprocessing.source import Item

ACTIONS = ("bend", "jack", "jump", "pjump", "run", "side", "skip", "walk", "wave1", "wave2")
FILE_NAME = re.compile(rf"([a-z]+)_({'|'.join(ACTIONS)})[0-9]*", re.IGNORECASE)


@dataclass
class Weizmann(FilmedFiles):
    NAME = "weizmann"
    HELP = f"SUBJECT_ACTION.avi in any folders (actions: {', '.join(ACTIONS)}), or strips, CLASS/VIDEO.jpg"

    def items(self) -> list[Item]:
        films = [self._film(path) for path in listing.videos(self.raw)]
        unused = "" if all(film.fault for film in films) else "images next to videos are not used"
        strips = [
            listing.item(self, path, folder.name, _performer(path), fault=unused)
            for folder in tree.folders(self.raw)
            for path in tree.images(folder)
        ]
        return listing.require(self, films + strips)

    def unread(self, items: Sequence[Item]) -> list[tuple[str, str]]:
        return listing.unread(self, items, decoding.SUFFIXES | tree.IMAGE_SUFFIXES)

    def check(self, items: Sequence[Item]) -> None:
        super().check(items)
        if self.fps is not None and all(item.fault or not listing.is_video(item.data) for item in items):
            raise ConfigError(f"fps={self.fps:g}: strips have no frame rate; use every_nth")

    def footage(self, item: Item) -> Footage:
        if listing.is_video(item.data):
            return super().footage(item)
        return StripFile(item.data, self.every_nth)

    def _film(self, path: Path) -> Item:
        name = FILE_NAME.fullmatch(path.stem)
        if not name:
            return listing.item(self, path, fault="its name is not SUBJECT_ACTION")
        return listing.item(self, path, name[2].lower(), name[1].lower())


def _performer(strip: Path) -> str:
    """Return who is seen in a published strip, by its number of eight digits; "" for another name.

    It is not documented, but each eight in a row show one performer: four actions, each followed by its mirror image.
    """
    return f"performer {int(strip.stem) // 8}" if re.fullmatch(r"[0-9]{8}", strip.stem) else ""
