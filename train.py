import sys

from mocogan_chainer.cli.train import main

if __name__ == "__main__":
    sys.exit(main())
