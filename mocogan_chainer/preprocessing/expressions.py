"""Expressions in AffineGAN's form: CLASS/{train,test}/{img,patch}/VIDEO/*.jpg, with masks of the mouth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer.datasets import layout
from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import listing, tree
from mocogan_chainer.preprocessing.filmed import Filmed
from mocogan_chainer.preprocessing.footage import Footage, ImageFiles
from mocogan_chainer.preprocessing.source import Item, option


@dataclass
class Expressions(Filmed):
    NAME = "expressions"
    HELP = "CLASS/{train,test}/img/VIDEO/*.jpg and, with masks of the mouth, CLASS/train/patch/VIDEO/*.jpg"

    size: int = option(256, "height and width of the frames in pixels", low=1, high=4096)
    split: float = 0.0  # the folders say it

    def items(self) -> list[Item]:
        raw = tree.require_folder(self.raw)
        classes = [raw] if _is_class(raw) else [folder for folder in tree.folders(raw) if _is_class(folder)]
        found = [
            listing.item(self, video, (folder.resolve() if folder == raw else folder).name, split=split)
            for folder in classes
            for split in layout.SPLITS
            if (folder / split / "img").is_dir()
            for video in tree.folders(folder / split / "img")
        ]
        # For the whole dataset: if one video has masks, all get masks, empty where there are none.
        self._masked = any(_masks(item.data).is_dir() for item in found)
        return listing.require(self, found)

    def unread(self, items: Sequence[Item]) -> list[tuple[str, str]]:
        masks = [tree.relative(_masks(item.data), self.raw) for item in items]
        return listing.unread(self, items, tree.IMAGE_SUFFIXES, masks)

    def has_masks(self, items: Sequence[Item]) -> bool:
        return self._masked

    def footage(self, item: Item) -> ImageFiles:
        return ImageFiles(tree.images(item.data), self.every_nth, _mask_finder(item.data) if self._masked else None)

    def remarks(self, item: Item, footage: Footage) -> list[str]:
        maskless = item.split == "train" and self._masked and not _masks(item.data).is_dir()
        return super().remarks(item, footage) + ["without masks"] * maskless


def _is_class(folder: Path) -> bool:
    return any((folder / split / "img").is_dir() for split in layout.SPLITS)


def _masks(video: Path) -> Path:
    return video.parent.parent / "patch" / video.name


def _mask_finder(video: Path) -> Callable[[Path], Path | None]:
    folder = _masks(video)
    if not folder.is_dir():
        return lambda frame: None
    masks = {path.stem: path for path in tree.images(folder)}

    def find(frame: Path) -> Path:
        if frame.stem not in masks:
            raise DataError(f"{frame}: it has no mask in {'/'.join(folder.parts[-3:])}")
        return masks[frame.stem]

    return find
