"""Videos as input and output: uint8 arrays ``(T, H, W, 3)`` in RGB, to and from files.

Reading raises :class:`~mocogan_chainer.errors.DataError` and writing :class:`~mocogan_chainer.errors.OutputError`,
each one line that names the file.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import math
import os
import re
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import ffmpeg
import imageio_ffmpeg
import numpy as np
from PIL import ExifTags, GifImagePlugin, Image, ImageOps, PngImagePlugin

from mocogan_chainer.errors import DataError, OutputError, one_line, require_range
from mocogan_chainer.files import atomic_write, open_plain, os_errors_explained

GAP_COLOUR = 64
MOST_PIXELS = 1 << 26
"""The most that an image or frame may have, 8192 x 8192: a file of a few kilobytes may unpack into any number."""
_FORMS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF")
"""Formats an image may have, whatever its name says: Pillow would hand PostScript to a program that runs it."""

MOST_SIDE = 16384
"""The most pixels a side in H.264."""
MOST_GIF_SIDE = 65535
"""The most pixels a side in a GIF, which counts them in 16 bits."""

_MOST_COPIES = 32
"""How many smaller copies of a picture may follow it: each has half the width, or less."""
_MARK = ("Software", "mocogan-chainer")
"""The text in our PNG frames by which they are recognized."""
_MARKED_BYTES = 128
"""The mark is within this many bytes from the start of such a file."""


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read an 8-bit image as RGB, turned as its EXIF says; transparent parts become white.

    Returns:
        uint8 ``(H, W, 3)``.

    Raises:
        DataError: the file is missing, not an image, damaged, too large, holds more than 8 bits per channel, or holds
            several pictures.
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: {'not a file' if os.path.lexists(path) else 'no such file'}")
    try:
        with opened_image(path) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(f"{path}: more than 8 bits per channel; save it as an 8-bit image")
            pixels = np.array(on_white(image).convert("RGB"))
            if _is_stack(image):
                raise DataError(f"{path}: it holds several pictures; save it as a video or as a folder of images")
            return pixels
    except DataError:
        raise
    except Exception as error:  # decoders raise anything, SyntaxError and struct.error among them
        reason = "not an image" if isinstance(error, Image.UnidentifiedImageError) else one_line(error)
        raise DataError(f"{path}: cannot be read as an image: {reason}") from error


def _is_stack(image: Image.Image) -> bool:
    """Whether an image's file holds a second picture that is not a smaller copy of the first; moves on to it."""
    if image.format == "MPO":  # a camera's JPEG, in which depth, brightness or a preview follow the picture
        return False
    for page in range(1, _MOST_COPIES + 1):
        try:
            image.seek(page)
        except Exception:  # EOFError at the end; whatever follows and cannot be read does not count as a picture
            return False
        if image.format != "TIFF" or not image.tag_v2.get(ExifTags.Base.NewSubfileType, 0) & 1:
            return True
    return False


def on_white(image: Image.Image) -> Image.Image:
    """Lay an image on white where it is transparent: the colours stored there were never meant to be seen."""
    if not image.has_transparency_data:
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)


@contextlib.contextmanager
def opened_image(path: str | os.PathLike, most: int = MOST_PIXELS) -> Iterator[Image.Image]:
    """Give the image in a file, unpacked and turned as its EXIF says.

    Args:
        path: the file.
        most: the most pixels that it may have.

    Raises:
        DataError: it has more.
        Exception: of any type, by Pillow and its decoders, if it is not an image or damaged.
    """
    Image.init()
    known = [form for form in _FORMS if form in Image.OPEN]  # not every Pillow has all of them
    # Not opened by its name: Pillow would then map an uncompressed TIFF, and turn it wrongly.
    with open_plain(path) as file, Image.open(file, formats=known) as image:
        if image.width * image.height > most:
            raise DataError(
                f"{path}: {image.width} x {image.height}, but at most {most:,} pixels are read; make it smaller"
            )
        image.load()  # this turns a TIFF, which must not be turned twice
        ImageOps.exif_transpose(image, in_place=True)
        yield image


