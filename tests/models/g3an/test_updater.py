"""The training step: what it changes, what it leaves alone, what both discriminators see."""

import re

import chainer
import numpy as np
import pytest

from mocogan_chainer import builder, checkpoint, config, models, seeding
from mocogan_chainer.datasets import PreparedDataset
from mocogan_chainer.datasets.description import DataDescription
from mocogan_chainer.datasets.writer import open_writer
from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.links import SpectralLink
from mocogan_chainer.models.g3an.generator import MODES
from mocogan_chainer.models.g3an.sampler import G3ANSampler
from tests.models.g3an.small_runs import CLASSES, LARGER, NO_CLASSES, make_config, make_updater


def observe(updater):
    reporter, observation = chainer.Reporter(), {}
    for name, optimizer in updater.get_all_optimizers().items():
        reporter.add_observer(name, optimizer.target)
    with reporter.scope(observation):
        updater.update()
    return {name: float(value) for name, value in observation.items()}


def networks_of(updater):
    return {name: optimizer.target for name, optimizer in updater.get_all_optimizers().items()}


def weights(network):
    return {name: p.array.copy() for name, p in network.namedparams()}


def types_of(updater):
    found = set()
    for network in [*networks_of(updater).values(), updater.ema.average]:
        found |= {parameter.dtype for parameter in network.params()}
        found |= {getattr(link, key).dtype for link in network.links() for key in link._persistent}
    return found


FORMS = [
    *((CLASSES, {"model.mode": mode}) for mode in MODES),
    (CLASSES, {"model.conditional": True}),
    (NO_CLASSES, {"video_length": 20}),
    (LARGER, {"model.attention": True, "model.conditional": True}),
]


@pytest.mark.parametrize(("data", "settings"), FORMS)
class TestEveryForm:
    def test_a_step_moves_every_parameter_and_reports(self, data, settings):
        updater = make_updater(data, **settings)
        networks = networks_of(updater)
        for link in networks["generator"].links():
            if hasattr(link, "scale"):
                link.scale.array[...] = 0.5  # at 0, what is scaled gets no gradient
        before = {name: weights(network) for name, network in networks.items()}
        observation = observe(updater)
        for name, network in networks.items():
            changed = {n for n, p in network.namedparams() if not np.array_equal(p.array, before[name][n])}
            nothing = {n for n in before[name] if n.endswith("key/b")}  # a softmax takes such a gradient away
            assert changed - nothing == before[name].keys() - nothing
            assert np.isfinite(observation[f"{name}/loss"])
        parts = observation["generator/image_loss"] + observation["generator/video_loss"]
        assert observation["generator/loss"] == pytest.approx(parts, rel=1e-5)
        assert {"image_discriminator/real", "video_discriminator/fake"} <= observation.keys()
        assert types_of(updater) == {np.dtype(np.float32)}


def test_everything_stays_float32():
    updater = make_updater(**{"model.conditional": True})
    for _ in range(3):
        updater.update()
    assert types_of(updater) == {np.dtype(np.float32)}


