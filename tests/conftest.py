"""What many tests share."""

from pathlib import Path

import pytest

import mocogan_chainer  # noqa: F401  (before any test module imports chainer: import sorters put that first)
from mocogan_chainer import preprocessing

SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and published numbers that lies beside a development checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (real data and the published networks' numbers), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory) -> Path:
    """A prepared set of twelve videos of 24 frames of 16 pixels, in two classes."""
    out = tmp_path_factory.mktemp("tiny") / "data"
    preprocessing.prepare("shapes", None, out, num=12, size=16, length=24)
    return out
