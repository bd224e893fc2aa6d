"""Where a store lies: in a folder, or below a prefix in object storage.

`ObjectPath` has the part of pathlib's interface that the store uses, so that one code writes both. An object appears
whole or not at all, and one that is there is seen by everybody: what a folder needs a rename and a sync for.
"""

from __future__ import annotations

import io
import os
import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import BinaryIO, cast

from store.object_cache import Kept
from store.object_storage import delete_object, is_remote, list_folder, object_exists, read_object, write_object

__all__ = ["ObjectPath", "default_store", "local_logs", "location", "read_whole"]

_LASTING = ("listing", "shards")
"""Folders of what is written once."""

_CLAIM = ".oshiwake-claim"
"""The object that makes an empty folder."""


def default_store() -> Path:
    """`oshiwake` in the user's data folder, as the XDG base directory specification says."""
    data = os.environ.get("XDG_DATA_HOME", "")
    # The specification: a relative path is invalid and to be ignored.
    home = Path(data) if data.startswith("/") else Path.home() / ".local" / "share"
    return home / "oshiwake"


def local_logs(folder: Path) -> Path:
    """Where this machine writes logs: in the folder, or for object storage in the user's data folder."""
    return (default_store() if isinstance(folder, ObjectPath) else folder) / "logs"


def location(address: str | Path) -> Path:
    """A folder's absolute path, or an `ObjectPath` in its stead."""
    text = os.fspath(address) if not isinstance(address, ObjectPath) else str(address)
    return cast(Path, ObjectPath(text.rstrip("/"))) if is_remote(text) else Path(os.path.abspath(text))


def read_whole(path: Path) -> Path | BinaryIO:
    """What readers of Parquet take: a path, or the content of an object."""
    return io.BytesIO(path.read_bytes()) if isinstance(path, ObjectPath) else path


class ObjectPath:
    """An address `s3://bucket/key`, of an object or of all below it."""

    def __init__(self, address: str, kept: Kept | None = None) -> None:
        """An address; with `kept`, listings and shards, which do not change, are fetched once."""
        self._address = address
        self._kept = kept

    def __str__(self) -> str:
        return self._address

    def __bytes__(self) -> bytes:
        return os.fsencode(self._address)

    def __truediv__(self, below: str) -> ObjectPath:
        return ObjectPath(posixpath.join(self._address, below), self._kept)

    @property
    def name(self) -> str:
        """The last part."""
        return posixpath.basename(self._address)

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return posixpath.splitext(self.name)[0]

    @property
    def parent(self) -> ObjectPath:
        """The folder that holds it."""
        return ObjectPath(posixpath.dirname(self._address), self._kept)

    def exists(self) -> bool:
        """Whether there is such an object, or anything below."""
        return object_exists(bytes(self))

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Folders are there when they are needed; with `exist_ok=False`, whoever comes first has it.

        Raises:
            FileExistsError: Somebody else has it.
        """
        if not exist_ok:
            if self.exists():
                raise FileExistsError(f"{self} is there already")
            write_object(bytes(self / _CLAIM), b"", new=True)

    def iterdir(self) -> Iterator[ObjectPath]:
        """What the folder holds; nothing where there is none."""
        for page in list_folder(bytes(self)):
            yield from (self / os.fsdecode(entry.name) for entry in page if entry.name)

    def glob(self, pattern: str) -> Iterator[ObjectPath]:
        """What has the form `some/*/name`, with one whole part left open; or a pattern for names in this folder."""
        before, between, after = pattern.partition("*/")
        if not between:
            yield from (path for path in self.iterdir() if fnmatchcase(path.name, pattern))
            return
        for path in (self / before.rstrip("/") if before else self).iterdir():
            if (path / after).exists():
                yield path / after

    def unlink(self, missing_ok: bool = False) -> None:
        """Take the object away."""
        delete_object(bytes(self))

    def read_bytes(self) -> bytes:
        """Its content."""
        if self._kept is not None and posixpath.basename(posixpath.dirname(self._address)) in _LASTING:
            return self._kept.read(bytes(self))
        return read_object(bytes(self))

    def read_text(self, encoding: str = "utf-8") -> str:
        """Its content as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Put an object there, in place of another."""
        write_object(bytes(self), content)
