"""What the comparison with PyTorch counts, summarizes and writes; the programs run on tiny networks."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import chainer
import numpy as np
import pytest

from benchmarks import report, run
from benchmarks.convolutions import ConvolutionRecorder
from mocogan_chainer.links import Convolution, Deconvolution, frozen

ROOT = Path(__file__).resolve().parents[1]
KEYS = {"median_s", "min_s", "max_s", "losses", "peak_mib", "batch", "filters", "steps", "dtype", "sample", "infogan"}


def run_module(name, *options):
    """Run a program of the folder and return its exit code, JSON line and error output."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


def result(seconds, fastest=None, mib=100.0):
    return {"median_s": seconds, "min_s": seconds if fastest is None else fastest, "peak_mib": mib, "conv_gflop": 10.0}


def frame_uses(f, code=66):
    """Uses of weights in each generator layer for one frame: positions * taps * channels in * channels out."""
    return [
        1 * 16 * code * 8 * f,
        16 * 16 * 8 * f * 4 * f,
        64 * 16 * 4 * f * 2 * f,
        256 * 16 * 2 * f * f,
        1024 * 16 * f * 3,
    ]


def step_uses(f, batch, categories):
    """Uses of weights in a whole training step."""
    g = sum(frame_uses(f))
    image = [1024 * 16 * 3 * f, 256 * 16 * f * 2 * f, 64 * 16 * 2 * f * 4 * f, 16 * 16 * 4 * f * 8 * f, 16 * 8 * f]
    video = [
        13 * 1024 * 64 * 3 * f,
        10 * 256 * 64 * f * 2 * f,
        7 * 64 * 64 * 2 * f * 4 * f,
        4 * 16 * 64 * 4 * f * 8 * f,
        1 * 64 * 8 * f * (1 + categories),
    ]

    def trained(layers):  # real and generated; forward, weights, and data except where the data are given
        return 2 * (3 * sum(layers) - layers[0])

    discriminators = g + trained(image) + 16 * g + trained(video)
    generator = 3 * (1 + 16) * g + 2 * sum(image) + 2 * sum(video)  # forward and backward through frozen networks
    return batch * (discriminators + generator)


def g3an_generator_uses(f):
    """Uses of weights in G3AN's generator for one video, and those of them whose input is given."""
    uses, given, streams, time, side = 0, 0, (128, 138, 10), 1, 1  # appearance, both, motion
    blocks = ((8, 4, 4, 4), (8, 4, 8, 8), (4, 4, 16, 16), (2, 1, 16, 32), (1, 1, 16, 64))
    for factor, taps, longer, wider in blocks:  # width, taps in time, frames and pixels afterwards
        spatial, video, temporal = streams
        out = factor * f
        first = (
            side**2 * 16 * spatial * out + time * taps * temporal * out + time * side**2 * taps * video * out
        )  # each stream's first layer
        given = given or first
        uses += first + longer * side**2 * 16 * out * out
        streams, time, side = (out, 2 * out, out), longer, wider
    return uses + 16 * 64**2 * 9 * 2 * f * 3, given


def g3an_step_uses(f, batch):
    """Uses of weights in a whole training step of G3AN, of 16 frames of 64 pixels and without attention."""
    video, channels, time = [], 3, 16
    for out, side in ((f, 32), (2 * f, 16), (4 * f, 8), (8 * f, 4)):
        video += [time * side**2 * 16 * channels * out, (time - 3) * side**2 * 4 * out * out]
        channels, time = out, time - 3
    video += [4 * 16 * 8 * f * 8 * f, 4 * 8 * f]
    image = [1024 * 16 * 3 * f, 256 * 16 * f * 2 * f, 64 * 16 * 2 * f * 4 * f, 16 * 16 * 4 * f * 8 * f, 16 * 8 * f]
    uses, given = g3an_generator_uses(f)

    def trained(layers):  # real and generated; forward, weights, and data except where the data are given
        return 2 * (3 * sum(layers) - layers[0])

    return batch * (trained(video) + trained(image) + 3 * uses - given + 2 * sum(video) + 2 * sum(image))


