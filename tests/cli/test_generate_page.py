"""The page of animated photos in a real browser: what its screenshot shows."""

import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from mocogan_chainer import builder, video
from mocogan_chainer.cli import generate

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
RED = (200, 40, 40)
FRAMES = {0.0: (20, 170, 60), 0.5: (30, 60, 220), 1.0: (220, 200, 30), 1.5: (150, 30, 200)}
LIGHT, DARK = 1, 0


class Painting:
    """An animator whose frames have one colour each, whatever the photo."""

    size = 64

    def animate(self, photos, alphas):
        frames = [np.full((64, 64, 3), FRAMES[alpha], np.uint8) for alpha in alphas.tolist()]
        return np.stack([frames] * len(photos))


def shoot(browser, page, picture, size, scheme=LIGHT):
    """Take a picture of a page; return it as int (H, W, 3), or None where the browser makes none."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
    options += [f"--user-data-dir={picture.parent / 'profile'}", f"--window-size={size[0]},{size[1]}"]
    options += [f"--blink-settings=preferredColorScheme={scheme}", f"--screenshot={picture}"]
    subprocess.run([browser, *options, page.as_uri()], capture_output=True, timeout=300, check=False)
    return video.read_image(picture).astype(int) if picture.exists() else None


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("needs Chromium on the PATH (Debian: apt-get install chromium)")
    folder = tmp_path_factory.mktemp("browser")
    (folder / "plain.html").write_text("<body style='background: #0a0'>")
    plain = shoot(found, folder / "plain.html", folder / "plain.png", (500, 300))
    if plain is None:
        pytest.skip(f"{found} makes no pictures here (one in a container of its own cannot read every folder)")
    assert plain[100, 100].tolist() == [0, 0xAA, 0]
    return found


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Animate a red photo of a difficult name; return the page."""

    def generated(formats):
        folder = tmp_path_factory.mktemp("made of # 100%")
        Image.new("RGB", (100, 80), RED).save(folder / "a 'b' #1 100%.png")
        config = {"model_name": "affinegan", "fps": 0.1, "video_length": 16}  # so slow that the first frame is seen
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(builder, "load_sampler", lambda path, gpu: (Painting(), config))
            arguments = ["s.npz", folder / "out", "--images", folder, "--alpha", "0:1.5", "--interval", 0.5]
            assert generate.main([*map(str, arguments), "--format", formats]) == 0
        return folder / "out" / "index.html"

    return generated


def box(image, colour, tolerance=12):
    """Return left, top, right and bottom of what has a colour, and how much of this box has it."""
    near = (np.abs(image - colour) <= tolerance).all(-1)
    assert near.any(), f"nothing of {colour}"
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    return left, top, right, bottom, near[top:bottom, left:right].mean()


def check(image, width):
    """Hold that photo, video and strip are where they belong, within ``width`` pixels."""
    left, top, right, bottom, filled = box(image, RED)
    side = right - left
    assert filled > 0.99
    assert side > 120
    assert abs((bottom - top) - side) <= 1

    # Beside it the video's first frame. A player's controls may cover its lower half.
    beside = image[top:bottom, right:width]
    film_left, film_top, film_right, film_bottom, filled = box(beside, FRAMES[0.0])
    assert film_top == 0
    assert abs(film_right - film_left - side) <= 1
    assert film_bottom > side / 2
    assert filled > 0.6
    assert right + film_right < width

    # Below, the strip: its frames from left to right, of one size, each above its alpha.
    below = image[bottom:, :width]
    boxes = [box(below, colour) for colour in FRAMES.values()]
    edges = [edge for each in boxes for edge in (each[0], each[2])]
    assert edges == sorted(edges)
    assert np.ptp([each[2] - each[0] for each in boxes]) <= 3
    assert all(each[4] > 0.97 for each in boxes)
    for first, _, last, strip_bottom, _ in boxes:
        caption = below[strip_bottom + 2 : strip_bottom + 24, first + 4 : last - 4]
        assert 10 < (np.abs(caption - caption[0, 0]).max(-1) > 60).sum() < 400


@pytest.mark.parametrize("formats", ["gif", "mp4"])
def test_a_screen(browser, make, tmp_path, formats):
    image = shoot(browser, make(formats), tmp_path / "shot.png", (1200, 900))
    check(image, 1200)
    assert image[0, 0].min() > 220


def test_in_the_dark(browser, make, tmp_path):
    image = shoot(browser, make("gif"), tmp_path / "shot.png", (1200, 900), DARK)
    check(image, 1200)
    assert image[0, 0].max() < 40


def test_a_phone(browser, make, tmp_path):
    """In a frame, as a browser's own window is never so narrow."""
    page = make("gif")
    (tmp_path / "phone.html").write_text(
        f'<body style="margin: 0"><iframe src="{page.as_uri()}" width="390" height="840" style="border: 0"></iframe>'
    )
    check(shoot(browser, tmp_path / "phone.html", tmp_path / "shot.png", (800, 900)), 390)
