"""UvA-NEMO smiles: SUBJECT_deliberate_smile_N.mp4 and SUBJECT_spontaneous_smile_N.mp4, cropped to the face."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer.preprocessing import listing
from mocogan_chainer.preprocessing.filmed import FilmedFiles, crop_option
from mocogan_chainer.preprocessing.source import Item

CLASS_NAMES = ("deliberate", "spontaneous")


@dataclass
class UvaNemo(FilmedFiles):
    NAME = "uva-nemo"
    HELP = "videos of smiles, in any folders, whose names say deliberate or spontaneous and begin with the subject"

    crop: str = crop_option("face")

    def items(self) -> list[Item]:
        return listing.require(self, [self._item(path) for path in listing.videos(self.raw)])

    def _item(self, path: Path) -> Item:
        names = [name for name in CLASS_NAMES if name in path.stem.lower()]
        subject = re.match(r"[0-9]+", path.stem)
        fault = "" if len(names) == 1 else f"its name must contain either {' or '.join(CLASS_NAMES)}"
        return listing.item(self, path, "".join(names[:1]), subject[0] if subject else "", fault=fault)
