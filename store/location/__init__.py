"""Where things lie: in a folder of this machine, or below a prefix in object storage. Nobody outside asks which.

`location` reads an address, `storage_of` gives what differs between the two (`storage.Storage`), and `choose` takes the
one of two that is made for it, where folder and bucket have classes of their own: journal, output, scan.

local_storage, object_storage   the two implementations of `Storage`
object_path                     an address in object storage, with the part of pathlib's interface that is used
s3                              requests to object storage; nothing else knows s3fs
file_lock, lease                being the one process that does something, in a folder and in a bucket
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from store.location.local_storage import LocalStorage
from store.location.object_path import Entry, ObjectPath, ObjectStat
from store.location.object_storage import ObjectStorage
from store.location.storage import Allowlist, Location, Storage, default_store

__all__ = [
    "Entry",
    "Location",
    "ObjectPath",
    "ObjectStat",
    "Storage",
    "choose",
    "default_store",
    "location",
    "storage_of",
]

T = TypeVar("T")

_LOCAL = LocalStorage()
_OBJECTS = ObjectStorage()


def location(address: str | bytes | Location) -> Location:
    """A folder's absolute path, or an `ObjectPath` where the address begins with `s3://`."""
    if isinstance(address, ObjectPath):
        return address
    text = os.fsdecode(address)
    return ObjectPath(text.rstrip("/")) if text.startswith("s3://") else Path(text).absolute()


def storage_of(path: str | bytes | Location, allowed: Allowlist | None = None) -> Storage[Any]:
    """The storage in which a path lies; with a list of what is allowed, nothing else is read there."""
    if isinstance(path, ObjectPath) or (not isinstance(path, Path) and path[:5] in ("s3://", b"s3://")):
        return ObjectStorage(allowed) if allowed else _OBJECTS
    return LocalStorage(allowed) if allowed else _LOCAL


def choose(place: Location, in_folder: Callable[[Path], T], in_bucket: Callable[[ObjectPath], T]) -> T:
    """Call the function that is made for where this lies."""
    return in_bucket(place) if isinstance(place, ObjectPath) else in_folder(place)
