"""What all benchmarks share: a process of its own for each figure, the machine in one line, a table, JSON.

Two ratios stand beside every figure, both from the same call, because a shared or slower machine moves them little:
`x plain` is how many times faster this is than the plain way (each benchmark says which that is), `of limit` which
share of the machine's limit is reached.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Cost", "Report", "Row", "cores", "has_gpu", "measured", "on_all_cores", "options", "tree_peak_bytes"]


@dataclass(frozen=True)
class Cost:
    """What one call took.

    Attributes:
        wall_s: Elapsed time.
        cpu_s: Processor time of the process and of the children that it waited for.
        peak_bytes: The most memory that the process held, everything imported included.
        value: What the call returned.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    value: Any = None


def measured(function: Callable[..., Any], *args: Any, repeats: int = 1) -> Cost:
    """Call a function of a module in a process of its own; of several calls, the one with the least elapsed time.

    Imports are not part of the time: `function` is imported before the clock starts, so it should import at the top.

    Raises:
        RuntimeError: The process ended without an answer.
    """
    return min((_apart(function, args) for _ in range(repeats)), key=lambda cost: cost.wall_s)


def _apart(function: Callable[..., Any], args: tuple[Any, ...]) -> Cost:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(there, function, args))
    process.start()
    there.close()
    try:
        cost: Cost = here.recv()
    except EOFError:
        raise RuntimeError(f"{function.__name__} ended without an answer") from None
    finally:
        process.join()
    return cost


def _answer(to: Any, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    start_s, start_cpu_s = time.perf_counter(), _cpu_s()
    value = function(*args)
    to.send(Cost(time.perf_counter() - start_s, _cpu_s() - start_cpu_s, _peak_bytes(), value))


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_bytes() -> int:
    """The peak of this process; getrusage would give that of the program which it was before exec."""
    return _high_water("self") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def tree_peak_bytes(pid: int) -> int:
    """The peaks of a process and of all below it, added up; 0 where the system does not tell."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return _high_water(str(pid)) + sum(tree_peak_bytes(int(child)) for child in children)


def _high_water(process: str) -> int:
    try:
        found = re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        found = None
    return int(found[1]) << 10 if found else 0


def on_all_cores(works: Sequence[Callable[[], Any]], calls: int) -> float:
    """Seconds until each of some works, one for each core, has been done so often in a thread of its own."""

    def again(work: Callable[[], Any]) -> None:
        for _ in range(calls):
            work()

    with ThreadPoolExecutor(len(works)) as pool:
        start = time.perf_counter()
        list(pool.map(again, works))
        return time.perf_counter() - start


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        what: What was measured, with its size.
        images: How many images, files or vectors it was; 0 for something done once.
        wall_s: Elapsed time.
        cpu_s: Processor time.
        peak_bytes: Peak of memory; 0 where it means nothing.
        of_plain: Elapsed time of the plain way over ours: greater is better.
        of_limit: Least elapsed time that this machine allows over ours: 1 is the limit.
        stages: Processor milliseconds per image, by stage.
        remark: Whatever else has to be said.
    """

    what: str
    images: int
    wall_s: float
    cpu_s: float
    peak_bytes: int = 0
    of_plain: float | None = None
    of_limit: float | None = None
    stages: dict[str, float] = field(default_factory=dict)
    remark: str = ""

    @classmethod
    def of(cls, what: str, images: int, cost: Cost, **more: Any) -> Row:
        """A row of a measured call."""
        return cls(what, images, cost.wall_s, cost.cpu_s, cost.peak_bytes, **more)


class Report:
    """The rows of one benchmark, printed as they come."""

    def __init__(self, name: str, plain: str, limit: str) -> None:
        """Begin with what the two ratios compare to, one sentence each."""
        self._head = {
            "benchmark": name,
            "command": " ".join(["python", f"benchmarks/{name}.py", *_without_json(sys.argv[1:])]),
            "commit": _commit(),
            "hardware": hardware(),
            "plain": plain,
            "limit": limit,
        }
        self._rows: list[Row] = []
        print(f"{self._head['command']}\n{self._head['hardware']}, commit {self._head['commit']}")
        print(f"x plain: {plain}\nof limit: {limit}\n")
        print(f"{'':44}{'images/s':>12}{'wall s':>9}{'CPU ms/image':>14}{'peak MB':>9}{'x plain':>9}{'of limit':>9}")

    def add(self, row: Row) -> None:
        """Print a row and keep it."""
        self._rows.append(row)
        cells = cells_of(row)
        stages = ", ".join(f"{name} {ms:.4f}" for name, ms in row.stages.items())
        more = f"  {row.remark}{stages and f' CPU ms/image: {stages}'}".rstrip()
        widths = (12, 9, 14, 9, 9, 9)
        print(f"{row.what:44}" + "".join(f"{c:>{w}}" for c, w in zip(cells, widths, strict=True)) + more, flush=True)

    def save(self, folder: Path | None) -> None:
        """Write FOLDER/<name>.json, when a folder is given."""
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            value = {**self._head, "rows": [asdict(row) for row in self._rows]}
            (folder / f"{self._head['benchmark']}.json").write_text(json.dumps(value, indent=1, ensure_ascii=False))


def cells_of(row: Row) -> list[str]:
    """The figures of a row as text: images/s, wall s, CPU ms per image, peak MB, x plain, of limit."""
    return [
        f"{row.images / row.wall_s:,.0f}" if row.images else "",
        f"{row.wall_s:.2f}",
        f"{1000 * row.cpu_s / row.images:.4f}" if row.images else "",
        f"{row.peak_bytes / 1e6:.0f}" if row.peak_bytes else "",
        "" if row.of_plain is None else f"{row.of_plain:.2f}",
        "" if row.of_limit is None else f"{row.of_limit:.2f}",
    ]


def options(doc: str | None) -> argparse.ArgumentParser:
    """A parser with what every benchmark takes."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FOLDER", help="also write the figures to FOLDER/<name>.json")
    parser.add_argument("--repeats", type=int, default=1, help="measure each figure so often, keep the fastest")
    return parser


def _without_json(words: list[str]) -> list[str]:
    """The command line without where the figures go: that says nothing about them."""
    at = words.index("--json") if "--json" in words else len(words)
    return words[:at] + words[at + 2 :]


def hardware() -> str:
    """The machine in one line."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    name = found[1] if found else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{cores()} cores of {name}, {memory:.0f} GB{_gpus()}, {system}"


def _gpus() -> str:
    """The GPUs of this machine, by what the driver's tool calls them."""
    try:
        ask = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f", {len(names)} × {names[0]}" if names else ""


def has_gpu() -> bool:
    """Whether torch can use a GPU here; to be asked in a process of its own, `measured(has_gpu).value`."""
    import torch

    return torch.cuda.is_available()


def _commit() -> str:
    """The commit that is measured, with a + when the tree differs from it in more than words."""
    try:
        say = {"capture_output": True, "text": True, "check": True, "cwd": Path(__file__).parent}
        name = subprocess.run(["git", "rev-parse", "--short", "HEAD"], **say).stdout.strip()  # type: ignore[call-overload]
        changed = subprocess.run(["git", "status", "--porcelain", "..", ":!../docs"], **say).stdout.strip()  # type: ignore[call-overload]
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name}{'+' if changed else ''}"
