"""What the tests of the training step share."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import backends, config, models, seeding
from mocogan_chainer.links import ExponentialMovingAverage
from mocogan_chainer.optimizer import Adam

_SMALL = {
    "model.n_filters_gen": 2,
    "model.n_filters_idis": 2,
    "model.n_filters_vdis": 2,
    "model.dim_zc": 4,
    "model.dim_zm": 3,
    "video_length": 10,
    "batchsize": 4,
}


class _RandomBatches(chainer.dataset.Iterator):
    """Endless noise of one shape."""

    epoch, epoch_detail, is_new_epoch = 0, 0.0, False

    def __init__(self, batch_size, shape):
        self.batch_size, self.shape = batch_size, shape
        self.rng = np.random.default_rng(0)

    def __next__(self):
        pixels = self.rng.integers(256, size=(self.batch_size, *self.shape), dtype=np.uint8)
        return pixels, self.rng.integers(2, size=self.batch_size, dtype=np.int32)


@pytest.fixture(scope="module", params=["stock", "onednn"])
def each_cpu_backend(request):
    """Take one backend after the other for a module's tests."""
    if request.param == "onednn" and not backends.onednn.available():
        pytest.skip("oneDNN or numba is not on this machine")
    before = backends.current()
    backends.use(request.param)
    yield
    backends._current = before


@pytest.fixture
def make_updater():
    """Build an updater of tiny networks: ``make_updater(model, data, **model_settings)``.

    It is fed batches of 4 videos of 10 frames and of 6 images, all noise of 16 pixels.
    """
    return _make_updater


def _make_updater(model, data, **settings):
    resolved = config.resolve(model, settings=_SMALL | {f"model.{k}": v for k, v in settings.items()})
    family = models.build(resolved, data)
    optimizers = {name: Adam(1e-3, 0.5, 0.999, 1e-5).setup(net) for name, net in family.networks.items()}
    return family.updater(
        iterators={"main": _RandomBatches(4, (10, 16, 16, 3)), "image": _RandomBatches(6, (16, 16, 3))},
        optimizers=optimizers,
        device=chainer.get_device("@numpy"),
        stream=lambda name: seeding.stream(0, name),
        ema=ExponentialMovingAverage(family.networks["generator"], 0.9),
    )
