"""MUG facial expressions: SUBJECT/EMOTION/TAKE/*.jpg, cropped to the face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import faces, tree
from mocogan_chainer.preprocessing.source import Item, Source, option

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
DROPPED = "neutral"


@dataclass
class Mug(Source):
    NAME = "mug"
    HELP = "SUBJECT/EMOTION/TAKE/*.jpg with the six emotions of MUG; neutral is left out"

    margin: float = option(0.1, "what to add on each side of the face, in parts of its width", 0, 2)

    def items(self) -> list[Item]:
        raw = tree.require_folder(self.raw)
        found = [
            self._item(subject, emotion, take)
            for subject in tree.folders(raw)
            for emotion in tree.folders(subject)
            if emotion.name.lower() != DROPPED
            for take in tree.folders(emotion)
        ]
        if not any(item.class_name for item in found):
            raise DataError(f"{raw}: no takes of {', '.join(EMOTIONS)}; mug reads {self.HELP}")
        return found

    def load(self, item: Item) -> np.ndarray:
        if not item.class_name:
            raise DataError(f"its emotion is none of {', '.join(EMOTIONS)}")
        frames = video.read_frames(tree.images(item.data))
        return video.resize(faces.crop(frames, faces.find_box(frames, self.margin)), self.size)

    def _item(self, subject: Path, emotion: Path, take: Path) -> Item:
        name = tree.relative(take, self.raw)
        label = emotion.name.lower()
        return Item(name, name, label if label in EMOTIONS else "", subject.name, take)
