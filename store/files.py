"""Atomic writes: a reader sees the old file or the new one, whole, whatever dies when."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from store.errors import DamagedStore, NewerSchema
from store.location import Location, storage_of

__all__ = [
    "SCHEMA",
    "check_schema",
    "names_in",
    "new_file",
    "read_json",
    "read_json_if_there",
    "write_json",
]

SCHEMA = 2
"""Version of everything this package writes. A higher number in a file means: keep off."""


def new_file(path: Location, *, replace: bool = True) -> AbstractContextManager[Path]:
    """Give a temporary path to write to; put it in place of `path`, on disk for good, when the block ends well.

    Raises:
        FileExistsError: Without `replace`, where something stands there.
    """
    return storage_of(path).new_file(path, replace=replace)


def names_in(folder: Location) -> set[str]:
    """What a folder holds, by name; nothing where there is none."""
    try:
        return {path.name for path in folder.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return set()


def write_json(path: Location, value: dict[str, Any], *, replace: bool = True) -> None:
    """Write an object with the schema version, atomically. Lone surrogates (odd file names) survive the way back.

    Raises:
        FileExistsError: Without `replace`, where something stands there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path, replace=replace) as temporary:
        temporary.write_text(json.dumps({"schema": SCHEMA, **value}, indent=1), encoding="ascii")


def read_json(path: Location) -> dict[str, Any]:
    """Read an object that `write_json` wrote.

    Raises:
        DamagedStore: The file is missing or no such object.
        NewerSchema: A newer program wrote it.
    """
    value = read_json_if_there(path)
    if value is None:
        raise DamagedStore(f"{path}: No such file or directory")
    return value


def read_json_if_there(path: Location) -> dict[str, Any] | None:
    """The same, or None where there is no such file.

    Raises:
        DamagedStore: There is one, and it is no such object.
        NewerSchema: A newer program wrote it.
    """
    try:
        value = json.loads(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedStore(f"{path}: {error}") from error
    if not isinstance(value, dict) or not isinstance(value.get("schema"), int):
        raise DamagedStore(f"{path}: not a file of this program")
    check_schema(value.pop("schema"), path)
    return value


def check_schema(found: int, path: Location) -> None:
    """Refuse what a newer program wrote.

    Raises:
        NewerSchema: `found` is higher than `SCHEMA`.
    """
    if found > SCHEMA:
        raise NewerSchema(f"{path}: schema {found}; this Oshiwake knows up to {SCHEMA}. Please upgrade Oshiwake")
