"""Snapshots: what goes in comes out, and damage is noticed."""

import json
import re
from types import SimpleNamespace

import chainer
import numpy as np
import pytest

from mocogan_chainer import checkpoint, links, npz_files, seeding
from mocogan_chainer.errors import DamagedError, OutputError, SnapshotError


class Target:
    """A network, its optimizer and values of every kind."""

    def __init__(self, seed=0, channels=3):
        self.network = links.Convolution(2, channels, (3, 3), 1, 1, seeding.stream(seed))
        self.optimizer = chainer.optimizers.Adam().setup(self.network)
        self.text, self.number, self.nothing = f"text {seed}", seed, None if seed else 5

    def learn(self):
        self.optimizer.update(lambda x: chainer.functions.sum(self.network(x) ** 2), np.ones((1, 2, 4, 4), np.float32))
        return self

    def serialize(self, serializer):
        self.network.serialize(serializer["network"])
        self.optimizer.serialize(serializer["optimizer"])
        self.text = serializer("text", self.text)
        self.number = serializer("number", self.number)
        self.nothing = serializer("nothing", self.nothing)


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "snapshot.npz"
    checkpoint.save(file, Target(1).learn(), config="a: 1\n", data={"name": "x"}, iteration=7)
    return file


def test_round_trip(path):
    snapshot = checkpoint.load(path)
    assert (snapshot.config, snapshot.data, snapshot.iteration) == ("a: 1\n", {"name": "x"}, 7)
    expected, actual = Target(1).learn(), Target(0)
    snapshot.restore(actual)
    assert (actual.text, actual.number, actual.nothing) == ("text 1", 1, None)
    assert np.array_equal(actual.network.W.array, expected.network.W.array)
    assert actual.optimizer.t == 1
    assert np.array_equal(actual.learn().network.W.array, expected.learn().network.W.array)


def test_a_part_alone(path):
    snapshot, network = checkpoint.load(path), Target(0).network
    assert snapshot.has("network")
    assert not snapshot.has("net")
    snapshot.restore(network, "network")
    assert np.array_equal(network.W.array, Target(1).learn().network.W.array)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_part_that_is_not_finite(tmp_path, value):
    target = Target(1)
    target.network.W.array.flat[3] = value
    checkpoint.save(tmp_path / "sick.npz", target, config="a: 1\n", data={"name": "x"}, iteration=7)
    snapshot = checkpoint.load(tmp_path / "sick.npz")
    snapshot.require_finite("optimizer")
    with pytest.raises(SnapshotError, match=r"sick\.npz: 1 of the network's arrays hold numbers .* them W: training"):
        snapshot.require_finite("network")


def test_another_shape(path):
    with pytest.raises(SnapshotError, match=r"trainer/network/W has shape \(3, 2, 3, 3\) where \(4, 2, 3, 3\)"):
        checkpoint.load(path).restore(Target(channels=4))


def test_something_missing(path):
    with pytest.raises(SnapshotError, match="lacks trainer/number/W; it was made with other settings"):
        checkpoint.load(path).restore(Target().network, "number")


def test_no_such_file(tmp_path):
    with pytest.raises(SnapshotError, match="no such snapshot"):
        checkpoint.load(tmp_path / "none.npz")


def test_a_folder(tmp_path):
    with pytest.raises(SnapshotError, match="name a snapshot"):
        checkpoint.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 but no more"])
def test_other_files(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(SnapshotError, match="not a snapshot, or damaged"):
        checkpoint.load(tmp_path / "x.npz")


def test_other_archives(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.ones(3))
    with pytest.raises(SnapshotError, match=r"not a snapshot of train.py"):
        checkpoint.load(tmp_path / "x.npz")


def test_pickles_are_never_opened(tmp_path):
    np.savez(tmp_path / "x.npz", meta=np.array({"format": checkpoint.FORMAT}, dtype=object))
    with pytest.raises(SnapshotError, match="not a snapshot, or damaged"):
        checkpoint.load(tmp_path / "x.npz")


def test_it_takes_no_more_memory_than_its_size_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(npz_files, "MORE", 1 << 20)
    meta = {"format": checkpoint.FORMAT, "version": 1, "config": "", "data": {}, "iteration": 0}
    arrays = {"meta": np.array(json.dumps(meta)), "trainer/network/W": np.zeros(20 << 20, np.uint8)}
    np.savez_compressed(tmp_path / "x.npz", **arrays)
    with pytest.raises(SnapshotError, match=r"x.npz: not a snapshot, or damaged \(its arrays would take 209"):
        checkpoint.load(tmp_path / "x.npz")


def test_a_description_without_an_end(tmp_path):
    np.savez(tmp_path / "x.npz", meta=np.array("[" * 200_000))
    with pytest.raises(SnapshotError, match=r"not a snapshot of train.py"):
        checkpoint.load(tmp_path / "x.npz")


@pytest.mark.parametrize(("key", "value", "message"), [("version", 99, "version 99"), ("format", "x", "it is a x")])
def test_other_formats(tmp_path, key, value, message):
    meta = {"format": checkpoint.FORMAT, "version": 1, "config": "", "data": {}, "iteration": 0, key: value}
    np.savez(tmp_path / "x.npz", meta=np.array(json.dumps(meta)))
    with pytest.raises(SnapshotError, match=message):
        checkpoint.load(tmp_path / "x.npz")


def test_truncation_is_noticed(path):
    whole = path.read_bytes()
    for fraction in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * fraction)])
        with pytest.raises(SnapshotError, match=re.escape(str(path))):
            checkpoint.load(path)


