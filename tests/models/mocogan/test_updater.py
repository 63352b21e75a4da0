"""The training step: what it changes, what it leaves alone, in every form."""

import chainer
import numpy as np
import pytest

from mocogan_chainer import builder, config, models
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.errors import ConfigError
from mocogan_chainer.models.mocogan.updater import split, with_label_maps

CLASSES = DataDescription("two", 16, 3, ("a", "b"))
NO_CLASSES = DataDescription("none", 16, 3, ())


def observe(updater, step):
    reporter, observation = chainer.Reporter(), {}
    for name, optimizer in updater.get_all_optimizers().items():
        reporter.add_observer(name, optimizer.target)
    with reporter.scope(observation):
        step()
    return {name: float(value) for name, value in observation.items()}


def weights(network):
    return {name: p.array.copy() for name, p in network.namedparams()}


def changed(network, before):
    return {name for name, p in network.namedparams() if not np.array_equal(p.array, before[name])}


FORMS = [
    ("normal", {}),
    ("normal", {"n_categories": 3}),
    ("cgan", {}),
    ("infogan", {}),
    ("infogan", {"labels": "unsupervised"}),
    ("infogan", {"category_to": "motion"}),
    ("cgan", {"category_to": "motion", "image_discriminator": "patch", "video_discriminator": "patch"}),
    ("infogan", {"video_discriminator": "patch"}),
]


@pytest.mark.parametrize(("model", "settings"), FORMS)
class TestEveryForm:
    def test_a_step_moves_every_parameter_and_reports(self, make_updater, model, settings):
        updater = make_updater(model, CLASSES, **settings)
        networks = {name: o.target for name, o in updater.get_all_optimizers().items()}
        before = {name: weights(network) for name, network in networks.items()}
        observation = observe(updater, updater.update)
        for name, network in networks.items():
            assert changed(network, before[name]) == set(before[name])
            assert np.isfinite(observation[f"{name}/loss"])
        assert ("generator/category_loss" in observation) == (model == "infogan")

    def test_everything_stays_float32(self, make_updater, model, settings):
        updater = make_updater(model, CLASSES, **settings)
        for _ in range(3):
            updater.update()
        for optimizer in updater.get_all_optimizers().values():
            for name, parameter in optimizer.target.namedparams():
                assert parameter.dtype == np.float32, name
                assert parameter.grad.dtype == np.float32, name
                states = parameter.update_rule.state
                assert {states[key].dtype for key in ("m", "v")} == {np.dtype(np.float32)}, name
            for link in optimizer.target.links():
                assert all(getattr(link, key).dtype == np.float32 for key in link._persistent)


class TestWhatEachUpdateTouches:
    @pytest.mark.parametrize("name", ["generator", "image_discriminator", "video_discriminator"])
    def test_only_its_own_network(self, make_updater, name):
        updater = make_updater("infogan", CLASSES)
        networks = {n: o.target for n, o in updater.get_all_optimizers().items()}
        before = {n: weights(network) for n, network in networks.items()}
        for network in networks.values():
            network.cleargrads()
        getattr(updater, f"update_{name}")()
        for n, network in networks.items():
            assert bool(changed(network, before[n])) == (n == name)
            # No gradient is computed for another network either: fakes are data, discriminators are frozen.
            assert all((p.grad is not None) == (n == name) for p in network.params())


class TestCategories:
    def test_supervised_infogan_learns_real_labels(self, make_updater):
        """With one real class and supervised labels, the loss falls whatever the codes are."""
        updater = make_updater("infogan", CLASSES)
        main = updater.get_iterator("main")
        main.rng = type("Always", (), {"integers": lambda self, n, size, dtype: np.ones(size, dtype)})()
        losses = [
            observe(updater, updater.update_video_discriminator)["video_discriminator/category_loss"] for _ in range(30)
        ]
        assert losses[-1] < 0.3 < losses[0]

    def test_label_maps(self):
        x = np.zeros((2, 3, 4, 5, 5), np.float32)
        y = with_label_maps(x, np.array([1, 0], np.int32), 2).array
        assert y.shape == (2, 5, 4, 5, 5)
        assert y[0, 3:].mean(axis=(1, 2, 3)).tolist() == [0, 1]
        assert y[1, 3:].mean(axis=(1, 2, 3)).tolist() == [1, 0]

    def test_split(self):
        y = np.random.default_rng(0).standard_normal((2, 4, 3, 2, 2)).astype(np.float32)
        scores, logits = split(chainer.Variable(y))
        np.testing.assert_array_equal(scores.array, y[:, 0])
        np.testing.assert_allclose(logits.array, y[:, 1:].mean(axis=(2, 3, 4)), rtol=1e-5)


class TestRefusals:
    @pytest.mark.parametrize(
        ("model", "data", "settings", "message"),
        [
            ("infogan", NO_CLASSES, {}, r"model.variant=infogan: .* none has none; use --model normal or --set"),
            ("cgan", NO_CLASSES, {}, r"model.variant=cgan: .* use --model normal$"),
            ("infogan", NO_CLASSES, {"labels": "unsupervised"}, r"--set model.n_categories=6"),
            ("infogan", CLASSES, {"n_categories": 5}, r"model.n_categories=5: two has 2 classes"),
            ("normal", CLASSES, {"category_to": "movement"}, r"model.category_to=movement: .* motion"),
            ("normal", CLASSES, {"n_filters_gen": 0}, r"model.n_filters_gen=0: it must be between 1 and"),
            ("normal", CLASSES, {"noise_sigma": -0.1}, r"model.noise_sigma=-0.1: it must be between 0 and"),
        ],
    )
    def test_config_and_data_must_fit(self, make_updater, model, data, settings, message):
        with pytest.raises(ConfigError, match=message):
            make_updater(model, data, **settings)

    def test_short_videos_name_the_patch_form(self):
        resolved = config.resolve("normal", settings={"video_length": 12})
        message = (
            r"video_length=12: the video discriminator needs at least 16 frames "
            r"\(use --set model.video_discriminator=patch for 13\)"
        )
        with pytest.raises(ConfigError, match=message):
            models.build(resolved, DataDescription("x", 64, 3, ()))

    def test_unsupervised_needs_no_classes(self, make_updater):
        updater = make_updater("infogan", NO_CLASSES, labels="unsupervised", n_categories=4)
        assert updater.generator.code_sizes.categories == 4


def test_memory_estimate_grows_with_the_batch():
    def estimate(batchsize):
        resolved = config.resolve("normal", settings={"batchsize": batchsize})
        family = models.build(resolved, DataDescription("x", 64, 3, ()))
        return builder.summarize(resolved, family)

    small, large = estimate(8), estimate(16)
    assert large.memory["activations"] == 2 * small.memory["activations"]
    assert large.memory["weights"] == small.memory["weights"] == 4 * sum(small.parameters.values())
