"""Importing the package and Chainer, each time in a fresh interpreter."""

from __future__ import annotations

import importlib.util
import sys

import pytest

IMPORTS = "import mocogan_chainer\nimport chainer\n"


def test_silent_with_every_warning_an_error(python):
    done = python(IMPORTS + "import chainer.testing, chainer.gradient_check, chainer.link_hooks\n", "-W", "error")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_silent_when_chainer_is_compiled_anew(python, tmp_path):
    done = python(IMPORTS, "-W", "error", PYTHONPYCACHEPREFIX=str(tmp_path / "cache"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_silent_without_warning_options(python):
    done = python(IMPORTS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_needs_no_setuptools(python):
    block = "import sys\nsys.modules['pkg_resources'] = sys.modules['setuptools'] = None\n"
    done = python(block + IMPORTS + "import chainer.testing\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_the_package_does_not_import_chainer(python):
    done = python("import sys, mocogan_chainer\nprint(any(n.startswith('chainer') for n in sys.modules))")
    assert done.stdout.strip() == "False"


def test_numpy_and_the_warning_filters_stay_as_they_were(python):
    # Chainer imports SciPy where it is installed, and SciPy sets filters of its own.
    scipy = "try:\n    import scipy.io, scipy.sparse, scipy.special\nexcept ImportError:\n    pass\n"
    done = python(
        scipy + "import numpy, types, warnings\n"
        "names, filters = set(vars(numpy)), list(warnings.filters)\n" + IMPORTS + "import chainer.testing\n"
        "new = {n for n in set(vars(numpy)) - names if not isinstance(getattr(numpy, n), types.ModuleType)}\n"
        "print(new, names - set(vars(numpy)), warnings.filters == filters)\n"
    )
    assert done.stdout.strip() == "set() set() True", done.stderr


def test_the_stand_in_for_setuptools_is_gone_afterwards(python):
    done = python(
        "import sys\n" + IMPORTS + "import chainer.testing\n"
        "print([n for n in ('pkg_resources', 'numpy.distutils', 'cupy.cuda') if n in sys.modules])\n"
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_installing_twice_is_harmless(python):
    done = python(
        "import sys\n" + IMPORTS + "from mocogan_chainer import compat\ncompat.install()\ncompat.install()\n"
        "print(sum(type(f) is compat.PatchFinder for f in sys.meta_path))\n"
    )
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.parametrize(
    "first",
    [
        "import sys, types\nsys.modules['chainer'] = types.ModuleType('chainer')\n",
        # What is left when Chainer itself fails on NumPy 2 and a script goes on.
        "try:\n    import chainer\nexcept AttributeError as error:\n    assert 'sctypes' in str(error)\n",
    ],
    ids=["imported", "half-imported"],
)
def test_chainer_first_is_refused_in_one_clear_line(python, first):
    if "AttributeError" in first and importlib.util.find_spec("pkg_resources") is None:
        first = first.replace("AttributeError", "(AttributeError, ImportError)")
    done = python(
        first + "try:\n    import mocogan_chainer\nexcept ImportError as error:\n"
        "    print(type(error).__name__, '|', error)\n"
        "    import sys\n    print([f for f in sys.meta_path if 'Patch' in repr(f)])\n"
    )
    name, message = done.stdout.splitlines()[0].split(" | ")
    assert name == "ImportOrderError"
    assert message == (
        "chainer was imported before mocogan_chainer: put `import mocogan_chainer` above the first "
        "`import chainer` and start Python again"
    )
    assert done.stdout.splitlines()[1:] == ["[]"]


def test_numpy_distutils_is_not_imported(python):
    """It is there with a deprecation warning on Python 3.10 and 3.11, and gone later."""
    done = python("import sys\n" + IMPORTS + "print('numpy.distutils.system_info' in sys.modules)\n")
    assert done.stdout.strip() == "False", (done.stderr, sys.version)
