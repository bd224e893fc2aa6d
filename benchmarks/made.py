"""Material for the benchmarks: trees of files, and runs that are embedded already, made in seconds."""

from __future__ import annotations

import hashlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from store.listing import Kind, Listed
from store.mode import Mode
from store.part import Part, PartSpec
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from store.shard import Read, write_shard
from store.store import Store

__all__ = ["KEY", "made_run", "made_tree"]

KEY = "made/v1"
"""The space of the made embeddings."""

_LINKS_PER_FILE = 30_000
"""ext4 takes 65,000, and each name may be placed once more."""


def made_tree(root: Path, files: int, folders: int) -> Path:
    """A tree of `files` names in `folders` folders: hard links to few small files, so that a million costs no space."""
    root.mkdir(parents=True)
    originals = root.with_name(f"{root.name}.originals")
    originals.mkdir()
    for number in range(files):
        folder = root / f"artist {number * folders // files:05d}"
        original = originals / f"{number // _LINKS_PER_FILE}.jpg"
        if number % _LINKS_PER_FILE == 0:
            original.write_bytes(b"\xff\xd8\xff" + number.to_bytes(8, "big"))
        if number * folders % files < folders:
            folder.mkdir(exist_ok=True)
        os.link(original, folder / f"{number:08d} illustration.jpg")
    return root


def made_run(
    root: Path, images: int, *, archive: Path | None = None, references: int = 1000, dimension: int = 500
) -> tuple[Store, Run]:
    """A run of which everything is embedded and nothing reduced.

    One vector in two lies near one of `references` characters with a reference each, one in four near two, one in four
    near none. One file in a hundred has the bytes of an earlier one.

    Args:
        root: Folder for the store and the output.
        images: How many.
        archive: The files; None where only names are needed, because nothing will be placed.
        references: Characters.
        dimension: Of the vectors.
    """
    random = np.random.default_rng(20261123)
    centres = _unit(random.standard_normal((references, dimension), np.float32))
    root = root.absolute()
    store = Store(root / "store")
    where = str((archive or root / "archive").absolute())
    spec = RunSpec(where, str(root / "sorted"), time.time(), "made", "v1", dimension, "private")
    run = store.create_run(spec)
    run.archive.begin(PartSpec(where, KEY))
    with ThreadPoolExecutor(8) as pool:  # waits for the disk
        parts = [
            pool.submit(_write_chunk, run.archive, chunk, start, min(256, images - start), centres)
            for chunk, start in enumerate(range(0, images, 256))
        ]
        for part in parts:
            part.result()
    names = [f"character {number:05d}" for number in range(references)]
    pass_ = run.pass_(1)
    pass_.references.begin(PartSpec(where, KEY))
    pass_.references.add_listings(0, [[Listed(b"%05d.png" % n, 1, 1, label=name) for n, name in enumerate(names)]])
    reads = [Read(n, Kind.EMBEDDED, bytes(32), vector) for n, vector in enumerate(centres)]
    write_shard(pass_.references.shard_path(0), reads, dimension=dimension, embedding_key=KEY)
    pass_.begin(PassSpec(references=where, characters=names, mode=Mode.HARDLINK, whitened=True))
    return store, run


def listed_name(number: int) -> str:
    """The path of the n-th image of a made run, below its archive."""
    return f"artist {number // 1000:05d}/{number:08d} illustration.jpg"


def _write_chunk(part: Part, chunk: int, start: int, count: int, centres: NDArray[np.float32]) -> None:
    numbers = range(start, start + count)
    part.add_listings(chunk, [[Listed(listed_name(n).encode(), 1, 1) for n in numbers]])
    vectors = _vectors(np.arange(start, start + count), centres)
    reads = [Read(row, Kind.EMBEDDED, _digest(n), vectors[row]) for row, n in enumerate(numbers)]
    write_shard(part.shard_path(chunk), reads, dimension=centres.shape[1], embedding_key=KEY)


def _vectors(numbers: NDArray[np.int64], centres: NDArray[np.float32]) -> NDArray[np.float32]:
    random = np.random.default_rng(int(numbers[0]))
    count, dimension = len(numbers), centres.shape[1]
    first, second = centres[numbers % len(centres)], centres[(numbers * 7 + 1) % len(centres)]
    noise = _unit(random.standard_normal((count, dimension), np.float32))
    kind = (numbers % 4)[:, None]
    return _unit(np.where(kind == 3, noise, np.where(kind == 2, first + second, first + 0.5 * noise)))


def _digest(number: int) -> bytes:
    return hashlib.sha256(str(number - 1 if number % 100 == 99 else number).encode()).digest()


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    normal: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return normal
