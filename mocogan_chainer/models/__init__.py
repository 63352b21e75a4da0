"""Model families: each folder here is one, found by its name.

A family is a package with ``build(config, data) -> Family``; nothing else has to know it.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import require_one_of
from mocogan_chainer.models.family import Family


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
