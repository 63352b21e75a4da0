"""Images and video files."""

from __future__ import annotations

import io
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from mocogan_chainer import video
from mocogan_chainer.evaluation.video_files import VideoFiles
from mocogan_chainer.preprocessing import photos
from mocogan_chainer.preprocessing.footage import VideoFile
from tests.fuzzing import mutations
from tests.fuzzing.reader import Files, Reader, one_of

FORMS = {"PNG": "png", "JPEG": "jpg", "BMP": "bmp", "WEBP": "webp", "TIFF": "tif"}
IMAGE, FILM = "image", "film"


def _picture(height: int = 24, width: int = 36) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 7, y * 10, (x + y) * 4], axis=-1).astype(np.uint8)


def _images(folder: Path) -> list[Files]:
    files = []
    for form in FORMS:
        for mode in ("RGB", "L", "RGBA" if form in ("PNG", "WEBP", "TIFF") else "RGB"):
            file = io.BytesIO()
            exif = Image.Exif()
            exif[0x0112] = 6
            Image.fromarray(_picture()).convert(mode).save(file, form, exif=exif)
            files.append({IMAGE: file.getvalue()})
    return files


def _large(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    """A PNG that says it is large; the beginning of its pixels is there."""
    sides = [0, 1, 36, 5000, 20_000, 60_000, 1 << 30, (1 << 31) - 1]
    width, height = (sides[rng.integers(len(sides))] for _ in range(2))
    pixels = zlib.compress(bytes(min(height * (1 + 3 * width), 1 << 22)), 1)
    head = struct.pack(">LLBBBBB", width, height, int(rng.choice([8, 16])), int(rng.choice([0, 2, 3, 6])), 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, (b"IHDR", b"IDAT", b"IEND"), (head, pixels, b"")))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _png_chunk(rng: np.random.Generator, samples: list[bytes]) -> bytes:
    """A PNG whose chunks are damaged under sums that are right."""
    data = next(sample for sample in samples[rng.integers(len(samples)) :] + samples if sample.startswith(b"\x89PNG"))
    parts, at = [data[:8]], 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if body and rng.random() < 0.5:
            body = mutations.damaged(rng, [body])
        parts.append(_chunk(kind, body))
        at += 12 + length
    return b"".join(parts)


_damage_image = one_of(IMAGE, mutations.damaged, mutations.damaged, _png_chunk, _large)


def _films(folder: Path) -> list[Files]:
    frames = np.stack([np.roll(_picture(32, 48), 3 * i, axis=1) for i in range(6)])
    video.write_mp4(folder / "x.mp4", frames, 10)
    video.write_gif(folder / "x.gif", frames, 10)
    for name, codec in (("x.avi", "mjpeg"), ("y.avi", "mpeg4"), ("x.mkv", "ffv1")):
        command = [video.ffmpeg_program(), "-v", "error", "-i", str(folder / "x.mp4"), "-vcodec", codec, "-bitexact"]
        subprocess.run([*command, str(folder / name)], check=True)
    names = ("x.mp4", "x.mp4", "x.gif", "x.avi", "y.avi", "x.mkv")
    return [{f"{FILM}.mp4": (folder / name).read_bytes()} for name in names]


def _require_pixels(image: np.ndarray) -> None:
    assert image.dtype == np.uint8
    assert image.shape[2] == 3


def _read_film(folder: Path) -> None:
    films = VideoFiles(folder)
    films.read(0, lambda length: range(0, length, 2))


def _prepare_film(folder: Path) -> None:
    film = VideoFile(folder / f"{FILM}.mp4", 25.0, 2, 1, 5.0)
    film.extent()
    assert all(frame.shape == (8, 8, 3) for frame in film.frames("center", 8))


READERS = (
    Reader("images", _images, _damage_image, lambda folder: _require_pixels(video.read_image(folder / IMAGE))),
    Reader(
        "photos", _images, _damage_image, lambda folder: _require_pixels(photos.read(folder / IMAGE)), bound=2 << 30
    ),
    Reader("videos", _films, one_of(f"{FILM}.mp4", mutations.damaged), _read_film, seconds=20),
    Reader("videos, by time", _films, one_of(f"{FILM}.mp4", mutations.damaged), _prepare_film, seconds=20),
)
