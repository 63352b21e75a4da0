"""How a plan is chosen, and how the choice is remembered."""

import json
import os

import pytest

from mocogan_chainer.backends import Geometry
from mocogan_chainer.backends.cudnn import chosen_plans, plans
from mocogan_chainer.backends.cudnn.chosen_plans import Chosen, ChosenPlans
from mocogan_chainer.backends.cudnn.plans import Plans
from mocogan_chainer.backends.cudnn.problems import pose
from mocogan_chainer.backends.cudnn.workspace import Workspace
from tests.backends.cudnn.fake_cudnn import FakeDevice

GEOMETRY = Geometry((2, 2), (1, 1))
PROBLEM = pose("forward", (2, 3, 6, 6), (4, 3, 4, 4), (2, 4, 3, 3), GEOMETRY)
TIMES = {"bf16": {"eng22": 3.0, "eng1": 9.0}, "tf32": {"eng36": 4.0, "eng48": 2.0, "eng76": 2.5}}


class Chooser:
    """Plans of a fake device; ``find`` runs a plan by noting it."""

    def __init__(self, folder, device=None, precision="bf16", forms=("bf16", "tf32")):
        self.device = device or FakeDevice(TIMES)
        self.chosen = ChosenPlans(folder, self.device.label)
        self.plans = Plans(self.device, precision, forms, self.chosen)

    def find(self, problem=PROBLEM):
        return self.plans.find(problem, self._run)

    def name(self, problem=PROBLEM):
        choice = self.find(problem)
        return choice.form, choice.plan.name

    def _run(self, choice):
        if self.device.times[choice.form][choice.plan.name] == float("inf"):
            raise RuntimeError("this plan does not run")
        self.device.ran.append((choice.form, choice.plan.name))


class TestChoice:
    def test_is_the_quickest_of_all_forms(self, tmp_path):
        assert Chooser(tmp_path).name() == ("tf32", "eng48")

    def test_is_made_once(self, tmp_path):
        chooser = Chooser(tmp_path)
        choice = chooser.find()
        built, ran = len(chooser.device.built), len(chooser.device.ran)
        assert chooser.find() is choice
        assert (len(chooser.device.built), len(chooser.device.ran)) == (built, ran)

    def test_only_what_may_be_chosen_runs_more_than_twice(self, tmp_path):
        chooser = Chooser(tmp_path)
        chooser.find()
        runs = {name: chooser.device.ran.count(name) for name in chooser.device.built}
        assert runs[("bf16", "eng1")] == 2 and runs[("tf32", "eng48")] == 7

    def test_skips_what_cannot_be_built_does_not_run_or_wants_too_much_memory(self, tmp_path):
        times = {"tf32": {"a": None, "b": float("inf"), "c": 1.0, "d": 2.0}}
        device = FakeDevice(times, {"c": FakeDevice.memory + 1})
        assert Chooser(tmp_path, device).name() == ("tf32", "d")

    def test_is_none_where_there_is_no_plan(self, tmp_path):
        chooser = Chooser(tmp_path, FakeDevice({"tf32": {"a": None}}))
        with pytest.warns(UserWarning, match="no plan for forward"):
            assert chooser.find() is None
        assert chooser.find() is None  # without a warning, which would be an error here
        assert not list(tmp_path.iterdir())

    def test_ends_after_some_seconds(self, tmp_path, monkeypatch):
        seconds = iter(range(0, 1000, 3))
        monkeypatch.setattr(plans.time, "monotonic", lambda: next(seconds))
        chooser = Chooser(tmp_path, FakeDevice({"tf32": {str(i): 100.0 - i for i in range(50)}}))
        assert chooser.name() == ("tf32", "1")

    def test_is_not_made_while_a_graph_is_recorded(self, tmp_path):
        chooser = Chooser(tmp_path)
        chooser.device.recording = True
        with pytest.raises(RuntimeError, match=r"no plan was made yet for forward x=2x3x6x6 .*: run the step once"):
            chooser.find()
        chooser.device.recording = False
        choice = chooser.find()
        chooser.device.recording = True
        assert chooser.find() is choice


