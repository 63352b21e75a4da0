import sys

from mocogan_chainer.cli.evaluate import main

if __name__ == "__main__":
    sys.exit(main())
