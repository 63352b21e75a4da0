"""The Average Content Distance of a set."""

import itertools

import numpy as np
import pytest

from mocogan_chainer.errors import ConfigError, DataError
from mocogan_chainer.evaluation.metrics.average_content_distance import FEATURES, average_content_distance
from tests.evaluation.fakes import Videos

NAN = float("nan")


def coloured(reds):
    """A shape of 2 x 2 pixels over black, whose red is given for each frame."""
    video = np.zeros((len(reds), 8, 8, 3), np.uint8)
    video[:, 3:5, 3:5, 0] = np.array(reds)[:, None, None]
    return video


def pairs(numbers):
    found = [abs(a - b) for a, b in itertools.combinations(numbers, 2)]
    return sum(found) / len(found)


class Faces:
    """Stands in for face identity: a frame's identity is its brightest value; none shows a face below 100."""

    versions = {"dlib": "1.2.3"}  # noqa: RUF012

    def __call__(self, video):
        rows = video.reshape(len(video), -1).max(axis=1)[:, None].astype(float)
        rows[rows < 100] = NAN
        return rows

    def protocol(self):
        return {"network": "faces", "weights_sha256": "ab" * 32, "size": 150, "settings": {"detector": "none"}}


@pytest.fixture
def faces(monkeypatch):
    monkeypatch.setitem(FEATURES, "face-identity", Faces)


def acd(videos, **how):
    return average_content_distance(Videos(videos), range(len(videos)), **{"features": "shape-colour", **how})


def test_the_value_is_the_mean_over_videos():
    reds = [[50, 60, 90, 90], [200, 100, 100, 100], [70, 70, 70, 70]]
    found = acd([coloured(r) for r in reds], frames=4)
    assert found.value == pytest.approx(np.mean([pairs(r) for r in reds]))
    assert found.spread == pytest.approx(np.std([pairs(r) for r in reds], ddof=1) / 3**0.5)
    assert "standard error" in found.spread_kind
    assert found.others == {"by first-frame": pytest.approx(np.mean([(10 + 40 + 40) / 3, 100, 0]))}
    assert found.evaluated == "videos"
    assert not found.warnings


def test_prediction_from_one_frame():
    found = acd([coloured([50, 60, 90, 90])], frames=4, measure="first-frame")
    assert found.value == pytest.approx(30)
    assert found.others == {"by pairs": pytest.approx(pairs([50, 60, 90, 90]))}
    assert found.protocol.name == "acd-i-shape-colour"
    assert (found.spread, found.spread_kind) == (None, "")


@pytest.mark.parametrize(
    ("frames", "stride", "used"),
    [(16, 1, range(16)), (3, 1, [0, 1, 2]), (3, 4, [0, 4, 8]), (None, 1, range(20)), (None, 7, [0, 7, 14])],
)
def test_which_frames(frames, stride, used):
    reds = np.random.default_rng(0).integers(30, 255, 20)
    found = acd([coloured(reds)], frames=frames, stride=stride)
    assert found.value == pytest.approx(pairs([int(reds[i]) for i in used]))
    assert found.counts["frames"] == len(used)
    assert (found.protocol.frames, found.protocol.stride, found.protocol.start) == (frames, stride, "first")


def test_only_the_videos_that_were_chosen():
    videos = Videos([coloured([50, 60]), coloured([50, 250]), coloured([50, 90])])
    told = []
    found = average_content_distance(videos, [0, 2], features="shape-colour", frames=2, seed=7, advance=told.append)
    assert found.value == pytest.approx(25)
    assert sum(told) == 2
    assert (found.protocol.seed, found.protocol.evaluated_samples) == (7, 2)


def test_what_is_left_out_is_counted():
    videos = [coloured([50, 60, 0]), None, coloured([50] * 2), coloured([0, 0, 90])]
    found = acd(videos, frames=3)
    assert found.value == pytest.approx(10)
    assert found.counts == {
        "videos": 2,
        "videos left out": 1,
        "frames": 6,
        "frames without a feature": 3,
        "videos unreadable or too short": 2,
    }
    assert found.protocol.evaluated_samples == 1
    broken, dark, empty = found.warnings
    assert broken == "2 videos are left out; the first: video1: video1: cannot be read"
    assert "3 of 6 frames do not show a pixel that is not dark" in dark
    assert "1 of 2 videos" in empty


def test_only_videos_with_a_distance_are_counted_as_evaluated():
    """An empty one has none: a set that is empty but for one video does not pass for a set of three."""
    found = acd([coloured([0] * 16)] * 2 + [coloured([50, 60] * 8)])
    assert found.counts["videos"] == 3
    assert found.protocol.evaluated_samples == 1


def test_the_protocol_of_colours():
    found = acd([coloured([50, 60])], frames=2)
    protocol = found.protocol
    assert (protocol.metric, protocol.name) == ("acd", "acd-shape-colour")
    assert protocol.settings == (("darkest", 16), ("measure", "pairs"))
    assert protocol.weights_sha256 is None
    assert protocol.reference is None  # a real set's value and a generated one's can be compared


