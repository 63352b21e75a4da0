"""The few calls in a pickle of torch.save that stand for something we need; every other one is refused by name."""

from __future__ import annotations

from typing import Any

from mocogan_chainer.errors import SnapshotError
from mocogan_chainer.torch_forms.tensors import RAW, tensor_of
from mocogan_chainer.torch_forms.values import Name, Placeholder, Tensor, described

_MOST_ARGUMENTS = 10


def known(name: Name) -> bool:
    """Whether :func:`rebuild` takes ``name``."""
    return name.path in _REBUILDERS


def rebuild(name: Name, arguments: Any) -> Any:
    """Return what the call ``name(*arguments)`` stands for.

    Raises:
        SnapshotError: the call is none of those that torch.save writes.
    """
    if not known(name):
        raise SnapshotError(f"it calls {name}, which is refused; save the network's state_dict() alone")
    if type(arguments) is not tuple or len(arguments) > _MOST_ARGUMENTS:
        raise SnapshotError(f"it calls {name} with arguments that torch.save does not write; it is refused")
    try:
        return _REBUILDERS[name.path](*arguments)
    except TypeError:
        raise SnapshotError(f"it calls {name} with {len(arguments)} arguments; it is refused") from None


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    return tensor_of(storage, offset, shape, strides)


def _tensor_v2(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, metadata: Any = None
) -> Tensor:
    if metadata:
        raise SnapshotError("it has a tensor marked as conjugated or negated; save resolve_conj().resolve_neg() of it")
    return tensor_of(storage, offset, shape, strides)


def _tensor_v3(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, dtype: Any, metadata: Any = None
) -> Tensor:
    if metadata or not isinstance(dtype, Name) or dtype.path.removeprefix("torch.") not in RAW:
        raise SnapshotError(f"it has a tensor of type {described(dtype)}, which is not read; save it as float32")
    return tensor_of(storage, offset, shape, strides, dtype.path.removeprefix("torch."))


def _parameter(data: Any, *_requires_grad_hooks_state: Any) -> Tensor:
    if not isinstance(data, Tensor):
        raise SnapshotError(f"it builds a parameter from {described(data)} instead of a tensor; it is refused")
    return data


def _subclass(rebuilder: Any, _kind: Any, arguments: Any, _state: Any) -> Tensor:
    """A tensor of a subclass or with attributes of its own: what the inner call gives."""
    if not isinstance(rebuilder, Name) or rebuilder.path not in _TENSORS:
        raise SnapshotError(f"it builds a tensor through {described(rebuilder)}; it is refused")
    return rebuild(rebuilder, arguments)


def _dictionary(pairs: Any = ()) -> dict[str, Any]:
    """Keep the entries whose key is a text: a network's arrays have no other keys."""
    if not isinstance(pairs, (list, tuple)) or not all(isinstance(p, (list, tuple)) and len(p) == 2 for p in pairs):
        raise SnapshotError("it builds a dict from something that is not a list of pairs; it is refused")
    return {key: value for key, value in pairs if isinstance(key, str)}


def _same(value: Any = ()) -> Any:
    """A tuple or a set of what it is made from."""
    return value


def _nothing(*_arguments: Any) -> Placeholder:
    """A value that no network's arrays need, such as an accuracy kept as a NumPy scalar."""
    return Placeholder(Name("no interest"))


_TENSORS = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor_v3": _tensor_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.autograd.variable.Variable": _parameter,
}
_REBUILDERS = {
    **_TENSORS,
    "torch._tensor._rebuild_from_type_v2": _subclass,
    "torch.Size": _same,
    "collections.OrderedDict": _dictionary,
    "collections.defaultdict": lambda _factory=None: {},
    "builtins.set": _same,
    "builtins.frozenset": _same,
}
_REBUILDERS |= dict.fromkeys(
    [
        "torch.device",
        "torch.serialization._get_layout",
        "torch.nn.backends.thnn._get_thnn_function_backend",
        "collections.Counter",
        "builtins.bytearray",
        "builtins.complex",
        "_codecs.encode",
        "datetime.datetime",
        "pathlib.PosixPath",
        "pathlib.WindowsPath",
        "numpy.dtype",
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
        *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
    ],
    _nothing,
)
