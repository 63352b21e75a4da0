"""What tests of recorded steps share: an updater trains as it stands, and as one that is recorded and repeated."""

import json

import chainer
import numpy as np
import pytest

from mocogan_chainer import seeding
from tests.backends.host_recorder import HostRecorder


def host_state(updater):
    """What a step may change by what it draws, as a text."""
    iterators = updater._iterators.values()
    generators = [updater.rng, *(i.rng if hasattr(i, "rng") else i._rng for i in iterators)]
    optimizers = updater.get_all_optimizers().values()
    counts = [updater.ema.updates, *(o.t for o in optimizers)]
    if updater.noise is not None:
        counts.append(updater.noise.requests)
    return json.dumps([*map(seeding.get_state, generators), *map(str, counts)])


def run(updater, steps, recorded):
    """Take steps; return what each reported, and the recorder."""
    recorder, refusals, reports = None, [], []
    if recorded:
        recorder = HostRecorder(updater.feeds, updater.update_all, state=lambda: host_state(updater))
        updater.record(recorder, refusals.append)
    reporter = chainer.Reporter()
    for name, optimizer in updater.get_all_optimizers().items():
        reporter.add_observer(name, optimizer.target)
    for _ in range(steps):
        observation = {}
        with reporter.scope(observation):
            updater.update()
        reports.append({name: float(value) for name, value in observation.items()})
    assert not refusals
    return reports, recorder


def arrays(updater):
    found = {f"ema{name}": p.array for name, p in updater.ema.average.namedparams()}
    for network, optimizer in updater.get_all_optimizers().items():
        for name, parameter in optimizer.target.namedparams():
            state = parameter.update_rule.state
            found |= {f"{network}{name}": parameter.array}
            found |= {f"{network}{name}/{key}": state[key] for key in ("m", "v")}
        for name, link in optimizer.target.namedlinks():
            found |= {f"{network}{name}/{key}": getattr(link, key) for key in link._persistent}
    return found


def assert_same_training(one, other, one_reports, other_reports):
    assert host_state(one) == host_state(other)
    assert one.iteration == other.iteration
    for a, b in zip(one_reports, other_reports, strict=True):
        assert a == pytest.approx(b, rel=1e-3, abs=1e-5)
    for name, array in arrays(one).items():
        np.testing.assert_allclose(arrays(other)[name], array, rtol=2e-3, atol=2e-5, err_msg=name)
