"""Results as pictures."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer.evaluation import curves
from mocogan_chainer.evaluation.protocol import Protocol
from mocogan_chainer.evaluation.result import Result

GREY = (128, 128, 128)
LINE = (31, 119, 180)  # Matplotlib's first colour


def result(metric, others, **settings):
    return Result(
        protocol=Protocol(metric=metric, name=metric, settings=settings),
        evaluated="a/set",
        value=0.5,
        spread=0.1,
        spread_kind="",
        counts={},
        versions={},
        seconds=1.0,
        others=others,
    )


def places(path):
    """Return where the first curve's colour is, as (rows, columns) from the top left, in shares of the picture."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"))
    rows, columns = np.nonzero((pixels == LINE).all(axis=-1))
    return rows / len(pixels), columns / pixels.shape[1]


def test_the_curve_of_a_perfect_set_is_in_the_corner(tmp_path):
    curve = {"precision": [1.0, 1.0, 0.0], "recall": [0.0, 1.0, 1.0], "F1/8 (precision)": 0.5}
    assert curves.write(tmp_path / "curve.png", result("prd", curve))
    rows, columns = places(tmp_path / "curve.png")
    assert rows.min() < 0.2  # along the top
    assert columns.max() > 0.85  # and along the right


@pytest.mark.parametrize("metric", ["psnr", "ssim"])
def test_scores_that_fall_are_drawn_falling(tmp_path, metric):
    others = {"per frame": [30.0, 20.0, 10.0], "copy-last-frame per frame": [25.0, 12.0, 5.0]}
    assert curves.write(tmp_path / "curve.png", result(metric, others, context=3))
    rows, columns = places(tmp_path / "curve.png")
    left, right = columns < 0.4, (columns > 0.6) & (rows > 0.3)  # below the legend
    assert rows[left].mean() < rows[right].mean() - 0.2


def test_a_mere_number_has_none(tmp_path):
    assert not curves.write(tmp_path / "curve.png", result("fvd", {}))
    assert not (tmp_path / "curve.png").exists()


def colours(path):
    with Image.open(path) as image:
        return {tuple(pixel) for pixel in np.asarray(image.convert("RGB")).reshape(-1, 3)}


def marks(path):
    """Whether there is a dotted line from top to bottom; letters have fewer grey pixels in a column."""
    with Image.open(path) as image:
        return (np.asarray(image.convert("RGB")) == GREY).all(axis=-1).sum(axis=0).max() > 30


def test_forecasts_are_drawn_beside_their_baselines(tmp_path):
    names = ("per frame", "copy-last-frame per frame", "optical-flow per frame", "best of K per frame")
    others = {name: [30.0 - i, 25 - i, 20 - i] for i, name in enumerate(names)} | {"best of K": 1.0}
    others["per frame spread"] = [1.0, 2, float("inf")]
    found = dataclasses.replace(result("psnr", others, context=2), counts={"futures of a video": 5})
    assert curves.write(tmp_path / "curve.png", found)
    four = {LINE, (255, 127, 14), (44, 160, 44), (214, 39, 40)}  # Matplotlib's first colours
    assert four <= colours(tmp_path / "curve.png")
    assert marks(tmp_path / "curve.png")  # where the prediction begins
    shade = tuple(round(0.25 * c + 0.75 * 255) for c in LINE)
    plain = {"per frame": others["per frame"]}
    assert curves.write(tmp_path / "plain.png", result("psnr", plain, context=0))
    assert not (four - {LINE}) & colours(tmp_path / "plain.png")
    assert not marks(tmp_path / "plain.png")
    assert any(np.abs(np.subtract(shade, colour)).max() <= 1 for colour in colours(tmp_path / "curve.png"))
