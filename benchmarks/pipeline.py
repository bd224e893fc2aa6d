"""Embedding through the real queue, workers as processes, one for each core: the quick ways beside the plain one.

    python benchmarks/pipeline.py [--mix mix] [--side 96] [--images 4096] [--chunk 256] [--turns 3] [--json FOLDER]

A broker and workers for each way are started first and have embedded a chunk per process; then the ways take turns,
the quick ones with the whole archive in chunks of the program's own size, the plain one with an eighth of it in chunks
of 64, and the fastest turn of each way counts: what else happens on a machine only adds to its time.
The limit is cores over the sum of the stages' processor time (read and hash, prepare, network), measured in one thread
of a process of its own between the turns. Peak memory is that of all worker processes of a way, added up. 96 px are the
shipped weights, 224 px random ones of 500 numbers.
Where there is a GPU, one more way has a worker on the first one; give it `--images 20000` to have time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from measure import Report, Row, cores, measured, options, tree_peak_bytes
from network import write_random
from pictures import MIX, write_archive

from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS, read_info
from store.listing import Listed
from store.mode import Mode
from store.part import PartSpec
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from store.shard import Counts
from store.store import Store
from tasks.child_process import ChildProcess
from tasks.devices import gpus
from tasks.messages import EmbedMessage
from tasks.private_broker import private_broker
from tasks.queue_client import Queue
from tasks.queue_names import QueueName
from tasks.settings import Settings
from tasks.worker_processes import plan_workers
from workers.memory_budget import keep_freed_memory

MIXES = {"jpeg": ("jpeg",), "mix": MIX}
PLAIN_CHUNK = 64
PLAIN_WORKER = Path(__file__).resolve().parent / "plugins" / "plain_worker.py"


@dataclass(frozen=True)
class Way:
    """A way to embed.

    Attributes:
        name: What it is called in the table.
        family: Of the preprocessing.
        precision: Of the network; empty for the plain worker.
        device: Where the network runs.
    """

    name: str
    family: int
    precision: str
    device: Literal["cpu", "cuda"] = "cpu"


WAYS: tuple[Way, ...] = (Way("plain", 1, ""), Way("auto", 2, "auto"), Way("int8", 2, "int8"))
if gpus():
    WAYS += (Way("GPU", 2, "auto", "cuda"),)


@dataclass(frozen=True)
class LocalCluster:
    """Workers of one way, with a broker of their own."""

    way: Way
    store: Store
    queue: Queue
    worker: ChildProcess
    spec: RunSpec

    def embed(self, paths: list[Path], chunk: int) -> tuple[float, float]:
        """Embed files; return elapsed time and the workers' processor time, both in seconds."""
        run = self.store.create_run(self.spec)
        run.archive.begin(PartSpec(self.spec.archive, "benchmark"))
        run.pass_(1).begin(
            PassSpec(references=self.spec.archive, characters=["nobody"], threshold=0.3, margin=0.0, mode=Mode.HARDLINK)
        )
        listed = [Listed(os.fsencode(path.relative_to(self.spec.archive)), path.stat().st_size, 1) for path in paths]
        chunks = [listed[i : i + chunk] for i in range(0, len(listed), chunk)]
        run.archive.add_listings(0, chunks)
        self.queue.ledger.begin(run.id, 1, Counts())
        start, used = time.perf_counter(), _cpu_s(self.worker.pid)
        for number in range(len(chunks)):
            self.queue.send(EmbedMessage(run=run.id, number=1, part="archive", chunk=number))
        self._wait(run, len(chunks))
        counts = run.archive.counts()
        assert counts.embedded == len(paths), counts
        return time.perf_counter() - start, _cpu_s(self.worker.pid) - used

    def _wait(self, run: Run, chunks: int) -> None:
        deadline = time.monotonic() + 600
        while len(run.archive.shard_chunks()) < chunks:
            self.worker.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.way.name} stands still:\n{self.worker.tail()}")
            time.sleep(0.05)  # looking costs a millisecond, of the workers' cores


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--mix", choices=list(MIXES), nargs="+", default=list(MIXES))
    parser.add_argument("--side", type=int, choices=[96, 224], default=224)
    parser.add_argument("--images", type=int, default=4096)
    parser.add_argument("--chunk", type=int, default=Settings().chunk_images, help="images a task of the quick ways")
    parser.add_argument("--different", type=int, default=24, help="pictures of each kind; the others are copies")
    parser.add_argument("--turns", type=int, default=3)
    chosen = parser.parse_args()
    report = Report(
        "pipeline",
        "Pillow decodes every pixel, torch eager float32, batch 32",
        "cores over the stages' processor time, of the same way",
    )
    with tempfile.TemporaryDirectory(prefix="oshiwake-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        weights = DEFAULT_WEIGHTS if chosen.side == 96 else folder / "random.safetensors"
        if chosen.side != 96:
            write_random(weights, chosen.side)
        archives = {
            mix: write_archive(folder / "archive" / mix, MIXES[mix], chosen.images, different=chosen.different)
            for mix in chosen.mix
        }
        os.sync()  # what is still on its way to the disk would hold up the shards
        farms = [stack.enter_context(farm(way, folder, weights)) for way in WAYS]
        for each in farms:
            each.embed(archives[chosen.mix[0]][: 2 * cores()], 1)
        for mix, paths in archives.items():
            turns: dict[str, list[tuple[float, float]]] = {way.name: [] for way in WAYS}
            limits: dict[str, list[dict[str, float]]] = {way.name: [] for way in WAYS}
            engines: dict[str, str] = {}
            for _ in range(chosen.turns):
                for each in farms:
                    quick = bool(each.way.precision)
                    some = paths if quick else paths[: max(1, len(paths) // 8)]
                    wall, cpu = each.embed(some, chosen.chunk if quick else PLAIN_CHUNK)
                    turns[each.way.name].append((wall / len(some), cpu / len(some)))
                    print(f"{mix}, {each.way.name}: {len(some) / wall:.1f} images/s", file=sys.stderr, flush=True)
                    if quick and each.way.device == "cpu":
                        engines[each.way.name], spent = measured(stages, each.way, weights, paths[: 2 * len(MIX)]).value
                        limits[each.way.name].append(spent)
            about = {
                each.way.name: (engines.get(each.way.name, ""), tree_peak_bytes(each.worker.pid)) for each in farms
            }
            for way in WAYS:
                report.add(row(way, mix, chosen.side, len(paths), turns, limits[way.name], *about[way.name]))
    report.save(chosen.json)


def row(
    way: Way,
    mix: str,
    side: int,
    images: int,
    turns: dict[str, list[tuple[float, float]]],
    limits: list[dict[str, float]],
    engine: str,
    peak_bytes: int,
) -> Row:
    """The fastest turn of a way, from elapsed and processor time of an image, turn by turn."""
    (plain_wall, plain_cpu), (wall, cpu) = min(turns["plain"]), min(turns[way.name])
    stages_s = {name: statistics.median(one[name] for one in limits) for name in limits[0]} if limits else {}
    least = sum(stages_s.values())
    return Row(
        f"{mix}, {side} px: {way.name}",
        images,
        images * wall,
        images * cpu,
        peak_bytes,
        of_plain=plain_wall / wall,
        of_limit=least / cores() / wall if least else None,
        stages={name: 1000 * s for name, s in stages_s.items()},
        remark=f"{engine + ', ' if engine else ''}× plain by processor time {plain_cpu / cpu:.2f}"
        + (f"; stages are {least / cpu:.2f} of the workers' processor time" if least else ""),
    )


@contextlib.contextmanager
def farm(way: Way, folder: Path, weights: Path) -> Iterator[LocalCluster]:
    """Start a broker and a worker process for each core."""
    place = folder / way.name
    place.mkdir()
    with private_broker(place / "broker.log") as broker:
        settings = Settings(broker_url=broker.url, store=place / "store", device=way.device)
        plan = plan_workers(settings, [QueueName.EMBED])[0]
        command = plan.command()
        env = {**plan.env, "OSHIWAKE_BROKER_URL": broker.url, "OSHIWAKE_STORE": str(settings.store)}
        env["OSHIWAKE_DEVICE"] = way.device
        if way.precision:
            env["OSHIWAKE_PRECISION"] = way.precision
        else:
            at = command.index("-m")
            command[at : at + 2] = [str(PLAIN_WORKER)]
        info = read_info(weights)
        store = Store(settings.store)
        store.keep_weights(weights, info.digest)
        version = Preprocessing(info.preprocessing.fit, info.preprocessing.size_px, way.family).version  # type: ignore[arg-type]
        archive = str((folder / "archive").absolute())
        spec = RunSpec(
            archive, str((place / "out").absolute()), time.time(), info.digest, version, info.dimension, "private"
        )
        worker = ChildProcess(f"worker {way.name}", command, folder=place, log=place / "worker.log", env=env)
        try:
            yield LocalCluster(way, store, Queue(settings), worker, spec)
        finally:
            worker.ask_to_stop()
            worker.wait(time.monotonic() + 10)
            worker.kill()


def stages(way: Way, weights: Path, paths: list[Path]) -> tuple[str, dict[str, float]]:
    """The engine, and the seconds of processor time that a picture takes in each stage, in one thread."""
    keep_freed_memory()
    embedder = Embedder.load(weights, precision=way.precision or "fp32", threads=1)  # type: ignore[arg-type]
    prepare = embedder.info.preprocessing.read
    spent = {"read": 0.0, "prepare": 0.0, "network": 0.0}
    squares = []
    for n, path in enumerate(paths[:4] + paths):
        start = time.process_time()
        data = path.read_bytes()
        hashlib.sha256(data).digest()
        read = time.process_time()
        square = prepare(data)
        if n >= 4:  # the first ones warm the caches
            spent["read"] += read - start
            spent["prepare"] += time.process_time() - read
            squares.append(square)
    for i in range(0, len(squares), embedder.batch):
        start = time.process_time()
        embedder.embed(np.stack(squares[i : i + embedder.batch]))
        spent["network"] += time.process_time() - start
    return embedder.engine.name, {name: s / len(squares) for name, s in spent.items()}


def _cpu_s(pid: int) -> float:
    """Processor time of a process and all below it, in seconds."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(
        _cpu_s(int(child)) for child in children
    )


if __name__ == "__main__":
    main()