class TestStep:
    def test_all_see_the_same_videos(self, monkeypatch):
        updater = make_updater()
        calls, real = [], None
        for name in ("update_video_discriminator", "update_image_discriminator", "update_generator"):
            monkeypatch.setattr(updater, name, lambda *arguments, name=name: calls.append((name, arguments)))
        updater.update_core()
        (first, (real, fake, _)), (second, (real_frame, fake_frame)), (third, (x_fake, frame, _)) = calls
        assert [first, second, third] == [
            "update_video_discriminator",
            "update_image_discriminator",
            "update_generator",
        ]
        assert fake is x_fake.array
        assert x_fake.creator is not None  # the generator's graph is still there
        assert np.array_equal(fake_frame, fake[:, :, frame])
        assert any(np.array_equal(real_frame, real[:, :, t]) for t in range(16))

    def test_frames_are_drawn(self):
        updater, seen = make_updater(), set()
        x_fake = updater.generate(np.array([2, 0, 1], np.int32))
        updater.generate = lambda category: x_fake
        updater.update_video_discriminator = updater.update_image_discriminator = lambda *arguments: None
        updater.update_generator = lambda x_fake, frame, category: seen.add(frame)
        for _ in range(60):
            updater.update_core()
        assert min(seen) == 0
        assert max(seen) == 15

    def test_each_discriminator_is_run_three_times(self):
        """Twice to learn, once to teach; each time its singular vectors take one iteration."""
        updater = make_updater()
        counts = {}
        for name, network in networks_of(updater).items():
            for path, link in network.namedlinks():
                if isinstance(link, SpectralLink):
                    counts[name, path] = 0

                    def iterate(key=(name, path), once=link.iterate):
                        counts[key] += 1
                        once()

                    link.iterate = iterate
        updater.update()
        assert {count for (name, _), count in counts.items() if name == "generator"} == {1}
        assert {count for (name, _), count in counts.items() if name != "generator"} == {3}

    @pytest.mark.parametrize("name", ["image_discriminator", "video_discriminator", "generator"])
    def test_an_update_touches_its_own_network_alone(self, name):
        updater = make_updater()
        networks = networks_of(updater)
        x_real, category = updater.next_real("main")
        x_fake = updater.generate(category)
        before = {n: weights(network) for n, network in networks.items()}
        for network in networks.values():
            network.cleargrads()
        if name == "generator":
            updater.update_generator(x_fake, 3, category)
        elif name == "image_discriminator":
            updater.update_image_discriminator(x_real[:, :, 0], x_fake.array[:, :, 1])
        else:
            updater.update_video_discriminator(x_real, x_fake.array, category)
        for n, network in networks.items():
            changed = any(not np.array_equal(p.array, before[n][key]) for key, p in network.namedparams())
            assert changed == (n == name)
            assert all((p.grad is not None) == (n == name) for p in network.params())

    def test_categories_are_those_of_the_real_videos(self):
        updater = make_updater(**{"model.conditional": True})
        asked, judged = [], []
        generate, judge = updater.generate, updater.video_discriminator.forward
        updater.generate = lambda category: asked.append(category.tolist()) or generate(category)
        updater.video_discriminator.forward = lambda x, category: judged.append(category.tolist()) or judge(x, category)
        updater.update_core()
        assert asked == [[2, 0, 1]]
        assert judged == [[2, 0, 1]] * 3  # real, generated, and for the generator


class TestMovingAverage:
    def test_its_singular_vectors_are_its_own(self):
        updater = make_updater()
        for _ in range(10):
            updater.update()
        for link in updater.ema.average.links():
            if isinstance(link, SpectralLink):
                rows = link.W.array.swapaxes(0, link.axis).reshape(len(link.u), -1)
                assert np.linalg.norm(link.u) == pytest.approx(1, rel=1e-5)
                largest = np.linalg.svd(rows, compute_uv=False)[0]
                W = link.W.array / link.weights().array
                assert 0.8 * largest < W.flat[0] < 1.001 * largest

    def test_a_run_without_one(self):
        updater = make_updater()
        updater.ema = None
        updater.update()


@pytest.mark.parametrize(
    ("mode", "attention", "conditional"),
    [*((mode, attention, False) for mode in MODES for attention in (False, True)), ("1p2d", True, True)],
)
def test_train_save_reload_same_video(mode, attention, conditional, tmp_path, monkeypatch):
    monkeypatch.setattr(G3ANSampler, "tile", 1)  # attention over 32 x 32 places takes its time
    settings = {"model.mode": mode, "model.attention": attention, "model.conditional": conditional, "batchsize": 2}
    resolved, updater = make_config(**settings), make_updater(LARGER, **settings)
    for generator in (networks_of(updater)["generator"], updater.ema.average):
        for link in generator.links():
            if hasattr(link, "scale"):
                link.scale.array[...] = 0.5  # at 0, nothing of attention would show
    updater.update()
    path = tmp_path / "snapshot.npz"
    trainer = type("Trainer", (), {"serialize": lambda self, s: updater.serialize(s["updater"])})()
    checkpoint.save(path, trainer, config=config.dump(resolved), data=LARGER.to_dict(), iteration=1)

    def video_of(sampler):
        return sampler.render(sampler.draw(3, [1], [2], 16 if attention else 24, [1] if conditional else None))

    family = models.build(resolved, LARGER)
    expected = video_of(family.sampler(updater.ema.average))
    reloaded, _ = builder.load_sampler(path)
    assert np.array_equal(video_of(reloaded), expected)
    assert expected.shape == (1, 16 if attention else 24, 32, 32, 3)
    assert not np.array_equal(video_of(family.sampler(family.networks["generator"])), expected)


