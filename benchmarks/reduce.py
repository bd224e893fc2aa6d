"""Reducing: 500 numbers a picture against the references, duplicates, outcomes and report; placing is measured apart.

    python benchmarks/reduce.py [--images 20000] [--references 1000]

Everything is made in a temporary folder (2 kB an image); `--folder` puts it elsewhere.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from made import made_run
from measure import Report, Row, measured, options
from numpy.typing import NDArray

from store.shard import read_shard
from store.store import Store
from workers import reducing
from workers.assigning import Assigner
from workers.duplicates import Duplicates
from workers.placing import Placer, Wanted

PLAIN = "all vectors in memory, the full matrix of distances at once, its nearest and next column sorted out, by numpy"
LIMIT = "the matrix product alone, in chunks, by numpy on all cores"
MATRIX_IMAGES = 20_000
"""The plain way is measured on so many at most; it would need 8 kB an image."""


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--references", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where the material is made and taken away again")
    chosen = parser.parse_args()
    report = Report("reduce", PLAIN, LIMIT)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        images = chosen.images
        measured(make, folder, images, chosen.references)
        limit = measured(product, folder, repeats=chosen.repeats)
        few = min(images, MATRIX_IMAGES)
        plain = measured(matrix, folder, few, repeats=chosen.repeats)
        report.add(Row.of(f"the plain way, {few:,} images", few, plain))
        wall_s, cpu_s = limit.value
        report.add(Row(f"the limit, {images:,} images", images, wall_s, cpu_s, limit.peak_bytes))
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in a worker
        whole = measured(reduce_all, folder, repeats=chosen.repeats)
        ratios = {
            "of_plain": plain.wall_s / few * images / whole.wall_s,
            "of_limit": wall_s / whole.wall_s,
            "stages": {name: 1000 * value / images for name, value in measured(stages, folder).value.items()},
        }
        report.add(Row.of(f"reduce, {images:,} images", images, whole, **ratios))
    report.save(chosen.json)


def make(folder: str, images: int, references: int) -> None:
    """An embedded run."""
    made_run(Path(folder), images, references=references)


def product(folder: str) -> tuple[float, float]:
    """Seconds that the products of all chunks take, elapsed and of the processor; reading is not counted."""
    store, _ = _opened(folder)
    references = _references(store)
    taken = np.zeros(2)
    for chunk in store.newest_first()[0].archive.listed_chunks():
        vectors = _vectors(store, chunk)
        start = np.array([time.perf_counter(), time.process_time()])
        np.matmul(vectors, references.T)
        taken += np.array([time.perf_counter(), time.process_time()]) - start
    return float(taken[0]), float(taken[1])


def matrix(folder: str, images: int) -> int:
    """The plain way."""
    store, _ = _opened(folder)
    chunks = store.newest_first()[0].archive.listed_chunks()[: -(-images // 256)]
    vectors = np.concatenate([_vectors(store, chunk) for chunk in chunks])
    distances = 1 - vectors @ _references(store).T
    order = np.argsort(distances, axis=1)[:, :2]
    return len(order)


def reduce_all(folder: str) -> int:
    """What the reduce task does, but for placing."""
    store, _ = _opened(folder)
    run = store.newest_first()[0]
    shutil.rmtree(str(run.output), ignore_errors=True)
    run.last_pass.reopen()
    reducing.Placer = NoPlacer  # type: ignore[attr-defined]
    return int(reducing.reduce_run(store, run, 1)["files"])


def stages(folder: str) -> dict[str, float]:
    """Processor seconds of each stage alone."""
    store, assigner = _opened(folder)
    run = store.newest_first()[0]
    chunks = run.archive.listed_chunks()
    marks = [time.process_time()]
    Duplicates(assigner.digests(chunk) for chunk in chunks)
    marks.append(time.process_time())
    for chunk in chunks:
        _vectors(store, chunk)
    marks.append(time.process_time())
    whole = assigner.outcomes(chunks[0])  # a whole chunk
    for _ in range(len(chunks)):
        assigner.decide(whole)
    marks.append(time.process_time())
    return dict(zip(("duplicates", "read", "decide"), np.diff(marks).tolist(), strict=True))


class NoPlacer(Placer):
    """Leaves every picture where it is."""

    def place(self, batch: list[Wanted]) -> list[list[bytes]]:
        """Nothing stands anywhere."""
        return [[] for _ in batch]


def _opened(folder: str) -> tuple[Store, Assigner]:
    store = Store(Path(folder) / "store")
    run = store.newest_first()[0]
    return store, Assigner(store, run, run.pass_(1))


def _references(store: Store) -> NDArray[np.float32]:
    return read_shard(store.newest_first()[0].last_pass.references.shard_path(0)).embeddings


def _vectors(store: Store, chunk: int) -> NDArray[np.float32]:
    return read_shard(store.newest_first()[0].archive.shard_path(chunk)).embeddings


if __name__ == "__main__":
    main()
