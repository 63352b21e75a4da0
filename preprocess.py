"""Turn raw data into a prepared dataset: ``python preprocess.py NAME RAW OUT``."""

import sys

from mocogan_chainer.cli.preprocess import main

if __name__ == "__main__":
    sys.exit(main())
