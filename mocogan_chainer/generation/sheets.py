"""Clips side by side under small titles: moving, and as a strip of single frames for papers.

A coloured line around each frame says what the frame is: :data:`COLOURS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mocogan_chainer import video

COLOURS = {
    "given": (22, 150, 70),
    "predicted": (220, 40, 45),
    "true": (50, 110, 220),
    "held": (150, 150, 150),
    "ended": (150, 150, 150),
}
"""What a frame is: given to the model, made by it, what really came, the last one again, or none at all."""
NOTES = {"held": " (held)", "ended": " (ended)"}
"""What a title says more while frames are of a kind."""
LEGEND = {"given": "given", "predicted": "predicted", "true": "truth", "ended": "truth has ended"}
"""What the colours of a strip stand for."""
PAPER = (255, 255, 255)
INK = (20, 20, 20)
SMALLEST, LARGEST = 96, 256
"""Sides in pixels between which frames are shown: smaller ones are enlarged by a whole factor, larger ones scaled."""
LINE = 3
GAP = 8
TEXT = 16
"""Height in pixels of a line of text."""
LABEL = 60
"""Width in pixels of the titles at the left of a strip."""
IN_A_ROW = 8
MOST_PIXELS = 32 * 10**6
"""Pixels of a moving picture, all frames together: so many can be brought to the colours of a GIF in 1 GiB."""


@dataclass(frozen=True)
class Tile:
    """A clip in a picture.

    Attributes:
        title: stands above it, in ASCII.
        frames: uint8 (T, size, size, 3).
        kinds: T keys of :data:`COLOURS`.
    """

    title: str
    frames: np.ndarray
    kinds: Sequence[str]


def side_by_side(tiles: Sequence[Tile], captions: Sequence[tuple[str, str]]) -> np.ndarray:
    """Lay clips of one length out in rows, each under its title.

    Args:
        tiles: at least one.
        captions: of each frame: the line below all of them, and a key of :data:`COLOURS` for its colour, or "".

    Returns:
        uint8 (T', H, W, 3), T' the clips' length, or less where that would be more than :data:`MOST_PIXELS`.
    """
    side = _side(tiles[0]) + 2 * LINE
    rows = -(-len(tiles) // IN_A_ROW)
    columns = -(-len(tiles) // rows)
    height, width = rows * (TEXT + side + GAP) + TEXT + GAP, columns * (side + GAP) + GAP
    length = max(min(len(captions), MOST_PIXELS // (height * width)), 1)
    sheet = np.full((length, height, width, 3), PAPER, np.uint8)
    for i, tile in enumerate(tiles):
        top, left = GAP // 2 + i // columns * (TEXT + side + GAP), GAP + i % columns * (side + GAP)
        titles = {kind: _text(tile.title + NOTES.get(kind, ""), side) for kind in set(tile.kinds[:length])}
        sheet[:, top : top + TEXT, left : left + side] = [titles[kind] for kind in tile.kinds[:length]]
        framed = _framed(tile, range(length))
        sheet[:, top + TEXT : top + TEXT + side, left : left + side] = framed
    for frame, (text, kind) in zip(sheet, captions, strict=False):
        frame[-TEXT - GAP // 2 : -GAP // 2, GAP:-GAP] = _text(text, width - 2 * GAP, COLOURS.get(kind, INK))
    return sheet


def strip(tiles: Sequence[Tile], places: Sequence[int]) -> np.ndarray:
    """Show some frames of clips, a row each behind its title, under their numbers; below, what the colours mean.

    Args:
        tiles: at least one, of one length.
        places: which frames; 0 is the first, above which stands 1.

    Returns:
        uint8 (H, W, 3).
    """
    side = _side(tiles[0]) + 2 * LINE
    height, width = 2 * (TEXT + GAP // 2) + len(tiles) * (side + GAP), LABEL + len(places) * (side + GAP) + GAP // 2
    sheet = np.full((height, width, 3), PAPER, np.uint8)
    lefts = [LABEL + GAP // 2 + i * (side + GAP) for i in range(len(places))]
    sheet[:TEXT, GAP:LABEL] = _text("frame", LABEL - GAP)
    for left, place in zip(lefts, places, strict=True):
        sheet[:TEXT, left : left + side] = _text(str(place + 1), side, centred=True)
    for row, tile in enumerate(tiles):
        top = TEXT + GAP // 2 + row * (side + GAP)
        middle = top + (side - TEXT) // 2
        sheet[middle : middle + TEXT, GAP:LABEL] = _text(tile.title, LABEL - GAP)
        for left, framed in zip(lefts, _framed(tile, places), strict=True):
            sheet[top : top + side, left : left + side] = framed
    shown = {tile.kinds[place] for tile in tiles for place in places}
    sheet[-TEXT - GAP // 2 : -GAP // 2, GAP:] = _legend([kind for kind in LEGEND if kind in shown], width - GAP)
    return sheet


def _side(tile: Tile) -> int:
    size = tile.frames.shape[1]
    return min(size * -(-SMALLEST // size), LARGEST)


def _framed(tile: Tile, places: Sequence[int]) -> np.ndarray:
    """Return frames as they are shown, in their lines: uint8 (n, side + 2 * LINE, side + 2 * LINE, 3)."""
    frames, side = tile.frames[list(places)], _side(tile)
    factor = max(side // frames.shape[1], 1)
    lines = np.array([COLOURS[tile.kinds[place]] for place in places], np.uint8)
    framed = np.tile(lines[:, None, None], (1, side + 2 * LINE, side + 2 * LINE, 1))
    enlarged = frames.repeat(factor, axis=1).repeat(factor, axis=2)
    framed[:, LINE:-LINE, LINE:-LINE] = video.resize(enlarged, side)
    return framed


def _legend(kinds: Sequence[str], width: int) -> np.ndarray:
    """Return a line of text that says what colours mean, each in its own: uint8 (TEXT, width, 3)."""
    image, font = Image.new("RGB", (width, TEXT), PAPER), ImageFont.load_default()
    left = 0.0
    for kind in kinds:
        ImageDraw.Draw(image).text((left, 2), LEGEND[kind], fill=COLOURS[kind], font=font)
        left += font.getlength(LEGEND[kind]) + 2 * GAP
    return np.array(image)


def _text(text: str, width: int, colour: tuple[int, int, int] = INK, centred: bool = False) -> np.ndarray:
    """Return a line of text, uint8 (TEXT, width, 3)."""
    image = Image.new("RGB", (width, TEXT), PAPER)
    font = ImageFont.load_default()
    left = (width - font.getlength(text)) // 2 if centred else 0
    ImageDraw.Draw(image).text((left, 2), text, fill=colour, font=font)
    return np.array(image)
