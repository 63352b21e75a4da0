"""Turn raw data into a prepared dataset: ``python preprocess.py NAME RAW OUT``."""

import sys

from mocogan_chainer.__main__ import run

if __name__ == "__main__":
    sys.exit(run("preprocess", sys.argv[1:]))
