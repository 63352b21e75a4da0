"""Finds the network's arrays in what a file holds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_forms.values import Placeholder, Tensor, described, shown

MOST_PARTS = 200_000
"""Modules, parameters and buffers that a network may have, each counted as often as it is held."""
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PARTS = ("_parameters", "_buffers", "_modules")
_LONGEST_NAME = 1000
_SAVE = "save the network's state_dict() alone"


def state_dict_of(root: Any) -> dict[str, Tensor]:
    """Return the tensors of the one network that was saved, by name, in the file's order.

    Args:
        root: a state dict, a whole module, or a dict that holds one of them, preferably as "state_dict",
            "model_state_dict" or "model"; what else the dict holds is left aside.

    Raises:
        SnapshotError: there is no network in it, or more than one.
    """
    if _is_module(root):
        return _tensors_of_module(root)
    if not isinstance(root, dict):
        raise SnapshotError(f"it holds {described(root)}, which is not a network; {_SAVE}")
    held = [key for key in _WRAPPERS if _is_network(root.get(key))][:1]
    held = held or [key for key, value in root.items() if _is_network(value)]
    if len(held) > 1:
        raise SnapshotError(f"it holds several networks ({_listed(held)}); save the state_dict() of one of them")
    network = root[held[0]] if held else root
    if not _is_network(network):
        raise SnapshotError(f"it holds no network but {_listed(root) or 'an empty dict'}; {_SAVE}")
    if _is_module(network):
        return _tensors_of_module(network)
    return {_joined("", name): value for name, value in network.items() if isinstance(value, Tensor)}


def _is_network(value: Any) -> bool:
    return _is_module(value) or (isinstance(value, dict) and any(isinstance(v, Tensor) for v in value.values()))


def _is_module(value: Any) -> bool:
    return (
        isinstance(value, Placeholder)
        and isinstance(value.state, dict)
        and all(isinstance(value.state.get(part), dict) for part in _PARTS)
    )


def _tensors_of_module(root: Placeholder) -> dict[str, Tensor]:
    """Name the tensors as the module's ``state_dict()`` would: parameters, buffers, then its modules' in turn."""
    tensors: dict[str, Tensor] = {}
    waiting = [("", root)]
    visited = 0
    while waiting:
        prefix, module = waiting.pop()
        parameters, buffers, modules = (module.state[part] for part in _PARTS)
        passing = module.state.get("_non_persistent_buffers_set")
        passing = {name for name in passing if isinstance(name, str)} if isinstance(passing, (list, tuple)) else ()
        visited += 1 + len(parameters) + len(buffers) + len(modules) + len(passing)
        if visited > MOST_PARTS:
            raise SnapshotError(f"its modules have more than {MOST_PARTS} parts or hold each other; {_SAVE}")
        for name, value in [*parameters.items(), *((n, b) for n, b in buffers.items() if n not in passing)]:
            if isinstance(value, Tensor):
                tensors[_joined(prefix, name)] = value
        children = [(_joined(prefix, name) + ".", child) for name, child in modules.items() if _is_module(child)]
        waiting.extend(reversed(children))
    return tensors


def _joined(prefix: str, name: str) -> str:
    if len(prefix) + len(name) > _LONGEST_NAME:
        raise SnapshotError(f"it has a name of more than {_LONGEST_NAME} letters; {_SAVE}")
    return prefix + name


def _listed(keys: Collection[str]) -> str:
    return ", ".join(shown(key, 30) for key in list(keys)[:6]) + (", ..." if len(keys) > 6 else "")