def test_faces(faces):
    videos = [coloured([110, 20, 130]), coloured([150, 150, 20])]
    found = acd(videos, frames=3, features="face-identity")
    assert found.value == pytest.approx(10)
    assert found.counts["frames without a feature"] == 2
    assert found.versions["dlib"] == "1.2.3"
    assert (found.protocol.name, found.protocol.weights_sha256) == ("acd-face-identity", "ab" * 32)
    assert found.protocol.settings == (("detector", "none"), ("measure", "pairs"))
    assert found.warnings == ("2 of 6 frames do not show a face and are left out; the distance says nothing of them",)


def test_the_first_frame_without_a_face(faces):
    found = acd([coloured([20, 120, 130])], frames=3, features="face-identity")
    assert found.value == pytest.approx(10)
    assert found.others == {}


class TestOfAGivenPicture:
    """Animations of the first frames, 50 and 200, of two real videos."""

    MADE = ([60, 90, 100], [200, 200])
    REAL = ([50, 70, 90, 130], [200, 180])

    def found(self, real=REAL, **how):
        return acd([coloured(r) for r in self.MADE], truth=lambda i: coloured(real[i]), **{"frames": None, **how})

    def test_every_frame_is_compared_with_it(self):
        found = self.found(measure="first-frame")
        assert found.value == pytest.approx(np.mean([(10 + 40 + 50) / 3, 0]))
        assert found.others["by pairs"] == pytest.approx(np.mean([pairs(m) for m in self.MADE]))
        assert found.protocol.settings == (
            ("darkest", 16),
            ("first_frame", "the given one"),
            ("measure", "first-frame"),
        )

    def test_pairs_are_of_what_was_made(self):
        found = self.found()
        assert found.value == pytest.approx(np.mean([(30 + 40 + 10) / 3, 0]))
        assert found.others["by first-frame"] == pytest.approx(50 / 3)
        assert found.protocol == acd([coloured(r) for r in self.MADE], frames=None).protocol

    def test_the_real_videos_stand_beside(self):
        found = self.found()
        assert found.others["of the real videos by pairs"] == pytest.approx(np.mean([pairs(r) for r in self.REAL]))
        assert found.others["of the real videos by first-frame"] == pytest.approx(np.mean([(20 + 40 + 80) / 3, 20]))
        first = self.found(frames=2).others["of the real videos by first-frame"]
        assert first == pytest.approx(20)

    def test_photos_stand_for_no_motion(self):
        found = self.found(real=([50], [200]), measure="first-frame")
        assert found.value == pytest.approx(50 / 3)
        assert set(found.others) == {"by pairs"}

    def test_what_has_no_face_is_left_out(self, faces):
        found = self.found(measure="first-frame", features="face-identity")
        assert found.value == 0  # the first picture is too dark, and with it the first video
        assert (found.counts["videos left out"], found.protocol.evaluated_samples) == (1, 1)


def test_a_single_frame_has_no_distance():
    with pytest.raises(DataError, match="none of its 1 videos can be used; the first: video0: 1 frames, and 2 are"):
        acd([coloured([50])], frames=None)


def test_no_shape_over_black():
    bright = np.full((2, 8, 8, 3), 90, np.uint8)
    found = acd([bright, coloured([50, 50])], frames=2)
    assert len(found.warnings) == 1
    assert "1 of 2 videos are bright on most of their pixels" in found.warnings[0]


def test_nothing_to_measure(faces):
    with pytest.raises(
        DataError, match=r"videos: none of its 2 videos can be used; the first: video0: 2 frames, and 16"
    ):
        acd([coloured([50, 60])] * 2)
    with pytest.raises(DataError, match=r"none of 1 videos has features in enough frames \(2 of 2"):
        acd([coloured([50, 60])], frames=2, features="face-identity")


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("features", "shape-color", r"features=shape-color: .*did you mean shape-colour"),
        ("measure", "first", "measure=first: it must be one of pairs, first-frame"),
        ("frames", 1, "frames=1: it must be at least 2"),
        ("stride", 0, "stride=0: it must be at least 1"),
    ],
)
def test_arguments(argument, value, message):
    with pytest.raises(ConfigError, match=message):
        acd([coloured([50, 60])], **{argument: value})


def test_videos_that_begin_with_the_truth():
    """The first frame is given, so it is not compared with itself; what happened stands beside."""
    made, true = grey_steps(60, 63, 72), grey_steps(60, 61, 61)
    found = average_content_distance(
        Videos([made]),
        [0],
        features="shape-colour",
        measure="first-frame",
        frames=3,
        truth=lambda index: true,
        begins_true=True,
    )
    assert found.value == pytest.approx((3 + 12) / 2 * 3**0.5)
    assert found.others["of the real videos by first-frame"] == pytest.approx(3**0.5)
    assert "first_frame" not in dict(found.protocol.settings)


def grey_steps(*levels):
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), 8, 8, 3)).copy()