def read_frames(paths: Iterable[str | os.PathLike]) -> np.ndarray:
    """Read images of one size, in the order given, as a video.

    Returns:
        uint8 ``(T, H, W, 3)``.

    Raises:
        DataError: there are none, one cannot be read, or their sizes differ.
    """
    paths = list(paths)
    if not paths:
        raise DataError("a video needs at least one frame, but there are no images")
    frames = [read_image(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise DataError(
                f"{path}: {_extent(frame)}, but the video's first frame is {_extent(frames[0])}; "
                "all frames of a video must have one size"
            )
    return np.stack(frames)


def read_strip(path: str | os.PathLike) -> np.ndarray:
    """Read an image that holds square frames side by side, the first on the left.

    Returns:
        uint8 ``(T, H, H, 3)`` with ``T = width / height``.

    Raises:
        DataError: it cannot be read, or its width is not a multiple of its height.
    """
    image = read_image(path)
    height, width = image.shape[:2]
    if width % height:
        raise DataError(
            f"{path}: {_extent(image)}: a strip holds square frames side by side, so its width must be "
            "a multiple of its height"
        )
    return image.reshape(height, width // height, height, 3).transpose(1, 0, 2, 3).copy()


def resize(video: np.ndarray, height: int, width: int | None = None) -> np.ndarray:
    """Scale ``(T, H, W, C)`` to ``(T, height, width, C)``: each axis by area if it shrinks, bilinearly if it grows.

    Args:
        video: uint8, any number of channels up to 4.
        height: the new height in pixels.
        width: the new width; None for a square.
    """
    width = width or height
    for goal in ((min(height, video.shape[1]), min(width, video.shape[2])), (height, width)):
        if goal != video.shape[1:3]:
            method = cv2.INTER_AREA if math.prod(goal) < math.prod(video.shape[1:3]) else cv2.INTER_LINEAR
            frames = [cv2.resize(frame, goal[::-1], interpolation=method) for frame in video]
            video = np.reshape(frames, (len(video), *goal, video.shape[3]))  # OpenCV drops the axis of a single channel
    return video


def grid(videos: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """Lay videos out in rows of ``columns``, with ``gap`` grey pixels between them.

    Args:
        videos: uint8 ``(N, T, H, W, 3)``.

    Returns:
        uint8 ``(T, H', W', 3)``; places without a video are grey.
    """
    n, t, height, width, _ = videos.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    shape = (t, rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    sheet = np.full(shape, GAP_COLOUR, np.uint8)
    for i, video in enumerate(videos):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = video
    return sheet


def spread(length: int, most: int) -> list[int]:
    """Return up to ``most`` evenly spread places in ``length``, ascending, including the first and the last."""
    return np.linspace(0, length - 1, min(length, most)).round().astype(int).tolist()


def encode_gif(video: np.ndarray, fps: float) -> bytes:
    """Encode a video as a GIF that loops forever; the same video gives the same bytes.

    All frames share one palette without dithering, so that nothing flickers unless it moves; up to 256 colours are
    kept exactly. Every frame is stored, even if equal to the one before. A GIF counts time in 1/100 s: the delays
    alternate so that the video lasts ``T / fps``, but none is under 2/100 s, below which players fall back to 10 frames
    a second.

    Args:
        video: uint8 ``(T, H, W, 3)``.
        fps: frames a second, 0.1 to 240.

    Raises:
        OutputError: a side has more than 65535 pixels.
    """
    _check(video)
    require_range("fps", fps, 0.1, 240)
    _require_sides(video, MOST_GIF_SIDE, "a GIF")
    palette, indices = _palette(video)
    height, width = video.shape[1:3]
    # Written by hand around Pillow's frame encoder, because its own GIF writer drops frames equal to the one before.
    parts = [b"GIF89a", struct.pack("<HHBBB", width, height, 0xF7, 0, 0), palette.tobytes()]
    parts.append(b"!\xff\x0bNETSCAPE2.0\x03\x01\x00\x00\x00")
    ticks = np.rint(np.arange(len(video) + 1) * 100 / fps).astype(int)
    for frame, delay in zip(indices, np.maximum(np.diff(ticks), 2), strict=True):
        image = Image.fromarray(frame)
        parts += GifImagePlugin.getdata(image, duration=int(delay) * 10)
    return b"".join([*parts, b";"])


def write_gif(path: str | os.PathLike, video: np.ndarray, fps: float) -> None:
    """Write the result of :func:`encode_gif` to a file, completely or not at all.

    Raises:
        OutputError: a side has more than 65535 pixels, or the file cannot be written.
    """
    _require_sides(video, MOST_GIF_SIDE, "a GIF", path)
    data = encode_gif(video, fps)
    with atomic_write(path) as file:
        file.write(data)


def write_mp4(path: str | os.PathLike, video: np.ndarray, fps: float) -> None:
    """Write a video as H.264 (yuv420p) in an MP4 file, completely or not at all.

    H.264 needs even sides; an odd one is extended by repeating its last row or column.

    Raises:
        OutputError: there is no ffmpeg that writes H.264, it fails, a side has more than 16384 pixels, or the file
            cannot be written.
    """
    _check(video)
    require_range("fps", fps, 0.1, 240)
    path = Path(path)
    height, width = video.shape[1:3]
    _require_sides(video, MOST_SIDE, "H.264", path)
    video = np.pad(video, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    program = encoding_program()
    with os_errors_explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", suffix=".part", dir=path.parent) as folder:
            part = Path(folder, "video.mp4")
            command = _encoding(program, part, video.shape[2], video.shape[1], fps)
            done = subprocess.run(command, input=video.tobytes(), capture_output=True, check=False)
            if done.returncode:
                raise _failure(path, done.stderr.decode(errors="replace"))
            part.replace(path)


def _failure(path: Path, messages: str) -> Exception:
    """Return the error that ffmpeg's messages mean; for a full disk, the last of them says only that it failed."""
    for code in (errno.ENOSPC, errno.EDQUOT):
        if os.strerror(code) in messages:
            return OSError(code, os.strerror(code))
    lines = messages.strip().splitlines() or ["no message"]
    return OutputError(f"{path}: ffmpeg failed: {lines[-1]}")


def _encoding(program: str, path: Path, width: int, height: int, fps: float) -> list[str]:
    """Return the command that makes an MP4 from raw bytes on its input."""
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=fps)
    # Without this, players take a tall picture to have HDTV's colours.
    colours = {"pix_fmt": "yuv420p", "colorspace": "smpte170m", "color_range": "tv"}
    stream = raw.output("OUTPUT", vcodec="libx264", crf=18, movflags="+faststart", **colours)
    command = ffmpeg.compile(stream, cmd=program)
    command[command.index("OUTPUT")] = f"file:{path}"  # taken literally: not as an address, an option, or UTF-8
    return command


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write an image, uint8 ``(H, W, 3)``, completely or not at all; a text in it marks it as ours."""
    mark = PngImagePlugin.PngInfo()
    mark.add_text(*_MARK)
    with atomic_write(path) as file:
        Image.fromarray(image).save(file, format="PNG", pnginfo=mark)


def write_frames(folder: str | os.PathLike, video: np.ndarray) -> list[Path]:
    """Write a video as ``0001.png``, ``0002.png``, ... into a folder, made if needed; return the files.

    Frames of a video that was written there before are removed.

    Raises:
        OutputError: see :func:`require_own_frames`; or the folder cannot be written.
    """
    _check(video)
    require_own_frames(folder)
    paths = [Path(folder, f"{i:04d}.png") for i in range(1, len(video) + 1)]
    for path, frame in zip(paths, video, strict=True):
        write_png(path, frame)
    for stale in set(_numbered(folder)) - set(paths):  # of a longer, earlier video
        stale.unlink()
    return paths


def require_own_frames(folder: str | os.PathLike) -> None:
    """Check that :func:`write_frames` may write into a folder: that it made all files named like frames there.

    Raises:
        OutputError: it did not make one, such as ``0001.png`` of a video that was cut into images elsewhere.
    """
    for path in _numbered(folder):
        if not _is_own_frame(path):
            raise OutputError(
                f"{folder}: it holds images that this program did not make or that an earlier version of it made "
                f"({path.name}), and the frames of a video would replace them; move them elsewhere, or name another "
                "folder"
            )


def _numbered(folder: str | os.PathLike) -> list[Path]:
    """Return the files that are named like frames, sorted."""
    return sorted(path for path in Path(folder).glob("[0-9]*.png") if re.fullmatch(r"\d{4,}", path.stem))


def _is_own_frame(path: Path) -> bool:
    try:
        with open_plain(path) as file:
            start = file.read(_MARKED_BYTES)
    except OSError:
        return False
    return b"tEXt" + "\0".join(_MARK).encode() in start


def _palette(video: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the common palette, uint8 ``(256, 3)``, and each pixel's place in it, uint8 ``(T, H, W)``."""
    red, green, blue = (video[..., i].astype(np.int32) for i in range(3))
    exact = red << 16 | green << 8 | blue
    colours = np.unique(exact)
    if len(colours) <= 256:
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(colours)] = _split(colours, 8)
        return palette, np.searchsorted(colours, exact).astype(np.uint8)
    coarse = (red >> 2) << 12 | (green >> 2) << 6 | blue >> 2
    counts = np.bincount(coarse.ravel(), minlength=1 << 18)
    used = np.flatnonzero(counts)
    colours = (_split(used, 6) * 255 // 63).astype(np.uint8)
    # Weighted by the root of its count: a small shape keeps its colour next to a large noisy background.
    pool = np.repeat(colours, np.ceil(np.sqrt(counts[used])).astype(int), axis=0)
    # Moved to the means of the colours they stand for, until hardly any of these change places: median cut's own
    # colours mix a plain shape with the noise around it.
    few = max(len(pool) // 50, 1)
    quantized = Image.fromarray(pool[None]).quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=few)
    palette = np.zeros((256, 3), np.uint8)
    found = np.array(quantized.getpalette(), np.uint8).reshape(-1, 3)
    palette[: len(found)] = found
    nearest = np.zeros(1 << 18, np.uint8)
    nearest[used] = _nearest(colours, found)
    return palette, nearest[coarse]


def _split(codes: np.ndarray, bits: int) -> np.ndarray:
    mask = (1 << bits) - 1
    return np.stack([codes >> 2 * bits & mask, codes >> bits & mask, codes & mask], axis=-1)


def _nearest(colours: np.ndarray, palette: np.ndarray) -> np.ndarray:
    a, b = colours.astype(np.int64), palette.astype(np.int64)
    return np.argmin((b * b).sum(1) - 2 * a @ b.T, axis=1)


def ffmpeg_program() -> str:
    """Return the ffmpeg on the PATH, or else the one that came with imageio-ffmpeg.

    Raises:
        OutputError: there is neither.
    """
    return shutil.which("ffmpeg") or _ffmpeg_of_imageio()


def encoding_program() -> str:
    """Return the same, or the other one if only that writes H.264: some systems' ffmpeg does not.

    Raises:
        OutputError: neither does, or neither is there.
    """
    first = ffmpeg_program()
    if _writes_h264(first):
        return first
    with contextlib.suppress(OutputError):  # there is no other
        other = _ffmpeg_of_imageio()
        if _writes_h264(other):
            return other
    raise OutputError(f"{first}: it has no libx264, which writes MP4; install another ffmpeg, or write another format")


@functools.cache
def _writes_h264(program: str) -> bool:
    known = subprocess.run([program, "-hide_banner", "-encoders"], capture_output=True, check=False).stdout
    return b" libx264 " in known


def _ffmpeg_of_imageio() -> str:
    try:
        return imageio_ffmpeg.get_ffmpeg_exe()
    except RuntimeError as error:
        raise OutputError("there is no ffmpeg on the PATH or in imageio-ffmpeg; install either") from error


def _check(video: np.ndarray) -> None:
    if video.dtype != np.uint8 or video.ndim != 4 or video.shape[3] != 3 or 0 in video.shape:
        raise ValueError(f"a video is uint8 (T, H, W, 3) and not empty, but this is {video.dtype} {video.shape}")


def _require_sides(video: np.ndarray, most: int, form: str, path: str | os.PathLike | None = None) -> None:
    height, width = video.shape[1:3]
    if max(height, width) > most:
        raise OutputError(
            f"{'' if path is None else f'{path}: '}{width} x {height} pixels, but {form} has at most {most} a side; "
            "write another format, or fewer videos side by side"
        )


def _extent(image: np.ndarray) -> str:
    return f"{image.shape[1]} x {image.shape[0]}"
