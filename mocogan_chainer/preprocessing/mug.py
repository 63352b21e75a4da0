"""MUG facial expressions: SUBJECT/EMOTION/TAKE/*.jpg, cropped to the face."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import tree
from mocogan_chainer.preprocessing.filmed import Filmed, crop_option
from mocogan_chainer.preprocessing.source import Item

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
DROPPED = "neutral"
SESSION = re.compile(r"session.*", re.IGNORECASE)


@dataclass
class Mug(Filmed):
    NAME = "mug"
    HELP = "SUBJECT/EMOTION/TAKE/*.jpg or SUBJECT/sessionN/EMOTION/TAKE/*.jpg, the six emotions of MUG without neutral"

    crop: str = crop_option("face")

    def items(self) -> list[Item]:
        raw = tree.require_folder(self.raw)
        found = [item for folder in tree.folders(raw) for item in self._below(folder)]
        if all(item.fault for item in found):
            raise DataError(f"{raw}: no takes of {', '.join(EMOTIONS)}; mug reads {self.HELP}")
        return found

    def _below(self, folder: Path) -> Iterator[Item]:
        """Yield the takes below the folder of a subject or session, or a folder that holds these, as it comes."""
        if tree.images(folder):
            name = tree.relative(folder, self.raw)
            yield Item(name, name, fault=f"its emotion is not one of {', '.join(EMOTIONS)}")
        for inner in tree.folders(folder):
            emotion = inner.name.lower()
            if emotion in EMOTIONS:
                yield from self._takes(inner)
            elif emotion != DROPPED:
                yield from self._below(inner)

    def _takes(self, emotion: Path) -> Iterator[Item]:
        subject = emotion.parent
        if SESSION.fullmatch(subject.name):
            subject = subject.parent
        who = self.raw.resolve().name if subject == self.raw else subject.name
        takes = tree.folders(emotion)
        if takes and tree.images(emotion):
            name = tree.relative(emotion, self.raw)
            yield Item(name, name, fault="images next to folders of takes are not used")
        for folder in takes or [emotion]:
            name = tree.relative(folder, self.raw)
            fault = "" if takes else "no takes in this folder"
            yield Item(name, name, emotion.name.lower(), who, folder, fault=fault)
