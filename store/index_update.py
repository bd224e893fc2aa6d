"""Bring the index of a store up to date: add the shards that it lacks, or make it anew."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from store.content_index import KEY_BYTES, index_files, index_folder, index_prefix, open_sqlite
from store.errors import DamagedStore
from store.files import new_file
from store.listing import Kind, listing_digest
from store.location import Location, storage_of
from store.part import Part
from store.shard import read_embedding_key, read_shard
from store.store import Store

__all__ = ["update_index"]

_TABLES = """
CREATE TABLE part (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE covered (part INTEGER, chunk INTEGER, PRIMARY KEY (part, chunk)) WITHOUT ROWID;
CREATE TABLE known (key BLOB PRIMARY KEY, part INTEGER, chunk INTEGER, row INTEGER) WITHOUT ROWID;
"""

_Chunks = dict[str, set[int]]


def update_index(store: Store, embedding_key: str) -> int:
    """Write the next index, if there are shards that the newest one lacks, or if shards of it are gone.

    Memory does not grow with the store. May be killed, and run by several processes: the newest index counts, and each
    is whole.

    Returns:
        The number of shards added.

    Raises:
        OSError: The index cannot be written. The store is as good as before.
    """
    wanted = _shards(store, embedding_key)
    earlier = index_files(store, embedding_key)
    newest = earlier[-1] if earlier else None
    covered = _covered(newest) if newest is not None else {}
    missing = {name: chunks - covered.get(name, set()) for name, chunks in wanted.items()}
    gone = any(chunks - wanted.get(name, set()) for name, chunks in covered.items())
    if not gone and not any(missing.values()):
        return 0
    folder = index_folder(store)
    folder.mkdir(parents=True, exist_ok=True)
    storage_of(folder).clean_up(folder)
    number = 1 + (int(newest.name.split("-")[1]) if newest is not None else 0)
    name = f"{index_prefix(embedding_key)}-{number:08d}-{secrets.token_hex(4)}.sqlite"
    with new_file(folder / name) as temporary:
        if gone or newest is None:
            temporary.unlink(missing_ok=True)
            _add(temporary, store, wanted, _TABLES)
        else:
            shutil.copyfile(storage_of(newest).local_copy(newest, "index"), temporary)
            _add(temporary, store, missing)
    for old in earlier:
        old.unlink(missing_ok=True)
    return sum(map(len, wanted.values() if gone else missing.values()))


def _shards(store: Store, embedding_key: str) -> _Chunks:
    """The chunks of each part of this network that have a shard; also those that a forgotten run has left."""
    found: _Chunks = {}
    for part in (part for run in store.all_runs() for part in run.possible_parts):
        try:
            chunks = part.shard_chunks()
            if chunks and _key_of(part, chunks[0]) == embedding_key:
                found[part.name] = set(chunks)
        except DamagedStore:
            continue
    return found


def _key_of(part: Part, chunk: int) -> str:
    return part.spec.embedding_key if part.exists else read_embedding_key(part.shard_path(chunk))


def _covered(path: Location) -> _Chunks:
    """The chunks that an index has, by part; nothing of one that cannot be read."""
    found: _Chunks = {}
    try:
        db = open_sqlite(storage_of(path).local_copy(path, "index"), "mode=ro&immutable=1")
        try:
            for name, chunk in db.execute("SELECT name, chunk FROM covered JOIN part ON part.id = covered.part"):
                found.setdefault(name, set()).add(chunk)
        finally:
            db.close()
    except (OSError, sqlite3.Error):
        return {"damaged": {0}}  # is not wanted, so all is made anew
    return found


def _add(path: Path, store: Store, chunks: _Chunks, tables: str = "") -> None:
    db = open_sqlite(path, "mode=rwc&nolock=1")
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -65536"):
            db.execute(f"PRAGMA {pragma}")
        db.execute("BEGIN")
        for statement in tables.split(";"):
            db.execute(statement)
        for name in sorted(chunks):
            db.execute("INSERT OR IGNORE INTO part (name) VALUES (?)", (name,))
            (part_id,) = db.execute("SELECT id FROM part WHERE name = ?", (name,)).fetchone()
            for chunk in sorted(chunks[name]):
                rows = ((key, part_id, chunk, row) for key, row in _keys(store.part(name), chunk))
                db.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", rows)
                db.execute("INSERT INTO covered VALUES (?, ?)", (part_id, chunk))
        db.execute("COMMIT")
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}") from error
    finally:
        db.close()


def _keys(part: Part, chunk: int) -> Iterator[tuple[bytes, int]]:
    """The digests and identities of the embedded files of a chunk, with their rows; none of a damaged chunk."""
    try:
        shard = read_shard(part.shard_path(chunk), vectors=False)
        embedded = shard.table.filter(pc.equal(shard.table["kind"], Kind.EMBEDDED.value))
        identities = _identities(part, chunk, shard.listing, embedded["row"]) if part.exists else []
    except DamagedStore:
        return
    digests = pc.binary_slice(embedded["digest"].cast(pa.binary()), 0, KEY_BYTES).to_pylist()
    for row, *keys in zip_longest(embedded["row"].to_pylist(), digests, identities):
        yield from ((key, row) for key in keys if key)


def _identities(part: Part, chunk: int, made_from: str, rows: pa.ChunkedArray) -> list[bytes]:
    """The identities of some files of a chunk; none where its shard was made from another listing."""
    listing = part.listing_table(chunk, ["identity"])
    if made_from not in ("", listing_digest(listing)):
        return []
    known = pc.less(rows, len(listing))
    return pc.if_else(known, listing["identity"].take(pc.if_else(known, rows, 0)), b"").to_pylist() if len(rows) else []
