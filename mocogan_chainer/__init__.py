"""GANs that make video with separate content and motion, in Chainer.

Importing this package makes Chainer 7.8.1 work on today's NumPy and CuPy (see :mod:`mocogan_chainer.compat`),
so import it before ``chainer``.
"""

from mocogan_chainer import compat

__version__ = "0.1.0"

compat.install()