def affinegan_step_uses(f, batch, patch):
    """Uses of weights in a whole training step of AffineGAN, of frames of 64 pixels."""
    encoder = [1024 * 16 * 3 * f, 256 * 16 * f * 2 * f, 64 * 16 * 2 * f * 4 * f, 16 * 16 * 4 * f * 8 * f]
    encoder += [4 * 16 * 8 * f * 8 * f, 1 * 16 * 8 * f * 8 * f]
    decoder = [1 * 16 * 8 * f * 8 * f, 4 * 16 * 16 * f * 8 * f, 16 * 16 * 16 * f * 4 * f, 64 * 16 * 8 * f * 2 * f]
    decoder += [256 * 16 * 4 * f * f, 1024 * 16 * 2 * f * 3]
    scores = [
        1024 * 16 * 6 * f,
        256 * 16 * f * 2 * f,
        64 * 16 * 2 * f * 4 * f,
        49 * 16 * 4 * f * 8 * f,
        36 * 16 * 8 * f,
    ]

    def trained(layers):  # forward, weights, and data except where the data are given
        return 3 * sum(layers) - layers[0]

    base, residual = 1 + 5, 1  # pictures through each encoder, a video: the first frame and five others
    generator = (base + residual) * trained(encoder) + 2 * 5 * 3 * sum(decoder)  # generated frames, reconstructions
    discriminator = 5 * (2 * trained(scores) + 2 * sum(scores))  # real and generated; frozen for the generator
    return batch * (generator + (1 + patch) * discriminator)


def resnext_uses():
    """Uses of weights for one clip: positions * channels in (of a group) * channels out * taps."""
    total, channels, positions = 16 * 56 * 56 * 3 * 64 * 343, 64, 8 * 28 * 28
    for count, planes, after in (
        (3, 128, 8 * 28 * 28),
        (4, 256, 4 * 14 * 14),
        (23, 512, 2 * 7 * 7),
        (3, 1024, 1 * 4 * 4),
    ):
        for block in range(count):
            before = positions if block == 0 else after
            total += before * channels * planes + after * planes // 32 * planes * 27 + after * planes * 2 * planes
            total += after * channels * 2 * planes if block == 0 else 0
            channels = 2 * planes
        positions = after
    return total


class TestCounting:
    @pytest.fixture
    def layers(self):
        rng = np.random.default_rng(0)
        down = Convolution(3, 5, (4, 4), 2, 1, rng)  # 8 x 8 -> 4 x 4
        up = Deconvolution(5, 2, (4, 4), 2, 1, rng)  # 4 x 4 -> 8 x 8
        return chainer.Sequential(down, up)

    DOWN = 2 * (4 * 4) * 5 * 3 * (4 * 4) * 2  # samples, positions, channels, taps, multiplication and addition
    UP = 2 * (4 * 4) * 5 * 2 * (4 * 4) * 2

    @staticmethod
    def count(layers, x):
        recorder = ConvolutionRecorder()
        with recorder:
            layers(x)
        return recorder.flop([layers])

    def test_forward_and_weights_but_no_gradient_of_given_data(self, layers):
        x = np.zeros((2, 3, 8, 8), np.float32)
        assert self.count(layers, x) == 2 * self.DOWN + 3 * self.UP

    def test_all_passes_where_the_input_wants_a_gradient(self, layers):
        x = chainer.Variable(np.zeros((2, 3, 8, 8), np.float32))
        assert self.count(layers, x) == 3 * self.DOWN + 3 * self.UP

    def test_frozen_layers_have_no_gradient_of_weights(self, layers):
        x = chainer.Variable(np.zeros((2, 3, 8, 8), np.float32))
        with frozen(layers):
            assert self.count(layers, x) == 2 * self.DOWN + 2 * self.UP

    def test_forward_only_without_a_graph(self, layers):
        x = chainer.Variable(np.zeros((2, 3, 8, 8), np.float32))
        with chainer.no_backprop_mode():
            assert self.count(layers, x) == self.DOWN + self.UP

    def test_a_layer_that_did_not_run_is_refused(self, layers):
        recorder = ConvolutionRecorder()
        with recorder:
            layers[0](np.zeros((2, 3, 8, 8), np.float32))
        with pytest.raises(RuntimeError, match=r"/1/W: this convolution did not run as a layer"):
            recorder.flop([layers])


