"""What the tests of the sets share."""

import io
import subprocess
import tarfile

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer.video import ffmpeg_program


@pytest.fixture(scope="session")
def real_images(shared):
    """Read images straight out of a tar of real data: ``real_images("shapes.tar", "shapes/0/", 3)``."""

    def read(archive, prefix, count):
        found = {}
        with tarfile.open(shared / "data" / archive) as tar:
            for member in tar:
                if member.isfile() and member.name.startswith(prefix):
                    found[member.name] = tar.extractfile(member).read()
                    if len(found) == count:
                        break
        assert len(found) == count
        return found

    return read


@pytest.fixture(scope="session")
def face(real_images):
    """Twelve consecutive real frames of one face, halved: uint8 (12, 245, 320, 3)."""
    data = real_images("expressions.tar", "anger/train/img/vid_0002/", 12).values()
    return np.stack([np.array(Image.open(io.BytesIO(d)).convert("RGB").resize((320, 245))) for d in data])


@pytest.fixture(scope="session")
def as_video():
    """Turn the bytes of a strip into uint8 (T, H, H, 3), by slicing alone."""

    def convert(data):
        strip = np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        size = len(strip)
        return np.stack([strip[:, x : x + size] for x in range(0, strip.shape[1], size)])

    return convert


@pytest.fixture(scope="session")
def centre():
    """Return the centre of the lit pixels in each frame: (T, 2), x then y."""

    def find(video):
        lit = video.any(-1)
        places = np.arange(lit.shape[1])
        return np.stack([lit.sum(1) @ places, lit.sum(2) @ places], axis=1) / lit.sum((1, 2))[:, None]

    return find


@pytest.fixture(scope="session")
def picture():
    """Make frames whose pixels say where they are and when: red is 2 x, green 2 y, blue the mark and 10 a frame."""

    def make(mark=0, frames=3, width=64, height=48):
        y, x = np.mgrid[:height, :width]
        return np.stack([np.dstack([2 * x, 2 * y, np.full_like(x, mark + 10 * t)]) for t in range(frames)]).astype(
            np.uint8
        )

    return make


@pytest.fixture(scope="session")
def film(tmp_path_factory, picture):
    """Write such frames as a video file, without loss: ``film(path, mark=50, codec="ffv1")``."""
    kept = {}

    def encode(suffix, frames, codec, arguments):
        path = tmp_path_factory.mktemp("film") / f"film{suffix}"
        height, width = frames.shape[1:3]
        shape = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25"]
        command = [ffmpeg_program(), "-v", "error", *shape, "-i", "pipe:", "-c:v", codec, *arguments, str(path)]
        subprocess.run(command, input=frames.tobytes(), check=True)
        return path.read_bytes()

    def write(path, codec="libx264rgb", arguments=("-qp", "0"), video=None, **look):
        how = (path.suffix.lower(), codec, tuple(arguments))
        key = (*how, *look.items())
        if video is not None:
            data = encode(how[0], video, *how[1:])
        elif key in kept:
            data = kept[key]
        else:
            data = kept[key] = encode(how[0], picture(**look), *how[1:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    return write


@pytest.fixture(scope="session")
def stills(picture):
    """Write such frames as numbered images into a folder: ``stills(folder, numbers=[1, 2, 4], suffix=".JPG")``."""

    def write(folder, numbers=(1, 2, 3), suffix=".png", mark=0, width=64, height=48):
        folder.mkdir(parents=True, exist_ok=True)
        for frame, number in zip(picture(mark, len(numbers), width, height), numbers, strict=True):
            how = {} if suffix.lower() == ".png" else {"quality": 100, "subsampling": 0}
            Image.fromarray(frame).save(folder / f"{number:04d}{suffix}", **how)

    return write


@pytest.fixture(scope="session")
def seen():
    """Tell from a prepared frame of ``film`` or ``stills`` which part it shows: left, top, width, height in pixels."""

    def edges(line):
        places = np.arange(len(line)) + 0.5
        slope, first = np.polyfit(places, line / 2 + 0.5, 1)  # the middle of pixel x is at x + 0.5
        return first, slope * len(line)

    def find(frame):
        left, width = edges(frame[..., 0].mean(0))
        top, height = edges(frame[..., 1].mean(1))
        return [round(float(v)) for v in (left, top, width, height)]

    return find


@pytest.fixture(scope="session")
def marks():
    """Return the blue of every frame of a prepared video of ``film`` or ``stills``, rounded to 10."""

    def find(dataset, i):
        frames = dataset.frames(i, range(dataset.lengths[i]))
        return (np.rint(frames[..., 2].mean((1, 2)) / 10).astype(int) * 10).tolist()

    return find
