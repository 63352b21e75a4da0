"""Your own videos: CLASS/*.mp4 and the like, or CLASS/VIDEO/*.jpg, with or without classes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mocogan_chainer.errors import DataError
from mocogan_chainer.preprocessing import listing, tree
from mocogan_chainer.preprocessing.filmed import FilmedFiles
from mocogan_chainer.preprocessing.source import Item


@dataclass
class Folder(FilmedFiles):
    NAME = "folder"
    HELP = (
        "your own videos: CLASS/VIDEO.mp4 (avi, mov, mkv, webm, gif, ...) or CLASS/VIDEO/*.jpg; "
        "without classes VIDEO.mp4 or VIDEO/*.jpg"
    )

    def items(self) -> list[Item]:
        raw = tree.require_folder(self.raw)
        if images := tree.images(raw):
            raise DataError(
                f"{raw}: it holds images directly, such as {images[0].name}; a folder of images is one video: put "
                "each video's images into a folder of its own"
            )
        paths = list(_videos(raw))
        items = [listing.item(self, path, self._class_of(path)) for path in paths]
        loose = [item for item in items if not item.class_name]
        if loose and len(loose) < len(items):
            other = next(item for item in items if item.class_name)
            raise DataError(
                f"{raw}: {loose[0].source} has no class, but {other.source} has one: put every video into the folder "
                "of its class, or all of them side by side without classes"
            )
        return listing.require(self, items)

    def unread(self, items: Sequence[Item]) -> list[tuple[str, str]]:
        unused = self._unused([item.data for item in items])
        return unused + listing.unread(self, items, folders=[name for name, _ in unused])

    def _unused(self, videos: list[Path]) -> list[tuple[str, str]]:
        """Return every folder that is not used, or only in part, with the reason."""
        whole = set(videos)
        known = whole.union(*(path.parents for path in videos))
        found = []
        for folder in tree.walk(self.raw):
            fault = ""
            if folder not in whole and tree.images(folder):
                fault = "images next to videos are not used"
            elif folder not in known:
                fault = "no videos or images in this folder"
            if fault and folder != self.raw:
                found.append((tree.relative(folder, self.raw), fault))
        return found

    def _class_of(self, path: Path) -> str:
        folders = path.relative_to(self.raw).parts[:-1]
        return folders[0] if folders else ""


def _videos(raw: Path) -> Iterator[Path]:
    """Yield every video file, and every folder that holds images instead."""
    for folder in tree.walk(raw):
        files = [path for path in tree.files(folder) if listing.is_video(path)]
        yield from files or [folder] * bool(tree.images(folder))
