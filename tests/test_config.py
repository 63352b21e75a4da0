"""The stack of settings."""

import os

import pytest

from mocogan_chainer import config
from mocogan_chainer.errors import ConfigError


def test_layers_override_each_other(tmp_path):
    file = tmp_path / "mine.yml"
    file.write_text("batchsize: 7\nevery_nth: 5\nmodel:\n  dim_zc: 30\n")
    resolved = config.resolve("infogan", "mnist", file, {"model.dim_zc": 31})
    assert resolved["model"]["variant"] == "infogan"  # the model's file
    assert resolved["model"]["dim_zm"] == 10  # what it extends
    assert (resolved["batchsize"], resolved["every_nth"]) == (7, 5)  # the user's file over the dataset's
    assert resolved["model"]["dim_zc"] == 31  # a setting over the user's file
    assert config.resolve("normal", "mnist")["every_nth"] == 1


def test_published_numbers_are_the_defaults():
    resolved = config.resolve("normal")
    assert resolved["optimizer"] == {"alpha": 2e-4, "beta1": 0.5, "beta2": 0.999, "weight_decay": 1e-5, "decay_part": 0}
    assert (resolved["max_iteration"], resolved["video_length"], resolved["every_nth"]) == (100_000, 16, 2)
    assert (resolved["split"], resolved["flip"], resolved["balance_classes"]) == ("train", False, False)
    assert (resolved["model"]["dim_zc"], resolved["model"]["dim_zm"]) == (50, 10)


@pytest.mark.parametrize("name", [os.fsdecode(b"data/\xe9"), "data/\x85", "data/日本"])
def test_any_path_is_restored(name):
    resolved = config.resolve("normal", settings={"dataset": name})
    assert config.restore(config.dump(resolved))["dataset"] == name


@pytest.mark.parametrize("model", config.model_names())
def test_dump_and_restore(model):
    resolved = config.resolve(model, settings={"save_name": "été", "max_epoch": 3})
    assert config.restore(config.dump(resolved)) == resolved
    size = next(f"model.{name}" for name, value in resolved["model"].items() if type(value) is int)
    changed = config.restore(config.dump(resolved), settings={size: 1, "seed": 4})
    assert config.differences(resolved, changed) == ["seed", size]


@pytest.mark.parametrize(
    ("text", "value"),
    [("optimizer.alpha=1e-4", 1e-4), ("optimizer.alpha=1", 1.0), ("max_epoch=null", None), ("save_name=007", "007")],
)
def test_values_take_the_declared_type(text, value):
    resolved = config.resolve("normal", settings=config.parse_settings([text]))
    name = text.partition("=")[0]
    actual = resolved["optimizer"]["alpha"] if "." in name else resolved[name]
    assert actual == value
    assert type(actual) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model.dimzc=3", r"^model.dimzc: no such setting \(did you mean model.dim_zc\?\)$"),
        ("batch_size=3", r"^batch_size: no such setting \(did you mean batchsize\?\)$"),
        ("batchsize=x", "^batchsize=x: it must be a whole number$"),
        ("batchsize=3.5", "^batchsize=3.5: it must be a whole number$"),
        ("batchsize=true", "^batchsize=true: it must be a whole number$"),
        ("max_epoch=x", "^max_epoch=x: it must be a whole number or null$"),
        ("flip=0.5", "^flip=0.5: it must be true or false$"),
        ("balance=true", r"^balance: no such setting \(did you mean balance_classes\?\)$"),
        ("optimizer.alpha=fast", "^optimizer.alpha=fast: it must be a number$"),
        ("model=infogan", r"^model=infogan: it is a section; set model.variant=...$"),
        ("batchsize.x=3", r"^batchsize=\{'x': '3'\}: it must be a whole number$"),
        ("seed=2024-02-30", "^seed=2024-02-30: the value is not YAML: day is out of range"),
        ("model_name=cgan", "^model_name=cgan: this is infogan; use --model cgan, or leave this out$"),
        ("family=g3an", "^family=g3an: this is mocogan; --model chooses it$"),
        ("batchsize", "^--set batchsize: it must be KEY=VALUE"),
        ("batchsize=[", r"^batchsize=.: the value is not YAML"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(ConfigError, match=message):
        config.resolve("infogan", settings=config.parse_settings([text]))


def test_unknown_names():
    with pytest.raises(ConfigError, match=r"--model=infogann: .* \(did you mean infogan\?\)"):
        config.resolve("infogann")
    with pytest.raises(ConfigError, match=r"--dataset_type=mugs: .*did you mean mug"):
        config.resolve("normal", "mugs")


def test_a_key_set_again_takes_the_later_value():
    settings = config.parse_settings(["batchsize=2", "seed=1", "batchsize=3"])
    assert config.resolve("normal", settings=settings)["batchsize"] == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [", "not YAML"),
        (b"- a\n", r"holds KEY: VALUE lines"),
        (b"\xff\xfe\x00", "cannot be read|not YAML"),
        (b"nonsense: 1", "nonsense: no such setting"),
        (b"!!python/object/apply:os.system ['true']", "not YAML"),
    ],
)
def test_broken_files(tmp_path, content, message):
    file = tmp_path / "mine.yml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        config.resolve("normal", file=file)


