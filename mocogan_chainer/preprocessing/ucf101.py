"""UCF101 actions: v_CLASS_gXX_cYY.avi with the official lists of training and test videos."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mocogan_chainer.errors import DataError, one_line
from mocogan_chainer.preprocessing import listing, tree
from mocogan_chainer.preprocessing.filmed import FilmedFiles
from mocogan_chainer.preprocessing.source import Item, option

FILE_NAME = re.compile(r"v_([a-z0-9]+)_(g[0-9]+)_c[0-9]+", re.IGNORECASE)
LINE = re.compile(rf"([a-z0-9]+/)?{FILE_NAME.pattern}\.[a-z0-9]+", re.IGNORECASE)


@dataclass
class Ucf101(FilmedFiles):
    NAME = "ucf101"
    HELP = "v_CLASS_gXX_cYY.avi and the official trainlist01.txt, testlist01.txt, ..., in any folders"

    split: int = option(1, "which of the three official splits to mark, 0 for none", 0, 3)

    def items(self) -> list[Item]:
        paths = listing.videos(self.raw)
        lists = self._lists()
        found = [self._item(path, lists) for path in paths]
        listing.require(self, found)
        there = {path.stem.casefold() for path in paths}
        absent = [
            Item(f"{name} of {split}list", line, fault=f"listed in {split}list{self.split:02d}.txt, but missing")
            for name, (split, line) in lists.items()
            if name not in there
        ]
        return found + absent

    def divide(self, items: Sequence[Item]) -> list[Item]:
        return list(items)  # the lists have done it

    def _item(self, path: Path, lists: dict[str, tuple[str, str]]) -> Item:
        name = FILE_NAME.fullmatch(path.stem)
        if not name:
            return listing.item(self, path, fault="its name is not v_CLASS_gXX_cYY")
        split, line = lists.get(path.stem.casefold(), ("", ""))
        # The folder has the official class name: files of HandstandPushups are called v_HandStandPushups_...
        folders = [line.rpartition("/")[0], path.parent.name]
        class_name = next((folder for folder in folders if folder.casefold() == name[1].casefold()), name[1])
        fault = "" if split or not self.split else f"in neither trainlist{self.split:02d}.txt nor its test list"
        # Groups were filmed separately, each with one person and background.
        return listing.item(self, path, class_name, f"{class_name}_{name[2].lower()}", split=split, fault=fault)

    def _lists(self) -> dict[str, tuple[str, str]]:
        """Return split and line of every listed video, by its name in lower case and without suffix."""
        if not self.split:
            return {}
        listed = {}
        for split in ("train", "test"):
            for line in self._read(f"{split}list{self.split:02d}.txt"):
                listed[PurePosixPath(line).stem.casefold()] = (split, line)
        return listed

    def _read(self, name: str) -> list[str]:
        """Return the videos in a list, without their labels."""
        for folder in tree.walk(tree.require_folder(self.raw)):
            path = folder / name
            if path.is_file():
                try:
                    text = path.read_text(encoding="utf-8")
                except (OSError, ValueError) as error:
                    raise DataError(f"{path}: cannot be read: {one_line(error)}") from error
                lines = [line.split()[0] for line in text.splitlines() if line.strip()]
                if wrong := [line for line in lines if not LINE.fullmatch(line)]:
                    raise DataError(f"{path}: {wrong[0]} is not CLASS/v_CLASS_gXX_cYY.avi; it is not a UCF101 list")
                return lines
        raise DataError(
            f"{self.raw}: no {name} in it: put the folder ucfTrainTestlist of the official splits there, or use "
            "--split 0 for no split"
        )
