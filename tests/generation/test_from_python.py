"""Generating from Python: requests that check themselves, and a model that they must suit."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import generation, video
from mocogan_chainer.errors import ConfigError, OutputError
from mocogan_chainer.generation import AnimationRequest, FutureRequest, Model, Output, RandomVideosRequest

SIZE = 32
CONFIG = {"model_name": "small", "fps": 10, "video_length": 6, "every_nth": 1}


class Drawing:
    """A sampler whose videos are as grey as their category says."""

    class_names = ("up", "left")
    category_is_motion = True
    tile = 1

    def draw(self, seed, contents, motions, length, categories=None):
        return [(length, 0 if categories is None else categories[i]) for i in range(len(contents))]

    def render(self, codes):
        return np.stack([np.full((length, SIZE, SIZE, 3), 100 * category, np.uint8) for length, category in codes])


class Darkening:
    size = SIZE

    def animate(self, photos, alphas):
        return (photos[:, None] * (1 - alphas / 2)[None, :, None, None, None]).astype(np.uint8)


class Holding:
    size = SIZE
    most_context = 3
    transfers_motion = False

    def forecast(self, context, length, seeds):
        return np.stack([context[-1:].repeat(length, axis=0)] * len(seeds))

    def transfer(self, content, clip):
        raise AssertionError


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder to work in, with a photo in it."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (SIZE, SIZE), (200, 100, 50)).save("anna.png")


def generate(sampler, request, **output):
    said = []
    generation.generate(Model("snapshot.npz", sampler, CONFIG), request, Output("out", **output), said.append)
    return said


def names():
    return sorted(path.name for path in Path("out").iterdir())


def test_random_videos():
    request = RandomVideosRequest(num=np.int64(2), grid=(1, 2), category=1, lengths=np.array([5, 3, 5]))
    assert request.lengths == (3, 5)
    said = generate(Drawing(), request, formats=["frames"])
    assert said == ["2 videos and 1 grid of 6 frames, and one video at 2 lengths, in out"]
    assert names() == ["grid_1x2", "length_00003", "length_00005", "video_1_left_00000", "video_1_left_00001"]
    assert video.read_image("out/video_1_left_00001/0006.png").tolist() == np.full((SIZE, SIZE, 3), 100).tolist()


def test_a_category_whose_name_is_too_long_for_a_file():
    sampler = Drawing()
    sampler.class_names = ("über" * 60, "left")
    generate(sampler, RandomVideosRequest(num=1, length=2, category="all"), formats=["frames"])
    first, second = names()
    assert (first[:12], second) == ("video_0_über", "video_1_left_00000")
    assert first.endswith("_00000")


def test_numbers_that_are_names():
    sampler = Drawing()
    sampler.class_names = ("0", "3")
    generate(sampler, RandomVideosRequest(num=1, length=2, category=3), formats=["frames"])
    assert names() == ["video_1_3_00000"]
    with pytest.raises(ConfigError, match=r"^--category 1: it must be all or one of 0, 3 \(names; "):
        generate(sampler, RandomVideosRequest(category=1))


def test_a_photo():
    said = generate(Darkening(), AnimationRequest(Path("anna.png"), alpha=(0, 1), interval=0.5), formats="gif,frames")
    assert said == ["1 video of 3 frames in out; the page: out/index.html"]
    levels = video.read_frames(sorted(Path("out/anna").iterdir()))[:, 0, 0, 0]
    assert levels.tolist() == [200, 150, 100]
    with Image.open("out/anna.gif") as gif:
        assert gif.info["duration"] == 100  # the model's pace, as none was given


def test_frames_of_another_program_are_not_replaced():
    Path("out/anna").mkdir(parents=True)
    Image.new("RGB", (SIZE, SIZE)).save("out/anna/0007.png")
    with pytest.raises(
        OutputError, match=r"out/anna: it holds images that this program did not make or .* \(0007.png\)"
    ):
        generate(Darkening(), AnimationRequest("anna.png"), formats="gif,frames")
    assert names() == ["anna"]


def test_a_clip():
    said = generate(Holding(), FutureRequest(Path("anna.png"), futures=1), fps=5)
    assert said == ["1 clip continued, 1 future each, in out; side by side: anna.gif and anna.png"]
    assert names() == ["anna.gif", "anna.png", "anna_future_1.mp4", "anna_mean.mp4"]
    with Image.open("out/anna.gif") as gif:
        assert (gif.n_frames, gif.info["duration"]) == (6, 200)


@pytest.mark.parametrize(
    ("sampler", "request_", "message"),
    [
        (Drawing(), AnimationRequest("a"), "AnimationRequest: small makes videos of codes; use generation.Random"),
        (Darkening(), RandomVideosRequest(), "RandomVideosRequest: small animates photos; use generation.Animation"),
        (Holding(), RandomVideosRequest(), "RandomVideosRequest: small continues clips; use generation.FutureRequest"),
    ],
)
def test_a_request_of_another_kind(sampler, request_, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        generate(sampler, request_)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("make", "fields", "message"),
    [
        (RandomVideosRequest, {"num": -1}, "--num=-1: it must be between 0 and 10000000"),
        (RandomVideosRequest, {"num": None}, "--num=None: it must be a whole number"),
        (RandomVideosRequest, {"length": 2.5}, "--length=2.5: it must be a whole number"),
        (RandomVideosRequest, {"seed": -1}, "--seed=-1: it must be between 0 and"),
        (RandomVideosRequest, {"batchsize": 0}, "--batchsize=0: it must be between 1 and 10000"),
        (RandomVideosRequest, {"interpolate": 1}, "--interpolate=1: it must be between 2 and 200"),
        (RandomVideosRequest, {"grid": (0, 3)}, "--grid=0: it must be between 1 and 99"),
        (RandomVideosRequest, {"lengths": [16, 0]}, "--lengths=0: it must be between 1 and 10000"),
        (AnimationRequest, {"batchsize": 0}, "--batchsize=0: it must be between 1 and 10000"),
        (AnimationRequest, {"alpha": (0, 11)}, "--alpha 0:11: it must be START:STOP from -10 to 10, START first"),
        (AnimationRequest, {"alpha": (1, 0)}, "--alpha 1:0: it must be START:STOP from -10 to 10, START first"),
        (AnimationRequest, {"interval": 0}, "--interval=0: it must be between 0.001 and 20"),
        (AnimationRequest, {"interval": 0.001, "alpha": (0, 2)}, "--interval 0.001: 2001 frames from alpha 0 to 2"),
        (AnimationRequest, {"crop": "middle"}, "--crop=middle: it must be one of face, center, none"),
        (RandomVideosRequest, {"lengths": 16}, "--lengths=16: it must be numbers, for example [16, 20, 24]"),
        (RandomVideosRequest, {"lengths": "16,20"}, "--lengths='16,20': it must be numbers"),
        (RandomVideosRequest, {"lengths": [16, "a"]}, "--lengths='a': it must be a whole number"),
        (RandomVideosRequest, {"grid": 4}, "--grid=4: it must be two numbers, for example (4, 6)"),
        (RandomVideosRequest, {"grid": (4, 6, 2)}, "--grid=(4, 6, 2): it must be two numbers"),
        (AnimationRequest, {"alpha": 0.5}, "--alpha=0.5: it must be two numbers, for example (0, 1.3)"),
        (AnimationRequest, {"alpha": (0, None)}, "--alpha=None: it must be a number"),
        (AnimationRequest, {"interval": "a"}, "--interval='a': it must be a number"),
        (Output, {"folder": None}, "out=None: it must be the path of a folder"),
        (Output, {"folder": "out", "formats": 5}, "--format=5: it must be some of mp4, gif, frames"),
        (Output, {"folder": "out", "fps": "a"}, "--fps='a': it must be a number"),
        (generation.load, {"snapshot": None}, "snapshot=None: it must be the path of a snapshot"),
        (FutureRequest, {"every_nth": 0}, "--every-nth=0: it must be between 1 and 10000"),
        (FutureRequest, {"futures": 101}, "--futures=101: it must be between 0 and 100"),
        (FutureRequest, {"num": "2"}, "--num='2': it must be a whole number"),
        (Output, {"folder": "out", "formats": "avi"}, "--format=avi: it must be one of mp4, gif, frames"),
        (Output, {"folder": "out", "formats": ()}, "--format=: it must be one of mp4, gif, frames"),
        (Output, {"folder": "out", "fps": 0}, "--fps=0: it must be between 0.1 and 100"),
    ],
)
def test_what_no_model_can_do(make, fields, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        make(**fields)
