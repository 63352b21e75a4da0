"""``python -m mocogan_chainer import`` and ``export``: published checkpoints to snapshots and back."""

import os
import pickle

import chainer
import numpy as np
import pytest

from mocogan_chainer import builder, checkpoint, sampling
from mocogan_chainer.cli import export_checkpoint, generate, import_checkpoint, train
from mocogan_chainer.models.mocogan.codes import Codes
from mocogan_chainer.safetensors_files import read_safetensors, write_safetensors
from mocogan_chainer.torch_files import read_checkpoint, write_state_dict
from tests.models.mocogan.published_states import GENERATOR_16, IMAGE_16, VIDEO_16, state

NETWORKS = ("generator", "image_discriminator", "video_discriminator")


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Call a command in a folder with hand-made checkpoints; return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    for name, shapes in zip(NETWORKS, (GENERATOR_16, IMAGE_16, VIDEO_16), strict=True):
        write_state_dict(f"{name}.pth", state(shapes))

    def run(command, *arguments):
        code = command.main([str(argument) for argument in arguments])
        return code, *capsys.readouterr()

    return run


def import_(call, *arguments):
    return call(import_checkpoint, *arguments, "--family", "mocogan")


DISCRIMINATORS = [
    "--image-discriminator",
    "image_discriminator.pth",
    "--video-discriminator",
    "video_discriminator.pth",
]


class TestImport:
    def test_a_generator_and_its_discriminators(self, call):
        code, out, err = import_(call, "generator.pth", "all.npz", *DISCRIMINATORS, "--classes", "up, left")
        assert (code, err) == (0, "")
        assert "inferred: --model infogan, 16 x 16 pixels, model.dim_zc=5 model.dim_zm=3 " in out
        assert "categories: up, left" in out
        assert "assumed" not in out
        snapshot, config = builder.load_snapshot("all.npz")
        assert (config["model_name"], config["model"]["variant"], config["video_length"]) == ("infogan", "infogan", 16)
        data = builder.stored_description(snapshot)
        assert (data.name, data.size, data.channels, data.fingerprint) == ("generator.pth", 16, 3, "")
        assert data.class_names == ("up", "left")
        stored = {name.removeprefix("trainer/updater/model:"): array for name, array in snapshot.arrays.items()}
        theirs = state(GENERATOR_16)
        for ours, published in {
            "to_rgb/W": "main.6.weight",
            "blocks/1/conv/W": "main.3.weight",
            "blocks/1/norm/gamma": "main.4.weight",
            "blocks/0/norm/avg_var": "main.1.running_var",
            "motion/W_h": "recurrent.weight_hh",
        }.items():
            assert np.array_equal(stored[f"generator/{ours}"], theirs[published])
        assert np.array_equal(stored["image_discriminator/to_scores/W"], state(IMAGE_16)["main.7.weight"])
        assert np.array_equal(stored["video_discriminator/blocks/1/conv/W"], state(VIDEO_16)["main.4.weight"])

    def test_what_was_assumed_and_what_is_missing_is_said(self, call):
        code, out, _ = import_(call, "generator.pth", "g.npz")
        assert code == 0
        assert "assumed: of the code's 7 numbers besides motion's, 0 are taken for categories" in out
        assert "not given: image discriminator, video discriminator; a run from this snapshot makes them anew" in out
        assert not checkpoint.load("g.npz").has("updater/model:image_discriminator")

    def test_settings(self, call):
        more = ["--categories", 2, "--model", "normal", "--video-length", 24, "--fps", 25]
        assert import_(call, "generator.pth", "g.npz", *more, "--set", "model.noise_sigma=0.2")[0] == 0
        _, config = builder.load_snapshot("g.npz")
        assert (config["video_length"], config["fps"]) == (24, 25)
        model = config["model"]
        assert (model["variant"], model["n_categories"], model["noise_sigma"]) == ("normal", 2, 0.2)

    @pytest.mark.parametrize("form", ["prefix", "safetensors", "counted"])
    def test_other_forms_of_a_file(self, call, form):
        arrays = state(GENERATOR_16)
        path = "other.pth"
        if form == "prefix":
            write_state_dict(path, {f"module.{name}": array for name, array in arrays.items()})
        elif form == "safetensors":
            path = "other.safetensors"
            write_safetensors(path, arrays)
        else:
            counted = arrays | {"main.1.num_batches_tracked": np.array(7), "main.4.num_batches_tracked": np.array(7)}
            write_state_dict(path, counted)
        assert import_(call, path, "other.npz")[0] == 0
        assert import_(call, "generator.pth", "g.npz")[0] == 0
        other, plain = checkpoint.load("other.npz").arrays, checkpoint.load("g.npz").arrays
        assert other.keys() == plain.keys()
        assert all(np.array_equal(other[name], plain[name]) for name in plain)

    def test_generate_samples_takes_it(self, call, tmp_path):
        assert import_(call, "generator.pth", "g.npz", "--classes", "up,left", "--video-length", 10)[0] == 0
        code, _, err = call(generate, "g.npz", "videos", "--num", 1, "--category", "left", "--format", "frames")
        assert (code, err) == (0, "")
        assert len(list((tmp_path / "videos" / "video_1_left_00000").iterdir())) == 10


