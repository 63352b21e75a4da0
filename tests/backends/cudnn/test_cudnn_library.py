"""How cuDNN is found, and what is said where it is not."""

import os
import re
import subprocess
import sys
import threading
from types import SimpleNamespace

import pytest

from mocogan_chainer.backends.cudnn import library


def problem_with(monkeypatch, load):
    monkeypatch.setattr(library, "load", load)
    return library.problem.__wrapped__()


def failing(error):
    def load():
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("cudnn"), "nvidia-cudnn-frontend was not found"),
        (RuntimeError("Unable to find symbol\ncudnnGetVersion"), r"cuDNN was not found \(Unable to find symbol cudnn"),
        (OSError("libcudnn.so.9: no such file"), r"cuDNN was not found \(libcudnn.so.9: no such file\)"),
    ],
)
def test_what_is_missing(monkeypatch, error, message):
    assert re.match(message, problem_with(monkeypatch, failing(error)))


def test_only_version_9(monkeypatch):
    for version, expected in ((91002, None), (92800, None), (8907, "cuDNN 0 was found, and 9 is needed")):
        front_end = SimpleNamespace(backend_version=lambda version=version: version)
        assert problem_with(monkeypatch, lambda front_end=front_end: front_end) == expected


def test_version(monkeypatch):
    monkeypatch.setattr(library, "load", lambda: SimpleNamespace(backend_version=lambda: 91002))
    assert library.version() == "9.10.2"


def test_without_a_front_end_nothing_is_loaded():
    """In a process that sees none."""
    code = (
        "import sys; sys.modules['cudnn'] = None\n"
        "from mocogan_chainer.backends.cudnn import library\n"
        "print(library.problem())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout == "nvidia-cudnn-frontend was not found\n"


@pytest.mark.parametrize("before", [False, True])
def test_pytorch_is_not_imported_with_it_but_stays_where_it_was(monkeypatch, tmp_path, before):
    (tmp_path / "torch.py").write_text("")
    (tmp_path / "cudnn.py").write_text(
        "try:\n    import torch\nexcept ImportError:\n    torch = None\n\ndef backend_version():\n    return 91002\n"
    )
    code = (
        "import sys\n"
        f"{'import torch' if before else ''}\n"
        "from mocogan_chainer.backends.cudnn import library\n"
        "library._preload = lambda: None\n"
        "print(library.load().torch is not None, 'torch' in sys.modules)\n"
        "import torch"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{before} {before}\n"


class TestHandle:
    """One for a device and thread, which is told of its stream when that is another one."""

    @pytest.fixture
    def told(self, monkeypatch):
        told, stream = [], SimpleNamespace(ptr=7)
        cuda = SimpleNamespace(runtime=SimpleNamespace(getDevice=lambda: 0), get_current_stream=lambda: stream)
        monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(cuda=cuda))
        monkeypatch.setattr(library, "_handles", threading.local())
        front_end = SimpleNamespace(create_handle=object, set_stream=lambda handle, stream: told.append(stream))
        monkeypatch.setattr(library, "load", lambda: front_end)
        return told, stream

    def test_a_stream_is_set_once(self, told):
        told, stream = told
        first = library.handle()
        assert library.handle() is first
        assert told == [7]
        stream.ptr = 8
        assert library.handle() is first
        stream.ptr = 7
        library.handle()
        assert told == [7, 8, 7]


def test_a_file_that_is_no_library_is_passed_over(monkeypatch, tmp_path):
    folders = [tmp_path / "empty", tmp_path / "broken"]
    (folders[1] / "nvidia").mkdir(parents=True)
    (folders[1] / "nvidia" / "libnone.so").write_text("not a library")
    monkeypatch.setattr(library, "_folders", lambda: folders)
    assert not library._loaded("nvidia/libnone.so")
