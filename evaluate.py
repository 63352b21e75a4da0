import sys

from mocogan_chainer.__main__ import run

if __name__ == "__main__":
    sys.exit(run("evaluate", sys.argv[1:]))
