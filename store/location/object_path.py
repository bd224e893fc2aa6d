"""An address in object storage, with the part of pathlib's interface that is used, so that one code has both.

An object appears whole or not at all, and one that is there is seen by everybody: what a folder needs a rename and a
sync for.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from fnmatch import fnmatchcase

from store.location import s3
from store.location.object_cache import Kept

__all__ = ["ObjectPath"]

_LASTING = ("listing", "shards")
"""Folders of what is written once."""

_CLAIM = ".oshiwake-claim"
"""The object that makes an empty folder."""


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
        return s3.object_exists(bytes(self))

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Folders are there when they are needed; with `exist_ok=False`, whoever comes first has it.

        Raises:
            FileExistsError: Somebody else has it.
        """
        if not exist_ok:
            if self.exists():
                raise FileExistsError(f"{self} is there already")
            (self / _CLAIM).write_new(b"")

    def rmdir(self) -> None:
        """Nothing to do: folders go with their objects."""

    def iterdir(self) -> Iterator[ObjectPath]:
        """What the folder holds; nothing where there is none."""
        for page in self.pages():
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
        self.delete()

    def read_bytes(self) -> bytes:
        """Its content."""
        if self._kept is not None and posixpath.basename(posixpath.dirname(self._address)) in _LASTING:
            return self._kept.read(bytes(self))
        return s3.read_object(bytes(self))

    def read_text(self, encoding: str = "utf-8") -> str:
        """Its content as text."""
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        """Put an object there, in place of another."""
        s3.write_object(bytes(self), content)

    # What objects have and files have not: pages, and conditions that the server checks. See `store.location.s3`.

    def pages(self) -> Iterator[list[s3.Entry]]:
        """The entries of a folder, a page at a time, in the order of the server; nothing for one that is not there."""
        return s3.list_folder(bytes(self))

    def look(self) -> s3.ObjectStat | None:
        """What the server says of the object; None where there is none."""
        return s3.stat_object(bytes(self))

    def write_new(self, content: bytes, digest: bytes = b"") -> None:
        """Put an object there if there is none, with the sha256 of its content for `look`.

        Raises:
            FileExistsError: There is one.
        """
        s3.write_object(bytes(self), content, new=True, digest=digest)

    def replace(self, content: bytes, tag: str | None) -> str:
        """Put an object there in place of the one with that tag, or of none; return its own tag.

        Raises:
            FileExistsError, FileNotFoundError: That is not what is there.
        """
        return s3.replace_object(bytes(self), content, tag)

    def delete(self, tag: str | None = None) -> None:
        """Take the object away, if it is the one with that tag; nothing to do where there is none.

        Raises:
            FileExistsError: It is another one.
        """
        s3.delete_object(bytes(self), tag)

    def age_s(self) -> float | None:
        """Seconds since it was written, by the clock of the server; None where there is none."""
        return s3.object_age_s(bytes(self))