class TestOurs:
    def test_a_step(self):
        code, line, errors = run_module("ours", "--infogan", "--batch", 2, "--filters", 4, "--steps", 2)
        assert code == 0, errors
        assert set(line) >= KEYS | {"backend", "versions"}
        assert 0 < line["min_s"] <= line["median_s"] <= line["max_s"]
        assert len(line["losses"]) == 3
        assert np.isfinite(line["losses"]).all()
        assert 20 < line["peak_mib"] < 4000
        assert line["conv_gflop"] == pytest.approx(2e-9 * step_uses(4, batch=2, categories=6), rel=1e-9)

    def test_sampling(self):
        code, line, errors = run_module("ours", "--sample", 8, "--batch", 4, "--filters", 4, "--steps", 1)
        assert code == 0, errors
        assert line["losses"] == []
        assert line["conv_gflop"] == pytest.approx(2e-9 * 8 * 16 * sum(frame_uses(4)), rel=1e-9)

    def test_a_mistake_is_one_line(self):
        code, _, errors = run_module("ours", "--steps", 0)
        assert code == 2
        assert errors == "error: --steps=0: it must be at least 1\n"


class TestG3AN:
    def test_a_step(self):
        code, line, errors = run_module("g3an", "--batch", 2, "--filters", 4, "--steps", 1)
        assert code == 0, errors
        assert 0 < line["min_s"] <= line["median_s"] <= line["max_s"]
        assert np.isfinite(line["losses"]).all()
        assert line["conv_gflop"] == pytest.approx(2e-9 * g3an_step_uses(4, batch=2), rel=1e-9)

    def test_a_mistake_is_one_line(self):
        code, _, errors = run_module("g3an", "--steps", 0)
        assert code == 2
        assert errors == "error: --steps=0: it must be at least 1\n"


class TestAffineGAN:
    @pytest.mark.parametrize("patch", [False, True])
    def test_a_step(self, patch):
        options = ("--size", 64, "--batch", 2, "--filters", 4, "--steps", 1, *(["--patch"] if patch else []))
        code, line, errors = run_module("affinegan", *options)
        assert code == 0, errors
        assert 0 < line["min_s"] <= line["median_s"] <= line["max_s"]
        assert len(line["losses"]) == 3 + patch
        assert np.isfinite(line["losses"]).all()
        assert line["conv_gflop"] == pytest.approx(2e-9 * affinegan_step_uses(4, batch=2, patch=patch), rel=1e-9)

    def test_a_mistake_is_one_line(self):
        code, _, errors = run_module("affinegan", "--steps", 0)
        assert code == 2
        assert errors == "error: --steps=0: it must be at least 1\n"


class TestFeatures:
    def test_a_line(self):
        code, line, errors = run_module("features", "--network", "resnext101", "--batch", 1, "--steps", 1)
        assert code == 0, errors
        assert 0 < line["min_s"] <= line["median_s"] <= line["max_s"]
        assert line["shape"] == [1, 2048]
        assert line["conv_gflop"] == pytest.approx(2e-9 * resnext_uses(), rel=1e-9)

    def test_a_mistake_is_one_line(self):
        code, _, errors = run_module("features", "--batch", 0)
        assert code == 2
        assert errors == "error: --batch=0: it must be at least 1\n"


