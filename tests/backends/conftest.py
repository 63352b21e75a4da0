"""The backends that every test of primitives runs over."""

import pytest

from mocogan_chainer.backends import onednn, stock


@pytest.fixture(scope="session", params=["stock", "onednn"])
def backend(request):
    """A backend's module."""
    if request.param == "stock":
        return stock
    if not onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    return onednn.load()
