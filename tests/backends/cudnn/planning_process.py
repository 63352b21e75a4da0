"""The process of :mod:`tests.backends.cudnn.planning`: reads problems, and writes what cuDNN proposes for them."""

import json
import resource
import sys

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # where cuDNN ends us, no gigabytes on the disk

from mocogan_chainer.backends import Geometry  # noqa: E402
from mocogan_chainer.backends.cudnn import library  # noqa: E402
from mocogan_chainer.backends.cudnn.graphs import Graph, NoPlan  # noqa: E402
from mocogan_chainer.backends.cudnn.problems import Problem  # noqa: E402
from tests.backends.cudnn.planning import described  # noqa: E402


def main(device):
    problem = library.problem()
    if problem is not None:
        return {"problem": problem}
    cudnn, properties = library.load(), described(device)
    where = {
        "device_property": cudnn.create_device_properties(json.dumps(properties)),
        "sm_version": properties["deviceVer"] // 10,
    }
    answers = [answer(cudnn, where, *asked) for asked in json.load(sys.stdin)]
    return {"cudnn": library.version(), "plans": answers}


def answer(cudnn, where, asked, form, every):
    kind, *shapes, (stride, pad, groups) = asked
    geometry = Geometry(tuple(stride), tuple(pad), groups)
    try:
        graph = Graph(cudnn, Problem(kind, *map(tuple, shapes), geometry), form, **where)
    except NoPlan as reason:
        return {"reason": str(reason)}
    built = {}
    for name in graph.names:
        try:
            built[name] = graph.build(name).workspace
        except NoPlan:
            continue
        if not every:
            break
    return {"proposed": len(graph.names), "built": built}


print(json.dumps(main(sys.argv[1])))
