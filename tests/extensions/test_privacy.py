"""What a run writes down: nothing of the environment, and no path that the user did not give."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = "s3cret-of-the-environment"


@pytest.mark.slow
def test_a_run_tells_nothing_of_the_machine(tmp_path, tiny_dataset):
    home, place = tmp_path / "home-of-somebody", tmp_path / "home-of-somebody" / "work"
    shutil.copytree(tiny_dataset, place / "data")
    environment = {**os.environ, "HOME": str(home), "USER": "somebody", "MY_TOKEN": SECRET, "OMP_NUM_THREADS": "1"}
    settings = ("batchsize=2", "max_iteration=2", "model.n_filters_gen=1", "model.n_filters_idis=1")
    settings += ("model.n_filters_vdis=1", "num_gen_samples=1", "snapshot_interval=2", "display_interval=1")
    settings += ("log_tensorboard_interval=1", "video_length=12", "every_nth=1", "backend=stock")
    command = [sys.executable, str(ROOT / "train.py"), "--dataset", "data", "--save_name", "a"]
    command += [part for setting in settings for part in ("--set", setting)]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    written = [path for path in place.rglob("*") if path.is_file() and "data" not in path.relative_to(place).parts]
    assert {"config.yml", "log"} <= {path.name for path in written}
    assert any("tfevents" in path.name for path in written)
    for path in written:
        data = path.read_bytes()
        for private in (SECRET, home.name, "somebody"):
            assert private.encode() not in data, f"{path.relative_to(place)} holds {private}"
