from __future__ import annotations

import importlib
import sys
import types

import numpy
import pytest

from mocogan_chainer.compat import hook


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A module ``compat_sample`` to import, with a registry of patches that holds none yet."""
    (tmp_path / "compat_sample.py").write_text(
        "import math\nimport numpy\nseen = [WORD] if 'WORD' in globals() else []\n"
        "def root(x, *, scale=1):\n    'Scaled root.'\n    return scale * math.sqrt(x)\n"
        "def uses_numpy():\n    return numpy\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(hook, "_patches", {})
    yield "compat_sample"
    sys.modules.pop("compat_sample", None)


def test_patches_run_around_the_modules_code(sample):
    @hook.around(sample)
    def patch(module):
        module.WORD = "before"
        yield
        module.seen.append("after")

    assert importlib.import_module(sample).seen == ["before", "after"]


def test_several_patches_all_run(sample):
    hook.after(sample)(lambda module: module.seen.append(1))
    hook.after(sample)(lambda module: module.seen.append(2))
    assert sorted(importlib.import_module(sample).seen) == [1, 2]


def test_patches_run_again_on_reload(sample):
    hook.after(sample)(lambda module: module.seen.append(1))
    module = importlib.reload(importlib.import_module(sample))
    assert module.seen == [1]


def test_a_failing_import_undoes_what_was_put_around_it(sample, tmp_path):
    (tmp_path / f"{sample}.py").write_text("raise ValueError('broken')")
    left = []

    @hook.around(sample)
    def patch(module):
        try:
            yield
        finally:
            left.append(True)

    with pytest.raises(ValueError, match="broken"):
        importlib.import_module(sample)
    assert left == [True]
    assert sample not in sys.modules


def test_the_module_keeps_its_own_loader(sample):
    hook.after(sample)(lambda module: None)
    module = importlib.import_module(sample)
    assert module.__loader__ is module.__spec__.loader
    assert "def root" in module.__loader__.get_source(sample)


def test_modules_without_patches_are_left_to_the_other_finders():
    assert hook.PatchFinder().find_spec("json") is None


def test_a_missing_module_stays_missing(monkeypatch):
    monkeypatch.setattr(hook, "_patches", {"compat_no_such_module": []})
    with pytest.raises(ModuleNotFoundError, match="compat_no_such_module"):
        importlib.import_module("compat_no_such_module")


def test_rebind_changes_one_function_only(sample):
    module = importlib.import_module(sample)
    hook.rebind(module, "root", math=hook.Overlay(module.math, sqrt=lambda x: -x))
    assert module.root(9) == -9
    assert module.root.__doc__ == "Scaled root."
    assert module.math.sqrt(9) == 3
    assert module.uses_numpy() is numpy


def test_an_overlay_shows_the_rest_of_its_module():
    overlay = hook.Overlay(numpy, float=float)
    assert overlay.float is float
    assert overlay.float32 is numpy.float32
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = overlay.no_such_name


def test_stand_ins_leave_sys_modules_as_it_was(sample):
    real = importlib.import_module(sample)
    stand_in = types.ModuleType(sample)
    with hook.stand_ins({sample: stand_in, "compat_absent": None}):
        assert importlib.import_module(sample) is stand_in
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("compat_absent")
    assert sys.modules[sample] is real
    assert "compat_absent" not in sys.modules
