"""One request at work: where it computes, and its sets, networks and features, which its metrics share."""

from __future__ import annotations

from mocogan_chainer import backends, builder
from mocogan_chainer.evaluation_runs.features import Features
from mocogan_chainer.evaluation_runs.networks import Networks
from mocogan_chainer.evaluation_runs.request import Request
from mocogan_chainer.evaluation_runs.sets import Sets
from mocogan_chainer.wording import Say


class Session:
    """What the metrics of one request share.

    Attributes:
        request: what the user asks for.
        say: takes lines for the user.
        device: where networks compute.
        backend: who computes, in words.
        sets: the real and the evaluated set.
        networks: which make features.
        features: of the sets.

    Raises:
        MocoganError: request and machine do not go together.
    """

    def __init__(self, request: Request, say: Say):
        self.request, self.say = request, say
        self.sets = Sets(request)
        self.device = builder.choose_device(request.gpu)
        self.backend = backends.use("auto", request.gpu >= 0, "float32")
        self.networks = Networks(request, self.device)
        self.features = Features(request, self.sets, self.networks)
        say(f"computing on {'the CPU' if request.gpu < 0 else self.device} with the backend {self.backend}")
