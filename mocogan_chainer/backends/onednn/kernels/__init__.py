"""What surrounds convolutions, compiled by numba: one pass over memory each, on all threads.

Kernels see activations as the flat memory of a channels-last array: number ``i`` belongs to channel ``i % channels``.
None of their results depends on the number of threads.
"""

from mocogan_chainer.backends.onednn.kernels.threads import set_threads

__all__ = ["set_threads"]
