"""The index of what is embedded: make it, add to it, look chunks up in it, scan an archive that was renamed wholly.

    python benchmarks/content.py [--files 100000] [--chunk 256]

The store holds one run with as many embedded files, made in seconds; `--folder` puts it elsewhere.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from made import KEY
from measure import Report, Row, measured, options

from store.content_index import KEY_BYTES, ContentIndex, index_files
from store.file_identity import identity_of_file
from store.incremental import UnchangedFiles
from store.index_update import update_index
from store.listing import Kind, Listed
from store.mode import Mode
from store.part import PartSpec, ScanTotals
from store.run import RunSpec
from store.run_pass import PassSpec
from store.shard import Read, read_shard, write_shard
from store.store import Store

PLAIN = "a dict of all digests in memory, filled from the shards"
LIMIT = "reading the digests of all shards, and nothing else"
_TIME_NS = 1_700_000_000_000_000_001
_LOOKED_UP = 100


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--chunk", type=int, default=256, help="images in a chunk")
    parser.add_argument("--folder", type=Path, help="where the store is made and taken away again")
    chosen = parser.parse_args()
    report = Report("content", PLAIN, LIMIT)
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        files, chunk = chosen.files, chosen.chunk
        measured(make, folder, files, chunk)
        limit = measured(read_digests, folder)
        report.add(Row.of(f"the limit: digests of {files:,} files", files, limit))
        plain = measured(fill_dict, folder)
        report.add(Row.of("the plain way", files, plain, of_limit=limit.wall_s / plain.wall_s))
        made = measured(update, folder)
        ratios = {"of_plain": plain.wall_s / made.wall_s, "of_limit": limit.wall_s / made.wall_s}
        report.add(Row.of("make the index", files, made, **ratios, remark=f"{made.value / 1e6:.0f} MB"))
        measured(make, folder, chunk, chunk)
        added = measured(update, folder)
        report.add(Row.of("add one chunk", chunk, added, remark=f"{added.value / 1e6:.0f} MB written anew"))
        found = measured(look_up, folder, chunk)
        report.add(Row.of(f"look up {_LOOKED_UP} chunks by digest", _LOOKED_UP * chunk, found))
        scan = measured(renamed, folder)
        report.add(Row.of("list an archive renamed wholly", files, scan, remark=f"{scan.value:,} known"))
    report.save(chosen.json)


def make(folder: str, files: int, chunk: int) -> None:
    """A run in which as many files are embedded."""
    store = Store(Path(folder) / "store")
    run = store.create_run(RunSpec("/archive", "/out", 1e9, "made", "v1", 4, "shared"))
    run.archive.begin(PartSpec("/archive", KEY))
    run.pass_(1).begin(PassSpec(references="/refs", characters=["a"], threshold=0.3, mode=Mode.HARDLINK))
    for number, rows in enumerate(_chunks(files, chunk)):
        run.archive.add_listings(number, [rows])
        reads = [Read(row, Kind.EMBEDDED, random.randbytes(32)) for row in range(len(rows))]
        write_shard(run.archive.shard_path(number), reads, dimension=4, embedding_key=KEY)
    run.archive.finish_scan(ScanTotals(files, files, 0, number + 1, number + 1))


def _chunks(files: int, chunk: int) -> Iterator[list[Listed]]:
    listed = (
        Listed(b"%08d.png" % n, n, _TIME_NS + n, identity=identity_of_file(n, n, _TIME_NS + n)) for n in range(files)
    )
    while rows := list(islice(listed, chunk)):
        yield rows


def read_digests(folder: str) -> int:
    """Read the digests of all shards."""
    return sum(len(read_shard(path, vectors=False).table) for path in _shards(folder))


def fill_dict(folder: str) -> int:
    """The plain way."""
    known = {}
    for number, path in enumerate(_shards(folder)):
        for row, digest in enumerate(read_shard(path, vectors=False).table["digest"].to_pylist()):
            known[digest] = number, row
    return len(known)


def _shards(folder: str) -> list[Path]:
    return sorted((Path(folder) / "store" / "runs").glob("*/archive/shards/*.parquet"))


def update(folder: str) -> int:
    """Bring the index up to date; return its size."""
    store = Store(Path(folder) / "store")
    update_index(store, KEY)
    return Path(str(index_files(store, KEY)[-1])).stat().st_size


def look_up(folder: str, chunk: int) -> int:
    """Look up digests of chunks drawn at random, half of them known."""
    index = ContentIndex(Store(Path(folder) / "store"), KEY)
    paths = _shards(folder)
    found = 0
    for path in random.Random(1).choices(paths, k=_LOOKED_UP):
        known = read_shard(path, vectors=False).table["digest"].to_pylist()[: chunk // 2]
        keys = [digest[:KEY_BYTES] for digest in known] + [random.randbytes(KEY_BYTES) for _ in range(chunk // 2)]
        found += len(index.find(keys))
    return found


def renamed(folder: str) -> int:
    """Resolve a scan in which each file has another name; return how many are known."""
    store = Store(Path(folder) / "store")
    parts = list(store.parts_of("/archive", KEY))
    rows = (row for part in parts for chunk in part.listed_chunks() for row in part.listing(chunk))
    listed = (Listed(b"new/" + row.path, row.size, row.mtime_ns, identity=row.identity) for row in rows)
    return sum(one.known is not None for one in UnchangedFiles(parts[0], ContentIndex(store, KEY)).resolve(listed))


if __name__ == "__main__":
    main()
