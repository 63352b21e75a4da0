"""Settings: YAML files, ``--set``, and the config inside a snapshot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mocogan_chainer import config
from tests.fuzzing import mutations, structures
from tests.fuzzing.reader import Files, Reader, one_of

FILE = "config.yml"
SETTING = "setting"


def _configs(folder: Path) -> list[Files]:
    texts = [b"video_length: 16\noptimizer: {alpha: 2e-4, beta1: 0.5}\nseed: 3\nsave_name: null\n"]
    texts += [config.dump(config.resolve(model)).encode() for model in ("normal", "infogan", "g3an")]
    return [{FILE: text} for text in texts]


def _read_config(folder: Path) -> None:
    path = folder / FILE
    config.dump(config.resolve(file=path))
    config.restore("model_name: normal\n" + path.read_text(encoding="utf-8", errors="replace"))


def _settings(folder: Path) -> list[Files]:
    items = ["model.dim_zc=30", "optimizer.alpha=2e-4", "seed=3", "save_name=null", "dataset=a b", "flip=true"]
    return [{SETTING: item.encode()} for item in items]


def _damage_setting(rng: np.random.Generator, sound: list[Files]) -> Files:
    samples = [files[SETTING] for files in sound]
    item = samples[rng.integers(len(samples))]
    if rng.random() < 0.3:
        return {SETTING: mutations.damaged(rng, samples)}
    values = structures.YAML_VALUES if rng.random() < 0.8 else [structures.bomb(rng)]
    value = values[rng.integers(len(values))].encode("utf-8", "surrogatepass")
    return {SETTING: item.partition(b"=")[0] + b"=" + value}


def _read_setting(folder: Path) -> None:
    text = (folder / SETTING).read_bytes().decode("utf-8", "surrogateescape")  # as the system hands arguments over
    config.resolve(settings=config.parse_settings([text]))


READERS = (
    Reader("config files", _configs, one_of(FILE, mutations.damaged, structures.yaml, structures.yaml), _read_config),
    Reader("--set", _settings, _damage_setting, _read_setting),
)