class TestPublishedNumbers:
    """What the generator makes of the fixtures' codes is what the published one made."""

    @pytest.mark.parametrize(
        ("prefix", "more"), [("pub_mocogan", []), ("pub_mocogan_patch", ["--categories", "6"])], ids=["full", "patch"]
    )
    def test_videos(self, call, shared, prefix, more):
        fixtures = shared / "fixtures"
        others = [
            *("--image-discriminator", fixtures / f"{prefix}_image_discriminator.pth"),
            *("--video-discriminator", fixtures / f"{prefix}_video_discriminator.pth"),
        ]
        code, out, _ = import_(call, fixtures / "pub_mocogan_generator.pth", "p.npz", *others, *more)
        assert code == 0
        assert "assumed" not in out
        assert f"--model {'normal' if more else 'infogan'}, 64 x 64 pixels, model.dim_zc=10 model.dim_zm=5" in out
        sampler, _ = builder.load_sampler("p.npz")
        with np.load(fixtures / "pub_mocogan_io.npz") as io:
            codes = Codes(io["z_content"], io["category"].astype(np.int32), io["h0"], io["e"])
            expected = io["generated_eval"]
        with chainer.using_config("train", False):
            videos = sampler.generator.videos(codes).array
        np.testing.assert_allclose(videos[:1], expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())

    def test_the_way_back(self, call, shared):
        fixtures = shared / "fixtures"
        others = [f for n in NETWORKS[1:] for f in (f"--{n.replace('_', '-')}", fixtures / f"pub_mocogan_{n}.pth")]
        assert import_(call, fixtures / "pub_mocogan_generator.pth", "p.npz", *others)[0] == 0
        assert call(export_checkpoint, "p.npz", "out")[0] == 0
        for name in NETWORKS:
            theirs = read_checkpoint(fixtures / f"pub_mocogan_{name}.pth")
            theirs = {key: array for key, array in theirs.items() if not key.endswith("num_batches_tracked")}
            ours = read_checkpoint(f"out/{name}.pth")
            assert list(ours) == list(theirs)
            assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)


