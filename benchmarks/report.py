"""From measured pairs to the table in README.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

HEADER = (
    "work",
    "PyTorch",
    "ours, s",
    "PyTorch, s",
    "**ratio**",
    "min to max",
    "wanted",
    "of the floor",
    "ours, MiB",
    "PyTorch, MiB",
)
ISA = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
BFLOAT16 = {"avx512_bf16", "amx_bf16"}

Result = Mapping[str, Any]  # the JSON line of ours.py or torch_mocogan.py


@dataclass(frozen=True)
class Summary:
    """What a list of pairs says.

    Attributes:
        ratio, ratio_min, ratio_max: median and ends of ours / peer over the pairs, each of the processes' medians.
        ours, peer: median of the processes' medians, in seconds.
        ours_min, peer_min: the shortest time of all, in seconds.
        ours_mib, peer_mib: the most memory of a process.
    """

    ratio: float
    ratio_min: float
    ratio_max: float
    ours: float
    peer: float
    ours_min: float
    peer_min: float
    ours_mib: float
    peer_mib: float


def summarize(pairs: Sequence[tuple[Result, Result]]) -> Summary:
    """Summarize pairs of (ours, peer), at least one."""
    ratios = [ours["median_s"] / peer["median_s"] for ours, peer in pairs]
    ours, peer = zip(*pairs, strict=True)
    return Summary(
        ratio=median(ratios),
        ratio_min=min(ratios),
        ratio_max=max(ratios),
        ours=median(r["median_s"] for r in ours),
        peer=median(r["median_s"] for r in peer),
        ours_min=min(r["min_s"] for r in ours),
        peer_min=min(r["min_s"] for r in peer),
        ours_mib=max(r["peak_mib"] for r in ours),
        peer_mib=max(r["peak_mib"] for r in peer),
    )


def row(work: str, against: str, wanted: float | None, summary: Summary, floor: float | None) -> tuple[str, ...]:
    """Return a row of the table.

    Args:
        work: what both did.
        against: which form of the peer.
        wanted: the ratio that ours should not exceed, or None.
        summary: of the pairs.
        floor: seconds of the direct arithmetic, or None where that is unknown.
    """
    return (
        work,
        against,
        f"{summary.ours:.3f} ({summary.ours_min:.3f})",
        f"{summary.peer:.3f} ({summary.peer_min:.3f})",
        f"**{summary.ratio:.2f}**",
        f"{summary.ratio_min:.2f} to {summary.ratio_max:.2f}",
        "" if wanted is None else f"{wanted:.2f}",
        "" if floor is None else f"{floor / summary.ours:.2f}",
        f"{summary.ours_mib:,.0f}",
        f"{summary.peer_mib:,.0f}",
    )


def table(rows: Iterable[Sequence[str]], header: Sequence[str] = HEADER) -> str:
    """Return a Markdown table."""
    rule = ["---" if number < 2 else "---:" for number in range(len(header))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, rule, *rows))


def replace(path: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Put ``text`` between the markers of a file, in place of what is there.

    Raises:
        ValueError: the file does not have each marker once, in this order.
    """
    content = path.read_text(encoding="utf-8")
    if content.count(begin) != 1 or content.count(end) != 1 or content.index(begin) > content.index(end):
        raise ValueError(f"{path}: it must have the lines {begin} and {end} once, in this order")
    before, _, rest = content.partition(begin)
    after = rest.partition(end)[2]
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cpuinfo(path: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """The first processor's lines by name; nothing where the system has no such file."""
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def has_bfloat16(info: Mapping[str, str]) -> bool:
    """Whether the processor multiplies bfloat16 numbers."""
    return bool(BFLOAT16 & set(info.get("flags", "").split()))


def machine(info: Mapping[str, str]) -> str:
    """Name the processor, its instruction sets that matter here, the cores in use and the system."""
    model = info.get("model name") or platform.processor() or platform.machine()
    flags = set(info.get("flags", "").split())
    extensions = ", ".join(name for name in ISA if name in flags) or platform.machine()
    return f"{model} ({extensions}), {cores()} cores in use, {platform.system()}"
