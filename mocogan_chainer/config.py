"""Settings: a stack of YAML files, overrides by dotted names, and one resolved result.

``configs/base.yml`` and the model's YAML declare the keys, their defaults and so their types; everything after them
(the dataset's YAML, ``--config``, flags, ``--set``) may only set declared keys. Unknown keys and wrong types are
refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from mocogan_chainer import yaml_text
from mocogan_chainer.errors import ConfigError, nearest, require_one_of
from mocogan_chainer.files import read_plain

Config = dict[str, Any]

_PACKAGED = Path(__file__).parent / "configs"
FOLDER = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "configs"
_TYPES = {"int": int, "float": float, "str": str, "bool": bool}


class Given(str):
    """The text of a value as the user typed it; what it means depends on the declared type."""


class _Maybe:
    """The declaration of a key that is null or of one type."""

    def __init__(self, kind: type, default: Any = None):
        self.kind = kind
        self.default = default


class _DeclarationLoader(yaml_text.PlainLoader):
    """Plain YAML plus the tag ``!maybe TYPE``."""


def _construct_maybe(loader: _DeclarationLoader, node: yaml.Node) -> _Maybe:
    return _Maybe(_TYPES[loader.construct_scalar(node)])


_DeclarationLoader.add_constructor("!maybe", _construct_maybe)


def model_names() -> list[str]:
    """Names that ``--model`` takes."""
    return sorted(path.stem for path in (FOLDER / "model").glob("*.yml"))


def dataset_types() -> list[str]:
    """Names that ``--dataset_type`` takes."""
    return sorted(path.stem for path in (FOLDER / "dataset").glob("*.yml"))


def resolve(
    model: str | None = None,
    dataset_type: str | None = None,
    file: str | os.PathLike | None = None,
    settings: Mapping[str, Any] | None = None,
    kind: str | None = None,
) -> Config:
    """Stack the files and settings into one config.

    Args:
        model: name of a file in ``configs/model``; None for the one that ``file`` names as model_name, or "normal".
        dataset_type: name of a file in ``configs/dataset``.
        file: a YAML file of the user's, or the name of one of ours.
        settings: values by dotted name, for example ``{"model.dim_zc": 30}``.
        kind: how the data at hand were prepared. If ``configs/dataset`` has a file of that name, its values count where
            neither the model's file nor anything named here has set them.

    Returns:
        Nested plain values; ``model_name`` says which model's file they came from.

    Raises:
        ConfigError: an unknown name or key, or a value of the wrong type.
    """
    model = model or _model_named_in(file) or "normal"
    declared = _declare(model)
    config = _defaults(declared)
    if dataset_type is None and kind in dataset_types():
        path, by_model = _dataset_file(kind), {key for content in _contents(model) for key in content}
        _override(config, declared, {k: v for k, v in _read(path).items() if k not in by_model}, str(path))
    return _stack(config, declared, dataset_type, file, settings)


def restore(
    text: str,
    dataset_type: str | None = None,
    file: str | os.PathLike | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Config:
    """Return the config that :func:`dump` wrote, with other files and settings stacked upon it.

    Raises:
        ConfigError: the text is not a config, or has keys that this version does not know; and as :func:`resolve`.
    """
    try:
        stored = yaml_text.load(text, yaml_text.NamesLoader)
    except yaml_text.YamlError as error:
        raise ConfigError(f"the stored config cannot be read: {error}") from error
    if not isinstance(stored, dict) or not isinstance(stored.get("model_name"), str):
        raise ConfigError("the stored config does not say which model it is for (model_name)")
    declared = _declare(stored["model_name"])
    config = _defaults(declared)
    _override(config, declared, stored, "the stored config")
    return _stack(config, declared, dataset_type, file, settings)


def named(
    dataset_type: str | None = None, file: str | os.PathLike | None = None, settings: Mapping[str, Any] | None = None
) -> set[str]:
    """Return which settings the user has named in any of the ways of :func:`resolve`: their first words.

    Raises:
        ConfigError: a file cannot be read.
    """
    names = set() if dataset_type is None else set(_read(_dataset_file(dataset_type)))
    names |= set() if file is None else set(_read_chosen(file))
    return names | {name.split(".")[0] for name in settings or {}}


def setting_names(model: str) -> list[str]:
    """Return the dotted names of all that can be set for a model."""
    return _dotted(_declare(model), "")


def dump(config: Config) -> str:
    """Return the config as YAML."""
    return yaml_text.dump(config)


def parse_settings(items: Iterable[str]) -> dict[str, Any]:
    """Turn ``["a.b=c", ...]``, as given to ``--set``, into values by dotted name; texts stay texts, the rest is YAML.

    A key that is set again takes the later value, as flags do.

    Raises:
        ConfigError: an item is not of that form.
    """
    settings = {}
    for item in items:
        name, equals, text = item.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set {item}: it must be KEY=VALUE, for example --set model.dim_zc=30")
        settings[name.strip()] = Given(text)
    return settings


def differences(first: Config, second: Config, prefix: str = "") -> list[str]:
    """Return the dotted names whose values differ between two configs of one model."""
    names = []
    for key in first:
        name = f"{prefix}{key}"
        if isinstance(first[key], dict):
            names += differences(first[key], second[key], f"{name}.")
        elif first[key] != second[key]:
            names.append(name)
    return names


def value(config: Config, name: str) -> Any:
    """Return a setting by its dotted name; None where the model has none of that name."""
    found: Any = config
    for part in name.split("."):
        found = found.get(part) if found is not None else None
    return found


def _model_named_in(file: str | os.PathLike | None) -> str | None:
    name = None if file is None else _read_chosen(file).get("model_name")
    return name if isinstance(name, str) else None


def _declare(model: str) -> Config:
    """Read the files that declare keys: the base and the model's, with those that it extends."""
    declared: Config = {"model_name": model}
    _extend(declared, _read(FOLDER / "base.yml", _DeclarationLoader))
    for content in _contents(model):
        _extend(declared, content)
    return declared