class TestImportMistakes:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["none.pth", "x.npz"], "none.pth: no such file"),
            (["none.safetensors", "x.npz"], "none.safetensors: no such file"),
            ([".", "x.npz"], ".: cannot be read: Is a directory"),
            (["text.pth", "x.npz"], "text.pth: "),
            (["evil.pth", "x.npz"], "evil.pth: "),
            (["generator.pth", "x.pth"], "x.pth: a snapshot's name ends in .npz"),
            (["generator.pth", "folder.npz"], "folder.npz: it is a folder"),
            (["generator.pth", "there.npz"], "there.npz: it exists already; use --force to replace it"),
            (
                ["image_discriminator.pth", "x.npz"],
                "image_discriminator.pth: it holds the image discriminator, and here the generator is needed; give it "
                "to --image-discriminator",
            ),
            (
                ["generator.pth", "x.npz", "--video-discriminator", "image_discriminator.pth"],
                "it holds the image discriminator, and here the video discriminator is needed",
            ),
            (["generator.pth", "x.npz", "--image-discriminator", "generator.pth"], "give it as CHECKPOINT"),
            (["resnet.pth", "x.npz"], "resnet.pth: fc.weight: no MoCoGAN network has an array of this name"),
            (["lacking.pth", "x.npz"], "lacking.pth: norm1/avg_var: the checkpoint lacks it"),
            (["generator.pth", "x.npz", "--categories", "-1"], "--categories=-1: it must be between 0 and 1000"),
            (["generator.pth", "x.npz", "--classes", "a,,b"], "--classes a,,b: a name is empty"),
            (["generator.pth", "x.npz", "--classes", "a,a"], "--classes a,a: a name is empty or stands there twice"),
            (
                ["generator.pth", "x.npz", "--classes", "a,b", "--categories", "3"],
                "these are 2 names for --categories 3",
            ),
            (["generator.pth", "x.npz", "--classes", "a,b", "--model", "normal"], "normal learned no classes"),
            (["generator.pth", "x.npz", *DISCRIMINATORS, "--classes", "a"], "1 categories: there are 2, by the video"),
            (["generator.pth", "x.npz", "--video-length", "0"], "video_length=0: it must be between 1 and"),
            (["generator.pth", "x.npz", "--set", "model.dimzc=3"], "(did you mean model.dim_zc?)"),
            (["generator.pth", "x.npz", "--set", "model.dim_zc=6"], "conv0/weight: the checkpoint has shape"),
            (["generator.pth", "x.npz", "--model", "infogann"], "invalid choice: 'infogann'"),
            (["generator.pth", "x.npz", "--clases", "a"], "unrecognized arguments: --clases"),
            (["generator.pth"], "the following arguments are required: OUT"),
        ],
    )
    def test_one_line(self, call, tmp_path, arguments, message):
        (tmp_path / "text.pth").write_text("hello")
        (tmp_path / "folder.npz").mkdir()
        (tmp_path / "there.npz").touch()
        (tmp_path / "evil.pth").write_bytes(pickle.dumps(_Evil(), protocol=2))
        write_state_dict("resnet.pth", {"fc.weight": np.zeros((3, 3), np.float32)})
        lacking = {name: array for name, array in state(GENERATOR_16).items() if name != "main.4.running_var"}
        write_state_dict("lacking.pth", lacking)
        code, out, err = import_(call, *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert message in err
        assert not (tmp_path / "x.npz").exists()
        assert not (tmp_path / "executed").exists()

    def test_a_pickle_that_would_run_something_is_refused_by_name(self, call, tmp_path):
        (tmp_path / "evil.pth").write_bytes(pickle.dumps(_Evil(), protocol=2))
        code, _, err = import_(call, "evil.pth", "x.npz")
        assert code == 2
        assert "mkdir" in err

    def test_force(self, call, tmp_path):
        (tmp_path / "there.npz").touch()
        assert import_(call, "generator.pth", "there.npz", "--force")[0] == 0
        assert checkpoint.load("there.npz").iteration == 0

    @pytest.mark.parametrize("family", ["g3an", "affinegan"])
    def test_a_file_of_another_family(self, call, family):
        code, _, err = call(import_checkpoint, "generator.pth", "x.npz", "--family", family)
        assert code == 2
        assert err.endswith("; it looks like --family mocogan\n")

    def test_a_file_of_no_family(self, call):
        write_state_dict("other.pth", {"fc.weight": np.zeros((2, 3), np.float32)})
        code, _, err = import_(call, "other.pth", "x.npz")
        assert code == 2
        assert "looks like" not in err

    def test_the_family(self, call):
        code, _, err = call(import_checkpoint, "generator.pth", "x.npz")
        assert code == 2
        assert "the following arguments are required: --family" in err
        code, _, err = call(import_checkpoint, "generator.pth", "x.npz", "--family", "mocogann")
        assert code == 2
        assert "family=mocogann: no published form of it is known, only of " in err

    def test_help_shows_the_networks_of_the_family(self, call, capsys):
        with pytest.raises(SystemExit):
            call(import_checkpoint, "--family", "mocogan", "--help")
        assert "--video-discriminator FILE" in capsys.readouterr().out


class _Evil:
    def __reduce__(self):
        return os.mkdir, ("executed",)


SMALL = ["video_length=10", *(f"model.n_filters_{n}=2" for n in ("gen", "idis", "vdis"))]
RUNS = {
    "normal": ["--model", "normal"],
    "cgan": ["--model", "cgan"],
    "infogan": ["--model", "infogan"],
    "motion": ["--model", "infogan", "--set", "model.category_to=motion"],
    "patch": ["--model", "normal", "--set", "model.image_discriminator=patch", "model.video_discriminator=patch"],
}


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory, tiny_dataset):
    """A short run of every form, with a moving average."""
    folder = tmp_path_factory.mktemp("runs")
    rest = ["--dataset", str(tiny_dataset), "--batchsize", "4", "--max_iteration", "1", "--num_gen_samples", "1"]
    for name, arguments in RUNS.items():
        places = [f"out={folder}/result", f"tensorboard={folder}/runs", f"save_name={name}"]
        assert train.main([*rest, "--set", *SMALL, *places, *arguments]) == 0
    return {name: folder / "result" / name / "snapshot_latest.npz" for name in RUNS}


def videos(snapshot):
    sampler, config = builder.load_sampler(snapshot)
    made = sampling.random_videos(sampler, 3, config["video_length"], 0, 4)
    return np.stack([frames for _, _, frames in made])


