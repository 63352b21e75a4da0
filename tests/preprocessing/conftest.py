"""What the tests of the sets share."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image


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
