"""``python -m mocogan_chainer``."""

import subprocess
import sys

import pytest


def call(*arguments):
    command = [sys.executable, "-m", "mocogan_chainer", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["preprocess", "train", "generate", "evaluate", "import", "export"])
def test_each_command_answers(command):
    done = call(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


def test_an_unknown_command():
    done = call("fly")
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: python -m mocogan_chainer {preprocess,train,generate,evaluate,import,export} ..." in done.stderr
