"""``preprocess.py`` with the set ``toy``: ``python -m tests.preprocessing.toys.command toy RAW OUT``."""

import sys

from mocogan_chainer.cli.preprocess import main
from tests.preprocessing.toys.use import toys

if __name__ == "__main__":
    toys(setattr)
    sys.exit(main())
