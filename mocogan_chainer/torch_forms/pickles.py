"""Reads pickles into plain data: no class is looked up, no function called, whatever a file names.

The instructions are taken apart by the standard library's :mod:`pickletools`; what they do is written here, so that
there is nothing to forbid: a name is a :class:`Name`, an object a :class:`Placeholder` with the file's data as its
state, and a call is one of :mod:`calls` or refused. Lists and dicts are shared where the file shares them and never
walked here, so structures that would unfold without end stay small.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import Any

from mocogan_chainer.errors import SnapshotError, one_line
from mocogan_chainer.torch_forms import calls
from mocogan_chainer.torch_forms.values import Name, Placeholder, Tensor, described, shown
from mocogan_chainer.torch_forms.window import Window

MOST_STEPS = 2_000_000
"""Instructions that one pickle may have: a network of 10,000 arrays and its optimizer have half of that."""
_LONGEST_NUMBER = 128
_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def unpickle(
    file: Window, persistent: Callable[[Any], Any], rebuild: Callable[[Name, Any], Any] = calls.rebuild
) -> Any:
    """Read one pickle from where ``file`` stands and leave ``file`` behind it.

    Args:
        file: the file.
        persistent: returns what a persistent id stands for, usually a storage.
        rebuild: returns what a call of a name with arguments stands for, or refuses it.

    Raises:
        SnapshotError: the pickle is damaged, does what no checkpoint needs, or is larger than any of them.
    """
    machine = _Machine(persistent, rebuild)
    try:
        for opcode, argument, _position in pickletools.genops(file):
            if opcode.name == "STOP":
                return machine.stack.pop()
            machine.step(opcode.name, argument)
    except (ValueError, IndexError, KeyError) as error:
        raise SnapshotError(f"its pickle is damaged ({shown(one_line(error))})") from error
    raise SnapshotError("its pickle has no end; the file is damaged")


def nothing_persistent(_pid: Any) -> Any:
    """Refuse a persistent id where none has a place."""
    raise SnapshotError("it refers to a storage where none can be; it is refused")


class _Machine:
    def __init__(self, persistent: Callable[[Any], Any], rebuild: Callable[[Name, Any], Any]):
        self.persistent, self.rebuild = persistent, rebuild
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}
        self.names: dict[str, Name] = {}
        self.steps = 0

    def step(self, name: str, argument: Any) -> None:
        self._spend(1)
        if name in _VALUES:
            if isinstance(argument, int) and argument.bit_length() > _LONGEST_NUMBER:
                raise SnapshotError(f"it holds a number of {argument.bit_length()} bits; it is refused")
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _HANDLERS:
            _HANDLERS[name](self, argument)
        elif name not in _IDLE:
            raise SnapshotError(f"its pickle uses {name}, which torch.save never writes; it is refused")

    def _spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise SnapshotError(f"its pickle takes more than {MOST_STEPS} steps; save the network's state_dict() alone")

    def _push(self, value: Any) -> None:
        self.stack.append(value)

    def _mark(self, _argument: None) -> None:
        self.below.append(self.stack)
        self.stack = []

    def _since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def _pop(self, _argument: None) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._since_mark()

    def _put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def _get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    def _tuple_of(self, count: int) -> None:
        items = [self.stack.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(items)))

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is list:
            target.extend(items)
        elif not isinstance(target, Placeholder):
            raise SnapshotError(f"it appends to {described(target)}; it is refused")

    def _update(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is dict:
            target.update((k, v) for k, v in zip(items[::2], items[1::2], strict=True) if isinstance(k, str))
        elif not isinstance(target, Placeholder):
            raise SnapshotError(f"it sets items of {described(target)}; it is refused")

    def _dict(self, _argument: None) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._update(items)

    def _set_item(self, _argument: None) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._update([key, value])

    def _global(self, text: str) -> None:
        module, _, name = text.partition(" ")
        self._name(_PYTHON_2.get(module, module), name)

    def _stack_global(self, _argument: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise SnapshotError(f"it names a class by {described(module)} and {described(name)}; it is refused")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        path = f"{module}.{name}"
        self.stack.append(self.names.setdefault(path, Name(path)))

    def _persistent(self, _argument: None) -> None:
        self.stack.append(self.persistent(self.stack.pop()))

    def _reduce(self, _argument: None) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        if not isinstance(called, Name):
            raise SnapshotError(f"it calls {described(called)}; it is refused")
        if isinstance(arguments, tuple):
            self._spend(sum(len(argument) for argument in arguments if isinstance(argument, (list, tuple))))
        self.stack.append(self.rebuild(called, arguments))

    def _new_object(self, arguments: Any) -> None:
        kind = self.stack.pop()
        if not isinstance(kind, Name):
            raise SnapshotError(f"it makes an object of {described(kind)}; it is refused")
        self.stack.append(calls.rebuild(kind, arguments) if calls.known(kind) else Placeholder(kind))

    def _new_object_ex(self, _argument: None) -> None:
        _keywords, arguments = self.stack.pop(), self.stack.pop()
        self._new_object(arguments)

    def _build(self, _argument: None) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Placeholder):
            target.state = state
        elif not isinstance(target, (dict, Tensor)):  # theirs is an attribute that we do not need
            raise SnapshotError(f"it sets the state of {described(target)}; it is refused")


_VALUES = {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
_VALUES |= {"STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"}
_VALUES |= {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_SET": list,
    "EMPTY_DICT": dict,
}
_IDLE = {"PROTO", "FRAME"}
_HANDLERS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": lambda machine, _: machine._since_mark(),
    "DUP": lambda machine, _: machine._push(machine.stack[-1]),
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": lambda machine, _: machine._put(len(machine.memo)),
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "TUPLE": lambda machine, _: machine._push(tuple(machine._since_mark())),
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "LIST": lambda machine, _: machine._push(machine._since_mark()),
    "FROZENSET": lambda machine, _: machine._push(machine._since_mark()),
    "DICT": _Machine._dict,
    "APPEND": lambda machine, _: machine._extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine._extend(machine._since_mark()),
    "ADDITEMS": lambda machine, _: machine._extend(machine._since_mark()),
    "SETITEM": _Machine._set_item,
    "SETITEMS": lambda machine, _: machine._update(machine._since_mark()),
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "BINPERSID": _Machine._persistent,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": lambda machine, _: machine._new_object(machine.stack.pop()),
    "NEWOBJ_EX": _Machine._new_object_ex,
    "BUILD": _Machine._build,
}