class TestExport:
    @pytest.mark.parametrize("name", RUNS)
    @pytest.mark.parametrize("kind", ["pth", "safetensors"])
    def test_a_round_trip_gives_the_same_videos(self, call, snapshots, name, kind):
        code, out, err = call(export_checkpoint, snapshots[name], "out", "--format", kind)
        assert (code, err) == (0, "")
        files = {n: f"out/{n}.{kind}" for n in NETWORKS}
        assert all(f"{path}: " in out for path in files.values())
        others = [f for n in NETWORKS[1:] for f in (f"--{n.replace('_', '-')}", files[n])]
        assert import_(call, files["generator"], "back.npz", *others, "--video-length", 10)[0] == 0
        assert np.array_equal(videos("back.npz"), videos(snapshots[name]))
        before, after = checkpoint.load(snapshots[name]).arrays, checkpoint.load("back.npz").arrays
        for network in NETWORKS[1:]:
            place = f"trainer/updater/model:{network}/"
            names = {n for n in before if n.startswith(place)}
            assert names == {n for n in after if n.startswith(place)}
            assert all(np.array_equal(before[n], after[n]) for n in names)

    def test_the_moving_average_or_not(self, call, snapshots):
        arrays = checkpoint.load(snapshots["infogan"]).arrays
        assert call(export_checkpoint, snapshots["infogan"], "average.pth")[0] == 0
        assert call(export_checkpoint, snapshots["infogan"], "raw.pt", "--raw")[0] == 0
        average, raw = (read_checkpoint(path)["main.6.weight"] for path in ("average.pth", "raw.pt"))
        assert np.array_equal(average, arrays["trainer/updater/average:generator/to_rgb/W"])
        assert np.array_equal(raw, arrays["trainer/updater/model:generator/to_rgb/W"])
        assert not np.array_equal(average, raw)

    def test_a_file_holds_the_generator_alone(self, call, snapshots, tmp_path):
        code, out, _ = call(export_checkpoint, snapshots["infogan"], "sub/g.safetensors")
        assert code == 0
        assert [path.name for path in (tmp_path / "sub").iterdir()] == ["g.safetensors"]
        assert "image_discriminator" not in out
        assert read_safetensors("sub/g.safetensors")["recurrent.weight_hh"].shape == (30, 10)

    def test_several_formats(self, call, snapshots, tmp_path):
        assert call(export_checkpoint, snapshots["normal"], "v1.2", "--format", "pth,safetensors")[0] == 0
        expected = {f"{name}.{kind}" for name in NETWORKS for kind in ("pth", "safetensors")}
        assert {path.name for path in (tmp_path / "v1.2").iterdir()} == expected

    def test_what_a_snapshot_has_not_is_not_written(self, call, tmp_path):
        assert import_(call, "generator.pth", "g.npz")[0] == 0
        assert call(export_checkpoint, "g.npz", "out")[0] == 0
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["generator.pth"]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["none.npz", "out"], "none.npz: no such snapshot"),
            (["generator.pth", "out"], "generator.pth: not a snapshot"),
            ([".", "out"], ".: cannot be read: Is a directory"),
            (["g.npz", "out.bin"], "out.bin: .bin is not written; name a folder, or a file in .pth, .pt, .safetensors"),
            (["g.npz", "generator.pth"], "generator.pth: it exists already; use --force to replace it"),
            (["g.npz", "full"], "full/generator.pth: it exists already; use --force"),
            (["g.npz", "plain"], "plain: it is a file; name a folder"),
            (["g.npz", "out", "--format", "onnx"], "--format=onnx: it must be one of pth, safetensors"),
            (["g.npz", "out.pth", "--format", "pth"], "--format pth: out.pth names the format already"),
        ],
    )
    def test_mistakes_are_one_line(self, call, tmp_path, arguments, message):
        assert import_(call, "generator.pth", "g.npz")[0] == 0
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "generator.pth").write_text("mine")
        (tmp_path / "plain").touch()
        code, out, err = call(export_checkpoint, *arguments)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert message in err
        assert (tmp_path / "full" / "generator.pth").read_text() == "mine"
        assert not (tmp_path / "out").exists()

    def test_force_replaces_only_its_own_files(self, call, tmp_path):
        assert import_(call, "generator.pth", "g.npz")[0] == 0
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "generator.pth").write_text("mine")
        (tmp_path / "full" / "notes").write_text("mine")
        assert call(export_checkpoint, "g.npz", "full", "--force")[0] == 0
        assert len(read_checkpoint("full/generator.pth")) == 15
        assert (tmp_path / "full" / "notes").read_text() == "mine"
