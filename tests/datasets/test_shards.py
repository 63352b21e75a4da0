"""Shards: what lies where, and going on with what a stopped writer left."""

import hashlib
import shutil

import numpy as np
import pytest

from mocogan_chainer.datasets import PreparedDataset, PreparedWriter, shards
from mocogan_chainer.datasets.shards import ShardWriter

SIZE = 4
HEADER = 128
LENGTHS = [4, 4, 4, 10, 25, 1, 9, 2]
PLACES = [(0, 0), (0, 4), (1, 0), (2, 0), (3, 0), (4, 0), (4, 1), (5, 0)]
"""Shard and first frame of each video where a shard holds 10 frames."""
FIRSTS = [0, 2, 3, 4, 5, 7]
"""The first video of each shard."""
ALL = len(LENGTHS)
FRAME_BYTES = {"frames": SIZE * SIZE * 3, "masks": SIZE * SIZE}


def frames(i):
    return np.random.default_rng(i).integers(0, 256, (LENGTHS[i], SIZE, SIZE, 3)).astype(np.uint8)


def masks(i):
    return np.random.default_rng(100 + i).integers(0, 256, (LENGTHS[i], SIZE, SIZE)).astype(np.uint8)


def facts(i):
    known = {"id": f"v{i}", "class_name": "ab"[i % 2], "subject": f"s{i % 3}", "source": f"raw/{i}.avi"}
    return known | {"split": ("train", "test", "")[i % 3], "filter": f"crop={i}"}


def open_writer(folder, masked):
    folder.mkdir(exist_ok=True)
    options = {"seed": 1}
    return PreparedWriter(folder, "toy", SIZE, ["a", "b"], options, masks=masked, shard_bytes=10 * SIZE * SIZE * 3)


def note(writer, i):
    """Say what comes with video ``i``: not to be lost when writing is taken up again."""
    if i == 3:
        writer.skip("bad.avi", "damaged")
    if i == 6:
        writer.remark("raw/6.avi", "odd")


def add(writer, i, masked):
    digest = writer.add(frames(i), **facts(i), masks=masks(i) if masked else None)
    note(writer, i)
    return digest


def killed(folder, masked, count):
    """Leave what a process leaves that is killed after ``count`` videos: nothing is closed or flushed any more."""
    grown = folder.with_name("grown")
    writer = open_writer(grown, masked)
    digests = [add(writer, i, masked) for i in range(count)]
    shutil.copytree(grown, folder)
    writer.abandon()
    shutil.rmtree(grown)
    return digests


def recover(writer, digests):
    """Take over what can be; return the number of videos."""
    for i, digest in enumerate(digests):
        if not writer.recover(LENGTHS[i], digest, **facts(i)):
            return i
        note(writer, i)
    return len(digests)


def go_on(folder, masked, digests, until=ALL):
    """Recover, write the rest up to video ``until``, finish; return how many videos were recovered."""
    writer = open_writer(folder, masked)
    done = recover(writer, digests)
    writer.begin()
    for i in range(done, until):
        add(writer, i, masked)
    writer.finish()
    return done


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


