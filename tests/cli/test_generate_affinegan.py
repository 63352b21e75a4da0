"""``generate_samples.py`` on a snapshot of AffineGAN, as trained for a step."""

from pathlib import Path

import chainer
import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, video
from mocogan_chainer.cli import generate, train
from mocogan_chainer.datasets import open_writer

SNAPSHOT = "result/affinegan/snapshot_latest.npz"
SMALL = ["model.generator=unet_64", "model.ngf=2", "model.ndf=2", "model.train_imagenum=2", "video_length=4"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a snapshot and photos/: three of 64 x 64 and a text."""
    folder = tmp_path_factory.mktemp("affinegan")
    rng = np.random.default_rng(0)
    with open_writer(folder / "data", "faces", 64, ["happy"]) as writer:
        for i in range(2):
            writer.add(rng.integers(256, size=(4, 64, 64, 3), dtype=np.uint8), str(i), "happy")
    places = [f"out={folder}/result", f"tensorboard={folder}/runs"]
    arguments = ["--model", "affinegan", "--dataset", str(folder / "data"), "--max_iteration", "1"]
    assert train.main([*arguments, "--num_gen_samples", "1", "--set", *SMALL, *places]) == 0
    (folder / "photos").mkdir()
    for i in range(3):
        Image.fromarray(rng.integers(256, size=(64, 64, 3), dtype=np.uint8)).save(folder / "photos" / f"{i}.png")
    (folder / "photos" / "notes.txt").write_text("hello")
    return folder


@pytest.fixture
def place(made, monkeypatch):
    monkeypatch.chdir(made)


def test_photos_become_the_videos_that_the_network_makes(place, capsys):
    options = ["--images", "photos", "--alpha", "0:1.3", "--interval", "0.65", "--format", "gif,mp4,frames"]
    for batchsize in ("1", "3"):
        capsys.readouterr()
        assert generate.main([SNAPSHOT, batchsize, *options, "--batchsize", batchsize]) == 0
    taken = capsys.readouterr()
    assert taken.out == "3 videos of 3 frames in 3; the page: 3/index.html\n"
    assert "left out: photos/notes.txt: cannot be read as an image: not an image" in taken.err

    files = sorted(path.relative_to("1") for path in Path("1").rglob("*") if path.is_file())
    assert len(files) == 1 + 3 * (4 + 3)
    for file in files:
        assert Path("1", file).read_bytes() == Path("3", file).read_bytes()

    generator = builder.load_sampler(SNAPSHOT)[0].generator
    for i in range(3):
        photo = np.array(Image.open(f"photos/{i}.png"))
        assert np.array_equal(video.read_image(f"1/{i}_input.png"), photo)
        frames = video.read_frames(sorted(Path("1", str(i)).iterdir()))
        x = photo.transpose(2, 0, 1)[None].astype(np.float32) / 127.5 - 1
        with chainer.using_config("train", False), chainer.no_backprop_mode():
            expected = [generator(x, 1.0, alpha)[0].array[0].transpose(1, 2, 0) for alpha in (0, 0.65, 1.3)]
        assert np.abs((np.stack(expected) + 1) * 127.5 - frames).max() <= 0.51
    page = Path("1/index.html").read_text(encoding="utf-8")
    assert "3 photos animated by affinegan" in page
    assert page.count('src="./') == 9


def test_what_it_does_not_take(place, capsys):
    capsys.readouterr()
    assert generate.main([SNAPSHOT, "out", "--num", "4"]) == 2
    assert capsys.readouterr().err.startswith("error: --num 4: affinegan animates photos; use --images, ")
    assert generate.main([SNAPSHOT, "out"]) == 2
    assert capsys.readouterr().err.endswith("name one, or a folder of them: --images PHOTO_OR_FOLDER\n")
    assert not Path("out").exists()
