"""``python -m mocogan_chainer``."""

import subprocess
import sys
from pathlib import Path

import pytest

from mocogan_chainer import __main__


def call(*arguments):
    command = [sys.executable, "-m", "mocogan_chainer", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("command", ["preprocess", "train", "generate", "evaluate", "import", "export"])
def test_each_command_answers(command):
    done = call(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["-h"], 0), ([], 2)])
def test_the_commands_are_listed(arguments, code):
    done = call(*arguments)
    assert done.returncode == code
    text, nothing = (done.stderr, done.stdout) if code else (done.stdout, done.stderr)
    assert nothing == ""
    assert text.startswith("usage: python -m mocogan_chainer COMMAND ...\n")
    listed = [line.split()[0] for line in text.splitlines() if line.startswith("  ")]
    assert listed == ["preprocess", "train", "generate", "evaluate", "import", "export"]
    assert "  train       train a model on a prepared dataset\n" in text


def test_no_such_command():
    done = call("trian")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: trian: no such command; it must be one of preprocess, train, generate, evaluate, import, export (did "
        "you mean train?)\n"
    )


def test_an_interrupt_while_modules_are_loaded(monkeypatch, capsys):
    def load(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__.importlib, "import_module", load)
    assert __main__.run("train", []) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize("script", ["preprocess", "train", "generate_samples", "evaluate"])
def test_the_scripts_answer(script):
    root = Path(__main__.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, root / f"{script}.py", "--help"], capture_output=True, text=True, timeout=60, cwd=root
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"usage: {script}.py")


def test_preparing_data_does_without_chainer():
    """Each worker process would load it, which takes as long as all else that it loads."""
    program = "import sys; from mocogan_chainer.cli import preprocess; sys.exit('chainer' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[1]).returncode == 0
