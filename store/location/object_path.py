"""An address in object storage, with the part of pathlib's interface that is used, so that one code has both.

An object appears whole or not at all, and one that is there is seen by everybody: what a folder needs a rename and a
sync for. All that fails raises OSError with an errno, as a file system's calls do.
"""

from __future__ import annotations

import contextlib
import mimetypes
import os
import posixpath
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Any, BinaryIO, cast

from store.location.object_cache import ObjectCache
from store.location.s3 import files, plain_errors, request

__all__ = ["Entry", "ObjectPath", "ObjectStat"]

_BLOCK_BYTES = 1 << 20
"""So much is asked for at once of an object that is read here and there."""

_DIGEST = "oshiwake-sha256"
"""Under this word an object says what it was when we put it there; another that is put in its place does not."""

_LASTING = ("listing", "shards")
"""Folders of what is written once."""

_CLAIM = ".oshiwake-claim"
"""The object that makes an empty folder."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder of objects holds.

    Attributes:
        name: The part of the key below the folder, without slash; UTF-8.
        folder: Whether it is a folder: keys go on after it.
        size: In bytes.
        mtime_ns: Time of the last change in nanoseconds. Servers tell seconds; the rest is made from the object's tag,
            so that what is written twice within a second is known to have changed.
        tag: Of this very content (ETag); empty where the server gives none.
    """

    name: bytes
    folder: bool
    size: int = 0
    mtime_ns: int = 0
    tag: str = ""


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a server says of an object.

    Attributes:
        tag: Of this very content (ETag).
        digest: sha256 that was given when it was written; empty where none was.
    """

    tag: str
    digest: bytes


class ObjectPath:
    """An address `s3://bucket/key`, of an object or of all below it. What is not described is as in pathlib."""

    def __init__(self, address: str | bytes, cache: ObjectCache | None = None) -> None:
        """An address; with a cache, listings and shards, which do not change, are fetched once."""
        self._address = os.fsdecode(address)
        self._cache = cache

    def __str__(self) -> str:
        return self._address

    def __bytes__(self) -> bytes:
        return os.fsencode(self._address)

    def __truediv__(self, below: str) -> ObjectPath:
        return ObjectPath(posixpath.join(self._address, below), self._cache)

    @property
    def name(self) -> str:
        return posixpath.basename(self._address)

    @property
    def stem(self) -> str:
        return posixpath.splitext(self.name)[0]

    @property
    def parent(self) -> ObjectPath:
        return ObjectPath(posixpath.dirname(self._address), self._cache)

    def exists(self) -> bool:
        """Whether there is such an object, or anything below."""
        found = self._list(self._key, MaxKeys=1).get("Contents", ())
        # Its own name is the first that begins so.
        return any(one["Key"] == self._key for one in found) or self.is_dir()

    def is_dir(self) -> bool:
        """Whether there is anything below."""
        page = self._list(self._prefix, MaxKeys=1)
        return bool(page.get("Contents") or page.get("CommonPrefixes"))

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Folders are there when they are needed; without `exist_ok`, whoever comes first has it."""
        if not exist_ok:
            if self.exists():
                raise FileExistsError(f"{self} is there already")
            (self / _CLAIM).write(b"", new=True)

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
        self.delete()

    def read_bytes(self) -> bytes:
        if self._cache is not None and self.parent.name in _LASTING:
            return self._cache.read(self._address, self._read)
        return self._read()

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def write_bytes(self, content: bytes) -> None:
        self.write(content)

    # What objects have and files have not: pages, tags, and conditions that the server checks.

    def pages(self) -> Iterator[list[Entry]]:
        """The entries of a folder, a page at a time, in the order of the server; nothing for one that is not there."""
        prefix = self._prefix
        more: dict[str, str] = {}
        while True:
            page = self._list(prefix, **more)
            folders = [
                Entry(_name(found["Prefix"][len(prefix) : -1]), True) for found in page.get("CommonPrefixes", ())
            ]
            yield folders + [_entry(found, prefix) for found in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}

    def head(self, size: int) -> bytes:
        """The first bytes; one request."""
        return self._read(start=0, end=size)

    def open(self) -> BinaryIO:
        """A file to seek in; only what is read is fetched, in blocks, and all of it from one object."""
        with plain_errors(self._address):
            return cast(BinaryIO, files().open(self._address, "rb", block_size=_BLOCK_BYTES))

    def stat(self) -> ObjectStat | None:
        """What the server says of the object; None where there is none."""
        found = self._head()
        return None if found is None else ObjectStat(found["ETag"], _bytes(found.get("Metadata", {}).get(_DIGEST, "")))

    def modified_ns(self) -> int:
        """When the object was last changed, in nanoseconds since the epoch, whole seconds."""
        with plain_errors(self._address):
            return _seconds_ns(files().info(self._address)["LastModified"])

    def age_s(self) -> float | None:
        """Seconds since it was written, by the clock of the server; None where there is none."""
        if (found := self._head()) is None:
            return None
        now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        return float((now - found["LastModified"]).total_seconds())

    def write(self, content: bytes, *, new: bool = False, digest: bytes = b"") -> None:
        """Put an object there, whole, with the sha256 of its content for `stat`.

        Raises:
            FileExistsError: `new`, and there is one. A server that does not know the condition overwrites it.
        """
        more: dict[str, Any] = {"Metadata": {_DIGEST: digest.hex()}} if digest else {}
        with plain_errors(self._address):
            mode = "create" if new else "overwrite"
            files().pipe_file(self._address, content, mode=mode, **more, **self._kind)

    def replace(self, content: bytes, tag: str | None) -> str:
        """Put an object of less than 5 GB in place of the one with that tag, or of none; return its own tag.

        A server that does not know the condition overwrites whatever is there.

        Raises:
            FileExistsError: Another one is there.
            FileNotFoundError: None is there.
        """
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        done = request(self._address, "put_object", Key=self._key, Body=content, **condition, **self._kind)
        return str(done["ETag"])

    def delete(self, tag: str | None = None) -> None:
        """Take the object away; nothing to do where there is none.

        Raises:
            FileExistsError: Another one than the one with that tag is there, where the server knows the condition.
        """
        condition = {} if tag is None else {"IfMatch": tag}
        with contextlib.suppress(FileNotFoundError):
            request(self._address, "delete_object", Key=self._key, **condition)

    @property
    def _key(self) -> str:
        return self._address.removeprefix("s3://").partition("/")[2]

    @property
    def _prefix(self) -> str:
        """One slash at the end; a folder without a name has two."""
        return ObjectPath(posixpath.join(self._address, ""))._key

    @property
    def _kind(self) -> dict[str, str]:
        """What a browser is told of an object with that name."""
        kind = mimetypes.guess_type(self.name)[0]
        return {"ContentType": kind} if kind else {}

    def _list(self, prefix: str, **more: Any) -> dict[str, Any]:
        return request(self._address, "list_objects_v2", Prefix=prefix, Delimiter="/", **more)

    def _head(self) -> dict[str, Any] | None:
        try:
            return request(self._address, "head_object", Key=self._key)
        except FileNotFoundError:
            return None

    def _read(self, **part: int) -> bytes:
        with plain_errors(self._address):
            return cast(bytes, files().cat_file(self._address, max_concurrency=1, **part))


def _entry(found: dict[str, Any], prefix: str) -> Entry:
    tag = found.get("ETag", "")
    mtime_ns = _seconds_ns(found["LastModified"]) + zlib.crc32(tag.encode()) % 1_000_000_000
    return Entry(_name(found["Key"][len(prefix) :]), False, found["Size"], mtime_ns, tag)


def _name(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _bytes(hexadecimal: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:
        return b""  # somebody else uses the same word


def _seconds_ns(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000_000
