"""Object storage: `s3://bucket/key` where a path may stand, through fsspec.

Any server that speaks S3. Credentials and endpoint come from the usual environment (`AWS_ACCESS_KEY_ID`,
`AWS_SECRET_ACCESS_KEY`, `AWS_PROFILE`, `AWS_ENDPOINT_URL`, …) and are in no path, message or log of ours.

All that fails raises OSError with an errno, as a file system's calls do, so callers need not tell the two apart.
"""

from __future__ import annotations

import contextlib
import errno
import mimetypes
import os
import posixpath
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, cast

from store.errors import MissingExtra

__all__ = [
    "Entry",
    "ObjectStat",
    "delete_object",
    "folder_exists",
    "list_folder",
    "object_age_s",
    "object_exists",
    "object_time",
    "open_object",
    "read_object",
    "replace_object",
    "stat_object",
    "write_object",
]

_SCHEME = "s3://"
_BLOCK_BYTES = 1 << 20
"""So much is asked for at once of an object that is read here and there."""

_DIGEST = "oshiwake-sha256"
"""Under this word an object says what it was when we put it there; another that is put in its place does not."""

_CONFIG = {"connect_timeout": 10, "read_timeout": 30, "max_pool_connections": 32}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a folder of objects holds.

    Attributes:
        name: The part of the key below the folder, without slash; UTF-8.
        folder: Whether it is a folder: keys go on after it.
        size: In bytes.
        mtime_ns: Time of the last change in nanoseconds. Servers tell seconds; the rest is made from the object's tag,
            so that what is written twice within a second is known to have changed.
    """

    name: bytes
    folder: bool
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """What a server says of an object.

    Attributes:
        tag: Of this very content (ETag).
        digest: sha256 that was given when it was written; empty where none was.
    """

    tag: str
    digest: bytes


def list_folder(path: bytes) -> Iterator[list[Entry]]:
    """The entries of a folder, a page at a time, in the order of the server; nothing for one that does not exist.

    Raises:
        OSError: It cannot be listed.
        MissingExtra: s3fs is not installed.
    """
    bucket, prefix = _split(os.path.join(path, b""))  # one slash at the end; a folder without a name has two
    more: dict[str, str] = {}
    while True:
        with _plain_errors(path):
            page = _files().call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, Delimiter="/", **more)
        folders = [Entry(_name(found["Prefix"][len(prefix) : -1]), True) for found in page.get("CommonPrefixes", ())]
        yield folders + [_entry(found, prefix) for found in page.get("Contents", ())]
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def folder_exists(path: bytes) -> bool:
    """Whether there is anything below a path.

    Raises:
        OSError: The server does not answer, or refuses us.
        MissingExtra: s3fs is not installed.
    """
    bucket, prefix = _split(os.path.join(path, b""))
    with _plain_errors(path):
        page = _files().call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=1)
    return bool(page.get("Contents") or page.get("CommonPrefixes"))


def read_object(path: bytes, first_bytes: int | None = None) -> bytes:
    """An object's content, or the beginning of it; one request.

    Raises:
        OSError: It is not there, or cannot be read.
        MissingExtra: s3fs is not installed.
    """
    part = {} if first_bytes is None else {"start": 0, "end": first_bytes}
    with _plain_errors(path):
        return cast(bytes, _files().cat_file(os.fsdecode(path), max_concurrency=1, **part))


def open_object(path: bytes) -> BinaryIO:
    """An object as a file to seek in; only what is read is fetched, in blocks.

    Raises:
        OSError: It is not there, or cannot be read.
        MissingExtra: s3fs is not installed.
    """
    with _plain_errors(path):
        return cast(BinaryIO, _files().open(os.fsdecode(path), "rb", block_size=_BLOCK_BYTES))


def object_time(path: bytes) -> int:
    """When an object was last changed, in nanoseconds since the epoch, whole seconds.

    Raises:
        OSError: It is not there, or cannot be asked for.
    """
    with _plain_errors(path):
        return _seconds_ns(_files().info(os.fsdecode(path))["LastModified"])


def object_age_s(path: bytes) -> float | None:
    """Seconds since an object was written, by the clock of the server; None where there is none.

    Raises:
        OSError: The server does not answer, or refuses us.
    """
    bucket, key = _split(path)
    try:
        with _plain_errors(path):
            found = _files().call_s3("head_object", Bucket=bucket, Key=key)
            now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
            return float((now - found["LastModified"]).total_seconds())
    except FileNotFoundError:
        return None


def object_exists(path: bytes) -> bool:
    """Whether there is an object of this name, or anything below it.

    Raises:
        OSError: The server does not answer, or refuses us.
    """
    bucket, key = _split(path)
    with _plain_errors(path):
        page = _files().call_s3("list_objects_v2", Bucket=bucket, Prefix=key, Delimiter="/", MaxKeys=1)
    # Its own name is the first that begins so.
    return any(found["Key"] == key for found in page.get("Contents", ())) or folder_exists(path)


def stat_object(path: bytes) -> ObjectStat | None:
    """What the server says of an object; None where there is none.

    Raises:
        OSError: The server does not answer, or refuses us.
    """
    bucket, key = _split(path)
    try:
        with _plain_errors(path):
            found = _files().call_s3("head_object", Bucket=bucket, Key=key)
    except FileNotFoundError:
        return None
    return ObjectStat(found["ETag"], _bytes(found.get("Metadata", {}).get(_DIGEST, "")))


def write_object(path: bytes, content: bytes, *, new: bool = False, digest: bytes = b"") -> None:
    """Put an object there, whole.

    Args:
        path: Its address.
        content: Its content.
        new: Only if there is none, as the server sees it. A server that does not know the condition overwrites.
        digest: sha256 of the content, for `stat_object`.

    Raises:
        FileExistsError: `new`, and there is one.
        OSError: It cannot be written.
    """
    more: dict[str, Any] = {"Metadata": {_DIGEST: digest.hex()}} if digest else {}
    more |= _kind(path)
    with _plain_errors(path):
        _files().pipe_file(os.fsdecode(path), content, mode="create" if new else "overwrite", **more)


def replace_object(path: bytes, content: bytes, tag: str | None) -> str:
    """Put an object of less than 5 GB in place of the one with that tag, or of none; return its own tag.

    A server that does not know the condition overwrites whatever is there.

    Raises:
        FileExistsError: Another one is there.
        FileNotFoundError: None is there.
        OSError: It cannot be written.
    """
    bucket, key = _split(path)
    condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
    with _plain_errors(path):
        done = _files().call_s3("put_object", Bucket=bucket, Key=key, Body=content, **condition, **_kind(path))
    return str(done["ETag"])


def delete_object(path: bytes, tag: str | None = None) -> None:
    """Take an object away; nothing to do where there is none.

    Raises:
        FileExistsError: Another one than the one with that tag is there, where the server knows the condition.
        OSError: The server does not answer, or refuses us.
    """
    bucket, key = _split(path)
    condition = {} if tag is None else {"IfMatch": tag}
    with _plain_errors(path), contextlib.suppress(FileNotFoundError):
        _files().call_s3("delete_object", Bucket=bucket, Key=key, **condition)


def _kind(path: bytes) -> dict[str, str]:
    """What a browser is told of an object with that name."""
    kind = mimetypes.guess_type(posixpath.basename(os.fsdecode(path)))[0]
    return {"ContentType": kind} if kind else {}


def _files() -> Any:
    """The file system of this process; fsspec keeps one, and makes another after a fork."""
    try:
        from s3fs import S3FileSystem
    except ImportError as error:
        raise MissingExtra("s3:// needs the extra: pip install 'oshiwake[s3]'") from error
    return S3FileSystem(use_listings_cache=False, config_kwargs=_CONFIG)


def _split(path: bytes) -> tuple[str, str]:
    bucket, _, key = os.fsdecode(path).removeprefix(_SCHEME).partition("/")
    return bucket, key


def _entry(found: dict[str, Any], prefix: str) -> Entry:
    tag = zlib.crc32(found.get("ETag", "").encode()) % 1_000_000_000
    return Entry(_name(found["Key"][len(prefix) :]), False, found["Size"], _seconds_ns(found["LastModified"]) + tag)


def _name(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _bytes(hexadecimal: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:
        return b""  # somebody else uses the same word


def _seconds_ns(time: datetime) -> int:
    return int(time.timestamp()) * 1_000_000_000


@contextlib.contextmanager
def _plain_errors(path: bytes) -> Iterator[None]:
    """What the libraries raise, as the OSError that a file system would raise."""
    where = os.fsdecode(path)
    try:
        yield
    except MissingExtra:
        raise
    except FileExistsError as error:
        raise FileExistsError(errno.EEXIST, "an object is there already", where) from error
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such object or bucket", where) from error
    except PermissionError as error:
        raise PermissionError(errno.EACCES, f"the storage refuses it: {error}", where) from error
    except Exception as error:
        if _refused_condition(error):
            raise FileExistsError(errno.EEXIST, "an object is there already, or another one", where) from error
        # botocore, aiohttp and fsspec have a tree of errors each: no answer, no credentials, a broken answer.
        code = getattr(error, "errno", None) or errno.EIO
        raise OSError(code, f"the storage does not answer as it should: {error}", where) from error


def _refused_condition(error: Exception) -> bool:
    """Whether the server said 412; s3fs knows it only in the words of AWS."""
    answer = getattr(error.__cause__, "response", None) or getattr(error, "response", None) or {}
    return bool(answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 412)
