"""What is in a prepared dataset: in words, and as a contact sheet."""

from __future__ import annotations

import itertools
import os
import re
import textwrap
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mocogan_chainer import video
from mocogan_chainer.datasets import layout
from mocogan_chainer.datasets.prepared import PreparedDataset

CLIP = 16
STRIDES = (1, 2)
"""Clip length, and steps between frames, for which videos that are long enough are counted: as in most settings."""
BINS = 10
BAR = 40
REASONS = 5
"""How many kinds of reasons are shown; the file lists all."""
WIDTH = 110
INDENT = 10

ROWS = 12
COLUMNS = 8
TILE = 96
GAP = 2
LABEL = 16
NARROWEST = 400
CLASS_LETTERS = 24
OUTLINE = (0, 255, 0)

NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
FILE = re.compile(r"[/\\]|\.\w{1,5}$")


def describe(dataset: PreparedDataset) -> str:
    """Return text that says what the videos are, how they were made, what was left out, and how long they are."""
    shards = len(dataset.meta["shards"])
    lines = [
        f"{dataset.name}: {_number(len(dataset), 'video')}, {dataset.size} x {dataset.size} pixels, "
        f"{_number(dataset.lengths.sum(), 'frame')} in {_number(shards, 'shard')}, {_mebibytes(dataset)} on disk",
        *_field("made by", _makers(dataset.meta)),
        *_field("options", _pairs(dataset.options)),
        *_field("filter", _filter(dataset.filters)),
        *_field("masks", "for every frame; empty if the video came without masks" if dataset.has_masks else "none"),
        *_field("classes", _classes(dataset)),
        *_field("subjects", f"{len(set(dataset.subjects) - {''}):,}"),
        *_field("split", _split(dataset)),
        *_field("lengths", _lengths(dataset.lengths)),
        *_histogram(dataset.lengths),
        *_field("clips", _clips(dataset.lengths)),
        *_notes("left out", dataset.skipped(), layout.SKIPPED),
        *_notes("remarks", dataset.remarks(), layout.REMARKS),
    ]
    return "\n".join(lines)