def test_the_floors_speed():
    code, line, errors = run_module("floor", "--batch", 2, "--filters", 4, "--seconds", 0)
    assert code == 0, errors
    assert line["gflop_per_s"] is None or 0.1 < line["gflop_per_s"] < 1e6


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed (make bench gets it)")
class TestPeer:
    CPU = ("--device", "cpu", "--threads", 1)

    @pytest.mark.parametrize("variant", ["official", "tuned"])
    def test_a_step_says_what_ours_says(self, variant):
        options = ("--infogan", "--batch", 2, "--filters", 4, "--steps", 1, "--variant", variant)
        code, line, errors = run_module("torch_mocogan", *options, *self.CPU)
        assert code == 0, errors
        assert set(line) >= KEYS | {"torch"}
        assert np.isfinite(line["losses"]).all()

    def test_sampling(self):
        options = ("--sample", 6, "--batch", 4, "--filters", 4, "--steps", 1)
        code, line, errors = run_module("torch_mocogan", *options, *self.CPU)
        assert code == 0, errors
        assert line["losses"] == []
        assert line["median_s"] > 0

    @pytest.mark.parametrize("variant", ["official", "tuned", "channels-last"])
    def test_a_step_of_g3an(self, variant):
        options = ("--batch", 2, "--filters", 4, "--steps", 1, "--variant", variant)
        code, line, errors = run_module("torch_g3an", *options, *self.CPU)
        assert code == 0, errors
        assert len(line["losses"]) == 3
        assert np.isfinite(line["losses"]).all()
        assert line["median_s"] > 0

    @pytest.mark.parametrize("patch", [False, True])
    @pytest.mark.parametrize("variant", ["official", "tuned", "channels-last"])
    def test_a_step_of_affinegan(self, variant, patch):
        options = ("--size", 64, "--batch", 2, "--filters", 4, "--steps", 1, "--variant", variant)
        code, line, errors = run_module("torch_affinegan", *options, *(["--patch"] if patch else []), *self.CPU)
        assert code == 0, errors
        assert len(line["losses"]) == 3 + patch
        assert np.isfinite(line["losses"]).all()
        assert line["median_s"] > 0

    @pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
    @pytest.mark.parametrize(("network", "dimensions"), [("i3d", 400), ("resnext101", 2048)])
    def test_features(self, network, dimensions, layout):
        options = ("--network", network, "--layout", layout, "--batch", 1, "--steps", 1)
        code, line, errors = run_module("torch_features", *options, *self.CPU)
        assert code == 0, errors
        assert line["shape"] == [1, dimensions]
        assert line["median_s"] > 0


class TestSummary:
    PAIRS = (
        (result(1.0, fastest=0.9, mib=500), result(2.0, fastest=1.9, mib=900)),
        (result(1.2, fastest=1.1, mib=510), result(2.0, fastest=1.8, mib=800)),
        (result(1.5, fastest=1.2, mib=505), result(2.5, fastest=2.4, mib=850)),
        (result(1.1, fastest=1.0, mib=500), result(2.0, fastest=2.0, mib=850)),
        (result(1.4, fastest=1.3, mib=500), result(2.0, fastest=2.0, mib=850)),
    )  # ratios 0.5, 0.6, 0.6, 0.55, 0.7

    def test_numbers(self):
        summary = report.summarize(self.PAIRS)
        assert summary.ratio == pytest.approx(0.6)
        assert (summary.ratio_min, summary.ratio_max) == pytest.approx((0.5, 0.7))
        assert (summary.ours, summary.peer) == (1.2, 2.0)
        assert (summary.ours_min, summary.peer_min) == (0.9, 1.8)
        assert (summary.ours_mib, summary.peer_mib) == (510, 900)

    def test_row(self):
        cells = report.row("step", "tuned", 0.7, report.summarize(self.PAIRS), floor=0.9)
        assert len(cells) == len(report.HEADER)
        assert cells[2:8] == ("1.200 (0.900)", "2.000 (1.800)", "**0.60**", "0.50 to 0.70", "0.70", "0.75")

    def test_row_without_a_wanted_ratio_and_a_floor(self):
        cells = report.row("step", "tuned", None, report.summarize(self.PAIRS), floor=None)
        assert cells[6:8] == ("", "")


