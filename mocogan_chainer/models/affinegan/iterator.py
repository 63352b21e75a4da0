"""What AffineGAN learns from: the first frame of a video, and some later ones."""

from __future__ import annotations

import numpy as np

from mocogan_chainer import video
from mocogan_chainer.datasets.iterators import VideoIterator
from mocogan_chainer.datasets.prepared import PreparedDataset
from mocogan_chainer.errors import DataError, require_range

UNMARKED = 191
"""The brightest pixel of a mask that marks nothing: published code cuts at 0.5 after it brought bytes to [-1, 1]."""


class FacesIterator(VideoIterator):
    """Gives batches ``(frames, masks)``: uint8 ``(N, 1 + K, S, S, 3)`` and uint8 ``(N, 1 + K, S, S)`` or None.

    The first frame is the video's own first; the K others are drawn from those after it, with replacement. All are
    scaled to ``load_size``, and cut and mirrored alike; masks too, above :data:`UNMARKED`
    where the marked part is.

    Args:
        dataset: the videos.
        batchsize: N, at least 1.
        count: K.
        every_nth: only every n-th frame is drawn, counted from the first.
        load_size: height and width in pixels before the cut.
        fine_size: S, height and width of the cut, at most ``load_size``.
        rng: the iterator's own generator.
        flip: mirror a video's frames with probability 1/2.
        in_order: give the K frames in the order of time.
        masks: give masks too; the dataset must have them.

    Attributes:
        remarks: what is worth knowing about the data.

    Raises:
        ConfigError: an argument is out of range.
        DataError: every video is too short, or masks are asked of a dataset without them.
    """

    def __init__(
        self,
        dataset: PreparedDataset,
        batchsize: int,
        count: int,
        every_nth: int,
        load_size: int,
        fine_size: int,
        rng: np.random.Generator,
        *,
        flip: bool,
        in_order: bool,
        masks: bool,
    ) -> None:
        require_range("every_nth", every_nth, 1)
        if dataset.lengths.max() <= every_nth:
            raise DataError(
                f"{dataset.path}: every video is too short: with every_nth={every_nth} a video needs "
                f"{every_nth + 1} frames, and the longest has {dataset.lengths.max()}; lower every_nth"
            )
        if masks and not dataset.has_masks:
            raise DataError(
                f"{dataset.path}: model.patch=true needs masks, and this dataset has none; set it to false, or prepare "
                "videos with masks: preprocess.py expressions"
            )
        super().__init__(dataset, batchsize, every_nth + 1, rng, flip=flip, balance=False)
        self._count, self._every_nth, self._in_order, self._masks = count, every_nth, in_order, masks
        self._load_size, self._fine_size = load_size, fine_size
        self.remarks = []
        if dataset.size < load_size:
            self.remarks.append(
                f"frames of {dataset.size} pixels are enlarged to {load_size} (model.load_size); preprocess.py --size "
                f"{load_size} makes sharper ones, where the raw data have them"
            )

    def __next__(self) -> tuple[np.ndarray, np.ndarray | None]:
        size, videos = self._fine_size, self._take()
        shape = (len(videos), 1 + self._count, size, size)
        frames, masks = np.empty((*shape, 3), np.uint8), np.empty(shape, np.uint8) if self._masks else None
        for nth, chosen in enumerate(videos.tolist()):
            indices = self._draw(int(self.dataset.lengths[chosen]))
            top, left = self._rng.integers(0, self._load_size - size + 1, 2).tolist()
            cut = slice(None), slice(top, top + size), slice(left, left + size)
            columns = slice(None, None, -1 if self._flip and self._rng.random() < 0.5 else 1)
            frames[nth] = video.resize(self.dataset.frames(chosen, indices), self._load_size)[cut][:, :, columns]
            if self._masks:
                marked = self.dataset.masks(chosen, indices)[..., None]
                masks[nth] = video.resize(marked, self._load_size)[cut][:, :, columns, 0]
        return frames, masks

    def _draw(self, length: int) -> np.ndarray:
        """Draw the frames of a video: the first, and K of the later ones, (1 + K,)."""
        drawn = self._rng.integers(1, (length - 1) // self._every_nth + 1, self._count) * self._every_nth
        return np.append(0, np.sort(drawn) if self._in_order else drawn)