class TestMemory:
    def test_the_next_run_builds_the_chosen_plan_alone(self, tmp_path):
        Chooser(tmp_path).find()
        later = Chooser(tmp_path, FakeDevice({**TIMES, "bf16": {"eng22": 0.1}}))
        assert later.name() == ("tf32", "eng48")
        assert later.device.built == [("tf32", "eng48")]
        assert later.device.ran == []

    def test_a_plan_that_is_gone_is_replaced(self, tmp_path):
        Chooser(tmp_path).find()
        changed = {"bf16": {"eng22": 3.0}, "tf32": {"eng48": None, "eng36": 2.0}}
        assert Chooser(tmp_path, FakeDevice(changed)).name() == ("tf32", "eng36")
        assert Chooser(tmp_path, FakeDevice(changed)).chosen.get(f"bf16 {PROBLEM.text}").plan == "eng36"

    def test_each_precision_device_and_problem_has_its_own(self, tmp_path):
        Chooser(tmp_path).find()
        assert Chooser(tmp_path, precision="tf32", forms=("tf32",)).plans._remembered(PROBLEM) is None
        assert Chooser(tmp_path, FakeDevice(TIMES, label="Another")).plans._remembered(PROBLEM) is None
        for kind, stride in (("backward_data", (2, 2)), ("forward", (2, 1))):
            other = pose(kind, PROBLEM.x, PROBLEM.W, PROBLEM.y, Geometry(stride, (1, 1)))
            assert Chooser(tmp_path).plans._remembered(other) is None
        assert Chooser(tmp_path).plans._remembered(PROBLEM) is not None

    def test_a_form_that_the_precision_does_not_allow_is_not_taken_from_the_file(self, tmp_path):
        chooser = Chooser(tmp_path, precision="float32", forms=("float32",))
        chooser.chosen.put(f"float32 {PROBLEM.text}", Chosen("tf32", "eng48", 1.0))
        assert chooser.plans._remembered(PROBLEM) is None

    def test_the_file_says_what_was_chosen(self, tmp_path):
        chooser = Chooser(tmp_path)
        chooser.find()
        assert chooser.chosen.path.name == "convolutions-A-device-of-ours-cuDNN-9.0.0.json"
        content = json.loads(chooser.chosen.path.read_text())
        assert content["label"] == "A device of ours, cuDNN 9.0.0"
        key = "bf16 forward x=2x3x6x6 W=4x3x4x4 y=2x4x3x3 stride=2x2 pad=1x1 dilate=1x1 groups=1"
        assert content["plans"] == {key: {"form": "tf32", "plan": "eng48", "milliseconds": 2.0}}

    @pytest.mark.parametrize(
        "text",
        [
            *("", "{", "[]", "null", "\0", '{"format": 1}', '{"format": 1, "label": "A", "plans": {}}'),
            '{"format": 2, "label": "B", "plans": {}}',
            '{"format": 2, "label": "A", "plans": 3}',
            '{"format": 2, "label": "A", "plans": {"k": {"form": "tf32"}}}',
            '{"format": 2, "label": "A", "plans": {"k": {"form": 1, "plan": "a", "milliseconds": 1}}}',
            '{"format": 2, "label": "A", "plans": {"k": {"form": "a", "plan": "a", "milliseconds": "x"}}}',
        ],
    )
    def test_a_damaged_or_foreign_file_is_replaced(self, tmp_path, text):
        ChosenPlans(tmp_path, "A").path.write_text(text)
        broken = ChosenPlans(tmp_path, "A")
        assert broken.get("k") is None
        broken.put("k", Chosen("tf32", "eng1", 0.5))
        assert ChosenPlans(tmp_path, "A").get("k") == Chosen("tf32", "eng1", 0.5)

    def test_processes_do_not_forget_each_others(self, tmp_path):
        one, other = ChosenPlans(tmp_path, "A"), ChosenPlans(tmp_path, "A")
        one.put("k", Chosen("tf32", "eng1", 0.5))
        other.put("l", Chosen("tf32", "eng2", 0.5))
        assert {ChosenPlans(tmp_path, "A").get(key).plan for key in "kl"} == {"eng1", "eng2"}

    def test_a_folder_that_cannot_be_written_costs_the_next_run_only(self, tmp_path):
        (tmp_path / "file").write_text("")
        chooser = Chooser(tmp_path / "file" / "folder")
        assert chooser.name() == ("tf32", "eng48")
        assert chooser.chosen.get(f"bf16 {PROBLEM.text}").plan == "eng48"


class TestFolder:
    def test_is_the_users_cache(self, monkeypatch, tmp_path):
        monkeypatch.delenv(chosen_plans.ENVIRONMENT, raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(chosen_plans.sys, "platform", "linux")
        assert chosen_plans.folder() == tmp_path / "mocogan-chainer"
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.setenv("HOME", os.fspath(tmp_path))
        monkeypatch.setattr(chosen_plans.Path, "home", lambda: tmp_path)
        assert chosen_plans.folder() == tmp_path / ".cache" / "mocogan-chainer"
        monkeypatch.setattr(chosen_plans.sys, "platform", "darwin")
        assert chosen_plans.folder() == tmp_path / "Library" / "Caches" / "mocogan-chainer"
        monkeypatch.setattr(chosen_plans.sys, "platform", "win32")
        monkeypatch.setenv("LOCALAPPDATA", os.fspath(tmp_path / "Local"))
        assert chosen_plans.folder() == tmp_path / "Local" / "mocogan-chainer" / "Cache"

    def test_is_what_the_environment_names(self, monkeypatch, tmp_path):
        monkeypatch.setenv(chosen_plans.ENVIRONMENT, os.fspath(tmp_path))
        assert chosen_plans.folder() == tmp_path


def test_a_workspace_of_nothing_is_none():
    assert Workspace(lambda size: pytest.fail("allocated")).of(0) is None


def test_a_single_axis_gets_another_before_it():
    problem = pose("backward_weights", (2, 4, 9), (6, 2, 3), (2, 6, 4), Geometry((2,), (0,), 2))
    assert (problem.x, problem.W, problem.y) == ((2, 4, 1, 9), (6, 2, 1, 3), (2, 6, 1, 4))
    assert problem.geometry == Geometry((1, 2), (0, 0), 2)
    assert problem.terms == 2 * 4


def test_terms_are_the_products_of_a_sum():
    assert PROBLEM.terms == 3 * 16
    assert pose("backward_data", PROBLEM.x, PROBLEM.W, PROBLEM.y, GEOMETRY).terms == 4 * 16
    assert pose("backward_weights", PROBLEM.x, PROBLEM.W, PROBLEM.y, GEOMETRY).terms == 2 * 9
