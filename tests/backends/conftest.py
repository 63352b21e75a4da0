"""The backends that every test of primitives runs over."""

import pytest

from mocogan_chainer.backends import onednn, stock
from tests.backends.cudnn import on_host


@pytest.fixture(scope="session", params=["stock", "onednn", "cudnn"])
def backend(request):
    """A backend; "cudnn" is the GPU's, its kernels run on the CPU."""
    if request.param == "stock":
        return stock
    if request.param == "cudnn":
        return on_host.load()
    if not onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    return onednn.load()
