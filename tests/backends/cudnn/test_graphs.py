"""Problems as cuDNN's graphs, planned by cuDNN itself for devices that are not here."""

import itertools
import json
from dataclasses import replace
from math import prod

import numpy as np
import pytest

from mocogan_chainer.backends import Geometry
from mocogan_chainer.backends.cudnn import graphs
from mocogan_chainer.backends.cudnn.problems import pose
from tests.backends.cudnn import planning, workload

LAYER = pose("forward", (8, 64, 13, 32, 32), (128, 64, 4, 4, 4), (8, 128, 10, 16, 16), Geometry((1, 2, 2), (0, 1, 1)))
"""The video discriminator's second."""


IMAGES = pose("forward", (512, 256, 8, 8), (512, 256, 4, 4), (512, 512, 4, 4), Geometry((2, 2), (1, 1)))
"""What the generator's second undoes."""

WEIGHTS = replace(LAYER, kind="backward_weights")
UNFIT = replace(LAYER, y=(8, 128, 9, 16, 16))


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """``plan(device, problems, every)``: what cuDNN answers; see :func:`tests.backends.cudnn.planning.plan`."""
    folder = tmp_path_factory.mktemp("stand-ins")
    return lambda device, problems, every=False: planning.plan(folder, device, problems, every)["plans"]


@pytest.fixture(scope="module")
def answers(plan):
    """All plans of some problems on an H200, by name."""
    asked = {
        "strict": (LAYER, "float32"),
        "free": (LAYER, "tf32"),
        "weights": (WEIGHTS, "tf32"),
        "unfit": (UNFIT, "tf32"),
        **{kind: (replace(IMAGES, kind=kind), "tf32") for kind in workload.KINDS},
    }
    return dict(zip(asked, plan("h200", list(asked.values()), every=True), strict=True))


def in_every_form(problems):
    return list(itertools.product(problems, planning.FORMS))


def in_forms_in_turn(problems):
    return list(zip(problems, itertools.cycle(planning.FORMS), strict=False))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "problems"),
    [
        pytest.param("h200", lambda: in_every_form(workload.of_a_step(32)), id="H200, 32 videos"),
        pytest.param("h200", lambda: in_forms_in_turn(workload.of_a_step(2)), id="H200, 2 videos"),
        pytest.param("a100", lambda: in_forms_in_turn(workload.of_a_step(32)), id="A100, 32 videos"),
        pytest.param("h200", lambda: in_forms_in_turn(workload.odd()), id="odd ones"),
    ],
)
def test_every_problem_has_a_plan(plan, device, problems):
    asked = problems()
    without = [
        (form, problem.text, answer)
        for (problem, form), answer in zip(asked, plan(device, asked), strict=True)
        if not answer.get("built")
    ]
    assert without == []


def test_float32_is_without_tensor_cores(answers):
    assert answers["strict"]["built"]
    assert answers["strict"]["built"].keys() < answers["free"]["built"].keys()


def test_plans_whose_results_vary_are_not_built(answers):
    assert 0 < len(answers["weights"]["built"]) < answers["weights"]["proposed"]


def test_shapes_that_do_not_go_together_have_no_plan(answers):
    assert "built" not in answers["unfit"] and answers["unfit"]["reason"]


def test_strides_are_numpys():
    for n, c, *size in ((5, 4, 3, 2), (5, 4, 3, 2, 7)):
        last = np.moveaxis(np.empty((n, *size, c), np.float32), -1, 1)
        assert graphs.strides((n, c, *size)) == [s // 4 for s in last.strides]


def test_filters_are_taken_as_they_lie(answers):
    """A plan that brings them into another order needs room for them; not that which cuDNN thinks the quickest."""
    for kind in workload.KINDS:
        workspace, *_ = answers[kind]["built"].values()
        assert workspace < 4 * prod(IMAGES.W)


def test_differences_of_a_device_from_its_description():
    real = planning.described("h200")
    assert planning.differences("h200", json.dumps(real | {"driverVer": 1})) == {}
    changed = {**real, "l2CacheSize": 1, "more": 2}
    expected = {"l2CacheSize": (real["l2CacheSize"], 1), "more": (None, 2)}
    assert planning.differences("h200", json.dumps(changed)) == expected


def test_a_step_asks_for_each_layer_three_ways():
    problems = workload.of_a_step(32)
    layers = {(p.x, p.W) for p in problems}
    assert len(problems) == len(set(problems)) == 3 * len(layers)
    assert {len(p.x) for p in problems} == {4, 5}
    assert {p.x[0] for p in problems} == {32, 512}
    assert replace(LAYER, x=(32, *LAYER.x[1:]), y=(32, *LAYER.y[1:])) in problems
