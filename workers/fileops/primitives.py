"""The steps that file operations share: compare files, name temporary files, remove a source."""

from __future__ import annotations

import errno
import hashlib
import os
import stat

from store.durability import TEMPORARY_PREFIX, sync_folder
from store.location import storage_of

__all__ = [
    "NO_LINK",
    "digest_or_none",
    "file_digest",
    "has_digest",
    "same_bytes",
    "status_of",
    "temporary_name",
    "unchanged",
    "unlink",
    "unlink_source",
    "unlink_source_or_roll_back",
]

NO_LINK = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES}
"""Errors of link() that mean: not here, or not with this file; a copy may still be made."""


def status_of(path: bytes) -> os.stat_result | None:
    """The status of a name, None where there is nothing.

    Raises:
        OSError: Nobody can tell.
    """
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def file_digest(path: bytes, *, links: bool = True) -> bytes:
    """sha256 of a file's content; with `links`, symbolic ones are followed."""
    with storage_of(path).open(path, links=links) as file:
        return hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]


def has_digest(path: bytes, digest: bytes) -> bool:
    """Whether a regular file has a digest.

    Raises:
        OSError: It cannot be read.
    """
    return stat.S_ISREG(os.lstat(path).st_mode) and file_digest(path) == digest


def digest_or_none(path: bytes) -> bytes | None:
    """sha256 of a regular file or an object, None for anything else and for what cannot be read."""
    try:
        return file_digest(path, links=False)
    except OSError:
        return None


def same_bytes(one: bytes, other: bytes) -> bool:
    """Whether two names are one file, have the same bytes, or are links to the same place."""
    if os.path.samestat(os.lstat(one), os.lstat(other)):
        return True
    if os.path.islink(one) and os.path.islink(other):
        return os.readlink(one) == os.readlink(other)
    digest = digest_or_none(one)
    return digest is not None and digest == digest_or_none(other)


def unchanged(before: os.stat_result, now: os.stat_result) -> bool:
    """Whether a name is still the same file with the same content."""
    same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return same and os.path.samestat(now, before)


def temporary_name(target: bytes, number: int) -> bytes:
    """The name of an unfinished target. It has the journal's number, so that it is found after a crash."""
    return os.path.join(os.path.dirname(target), b"%s%d.part" % (os.fsencode(TEMPORARY_PREFIX), number))


def unlink(path: bytes) -> None:
    """Remove a name, if it is there."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def unlink_source(source: bytes, target: bytes, before: os.stat_result) -> None:
    """Make the target's name durable, then remove the source, if it is still the file that it was before."""
    sync_folder(os.path.dirname(target))
    now = os.lstat(source)
    if os.path.samestat(now, os.lstat(target)) or unchanged(before, now):
        os.unlink(source)


def unlink_source_or_roll_back(source: bytes, target: bytes, before: os.stat_result) -> None:
    """Remove the source after its target was made; if that fails, remove the target.

    In a folder that may not be written the file would otherwise stand twice, and nobody would know of the second.
    """
    made = os.lstat(target)
    try:
        unlink_source(source, target, before)
    except OSError:
        if os.path.lexists(source) and os.path.samestat(made, os.lstat(target)):
            os.unlink(target)
        raise
