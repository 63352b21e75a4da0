"""ChainerMN with a stand-in for mpi4py."""

from __future__ import annotations

PREPARE = """
import sys
from unittest import mock

sys.modules["mpi4py"] = sys.modules["mpi4py.MPI"] = mock.MagicMock()
import mocogan_chainer
import chainer
import chainermn
import numpy as np
"""


def test_ranks_take_the_size_from_an_array_of_one_element(python):
    done = python(
        PREPARE + "from chainermn.iterators.multi_node_iterator import _MultiNodeIteratorSlave\n"
        "communicator = mock.Mock()\n"
        "communicator.bcast.side_effect = [np.array([5.0]), np.array([1.0, 0.0])]\n"
        "print(_MultiNodeIteratorSlave(communicator, 0).dataset_size)\n"
    )
    assert done.stdout.strip() == "5", done.stderr


def test_kernels_include_the_header_of_half(python):
    done = python(
        PREPARE + "from chainermn.communicators import _memory_utility\n"
        "with mock.patch.object(chainer.cuda, 'raw') as raw:\n"
        "    _memory_utility._cupy_batched_pack_params()\n"
        "    _memory_utility._cupy_batched_unpack_params()\n"
        "print([call.args[0].count('#include <cuda_fp16.h>') for call in raw.call_args_list])\n"
    )
    assert done.stdout.strip() == "[1, 1]", done.stderr


def test_unpacking_into_another_dtype(python):
    done = python(
        PREPARE + "from chainermn.communicators import _memory_utility\n"
        "parameter = chainer.Parameter(np.ones(4, np.float32))\n"
        "parameter.grad = np.zeros(4, np.float32)\n"
        "buffer = mock.Mock()\n"
        "buffer.to_device.side_effect = lambda array, *rest: array.fill(3)\n"
        "_memory_utility.unpack_params([parameter], 'grad', buffer, np.float16, False)\n"
        "print(parameter.grad, parameter.grad.dtype, buffer.to_device.call_args.args[0].dtype)\n"
    )
    assert done.stdout.strip() == "[3. 3. 3. 3.] float32 float16", done.stderr
