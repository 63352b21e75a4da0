"""A set that notes how long its videos are and how large their frames, as far as they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from mocogan_chainer.evaluation.video_set import VideoSet, Which

MIXED, MIXED_SHAPES = "mixed", "mixed, not all square"
"""Frame sizes of which there are several."""


class WatchedVideos:
    """Another set, watched (the protocol is :class:`mocogan_chainer.evaluation.video_set.VideoSet`).

    Args:
        videos: the other set. Several threads may read at once if they may there.
    """

    def __init__(self, videos: VideoSet):
        self._videos = videos
        self._lengths: set[int] = set()
        self._sizes: set[tuple[int, int]] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._videos, name)

    def __len__(self) -> int:
        return len(self._videos)

    def read(self, index: int, which: Which | None = None) -> np.ndarray:
        """Return the video, or the frames that are wanted of it, as the other set does; what cannot be is not noted."""
        seen: list[int] = []

        def noted(length: int) -> Any:
            seen.append(length)
            return range(length) if which is None else which(length)

        frames = self._videos.read(index, noted)
        self._lengths.update(seen[-1:])
        self._sizes.add((frames.shape[1], frames.shape[2]))
        return frames

    @property
    def common_length(self) -> int | None:
        """Frames of each video that was read; None where they differ, or none was."""
        return min(self._lengths) if len(self._lengths) == 1 else None

    @property
    def frame_size(self) -> str | None:
        """Height and width of all frames that were read, "64 x 112" or "mixed", in words; None where none was."""
        if not self._sizes:
            return None
        if len(self._sizes) == 1:
            ((height, width),) = self._sizes
            return f"{height} x {width}"
        return MIXED if all(height == width for height, width in self._sizes) else MIXED_SHAPES


def length_setting(length: int | None, *, frames: int, stride: int, start: str) -> dict[str, int]:
    """Return the setting of a protocol that says how long evaluated videos are, where that matters to their clips.

    Args:
        length: of every video; None where they differ, or it is not known.
        frames: of a clip.
        stride: steps in the videos from one of its frames to the next.
        start: where in a video a clip begins; what follows the "first" frames changes nothing.
    """
    if length is None or start == "first" or len(range(0, length, stride)) == frames:
        return {}
    return {"evaluated_length": length}


def size_warnings(crop: str | None, *, evaluated: str | None = None, reference: str | None = None) -> tuple[str, ...]:
    """Say what a reader should know of frames that are brought to a network's size.

    Args:
        crop: of the protocol.
        evaluated: size of the evaluated set's frames, as :attr:`WatchedVideos.frame_size` gives it.
        reference: that of the reference set's; None where there is none, or it is not known.
    """
    warnings = []
    if None not in (evaluated, reference) and evaluated != reference:
        warnings.append(
            f"frames of {_in_words(evaluated)} against frames of {_in_words(reference)}: both are brought to the "
            "network's size, and that alone makes them differ; compare sets of one frame size"
        )
    odd = {"evaluated": evaluated, "real": reference}
    squeezed = [
        f"{name} ones of {_in_words(size)}" for name, size in odd.items() if crop != "centre" and not are_square(size)
    ]
    if squeezed:
        warnings.append(
            f"frames that are not square ({' and '.join(squeezed)}) are squeezed into a square; "
            "preprocess.py folder VIDEOS DATA cuts the middle out of them"
        )
    return tuple(warnings)


def _in_words(size: str) -> str:
    return f"{size} pixels" if size not in (MIXED, MIXED_SHAPES) else size.replace("mixed", "mixed sizes")


def are_square(size: str | None) -> bool:
    """Return whether frames of a size, as :attr:`WatchedVideos.frame_size` gives it, are square as far as is known."""
    if size in (None, MIXED):
        return True
    return size != MIXED_SHAPES and len(set(size.split(" x "))) == 1