@pytest.fixture(params=[False, True], ids=["plain", "masked"])
def masked(request):
    return request.param


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of the dataset written in one go, without and with masks."""
    made = []
    for masked in (False, True):
        folder = tmp_path_factory.mktemp("whole") / "d"
        go_on(folder, masked, [])
        made.append(content(folder))
    return made


class TestLayout:
    def test_videos_lie_one_after_the_other_and_never_across(self, tmp_path):
        writer = ShardWriter(tmp_path, {"frames": (SIZE, SIZE, 3)}, 10 * FRAME_BYTES["frames"])
        places = [writer.append({"frames": frames(i)})[0] for i in range(ALL)]
        writer.close()
        assert places == PLACES
        assert writer.lengths == [8, 4, 10, 25, 10, 2]
        np.testing.assert_array_equal(np.load(tmp_path / "frames-00004.npy"), np.concatenate([frames(5), frames(6)]))
        assert [len(np.load(tmp_path / f"frames-0000{i}.npy")) for i in range(6)] == [8, 4, 10, 25, 10, 2]

    def test_masks_lie_where_the_frames_do(self, tmp_path):
        go_on(tmp_path / "d", True, [])
        dataset = PreparedDataset.open(tmp_path / "d")
        for i in range(ALL):
            np.testing.assert_array_equal(dataset.frames(i, range(LENGTHS[i])), frames(i))
            np.testing.assert_array_equal(dataset.masks(i, range(LENGTHS[i])), masks(i))

    def test_the_digest_is_of_frames_then_masks(self, tmp_path, masked):
        writer = open_writer(tmp_path / "d", masked)
        expected = frames(0).tobytes() + (masks(0).tobytes() if masked else b"")
        assert add(writer, 0, masked) == hashlib.sha256(expected).hexdigest()
        writer.abandon()

    @pytest.mark.parametrize("block", [1, 100, 1000])
    def test_a_video_of_many_blocks(self, tmp_path, monkeypatch, masked, whole, block):
        monkeypatch.setattr(shards, "BLOCK_BYTES", block)
        digests = killed(tmp_path / "d", masked, 5)
        assert go_on(tmp_path / "d", masked, digests) == 5
        assert content(tmp_path / "d") == whole[masked]


class TestGoingOn:
    """Each finished folder equals, byte for byte, the one that was written in one go."""

    @pytest.mark.parametrize("count", range(ALL + 1))
    def test_after_any_video(self, tmp_path, masked, whole, count):
        digests = killed(tmp_path / "d", masked, count)
        assert go_on(tmp_path / "d", masked, digests) == count
        assert content(tmp_path / "d") == whole[masked]

    @pytest.mark.parametrize("count", range(ALL))
    @pytest.mark.parametrize("known", [False, True], ids=["not-noted", "noted"])
    def test_within_a_video(self, tmp_path, masked, whole, count, known):
        digests = killed(tmp_path / "d", masked, count + 1)
        shard, first = PLACES[count]
        kind = "masks" if masked else "frames"  # a video's masks are written after its frames
        path = tmp_path / "d" / f"{kind}-{shard:05d}.npy"
        with path.open("r+b") as file:
            file.truncate(HEADER + int((first + LENGTHS[count] / 2) * FRAME_BYTES[kind]))
        assert go_on(tmp_path / "d", masked, digests if known else digests[:-1]) == count
        assert content(tmp_path / "d") == whole[masked]

    @pytest.mark.parametrize("count", range(ALL))
    def test_before_the_masks_of_a_video(self, tmp_path, whole, count):
        digests = killed(tmp_path / "d", True, count + 1)
        shard, first = PLACES[count]
        with (tmp_path / "d" / f"masks-{shard:05d}.npy").open("r+b") as file:
            file.truncate(HEADER + first * FRAME_BYTES["masks"])
        assert go_on(tmp_path / "d", True, digests) == count
        assert content(tmp_path / "d") == whole[True]

    @pytest.mark.parametrize("video", range(ALL))
    @pytest.mark.parametrize("frame", [0, -1])
    @pytest.mark.parametrize("kind", ["frames", "masks"])
    def test_with_a_flipped_byte(self, tmp_path, whole, kind, video, frame):
        digests = killed(tmp_path / "d", True, ALL)
        shard, first = PLACES[video]
        place = first + (frame % LENGTHS[video])
        flip(tmp_path / "d" / f"{kind}-{shard:05d}.npy", HEADER + (place + 1) * FRAME_BYTES[kind] - 1)
        assert go_on(tmp_path / "d", True, digests) == video
        assert content(tmp_path / "d") == whole[True]

    @pytest.mark.parametrize("shard", range(len(FIRSTS)))
    @pytest.mark.parametrize("left", [0, 50, HEADER, HEADER + 30])
    def test_with_a_shard_cut_short(self, tmp_path, masked, whole, shard, left):
        digests = killed(tmp_path / "d", masked, ALL)
        with (tmp_path / "d" / f"frames-{shard:05d}.npy").open("r+b") as file:
            file.truncate(left)
        assert go_on(tmp_path / "d", masked, digests) == FIRSTS[shard]
        assert content(tmp_path / "d") == whole[masked]

    @pytest.mark.parametrize("shard", range(len(FIRSTS)))
    @pytest.mark.parametrize("kind", ["frames", "masks"])
    def test_with_a_missing_file(self, tmp_path, whole, kind, shard):
        digests = killed(tmp_path / "d", True, ALL)
        (tmp_path / "d" / f"{kind}-{shard:05d}.npy").unlink()
        assert go_on(tmp_path / "d", True, digests) == FIRSTS[shard]
        assert content(tmp_path / "d") == whole[True]

    @pytest.mark.parametrize("count", [0, 3, ALL])
    def test_with_files_of_later_shards(self, tmp_path, masked, whole, count):
        digests = killed(tmp_path / "d", masked, count)
        for name in ("frames-00006.npy", "frames-00040.npy", "masks-00006.npy", "masks-00000.npy"):
            if not (tmp_path / "d" / name).exists():
                (tmp_path / "d" / name).write_bytes(b"left over")
        assert go_on(tmp_path / "d", masked, digests) == count
        assert content(tmp_path / "d") == whole[masked]

    def test_with_another_rest(self, tmp_path, masked):
        digests = killed(tmp_path / "d", masked, ALL)
        assert go_on(tmp_path / "d", masked, digests[:6], until=6) == 6
        go_on(tmp_path / "six", masked, [], until=6)
        assert content(tmp_path / "d") == content(tmp_path / "six")

    def test_with_a_damaged_header(self, tmp_path, masked, whole):
        digests = killed(tmp_path / "d", masked, 6)
        for path in (tmp_path / "d").iterdir():
            flip(path, 20)
        assert go_on(tmp_path / "d", masked, digests) == 6
        assert content(tmp_path / "d") == whole[masked]

    def test_after_the_last_file_was_written(self, tmp_path, masked, whole):
        digests = killed(tmp_path / "d", masked, ALL)
        for name, data in whole[masked].items():
            (tmp_path / "d" / name).write_bytes(data)
        assert go_on(tmp_path / "d", masked, digests) == ALL
        assert content(tmp_path / "d") == whole[masked]

    def test_and_stopped_again(self, tmp_path, masked, whole):
        digests = killed(tmp_path / "d", masked, 2)
        for until in (4, 5, 7):
            writer = open_writer(tmp_path / "d", masked)
            assert recover(writer, digests) == len(digests)
            writer.begin()
            digests += [add(writer, i, masked) for i in range(len(digests), until)]
            writer.abandon()
        assert go_on(tmp_path / "d", masked, digests) == 7
        assert content(tmp_path / "d") == whole[masked]

    def test_and_stopped_while_looking(self, tmp_path, masked, whole):
        digests = killed(tmp_path / "d", masked, ALL)
        writer = open_writer(tmp_path / "d", masked)
        recover(writer, digests[:4])
        writer.abandon()
        assert go_on(tmp_path / "d", masked, digests) == ALL
        assert content(tmp_path / "d") == whole[masked]


def test_a_digest_of_something_else(tmp_path):
    digests = killed(tmp_path / "d", False, 2)
    writer = ShardWriter(tmp_path / "d", {"frames": (SIZE, SIZE, 3)}, 10 * FRAME_BYTES["frames"])
    assert writer.recover(4, digests[1]) is None
    assert writer.lengths == []
    assert writer.recover(4, digests[0]) == (0, 0)
    assert writer.recover(3, digests[1]) is None
    assert writer.lengths == [4]
    writer.abandon()


def test_a_digest_of_the_last_video_and_a_length_beyond_the_end(tmp_path):
    digests = killed(tmp_path / "d", False, 2)
    writer = ShardWriter(tmp_path / "d", {"frames": (SIZE, SIZE, 3)}, 10 * FRAME_BYTES["frames"])
    assert writer.recover(LENGTHS[0], digests[0]) == (0, 0)
    assert writer.recover(LENGTHS[1] + 1, digests[1]) is None
    assert writer.lengths == [LENGTHS[0]]
    writer.abandon()


def test_other_files_stay(tmp_path):
    for name in ("frames-1.npy", "notes.txt", "frames-00000.npy.bak"):
        (tmp_path / name).touch()
    (tmp_path / "frames-00003.npy").touch()
    ShardWriter(tmp_path, {"frames": (SIZE, SIZE, 3)}).cut()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames-00000.npy.bak", "frames-1.npy", "notes.txt"]
