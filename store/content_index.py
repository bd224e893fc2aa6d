"""The index of a store: where the embedding of a content is, by its digest or by a file's identity.

It is a SQLite file that never changes: an update writes the next one (`store.index_update`). So it needs no locks, and
works on any file system that machines share; from object storage it is fetched. The shards are the truth: an index that
is missing, damaged or behind costs a reading, and what it tells of is looked at before it counts.

STORE/index/<network>-<number>-<name>.sqlite
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from store.errors import DamagedStore, RunNotFound
from store.fields import valid_part
from store.files import names_in
from store.listing import CacheHit
from store.location import Location, storage_of
from store.store import Store

__all__ = ["KEY_BYTES", "ContentIndex", "index_files", "index_folder", "index_prefix", "open_sqlite"]

KEY_BYTES = 16
"""Of a digest or an identity, enough to tell it from all others."""

_NAME = re.compile(r"([0-9a-f]{16})-([0-9]{8})-[0-9a-f]{8}\.sqlite")
_CACHE_KB = 8192


class ContentIndex:
    """The newest index of a store for one network, as it was when it was opened. Threads may share it."""

    def __init__(self, store: Store, embedding_key: str) -> None:
        """Open it; where there is none, or it cannot be read, it knows nothing."""
        self._store = store
        self._key = embedding_key
        self._lock = threading.Lock()
        self._usable: dict[str, set[int]] = {}
        self._db: sqlite3.Connection | None = None
        self.name = ""
        if found := index_files(store, embedding_key):
            with contextlib.suppress(OSError, sqlite3.Error):
                self._open(found[-1])

    @property
    def is_newest(self) -> bool:
        """Whether no update has come since."""
        found = index_files(self._store, self._key)
        return (found[-1].name if found else "") == self.name

    def find(self, keys: Sequence[bytes]) -> dict[bytes, CacheHit]:
        """The places of contents by the first bytes of their digests, or by identity; they may be gone."""
        if self._db is None:
            return {}
        found: dict[bytes, CacheHit] = {}
        try:
            with self._lock:
                marks = ",".join("?" * len(keys))
                rows = self._db.execute(
                    "SELECT key, part.name, chunk, row FROM known JOIN part ON part.id = known.part"
                    f" WHERE key IN ({marks})",
                    keys,
                ).fetchall()
        except sqlite3.Error:  # damaged, or on a share from which it was deleted meanwhile
            return {}
        for key, part, chunk, row in rows:
            if isinstance(part, str) and valid_part(part) and min(chunk, row) >= 0:
                found[bytes(key)] = CacheHit(part, chunk, row)
        return found

    def hits(self, identities: Sequence[bytes]) -> dict[bytes, CacheHit]:
        """The cache hits of files by identity. Their shards are there, of runs that are not forgotten.

        The caller lists a run: as long as it does, nothing is forgotten.
        """
        found = self.find(identities)
        return {key: hit for key, hit in found.items() if hit.chunk in self._chunks(hit.part)}

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()

    def _open(self, path: Location) -> None:
        local = storage_of(path).local_copy(path, "index")
        if str(local) != str(path):
            for old in local.parent.glob(f"{index_prefix(self._key)}-*.sqlite"):
                if old.name < local.name:
                    old.unlink(missing_ok=True)
        self._db = open_sqlite(local, "mode=ro&immutable=1")
        self._db.execute("SELECT 1 FROM known LIMIT 1").fetchone()
        self.name = path.name

    def _chunks(self, part: str) -> set[int]:
        """The chunks of a part whose shards may be referred to."""
        if part not in self._usable:
            run = part.partition("/")[0]
            self._usable[part] = set()
            with contextlib.suppress(RunNotFound, DamagedStore):
                if not self._store.run_folder(run).marked("forgotten"):
                    self._usable[part] = set(self._store.part(part).shard_chunks())
        return self._usable[part]


def index_folder(store: Store) -> Location:
    """Where the indexes are."""
    return store.root / "index"


def index_prefix(embedding_key: str) -> str:
    """The beginning of the names of a network's indexes."""
    return hashlib.sha256(embedding_key.encode()).hexdigest()[:16]


def index_files(store: Store, embedding_key: str) -> list[Location]:
    """The indexes for a network, the newest last."""
    prefix = index_prefix(embedding_key)
    names = sorted(n for n in names_in(index_folder(store)) if (m := _NAME.fullmatch(n)) and m[1] == prefix)
    return [index_folder(store) / name for name in names]


def open_sqlite(path: Path, options: str) -> sqlite3.Connection:
    """Open a file of which no other process has use for a lock."""
    address = f"file:{quote(str(path))}?{options}"
    db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    db.execute("PRAGMA trusted_schema = OFF")
    return db
