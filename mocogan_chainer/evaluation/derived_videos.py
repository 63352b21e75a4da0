"""What sets have in common whose videos are each made of another set's."""

from __future__ import annotations

from collections.abc import Sequence

from mocogan_chainer.evaluation.video_set import VideoSet


class DerivedVideos:
    """Part of a set (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`) made of another one.

    A video has the id, the class and the subject of the one that it is made of.

    Args:
        videos: the other set.
        name: what the user calls the set; None for the other's name.
        numbers: which of the other's videos are taken; None for all.
    """

    def __init__(self, videos: VideoSet, *, name: str | None = None, numbers: Sequence[int] | None = None):
        self._videos = videos
        self._numbers = range(len(videos)) if numbers is None else numbers
        self.name, self.title = videos.name if name is None else str(name), videos.title
        self.class_names = videos.class_names
        self.subjects = None if videos.subjects is None else [videos.subjects[number] for number in self._numbers]

    def __len__(self) -> int:
        return len(self._numbers)

    def id(self, index: int) -> str:
        """Return the other video's own name."""
        return self._videos.id(self._numbers[index])

    def label(self, index: int) -> int:
        """Return the other video's class, -1 where it has none."""
        return self._videos.label(self._numbers[index])

    def _source(self) -> str:
        """Return what the other set is, with its split, for a reference."""
        return self._videos.reference + ("" if self._videos.split is None else f" ({self._videos.split})")
