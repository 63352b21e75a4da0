"""Marks of what needs a GPU."""

import pytest

from mocogan_chainer import compat

ON_DEVICE = [
    pytest.mark.device,
    pytest.mark.skipif(compat.device_count() == 0, reason="needs a CUDA device, and CuPy finds none"),
]