def test_a_snapshot_that_asks_for_far_more_than_it_holds(tmp_path):
    updater, path = make_updater(), tmp_path / "snapshot.npz"
    text = config.dump(make_config()).replace("ch_g: 1\n", "ch_g: 4096\n")
    assert "ch_g: 4096" in text
    trainer = type("Trainer", (), {"serialize": lambda self, s: updater.serialize(s["updater"])})()
    checkpoint.save(path, trainer, config=text, data=CLASSES.to_dict(), iteration=1)
    for load in (builder.load_sampler, builder.load_networks):
        with pytest.raises(SnapshotError, match=r"its settings ask for networks far larger than the \d+ numbers"):
            load(path)


@pytest.mark.parametrize(("name", "value"), [("seed", -1), ("video_length", 10**9), ("fps", 0)])
def test_a_snapshot_with_a_setting_out_of_range(tmp_path, name, value):
    text = re.sub(rf"^{name}: .*", f"{name}: {value}", config.dump(make_config()), flags=re.MULTILINE)
    nothing = type("Nothing", (), {"serialize": lambda self, serializer: None})()
    checkpoint.save(tmp_path / "a.npz", nothing, config=text, data=CLASSES.to_dict(), iteration=1)
    with pytest.raises(SnapshotError, match=f"or is damaged: {name}={value}"):
        builder.load_snapshot(tmp_path / "a.npz")


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "settings", "message"),
        [
            (CLASSES, {"model.mode": "2d1p"}, r"model.mode=2d1p: it must be one of 1p2d, 2p1d, 3d"),
            (CLASSES, {"model.ch_g": 0}, r"model.ch_g=0: it must be between 1 and"),
            (CLASSES, {"model.stride_spread": -1}, r"model.stride_spread=-1: it must be between 0 and"),
            (CLASSES, {"video_length": 18}, r"video_length=18: .* use 16 or 20"),
            (CLASSES, {"image_batchsize": 6}, r"image_batchsize=6: .* leave it unset"),
            (CLASSES, {"model.attention": True}, r"model.attention=true: .* frames of 16 pixels have 3; set it to"),
            (NO_CLASSES, {"model.conditional": True}, r"model.conditional=true: none has no classes; set it to false"),
            (
                DataDescription("some", 16, 3, ("a",), unlabelled=2),
                {"model.conditional": True},
                r"model.conditional=true: 2 videos of some have no class",
            ),
            (DataDescription("odd", 40, 3, ()), {}, r"size=40: G3AN's networks take"),
        ],
    )
    def test_config_and_data_must_fit(self, data, settings, message):
        with pytest.raises(ConfigError, match=message):
            make_updater(data, **settings)


def test_clips_take_steps_of_two_or_three(tmp_path):
    frames = np.broadcast_to(np.arange(60, dtype=np.uint8)[:, None, None, None], (60, 16, 16, 3))
    with open_writer(tmp_path / "data", "counted", 16, CLASSES.class_names) as writer:
        for i in range(6):
            writer.add(frames, str(i), CLASSES.class_names[i % len(CLASSES.class_names)])
    dataset = PreparedDataset.open(tmp_path / "data")
    iterators = models.build(make_config(), CLASSES).iterators(dataset, lambda name: seeding.stream(0, name))
    assert list(iterators) == ["main"]
    steps = set()
    for _ in range(20):
        for clip in next(iterators["main"])[0]:
            of_this = set(np.diff(clip[:, 0, 0, 0].astype(int)).tolist())
            assert len(of_this) == 1
            steps |= of_this
    assert steps == {2, 3}
    assert config.resolve("g3an")["every_nth"] == 2
    assert config.resolve("g3an")["model"]["stride_spread"] == 1


def test_settings_are_the_published_ones():
    resolved = config.resolve("g3an")
    assert resolved["batchsize"] == 96
    optimizer = {"alpha": 2e-4, "beta1": 0.5, "beta2": 0.999, "weight_decay": 0}
    assert {name: resolved["optimizer"][name] for name in optimizer} == optimizer
    model = {"dim_za": 128, "dim_zm": 10, "ch_g": 64, "ch_d": 64, "mode": "1p2d"}
    assert {name: resolved["model"][name] for name in model} == model
