"""Making the set ``toy`` one of the sets, with shards so small that a few videos fill one."""

import functools
import importlib

from mocogan_chainer import video
from mocogan_chainer.datasets.writer import PreparedWriter
from tests.preprocessing.toys.toy import Toy

SHARD_BYTES = 1000
"""Five frames of 8 x 8."""


def toys(patch):
    """Patch the package for the length of a test (``monkeypatch.setattr``) or of a process (``setattr``)."""
    sets = importlib.import_module("mocogan_chainer.preprocessing.sets")
    prepare = importlib.import_module("mocogan_chainer.preprocessing.prepare")
    known = sets.sets() | {"toy": Toy}
    for module in (sets, importlib.import_module("mocogan_chainer.preprocessing")):
        patch(module, "sets", lambda: known)
    patch(video, "encode_gif", lambda frames, fps: frames.tobytes())  # quicker
    patch(prepare, "PreparedWriter", functools.partial(PreparedWriter, shard_bytes=SHARD_BYTES))
