"""Model families: each folder here is one, found by its name.

A family is a package with ``build(config, data) -> Family``; nothing else has to know it. Where it has a module
``published``, its published checkpoints can be read and written.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from typing import Any

from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError, require_one_of
from mocogan_chainer.models.family import Family, PublishedForm


def family_names() -> list[str]:
    """Names of all families."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.ispkg)


def build(config: dict[str, Any], data: DataDescription) -> Family:
    """Build the family that ``config["family"]`` names, for data of this description.

    Raises:
        ConfigError: the family is unknown, or the config and the data do not fit together.
    """
    require_one_of("family", config["family"], family_names())
    module = importlib.import_module(f"{__name__}.{config['family']}")
    return module.build(config, data)


def published_families() -> list[str]:
    """Names of the families whose published checkpoints can be read and written."""
    return [name for name in family_names() if importlib.util.find_spec(f"{__name__}.{name}.published")]


def published_form(family: str) -> PublishedForm:
    """Return how a family's networks stand in published checkpoints.

    Raises:
        ConfigError: there is no such family, or it has no published form.
    """
    if family not in published_families():
        known = ", ".join(published_families())
        raise ConfigError(f"family={family}: no published form of it is known, only of {known}")
    return importlib.import_module(f"{__name__}.{family}.published")
