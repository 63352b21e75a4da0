"""Memory that runs out: who asked for how much, and what to lower."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mocogan_chainer import builder, config
from mocogan_chainer.errors import MocoganError, ShortageError
from mocogan_chainer.shortage import is_shortage, memory_errors_as_shortage


class CUDARuntimeError(RuntimeError):
    """As CuPy's."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((3, 4), np.dtype(np.float32)),
        CUDARuntimeError("cudaErrorMemoryAllocation: out of memory"),
        RuntimeError("CUDNN_STATUS_ALLOC_FAILED"),
    ],
    ids=["python", "numpy", "cuda", "cudnn"],
)
def test_what_a_shortage_is(error):
    assert is_shortage(error)
    with (
        pytest.raises(ShortageError, match="out of memory for the whole"),
        memory_errors_as_shortage("step", "the whole"),
    ):
        raise error


@pytest.mark.parametrize("error", [RuntimeError("no such kernel"), ValueError("out of memory"), KeyError("x")])
def test_what_is_none(error):
    with pytest.raises(type(error)) as raised, memory_errors_as_shortage("step", "the whole"):
        raise error
    assert raised.value is error


def test_the_innermost_asked():
    with (
        pytest.raises(ShortageError) as error,
        memory_errors_as_shortage("step", "the whole"),
        memory_errors_as_shortage("batch", "a part"),
    ):
        np.empty(2**60, np.uint8)
    assert str(error.value).startswith("out of memory for a part (Unable to allocate 1.00 EiB for an array with shape")
    assert error.value.kind == "batch"


@pytest.mark.parametrize(
    ("model", "kind", "lower"),
    [
        ("normal", "networks", "model.n_filters_gen=64, model.n_filters_idis=64, model.n_filters_vdis=64"),
        ("g3an", "networks", "model.ch_g=64, model.ch_d=64"),
        ("normal", "batch", "batchsize=32, video_length=16"),
        ("normal", "preview", "num_gen_samples=25, video_length=16"),
    ],
)
def test_settings_are_named_with_their_values(model, kind, lower):
    with pytest.raises(MocoganError) as error, builder.shortage_explained(config.resolve(model)):
        raise ShortageError(kind, "it", "8 GiB")
    message = str(error.value)
    assert message.startswith(f"out of memory for it (8 GiB); lower {lower}")
    assert ("preprocess.py --size" in message) == (kind != "networks")


def test_a_family_with_other_names_has_its_whole_numbers_named():
    settings = config.resolve("normal") | {"model": {"family": "wave", "width": 48, "sharp": True, "rate": 0.5}}
    with pytest.raises(MocoganError, match=r"lower model\.width=48; train\.py"), builder.shortage_explained(settings):
        raise ShortageError("networks", "it", "8 GiB")


LIMITED = """
import matplotlib.figure, numpy, resource, sys
from mocogan_chainer.cli import train
numpy.ones((99, 99)) @ numpy.ones((99, 99))  # OpenBLAS takes its buffers before there is a limit
with open("/proc/self/statm") as file:
    now = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + int(sys.argv[1]), now + int(sys.argv[1])))
sys.exit(train.main(sys.argv[2:]))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits and measures memory as Linux does")
@pytest.mark.parametrize(
    ("mebibytes", "arguments", "part", "lower"),
    [
        (300, ["--batchsize", "100000"], r"a batch of real samples \(iterator image\)", "batchsize=100000"),
        (300, ["--batchsize", "1500"], "(the|a) step of (the image_discriminator|training)", "batchsize=1500"),
        (75, ["--num_gen_samples", "400"], "the preview's videos", "num_gen_samples=400"),
    ],
)
def test_a_command_that_is_short_of_memory(tmp_path, tiny_dataset, mebibytes, arguments, part, lower):
    small = [*(f"model.n_filters_{x}=2" for x in ("gen", "idis", "vdis")), "backend=stock"]
    command = [sys.executable, "-c", LIMITED, str(mebibytes << 20), "--dataset", str(tiny_dataset)]
    command += ["--max_iteration", "1", "--batchsize", "4", "--set", "video_length=10", *small, *arguments]
    surroundings = os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent), "OMP_NUM_THREADS": "1"}
    surroundings["MALLOC_ARENA_MAX"] = "1"  # each takes 64 MiB of addresses, when threads happen to meet
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert re.match(rf"error: out of memory for {part} \(", done.stderr), done.stderr
    assert f"; lower {lower}, video_length=10" in done.stderr
    assert len(done.stderr.splitlines()) == 1