class TestTable:
    def test_every_line_has_every_column(self):
        cells = [str(number) for number in range(len(report.HEADER))]
        lines = report.table([cells, cells]).splitlines()
        assert len(lines) == 4
        assert {line.count("|") for line in lines} == {len(report.HEADER) + 1}
        assert lines[-1] == f"| {' | '.join(cells)} |"

    def test_only_what_is_between_the_markers_is_replaced(self, tmp_path):
        path = tmp_path / "README.md"
        path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
        for text in ("| first |", "| second |"):
            report.replace(path, text)
        assert path.read_text() == f"before\n{report.BEGIN}\n\n| second |\n\n{report.END}\nafter\n"

    @pytest.mark.parametrize(
        "content", ["", report.BEGIN, f"{report.END}{report.BEGIN}", 2 * report.BEGIN + report.END]
    )
    def test_a_file_without_markers_is_refused_and_kept(self, tmp_path, content):
        path = tmp_path / "README.md"
        path.write_text(content)
        with pytest.raises(ValueError, match="once, in this order"):
            report.replace(path, "text")
        assert path.read_text() == content

    def test_the_folders_readme_has_the_markers(self):
        content = run.README.read_text()
        assert content.count(report.BEGIN) == content.count(report.END) == 1


class TestMachine:
    INFO = "processor\t: 0\nmodel name\t: Some CPU 9000\nflags\t\t: fpu avx2 avx512f{}\n\nmodel name\t: other\n"

    def test_names_the_processor_and_its_instructions(self, tmp_path):
        path = tmp_path / "cpuinfo"
        path.write_text(self.INFO.format(""))
        text = report.machine(report.cpuinfo(path))
        assert text.startswith(f"Some CPU 9000 (avx2, avx512f), {report.cores()} cores in use, ")

    @pytest.mark.parametrize(("flags", "has"), [("", False), (" avx512_bf16", True), (" amx_bf16", True)])
    def test_bfloat16(self, tmp_path, flags, has):
        path = tmp_path / "cpuinfo"
        path.write_text(self.INFO.format(flags))
        assert report.has_bfloat16(report.cpuinfo(path)) is has

    def test_a_system_without_that_file(self, tmp_path):
        assert report.cpuinfo(tmp_path / "none") == {}
        assert f"{report.cores()} cores" in report.machine({})


