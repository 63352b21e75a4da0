"""These tests are about oneDNN and the compiled kernels themselves."""

import pytest

from mocogan_chainer.backends import onednn as package


@pytest.fixture(scope="session")
def onednn():
    """The backend's module."""
    if not package.available():
        pytest.skip("oneDNN or numba is not on this machine")
    return package.load()
