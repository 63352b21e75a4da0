"""ChainerMN, which comes with Chainer."""

from __future__ import annotations

import types

from mocogan_chainer.compat.hook import Overlay, after, rebind


@after("chainermn.iterators.multi_node_iterator")
def one_element_array(module: types.ModuleType) -> None:
    """iterators/multi_node_iterator.py:137 makes an int of an array of one element.

    NumPy 2.4 refuses that on every rank but the master, and the ranks then wait for each other forever.
    """
    rebind(module._MultiNodeIteratorSlave, "__init__", int=lambda array: int(array.item()))


@after("chainermn.communicators._memory_utility")
def half_header(module: types.ModuleType) -> None:
    """communicators/_memory_utility.py:290,362 use half in kernels without including its header."""

    def raw(code: str, name: str) -> object:
        return module.chainer.cuda.raw("#include <cuda_fp16.h>\n" + code, name)

    chainer = Overlay(module.chainer, cuda=Overlay(module.chainer.cuda, raw=raw))
    for name in ("_cupy_batched_pack_params", "_cupy_batched_unpack_params"):
        rebind(module, name, chainer=chainer)


@after("chainermn.communicators._memory_utility")
def copy_if_needed(module: types.ModuleType) -> None:
    """communicators/_memory_utility.py:211 says copy=False, which means "never copy" since NumPy 2."""

    def get_array_module(array: object) -> Overlay:
        xp = module.chainer.backend.get_array_module(array)
        return Overlay(xp, array=lambda values, copy, dtype: xp.asarray(values, dtype=dtype))

    backend = Overlay(module.chainer.backend, get_array_module=get_array_module)
    rebind(module, "unpack_params", chainer=Overlay(module.chainer, backend=backend))
