"""The manifest: one Parquet file that lists pictures and the characters they show.

Columns: `path` (absolute, text), `characters` (list of text), `digest` (sha256 of the file, hexadecimal), `split`
(`training`, `development`, `test`, or empty before the split).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from model.errors import ConfigurationError, DatasetError
from store.files import new_file

__all__ = ["SEVERAL", "SPLITS", "Entry", "Several", "parse_several", "read_manifest", "settle", "write_manifest"]

SPLITS = ("training", "development", "test")
Several = Literal["drop", "first", "keep"]
SEVERAL: tuple[Several, ...] = ("drop", "first", "keep")

_FORMAT = b"oshiwake-manifest"
_VERSION = b"1"
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("characters", pa.list_(pa.string())),
        ("digest", pa.string()),
        ("split", pa.string()),
    ],
    metadata={b"format": _FORMAT, b"version": _VERSION},
)


@dataclass(frozen=True)
class Entry:
    """One picture.

    Attributes:
        path: Its file.
        characters: The characters that it shows, at least one.
        digest: sha256 of the file's content.
        split: Its split; empty before splitting.
    """

    path: str
    characters: tuple[str, ...]
    digest: str
    split: str = ""


def parse_several(text: str) -> Several:
    """Parse the option.

    Raises:
        ConfigurationError: It is not one of the three.
    """
    for known in SEVERAL:
        if text == known:
            return known
    raise ConfigurationError(f"several {text!r} is not one of {', '.join(SEVERAL)}")


def settle(entries: Iterable[Entry], several: Several) -> list[Entry]:
    """Make one entry per picture, and leave out characters with fewer than two pictures.

    Files with the same content are one picture with the first path and the characters of all of them.

    Args:
        entries: Any number per content.
        several: For pictures of several characters: `drop` leaves them out, `first` takes the first name in the order
            found, `keep` lists them under all.
    """
    pictures: dict[str, Entry] = {}
    for entry in entries:
        known = pictures.get(entry.digest)
        names = entry.characters if known is None else tuple(dict.fromkeys(known.characters + entry.characters))
        pictures[entry.digest] = Entry(entry.path if known is None else known.path, names, entry.digest)
    kept = [_one(entry, several) for entry in pictures.values() if len(entry.characters) == 1 or several != "drop"]
    counts = Counter(name for entry in kept for name in entry.characters)
    named = ((entry, tuple(name for name in entry.characters if counts[name] >= 2)) for entry in kept)
    return [Entry(entry.path, names, entry.digest, entry.split) for entry, names in named if names]


def _one(entry: Entry, several: Several) -> Entry:
    return Entry(entry.path, entry.characters[:1], entry.digest) if several == "first" else entry


def write_manifest(path: Path, entries: Sequence[Entry]) -> None:
    """Write the manifest atomically."""
    columns = {
        "path": [entry.path for entry in entries],
        "characters": [list(entry.characters) for entry in entries],
        "digest": [entry.digest for entry in entries],
        "split": [entry.split for entry in entries],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary:
        pq.write_table(pa.table(columns, schema=_SCHEMA), temporary)


def read_manifest(path: Path) -> list[Entry]:
    """Read a manifest.

    Raises:
        DatasetError: It is missing, damaged, or no manifest.
    """
    try:
        table = pq.read_table(path)
    except FileNotFoundError as error:  # Arrow's message is only the path
        raise DatasetError(f"{path}: no such file; `reid dataset scan` makes a manifest") from error
    except OSError as error:
        raise DatasetError(f"{path}: {error.strerror or error}") from error
    except pa.ArrowException as error:
        raise DatasetError(f"{path}: not a Parquet file ({str(error).splitlines()[0]})") from error
    if (table.schema.metadata or {}).get(b"format") != _FORMAT:
        raise DatasetError(f"{path}: not a manifest; `reid dataset scan` makes one")
    rows = zip(*(table.column(name).to_pylist() for name in _SCHEMA.names), strict=True)
    return [Entry(where, tuple(names), digest, split) for where, names, digest, split in rows]