class FakeRunner(run.Runner):
    """Answers at once, and notes who was asked in which order."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asked = []

    def torch_version(self):
        return "9.9"

    def floor_speed(self, seconds):
        return 20.0

    def ours(self, case):
        self.asked.append("ours")
        return result(1.0)

    def peer(self, case, peer):
        self.asked.append(peer.name)
        return result(2.0)


class TestRun:
    def test_ours_and_the_peer_take_turns(self):
        runner, lines = FakeRunner("", "", 3, 64), []
        results = run.compare(run.CASES[0], runner, 2, lines.append)
        assert runner.asked == ["ours", "tuned", "official"] * 2
        assert [len(r) for r in results] == [2, 2, 2]
        assert lines[0] == "train-8, pair 1 of 2: ours 1.000 s, tuned 2.000 s, official 2.000 s"

    def test_options_reach_the_programs_that_have_them(self, monkeypatch):
        monkeypatch.setattr(run.report, "cores", lambda: 2)
        runner, commands = run.Runner("python-ours", "python-peer", 3, 64), []
        monkeypatch.setattr(runner, "_json", commands.append)
        by_name = {case.name: case for case in run.CASES}
        for name in ("train-8", "g3an-8-attention", "affinegan-128", "features-i3d"):
            runner.ours(by_name[name])
            runner.peer(by_name[name], by_name[name].peers[0])
        assert [" ".join(command) for command in commands] == [
            "python-ours -m benchmarks.ours --steps 3 --filters 64 --infogan --batch 8",
            "python-peer -m benchmarks.torch_mocogan --steps 3 --filters 64 --infogan --batch 8"
            " --threads 2 --device cpu --variant tuned",
            "python-ours -m benchmarks.g3an --steps 3 --filters 64 --batch 8 --attention",
            "python-peer -m benchmarks.torch_g3an --steps 3 --filters 64 --batch 8 --attention"
            " --threads 2 --device cpu --variant tuned",
            "python-ours -m benchmarks.affinegan --steps 3 --filters 64 --size 128 --batch 1 --patch",
            "python-peer -m benchmarks.torch_affinegan --steps 3 --filters 64 --size 128 --batch 1 --patch"
            " --threads 2 --device cpu --variant tuned",
            "python-ours -m benchmarks.features --steps 3 --network i3d --batch 4",
            "python-peer -m benchmarks.torch_features --steps 3 --network i3d --batch 4"
            " --threads 2 --device cpu --layout contiguous",
        ]

    def test_the_report(self, monkeypatch):
        monkeypatch.setattr(run, "Runner", FakeRunner)
        monkeypatch.setattr(report, "cpuinfo", lambda: {"flags": "avx2"})
        text = run.measure(run.parse([]), say=lambda line: None)
        assert "step, batch 8, bfloat16: not measured, as this processor has no bfloat16 instructions." in text
        assert (
            "| step, batch 8 | tuned | 1.000 (1.000) | 2.000 (2.000) | **0.50** | 0.50 to 0.50 | 0.70 | 0.50 |" in text
        )
        assert [line.split(" | ")[0] for line in text.splitlines() if line.startswith("|")][2:] == [
            "| step, batch 8",
            "| step, batch 8",
            "| step, batch 2",
            "| step, batch 32",
            "| 256 videos, 16 at a time",
            "| G3AN, step, batch 8",
            "| G3AN, step, batch 8",
            "| G3AN, step, batch 8",
            "| G3AN, step, batch 8, with attention",
            "| AffineGAN, step, 128 pixels, with patch",
            "| AffineGAN, step, 128 pixels, with patch",
            "| AffineGAN, step, 128 pixels, with patch",
            "| AffineGAN, step, 256 pixels, with patch",
            "| AffineGAN, step, 256 pixels, with patch",
            "| 4 clips through I3D",
            "| 4 clips through I3D",
            "| 4 clips through ResNeXt-101",
            "| 4 clips through ResNeXt-101",
        ]

    def test_bfloat16_where_the_processor_has_it(self, monkeypatch):
        monkeypatch.setattr(run, "Runner", FakeRunner)
        monkeypatch.setattr(report, "cpuinfo", lambda: {"flags": "amx_bf16"})
        text = run.measure(run.parse(["--case", "bfloat16-8"]), say=lambda line: None)
        assert "| step, batch 8, bfloat16 | tuned, float32 |" in text
        assert "| step, batch 8, bfloat16 | tuned, bfloat16 |" in text

    @pytest.mark.parametrize("less", [["--pairs", "4"], ["--quick"], ["--case", "train-8"], ["--filters", "8"]])
    def test_only_whole_runs_are_kept(self, less, capsys):
        before = run.README.read_bytes()
        assert run.main(["--write", *less]) == 2
        assert "keeps whole runs only" in capsys.readouterr().err
        assert run.README.read_bytes() == before

    def test_no_pytorch_is_one_line(self, tmp_path, capsys):
        python = tmp_path / "python"
        python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'torch'\" >&2\nexit 1\n")
        python.chmod(0o755)
        assert run.main(["--quick", "--python-peer", str(python)]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith(
            f"error: no PyTorch for {python} (ModuleNotFoundError: No module named 'torch'); make bench"
        )
        assert errors.count("\n") == 1

    def test_a_python_that_is_not_there(self, tmp_path, capsys):
        assert run.main(["--quick", "--python-peer", str(tmp_path / "none")]) == 2
        assert "(No such file or directory)" in capsys.readouterr().err


def test_pytorch_is_for_benchmarks_alone():
    assert (ROOT / "requirements-bench.txt").read_text() == "torch==2.13.0\n"
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-gpu12.txt", "requirements-gpu13.txt"):
        assert "torch" not in (ROOT / name).read_text()
    for path in (ROOT / "mocogan_chainer").rglob("*.py"):
        assert "import torch" not in path.read_text(), path
