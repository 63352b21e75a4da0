"""Worker processes that start from nothing, in a script that imports this package only inside a function."""

from __future__ import annotations

import pytest

SCRIPT = """
import multiprocessing



def main():
    import mocogan_chainer
    import chainer
    import numpy

    data = [(numpy.full((2, 3), i, numpy.float32), i) for i in range(5)]
    iterator = chainer.iterators.MultiprocessIterator(data, 2, repeat=False, shuffle=False, n_processes=1)
    print([[(float(x.sum()), i) for x, i in batch] for batch in iterator])
    iterator.finalize()


if __name__ == "__main__":
    multiprocessing.set_start_method(METHOD)
    main()
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocess_iterator(python, method):
    done = python(SCRIPT.replace("METHOD", repr(method)))
    expected = [[(0.0, 0), (6.0, 1)], [(12.0, 2), (18.0, 3)], [(24.0, 4)]]
    assert done.stdout.strip() == str(expected), done.stderr