def contact_sheet(dataset: PreparedDataset, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    """Draw up to ``rows`` videos, spread over the classes: one row each, under its class, split, id and length.

    Frames are at most 96 pixels high and spread evenly from the first to the last; the outline of a mask is drawn over
    its frame.

    Args:
        dataset: the videos.
        rows: how many, at least 1.
        columns: how many frames of each, at least 1; of a shorter video, all.

    Returns:
        uint8 ``(H, W, 3)``.
    """
    side = min(dataset.size, TILE)
    width = max(columns * (side + GAP) - GAP, NARROWEST)
    sheet = []
    for i in spread(dataset.labels, rows):
        row = np.full((LABEL + side, width, 3), video.GAP_COLOUR, np.uint8)
        row[:LABEL] = _label(dataset, i, width)
        for column, tile in enumerate(_tiles(dataset, i, columns, side)):
            left = column * (side + GAP)
            row[LABEL:, left : left + side] = tile
        sheet.append(row)
    return np.concatenate(sheet)


def write_contact_sheet(dataset: PreparedDataset, path: str | os.PathLike) -> None:
    """Write :func:`contact_sheet` as a PNG, whole or not at all.

    Raises:
        OutputError: the folder cannot be written or the disk is full.
    """
    video.write_png(path, contact_sheet(dataset))


def spread(labels: np.ndarray, count: int) -> list[int]:
    """Return up to ``count`` videos, the same number from each class where possible, spread over the class.

    Args:
        labels: ``(V,)``, the class of each video.
    """
    kinds = np.unique(labels)
    shares = np.diff(np.linspace(0, count, len(kinds) + 1).astype(int))
    chosen: list[int] = []
    for kind, share in zip(kinds, shares, strict=True):
        members = np.flatnonzero(labels == kind)
        places = np.linspace(0, len(members) - 1, min(share, len(members))).astype(int)
        chosen += members[places].tolist()
    return chosen


def _field(name: str, text: str) -> list[str]:
    """Return the lines of one fact, its name in a column of its own; none if ``text`` is empty."""
    if not text:
        return []
    head, indent = f"{name + ':':{INDENT}}", " " * INDENT
    wrapper = textwrap.TextWrapper(WIDTH, head, indent, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(text)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def _pairs(values: Any) -> str:
    """Return recorded values as text; those that are not set are left out."""
    if not isinstance(values, dict):
        return ""
    return ", ".join(f"{key}={value}" for key, value in values.items() if value is not None)


def _makers(meta: dict[str, Any]) -> str:
    tools = meta.get("made_with")
    versions = [f"{name} {version}" for name, version in tools.items()] if isinstance(tools, dict) else []
    return ", ".join([str(meta.get("tool", "an unknown tool")), *versions])


def _filter(filters: Sequence[str]) -> str:
    (commonest, count), *others = _grouped(filters)
    if not commonest:
        return ""
    return f"{commonest} ({f'{count:,} of {len(filters):,} videos' if others else 'every video'})"


def _grouped(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Count texts, the commonest first; those that differ only in their numbers count as one, with N for a number."""
    groups: dict[tuple[str, ...], list[list[str]]] = {}
    for text in texts:
        groups.setdefault(tuple(NUMBER.split(text)), []).append(NUMBER.findall(text))
    found = []
    for parts, numbers in groups.items():
        shown = [values[0] if len(set(values)) == 1 else "N" for values in zip(*numbers, strict=True)]
        text = "".join(part + number for part, number in zip(parts, [*shown, ""], strict=True))
        found.append((text, len(numbers)))
    return sorted(found, key=lambda group: -group[1])


def _mebibytes(dataset: PreparedDataset) -> str:
    files = [path for path in dataset.path.iterdir() if layout.is_own_file(path.name)]
    return f"{sum(path.stat().st_size for path in files) / 2**20:,.1f} MiB"


def _classes(dataset: PreparedDataset) -> str:
    counts = Counter(dataset.labels.tolist())
    names = [f"{name} ({counts[i]:,})" for i, name in enumerate(dataset.class_names)]
    if not names:
        return "none"
    without = [f"without a class ({counts[-1]:,})"] if counts[-1] else []
    return f"{len(names):,}: {', '.join(names + without)}"


def _split(dataset: PreparedDataset) -> str:
    subjects: dict[str, Counter[str]] = {name: Counter() for name in (*layout.SPLITS, "")}
    for split, subject in zip(dataset.splits, dataset.subjects, strict=True):
        subjects[split][subject] += 1
    if subjects[""].total() == len(dataset):
        return "none"
    parts = []
    for name, counts in subjects.items():
        known = len(set(counts) - {""})
        if counts:
            of = f" of {_number(known, 'subject')}" if known else ""
            parts.append(f"{name or 'in neither'} {_number(counts.total(), 'video')}{of}")
    train, test = (set(subjects[name]) - {""} for name in layout.SPLITS)
    shared = len(train & test)
    return ", ".join(parts) + (f"; {_number(shared, 'subject')} in both" if shared else "")


def _lengths(lengths: np.ndarray) -> str:
    return f"shortest {lengths.min():,}, median {np.median(lengths):,g}, longest {_number(lengths.max(), 'frame')}"


def _histogram(lengths: np.ndarray) -> list[str]:
    bins = _bins(lengths)
    most = max(count for *_, count in bins)
    digits = len(str(bins[-1][1]))
    return [
        f"{'':{INDENT}}{low:>{digits}} to {high:>{digits}}{count:>9,}  {'#' * -(-count * BAR // most)}".rstrip()
        for low, high, count in bins
    ]


def _bins(lengths: np.ndarray) -> list[tuple[int, int, int]]:
    """Return at most 10 ranges, bounds included, each of 1, 2, 5, 10, 20, ... numbers, with the videos in each."""
    shortest, longest = int(lengths.min()), int(lengths.max())
    widths = (digit * 10**power for power in itertools.count() for digit in (1, 2, 5))
    width = next(width for width in widths if longest // width - shortest // width < BINS)
    first = shortest // width
    counts = np.bincount(lengths // width - first).tolist()
    return [(i * width, (i + 1) * width - 1, count) for i, count in enumerate(counts, first)]


def _clips(lengths: np.ndarray) -> str:
    parts = []
    for stride in STRIDES:
        span = (CLIP - 1) * stride + 1
        enough = int((lengths >= span).sum())
        parts.append(f"{_number(enough, 'video')} at stride {stride} ({span} frames)")
    return f"long enough for {CLIP} frames: {', '.join(parts)}"


def _notes(name: str, notes: Sequence[tuple[str, str]], file: str) -> list[str]:
    if not notes:
        return _field(name, "none")
    groups = _grouped(_gist(note) for _, note in notes)
    lines = [
        f"{'':{INDENT}}{count:>6,}  {textwrap.shorten(text, WIDTH, placeholder='...')}"
        for text, count in groups[:REASONS]
    ]
    rest = sum(count for _, count in groups[REASONS:])
    lines += [f"{'':{INDENT}}{rest:>6,}  other"] if rest else []
    return [*_field(name, f"{len(notes):,}, listed in {file}"), *lines]


def _gist(note: str) -> str:
    """Leave out the file that a note begins with, and the details that follow a colon."""
    note = " ".join(note.split())
    head, colon, rest = note.partition(": ")
    if colon and FILE.search(head):
        note = rest
    head = note.partition(": ")[0]
    return head if " " in head else note  # a single word is the type of an error, which says nothing by itself


def _tiles(dataset: PreparedDataset, index: int, columns: int, side: int) -> np.ndarray:
    """Return evenly spread frames of a video, uint8 ``(n, side, side, 3)`` with n at most ``columns``."""
    length = int(dataset.lengths[index])
    places = video.spread(length, columns)
    frames = dataset.frames(index, places)
    if not dataset.has_masks:
        return video.resize(frames, side)
    masks = dataset.masks(index, places)
    pixels = video.resize(np.concatenate([frames, masks[..., None]], axis=-1), side)
    tiles = pixels[..., :3].copy()
    for tile, mask in zip(tiles, pixels[..., 3], strict=True):
        marked = (mask >= 128).astype(np.uint8)
        inner = cv2.erode(marked, np.ones((3, 3), np.uint8))
        tile[marked != inner] = OUTLINE
    return tiles


def _label(dataset: PreparedDataset, index: int, width: int) -> np.ndarray:
    """Return the line above a video, uint8 ``(16, width, 3)``. An id that is too long is cut at its beginning."""
    font = ImageFont.load_default()
    label = dataset.labels[index]
    class_name = _legible(dataset.class_names[label]) if label >= 0 else ""
    name = _legible(dataset.ids[index])
    for letters in range(len(name), -1, -1):
        parts = [
            _ending(class_name, CLASS_LETTERS),
            dataset.splits[index],
            _ending(name, letters),
            _number(dataset.lengths[index], "frame"),
        ]
        text = "  |  ".join(filter(None, parts))
        if font.getlength(text) <= width - 2 * GAP:
            break
    image = Image.new("RGB", (width, LABEL))
    ImageDraw.Draw(image).text((GAP, 2), text, fill=(255, 255, 255), font=font)
    return np.array(image)


def _ending(text: str, letters: int) -> str:
    return text if len(text) <= letters else f"...{text[len(text) - letters :]}"


def _legible(text: str) -> str:
    """Return text in ASCII, all that Pillow's font has: letters without their accents, other characters as escapes."""
    plain = ((unicodedata.normalize("NFD", letter)[0], letter) for letter in text)
    return "".join(
        base if base.isascii() and base.isprintable() else letter.encode("unicode_escape").decode()
        for base, letter in plain
    )
