"""A module imports only from layers above its own (doc/architecture.md)."""

import ast
from pathlib import Path

import pytest

import mocogan_chainer

ROOT = Path(mocogan_chainer.__file__).parent

LAYERS = (
    (
        *("compat", "errors", "files", "locks", "shortage", "seeding", "saved_streams", "config", "wording"),
        *("video", "decoding", "pages"),
        *("torch_files", "torch_forms", "safetensors_files", "npy_files", "npz_files", "yaml_text"),
    ),
    ("backends",),
    ("functions", "links", "losses", "optimizer", "features", "datasets", "preprocessing"),
    ("models", "checkpoint", "snapshot_files", "sampling", "evaluation"),
    ("extensions",),
    ("builder", "training_runs", "evaluation_runs", "generation", "cli", "__main__"),
)
WITHIN_A_LAYER = {
    ("links", "functions"),
    ("features", "functions"),
    ("features", "links"),
    ("preprocessing", "datasets"),
    ("training_runs", "builder"),
    ("evaluation", "sampling"),
    ("evaluation_runs", "builder"),
    ("generation", "builder"),
    ("cli", "evaluation_runs"),
    ("cli", "generation"),
    ("cli", "builder"),
    ("cli", "training_runs"),
    ("config", "errors"),
    ("config", "files"),
    ("config", "yaml_text"),
    ("files", "errors"),
    ("shortage", "errors"),
    ("locks", "errors"),
    ("locks", "files"),
    ("saved_streams", "seeding"),
    ("snapshot_files", "checkpoint"),
    ("yaml_text", "errors"),
    ("npy_files", "errors"),
    ("npy_files", "files"),
    ("npz_files", "files"),
    ("npz_files", "npy_files"),
    ("torch_files", "errors"),
    ("torch_files", "files"),
    ("torch_files", "torch_forms"),
    ("torch_forms", "errors"),
    ("npz_files", "errors"),
    ("npz_files", "torch_forms"),
    ("safetensors_files", "errors"),
    ("safetensors_files", "files"),
    ("video", "errors"),
    ("video", "files"),
    ("pages", "files"),
    ("decoding", "errors"),
    ("decoding", "files"),
    ("decoding", "video"),
}
"""What may import from its own layer, (importer, imported); a cycle is impossible as the pairs have none."""


def unit_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_units(path: Path) -> set[str]:
    """Names right below mocogan_chainer that a file imports."""
    units = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "mocogan_chainer" and len(parts) > 1:
                units.add(parts[1])
    return units


def layer_of(unit: str) -> int:
    return next(number for number, units in enumerate(LAYERS) if unit in units)


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_up(path):
    unit = unit_of(path)
    for imported in imported_units(path) - {unit, "__version__"}:
        allowed = layer_of(imported) < layer_of(unit) or (unit, imported) in WITHIN_A_LAYER
        assert allowed, f"{path.relative_to(ROOT)} imports {imported}, which is not above {unit}"


def test_every_file_has_a_layer():
    assert {unit_of(path) for path in FILES} <= {unit for units in LAYERS for unit in units}


def test_families_do_not_know_each_other_but_the_one_that_is_a_mocogan():
    built_on = {"prediction": "mocogan"}  # MoCoGAN for prediction is made of MoCoGAN's own parts
    for folder in (ROOT / "models").iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            others = {d.name for d in (ROOT / "models").iterdir() if d.is_dir()}
            others -= {folder.name, built_on.get(folder.name), "__pycache__"}
            for path in folder.rglob("*.py"):
                text = path.read_text(encoding="utf-8")
                assert not [name for name in others if f"mocogan_chainer.models.{name}" in text], path