def test_a_runs_own_config_says_its_model(tmp_path):
    file = tmp_path / "config.yml"
    file.write_text(config.dump(config.resolve("cgan", settings={"seed": 3})))
    assert config.resolve(file=file) == config.resolve("cgan", settings={"seed": 3})
    with pytest.raises(ConfigError, match=r"model_name=cgan: this is infogan; use --model cgan, or leave this out"):
        config.resolve("infogan", file=file)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="no such config file"):
        config.resolve("normal", file=tmp_path / "none.yml")


@pytest.mark.parametrize("text", ["", "a: 1", "model_name: [1]", "model_name: gone", "]"])
def test_a_text_that_is_no_config(text):
    with pytest.raises(ConfigError):
        config.restore(text)


class TestDataAtHand:
    """What suits the data counts where nobody has said otherwise."""

    def test_counts_before_what_is_said(self):
        assert config.resolve("normal")["every_nth"] == 2
        assert config.resolve("normal", kind="folder")["every_nth"] == 1
        assert config.resolve("normal", kind="folder", settings={"every_nth": 3})["every_nth"] == 3
        assert config.resolve("normal", dataset_type="mug", kind="folder")["every_nth"] == 2

    def test_a_model_knows_better(self):
        assert config.resolve("prediction", kind="mug")["every_nth"] == config.resolve("prediction")["every_nth"] == 1
        assert config.resolve("prediction", dataset_type="mug")["every_nth"] == 2

    def test_kinds_without_a_file_change_nothing(self):
        assert config.resolve("normal", kind="noise") == config.resolve("normal", kind=None) == config.resolve("normal")


class TestOurFiles:
    def test_by_name_from_anywhere(self, tmp_path, monkeypatch):
        expected = config.resolve("infogan", file=config.FOLDER / "narrow.yml")
        assert expected != config.resolve("infogan")
        monkeypatch.chdir(tmp_path)
        assert (
            config.resolve("infogan", file="narrow") == config.resolve("infogan", file="configs/narrow.yml") == expected
        )

    def test_the_users_own_comes_first(self, tmp_path, monkeypatch):
        (tmp_path / "narrow").write_text("seed: 5")
        monkeypatch.chdir(tmp_path)
        assert config.resolve("infogan", file="narrow")["seed"] == 5

    def test_another_says_which_there_are(self):
        with pytest.raises(ConfigError, match=r"my/narrow\.yml: no such config file; ours are named .*narrow"):
            config.resolve("infogan", file="my/narrow.yml")
