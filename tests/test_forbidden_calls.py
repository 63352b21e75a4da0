"""No file of ours runs what it reads: the sources are searched for calls that would."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path
    for path in [*ROOT.glob("*.py"), *ROOT.glob("mocogan_chainer/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "input"),
    *("os.system", "os.popen", "os.startfile", "pty.spawn", "runpy.run_path", "runpy.run_module"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput", "shelve.open", "marshal.loads"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.load", "joblib.load", "dill.load", "torch.load"),
    *(
        "yaml.load",
        "yaml.safe_load",
        "yaml.full_load",
        "yaml.unsafe_load",
        "yaml.load_all",
        "yaml.safe_load_all",
    ),  # without limits
    *("np.fromfile", "numpy.fromfile", "np.load", "numpy.load", "chainer.serializers.load_npz"),
    *("cv2.imread", "cv2.imdecode", "cv2.VideoCapture", "Image.open"),
    *("tempfile.mktemp", "xml.etree.ElementTree.parse", "zipfile.ZipFile.extractall", "shutil.unpack_archive"),
}
ALLOWED = {
    ("benchmarks/gpu_check/lean.py", "archive.extractall"),  # wheels that the user names, whose code is to be run
    ("mocogan_chainer/video.py", "Image.open"),  # with a list of forms and a limit of pixels
    ("mocogan_chainer/yaml_text.py", "yaml.load"),  # with a loader derived from the safe one, within limits
}
"""(file, call), each for the reason beside it."""


def name_of(node: ast.expr) -> str:
    """Return a.b.c of such an expression, "" of another."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (inner := name_of(node.value)):
        return f"{inner}.{node.attr}"
    return ""


def faults(text: str, file: str = "") -> list[str]:
    """Return the forbidden calls in a source."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module in ("pickle", "marshal", "shelve", "yaml"):
            found.append(f"from {node.module} import ...: such calls would not be seen")
        if not isinstance(node, ast.Call):
            continue
        called = name_of(node.func)
        if called in FORBIDDEN and (file, called) not in ALLOWED:
            found.append(called)
        if called.split(".")[-1] in ("extract", "extractall") and (file, called) not in ALLOWED:
            found.append(called)
        for keyword in node.keywords:
            if keyword.arg in ("shell", "allow_pickle") and not _is(keyword.value, False):
                found.append(f"{called}({keyword.arg}=...)")
    return found


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_forbidden_is_called(path):
    assert faults(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()) == []


@pytest.mark.parametrize(
    "text",
    [
        *(f"{name}(x)" for name in sorted(FORBIDDEN)),
        *("subprocess.run(x, shell=True)", "np.save(x, y, allow_pickle=True)", "yaml.load(x, Loader=L)"),
        *("from pickle import loads", "archive.extractall(x)", "f(x, shell=y)"),
    ],
)
def test_what_is_forbidden_is_seen(text):
    assert faults(text)


def test_what_is_allowed_is_still_there():
    for file, called in ALLOWED:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert called in faults(text), f"{file} no longer calls {called}: strike it off the list"