def test_a_flipped_bit_is_noticed(path):
    snapshot = checkpoint.load(path)
    whole = bytearray(path.read_bytes())
    place = bytes(whole).index(snapshot.arrays["trainer/network/W"].tobytes()) + 10
    whole[place] ^= 1
    path.write_bytes(bytes(whole))
    with pytest.raises(SnapshotError, match="damaged"):
        checkpoint.load(path)


def test_a_failed_write_keeps_the_old_snapshot(path, monkeypatch):
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OutputError, match="the disk is full"):
        checkpoint.save(path, Target(), config="", data={}, iteration=8)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


class TestChecksum:
    """What the archive's own sums cannot see."""

    def rewrite(self, path, change):
        """Write the file anew with other content, as a whole archive."""
        with np.load(path) as file:
            arrays = dict(file)
        change(arrays)
        np.savez(path, **arrays)

    @pytest.mark.parametrize(
        "change",
        [
            lambda arrays: arrays.pop("trainer/network/W"),
            lambda arrays: arrays.update({"trainer/more": np.ones(1)}),
            lambda arrays: arrays.update({"trainer/network/W": arrays["trainer/network/W"] + 1}),
            lambda arrays: arrays.update({"trainer/network/W": arrays["trainer/network/W"].reshape(-1)}),
            lambda arrays: arrays.update({"trainer/number": arrays["trainer/number"].astype(np.uint64)}),
            lambda arrays: arrays.update({"trainer/w": arrays.pop("trainer/network/W")}),
            lambda arrays: arrays.update(
                meta=np.array(str(arrays["meta"]).replace('"iteration": 7', '"iteration": 8'))
            ),
        ],
    )
    def test_anything_else_than_was_written_is_damage(self, path, change):
        self.rewrite(path, change)
        with pytest.raises(DamagedError, match="damaged: its content does not match its checksum"):
            checkpoint.load(path)

    def test_the_same_content_is_good(self, path):
        before = checkpoint.load(path)
        self.rewrite(path, lambda arrays: None)
        assert checkpoint.load(path).arrays.keys() == before.arrays.keys()

    def test_those_of_earlier_versions_have_none(self, path):
        def forget(arrays):
            meta = json.loads(str(arrays["meta"]))
            del meta["checksum"]
            arrays["meta"] = np.array(json.dumps(meta))

        self.rewrite(path, forget)
        assert checkpoint.load(path).iteration == 7


def test_a_full_disk_is_known_before(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("mocogan_chainer.files.room", lambda place: 1 << 10)
    monkeypatch.setattr(np, "savez", lambda *_, **__: pytest.fail("it was tried"))
    large = SimpleNamespace(serialize=lambda serializer: serializer("x", np.zeros(20 << 20, np.uint8)))
    message = "cannot be written: it takes 20 MiB and the disk has 0.00 MiB left; free some space"
    with pytest.raises(OutputError, match=re.escape(message)):
        checkpoint.save(path, large, config="", data={}, iteration=8)
    assert path.read_bytes() == before


def test_it_takes_no_more_than_was_said(tmp_path):
    size = checkpoint.save(tmp_path / "x.npz", Target(1).learn(), config="a: 1", data={"name": "x"}, iteration=7)
    assert size * 0.5 < (tmp_path / "x.npz").stat().st_size <= size


@pytest.mark.parametrize(
    ("name", "value"), [("number", "three"), ("network/W", "x"), ("number", np.float64("inf")), ("network/W", 1j)]
)
def test_values_of_another_type(path, name, value):
    snapshot, target = checkpoint.load(path), Target(0)
    stored = snapshot.arrays[f"trainer/{name}"]
    snapshot.arrays[f"trainer/{name}"] = np.full(stored.shape, value)
    with pytest.raises(SnapshotError, match=f"trainer/{name} holds .*; it is damaged"):
        snapshot.restore(target)


def test_a_text_that_cannot_be_used_is_damage(path):
    class Reading:
        def serialize(self, serializer):
            json.loads(str(serializer("number", "x")))["state"]

    with pytest.raises(DamagedError, match="a value cannot be taken"):
        checkpoint.load(path).restore(Reading())
