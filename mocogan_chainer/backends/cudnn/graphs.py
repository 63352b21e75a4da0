"""A problem as cuDNN's graph, and the plans that cuDNN proposes for it.

Activations and filters are given in channels-last memory. For filters in C order planning showed the same engines, but
each of those for two axes, and most of those for three, first brings them into this order in its workspace.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from types import ModuleType
from typing import Any

from mocogan_chainer.backends.base import Array
from mocogan_chainer.backends.cudnn.problems import Problem

DATA_TYPES = {"float32": "FLOAT", "tf32": "FLOAT", "bf16": "BFLOAT16", "fp16": "HALF"}
"""What a form's arrays hold; sums are float32 in each."""

_FIRST, _SECOND, _RESULT = 1, 2, 3
_NEVER = ("NONDETERMINISTIC", "DOWN_CONVERT_INPUTS", "REDUCED_PRECISION_REDUCTION")
"""What cuDNN notes of plans that are not for us: other bits each time, coarser factors or sums than were asked for."""


class NoPlan(RuntimeError):
    """What cuDNN does not do; the message is its reason."""


class Graph:
    """A problem in one form, as cuDNN's graph.

    Args:
        cudnn: the front end.
        problem: what is to be computed.
        form: a key of ``DATA_TYPES``. "float32" leaves tensor cores alone, which would round factors to 11 bits;
            "tf32" has the plans of both.
        handle: gives a handle on the current stream; None to plan without a device.
        **described: without a device: ``device_property`` and ``sm_version``.

    Attributes:
        names: plans, by engine and settings, the one first that cuDNN thinks the quickest; some cannot be built.

    Raises:
        NoPlan: cuDNN proposes nothing.
    """

    def __init__(
        self, cudnn: ModuleType, problem: Problem, form: str, handle: Callable[[], Any] | None = None, **described: Any
    ):
        self._cudnn = cudnn
        self._handle = handle
        self._refusals = (cudnn.cudnnGraphNotSupportedError, RuntimeError, ValueError)
        where = described if handle is None else {"handle": handle()}
        try:
            self._graph = self._describe(problem, getattr(cudnn.data_type, DATA_TYPES[form]), where)
            self._graph.validate()
            self._graph.build_operation_graph()
            modes = cudnn.heur_mode
            self._graph.create_execution_plans([modes.A, modes.B, modes.FALLBACK])
            notes = (*_NEVER, *(("TENSOR_CORE",) if form == "float32" else ()))
            self._graph.deselect_numeric_notes([getattr(cudnn.numerical_note, note) for note in notes])
            names = [self._graph.get_plan_name_at_index(i) for i in range(self._graph.get_execution_plan_count())]
        except self._refusals as error:
            raise NoPlan(str(error)) from error
        self._indices = {name: i for i, name in reversed(list(enumerate(names)))}  # modes repeat one another
        self.names = list(dict.fromkeys(names))

    def build(self, name: str) -> Plan:
        """Build a plan.

        Raises:
            NoPlan: there is none of that name, its results differ from run to run, or it is not for this device.
        """
        if name not in self._indices:
            raise NoPlan(f"{name} is not among what cuDNN proposes")
        index = self._indices[name]
        try:
            self._graph.build_plan_at_index(index)
            workspace = self._graph.get_workspace_size_plan_at_index(index)
        except self._refusals as error:
            raise NoPlan(str(error)) from error
        return Plan(self._run, index, name, workspace)

    def _run(self, index: int, pointers: dict[int, int], workspace: int) -> None:
        try:
            self._graph.execute_plan_at_index(pointers, workspace, index, handle=self._handle())
        except self._cudnn.cudnnGraphNotSupportedError as error:
            raise NoPlan(str(error)) from error

    def _describe(self, problem: Problem, data_type: Any, where: dict[str, Any]) -> Any:
        graph = self._cudnn.pygraph(
            io_data_type=data_type,
            intermediate_data_type=self._cudnn.data_type.FLOAT,
            compute_data_type=self._cudnn.data_type.FLOAT,
            **where,
        )

        def tensor(number: int, shape: tuple[int, ...]) -> Any:
            return graph.tensor(dim=list(shape), stride=strides(shape), data_type=data_type, uid=number)

        x, W, y = problem.x, problem.W, problem.y
        geometry = problem.geometry
        walk = {"padding": list(geometry.pad), "stride": list(geometry.stride), "dilation": [1] * len(geometry.stride)}
        if problem.kind == "forward":
            shape, result = y, graph.conv_fprop(image=tensor(_FIRST, x), weight=tensor(_SECOND, W), **walk)
        elif problem.kind == "backward_data":
            shape, result = x, graph.conv_dgrad(loss=tensor(_FIRST, y), filter=tensor(_SECOND, W), **walk)
        else:
            shape, result = W, graph.conv_wgrad(image=tensor(_FIRST, x), loss=tensor(_SECOND, y), **walk)
        result.set_output(True).set_uid(_RESULT).set_data_type(data_type)
        result.set_dim(list(shape)).set_stride(strides(shape))
        return graph


class Plan:
    """A built plan: call it with the problem's two arrays, the result's, and its workspace.

    Attributes:
        name: engine and settings.
        workspace: bytes that it needs.
    """

    def __init__(self, run: Callable[[int, dict[int, int], int], None], index: int, name: str, workspace: int):
        self.name = name
        self.workspace = workspace
        self._run, self._index = run, index

    def __call__(self, first: Array, second: Array, result: Array, workspace: Array | None) -> None:
        """Compute ``result``, of CuPy's arrays; the workspace may be None where none is needed."""
        pointers = {_FIRST: first.data.ptr, _SECOND: second.data.ptr, _RESULT: result.data.ptr}
        self._run(self._index, pointers, 0 if workspace is None else workspace.data.ptr)


def strides(shape: tuple[int, ...]) -> list[int]:
    """Strides, in numbers, of (N, C, *size) whose memory is (N, *size, C)."""
    *size, n = accumulate(reversed(shape[2:]), lambda step, length: step * length, initial=shape[1])
    return [n, 1, *reversed(size)]