def _contents(model: str) -> list[Config]:
    """Read the model's file and those that it extends, the first of which comes last."""
    require_one_of("--model", model, model_names())
    contents, name = [], model
    while name is not None:
        contents.append(_read(FOLDER / "model" / f"{name}.yml", _DeclarationLoader))
        name = contents[-1].pop("extends", None)
    return contents[::-1]


def _dataset_file(name: str) -> Path:
    return FOLDER / "dataset" / f"{name}.yml"


def _stack(
    config: Config,
    declared: Config,
    dataset_type: str | None,
    file: str | os.PathLike | None,
    settings: Mapping[str, Any] | None,
) -> Config:
    if dataset_type is not None:
        require_one_of("--dataset_type", dataset_type, dataset_types())
        path = _dataset_file(dataset_type)
        _override(config, declared, _read(path), str(path))
    if file is not None:
        _override(config, declared, _read_chosen(file), str(file))
    for name, value in (settings or {}).items():
        _override(config, declared, _nest(name, value), "")
    return config


def _extend(declared: Config, content: Config) -> None:
    """Add declarations, later ones replacing earlier defaults; what may be null stays so."""
    for key, value in content.items():
        if isinstance(value, dict):
            _extend(declared.setdefault(key, {}), value)
        elif isinstance(declared.get(key), _Maybe) and not isinstance(value, _Maybe):
            declared[key] = _Maybe(declared[key].kind, value)
        else:
            declared[key] = value


def _defaults(declared: Config) -> Config:
    config: Config = {}
    for key, value in declared.items():
        if isinstance(value, dict):
            config[key] = _defaults(value)
        else:
            config[key] = value.default if isinstance(value, _Maybe) else value
    return config


CHOSEN = ("model_name", "family")
"""Keys that ``--model`` decides; a file may repeat them, as a run's config.yml does."""


def _override(config: Config, declared: Config, values: Config, source: str, prefix: str = "") -> None:
    where = f"{source}: " if source else ""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key not in declared:
            raise ConfigError(f"{where}{name}: no such setting{_nearest_setting(name, _dotted(declared, prefix))}")
        if name in CHOSEN and value != config[key]:
            way = f"use --model {value}, or leave this out" if name == "model_name" else "--model chooses it"
            raise ConfigError(f"{where}{name}={value}: this is {config[key]}; {way}")
        if isinstance(declared[key], dict):
            if not isinstance(value, dict):
                raise ConfigError(f"{where}{name}={value}: it is a section; set {_example(declared[key], name)}")
            _override(config[key], declared[key], value, source, f"{name}.")
        else:
            config[key] = _checked(declared[key], value, f"{where}{name}={value}")


def _checked(declared: Any, value: Any, what: str) -> Any:
    """Return the value in the declared type."""
    if isinstance(declared, _Maybe):
        if value is None:
            return None
        kind = declared.kind
    else:
        kind = type(declared)
    if isinstance(value, Given):
        if kind is str and value != "null":
            return str(value)
        return _checked(declared, _parse(value, what), what)
    if kind is float and isinstance(value, str):  # YAML reads 2e-4 as text
        try:
            return float(value)
        except ValueError:
            pass
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
        allowed = names.get(kind, kind.__name__)
        raise ConfigError(f"{what}: it must be {allowed}" + (" or null" if isinstance(declared, _Maybe) else ""))
    return value


def _parse(text: str, what: str) -> Any:
    try:
        return yaml_text.load(text, yaml_text.NamesLoader)
    except yaml_text.YamlError as error:
        raise ConfigError(f"{what}: the value is not YAML: {error}") from error


def _nest(name: str, value: Any) -> Config:
    for part in reversed(name.split(".")):
        value = {part: value}
    return value


def _dotted(declared: Config, prefix: str) -> list[str]:
    names = []
    for key, value in declared.items():
        names.append(f"{prefix}{key}")
        if isinstance(value, dict):
            names += _dotted(value, f"{prefix}{key}.")
    return names


def _nearest_setting(name: str, known: list[str]) -> str:
    """The hint of :func:`mocogan_chainer.errors.nearest`, by what stands behind the last dot."""
    by_last = {other.rpartition(".")[2]: other for other in known}
    return nearest(name.rpartition(".")[2], by_last, by_last)


def _example(section: Config, name: str) -> str:
    return f"{name}.{next(iter(section))}=..." if section else name


def _read_chosen(file: str | os.PathLike) -> Config:
    """Read the user's file or, if there is none of that name, ours: ``narrow`` or ``configs/narrow.yml``."""
    path = Path(file)
    ours = FOLDER / f"{path.stem}.yml"
    named = path == Path(path.stem) or path == Path("configs", f"{path.stem}.yml")
    if path.exists() or not named or not ours.is_file():
        return _read(path)
    return _read(ours)


def _read(path: Path, loader: type[yaml_text.PlainLoader] = yaml_text.NamesLoader) -> Config:
    try:
        content = yaml_text.load(read_plain(path, yaml_text.MOST_LETTERS).decode(), loader)
    except FileNotFoundError:
        known = sorted(file.stem for file in FOLDER.glob("*.yml") if file.stem != "base")
        raise ConfigError(f"{path}: no such config file; ours are named {', '.join(known)}") from None
    except OSError as error:
        raise ConfigError(f"{path}: the config file cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the config file cannot be read: {error}") from error
    except yaml_text.YamlError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: a config file holds KEY: VALUE lines")
    return content
