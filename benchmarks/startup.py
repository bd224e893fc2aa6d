"""Small costs: how long a person waits for the first line of a command.

python benchmarks/startup.py [--repeats 5] [--demo]
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from made import made_run
from measure import Report, Row, measured, options, tree_peak_bytes

PLAIN = "python -c 'import torch, celery.bin.celery', which a command line that loads all it could need waits for"
LIMIT = "python -c pass"


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--demo", action="store_true", help="the demo too: most of a minute")
    chosen = parser.parse_args()
    report = Report("startup", PLAIN, LIMIT)
    repeats = max(3, chosen.repeats)
    producer = Path(sys.executable).with_name("producer")
    with tempfile.TemporaryDirectory() as folder:
        measured(make, folder)
        store = ["--store", f"{folder}/store"]
        bare = timed([sys.executable, "-c", "pass"], repeats)
        plain = timed([sys.executable, "-c", "import torch, celery.bin.celery"], repeats)
        report.add(Row("the limit: python -c pass", 0, *bare[:2]))
        report.add(Row("the plain way", 0, *plain))
        commands = [["--help"], ["run", "--help"], ["status", *store], ["list", *store]]
        for words in commands:
            ours = timed([producer, *words], repeats)
            name = " ".join(["producer", *words[: -2 if store[0] in words else None]])
            report.add(Row(name, 0, *ours, of_plain=plain[0] / ours[0], of_limit=bare[0] / ours[0]))
        if chosen.demo:
            report.add(Row("producer demo", 0, *timed([producer, "demo", "--folder", f"{folder}/demo"], 1)))
    report.save(chosen.json)


def make(folder: str) -> None:
    """A run to look at."""
    made_run(Path(folder), 1000, references=2, dimension=8)


def timed(command: list[str | Path], repeats: int) -> tuple[float, float, int]:
    """The least elapsed time of a command, its processor time, both in seconds, and the peak of its processes."""
    costs = []
    for _ in range(repeats):
        before, start_s = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment())
        with ThreadPoolExecutor(1) as pool:
            watching = pool.submit(_watch, process.pid)
            process.wait()
            wall_s, after = time.perf_counter() - start_s, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        costs.append((wall_s, cpu_s, watching.result()))
    return min(costs)


def _watch(pid: int) -> int:
    """The peak of a process and all below it, looked at until it ends."""
    peak = 0
    while now := tree_peak_bytes(pid):
        peak = max(peak, now)
        time.sleep(0.01)
    return peak


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not re.match("OSHIWAKE_|CELERY_", name)}


if __name__ == "__main__":
    main()
