"""What an installation consists of: versions, commands, files."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]


def read_requirements(name):
    """Return the requirements in a file at the top of the checkout."""
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


REQUIREMENTS = read_requirements("requirements.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def by_name(requirement):
    return requirement.name


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=by_name)
def test_the_installed_versions_are_within_the_bounds(requirement):
    if requirement.marker is not None and not requirement.marker.evaluate():
        pytest.skip(f"{requirement.name} is not for this platform")
    installed = metadata.version(requirement.name)
    assert requirement.specifier.contains(installed), f"{requirement.name} {installed}"


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=by_name)
def test_every_requirement_has_an_upper_bound(requirement):
    assert any(part.operator in ("<", "==") for part in requirement.specifier)


@pytest.mark.parametrize(
    "platform, machine, expected",
    [
        ("linux", "x86_64", True),
        ("linux", "aarch64", True),
        ("linux", "armv7l", False),
        ("win32", "AMD64", True),
        ("win32", "ARM64", False),
        ("darwin", "arm64", False),
        ("darwin", "x86_64", False),
    ],
)
def test_an_extra_asks_for_cupy_where_it_exists(platform, machine, expected):
    for cuda in ("12", "13"):
        (cupy,) = (r for r in read_requirements(f"requirements-gpu{cuda}.txt") if r.name.startswith("cupy"))
        assert cupy.name == f"cupy-cuda{cuda}x"
        assert cupy.marker.evaluate({"sys_platform": platform, "platform_machine": machine, "extra": ""}) is expected


def test_one_machine_gets_one_cupy():
    """Those for CUDA 12 and 13 are of one name to Python: what everybody installs must not hold either."""
    assert not [r.name for r in REQUIREMENTS if "cupy" in r.name]


def test_every_import_of_the_package_is_required():
    distributions = metadata.packages_distributions()
    required = {re.sub(r"[-_.]+", "-", requirement.name).lower() for requirement in REQUIREMENTS}
    missing = {}
    for path in sorted((ROOT / "mocogan_chainer").rglob("*.py")):
        for name in imported_at_the_top(path) - sys.stdlib_module_names - {"mocogan_chainer"}:
            names = {re.sub(r"[-_.]+", "-", d).lower() for d in distributions.get(name, [name])}
            if not names & required:
                missing[str(path.relative_to(ROOT))] = name
    assert missing == {}


def imported_at_the_top(path):
    """Return the first parts of the module names that a file imports outside functions."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
def test_commands_lead_to_functions(command):
    module, _, function = PROJECT["scripts"][command].partition(":")
    assert callable(getattr(importlib.import_module(module), function))


@pytest.mark.parametrize("script", ["preprocess.py", "train.py", "generate_samples.py"])
def test_scripts_answer_to_help(script):
    done = subprocess.run([sys.executable, script, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage:")


def test_this_python_is_supported():
    assert Version("{}.{}".format(*sys.version_info)) in Requirement(f"x{PROJECT['requires-python']}").specifier


def test_chainer_is_built_with_an_older_setuptools():
    (constraint,) = read_requirements("build-constraints.txt")
    assert constraint.name == "setuptools"
    assert constraint.specifier.contains("80.9.0")
    assert not constraint.specifier.contains("81.0.0")
    makefile = (ROOT / "Makefile").read_text()
    for variable in ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"):
        assert f"export {variable} = build-constraints.txt\n" in makefile


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of this checkout, built from a copy so that the checkout stays clean."""
    if Version(metadata.version("setuptools")) < Version("70.1"):
        pytest.skip("building a wheel here needs setuptools 70.1 (make setup-tests installs it)")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for path in [*ROOT.glob("requirements*.txt"), ROOT / "pyproject.toml", ROOT / "setup.py"]:
        shutil.copy(path, source)
    for name in ("mocogan_chainer", "configs"):
        shutil.copytree(ROOT / name, source / name)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(folder),
            str(source),
        ],
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        check=True,
        timeout=120,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.mark.slow
def test_a_wheel_holds_the_package_and_its_settings(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "mocogan_chainer"
    sources = {p.relative_to(ROOT).as_posix() for kind in ("*.py", "*.cuh") for p in package.rglob(kind)}
    assert "mocogan_chainer/backends/cudnn/kernels/activation.cuh" in sources
    settings = {f"mocogan_chainer/{p.relative_to(ROOT).as_posix()}" for p in (ROOT / "configs").rglob("*.yml")}
    assert "mocogan_chainer/configs/base.yml" in settings
    assert {name for name in names if ".dist-info/" not in name} == sources | settings


@pytest.mark.slow
def test_a_wheel_works_away_from_the_checkout(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = "from mocogan_chainer import config; print(config.FOLDER, *config.model_names())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    models = sorted(path.stem for path in (ROOT / "configs" / "model").glob("*.yml"))
    assert done.stdout.split() == [str(site / "mocogan_chainer" / "configs"), *models], done.stderr


@pytest.mark.slow
def test_a_wheel_names_its_requirements_and_commands(wheel):
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    lines = archive.read(name).decode().splitlines()
    required = [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ")]
    assert {str(r) for r in REQUIREMENTS} <= {str(Requirement(text)) for text in required}
    (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/entry_points.txt"))
    for command, target in PROJECT["scripts"].items():
        assert f"{command} = {target}" in archive.read(name).decode()
