"""What stands in a file: digests, and whether two names mean the same."""

from __future__ import annotations

import hashlib
import os
import stat

from store.file_operation import Operation
from workers.safe_open import BROKEN_ARCHIVE, find_member, open_archive, open_regular

__all__ = ["digest_or_none", "file_digest", "member_digest", "same_bytes"]


def file_digest(path: bytes) -> bytes:
    """sha256 of a file's content."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").digest()  # type: ignore[arg-type]


def digest_or_none(path: bytes) -> bytes | None:
    """sha256 of a regular file, None for anything else and for what cannot be read."""
    try:
        return file_digest(path) if stat.S_ISREG(os.lstat(path).st_mode) else None
    except OSError:
        return None


def member_digest(op: Operation) -> bytes | None:
    """sha256 of the member that an operation places, None where its archive file cannot be read."""
    try:
        with open_archive(op.source) as archive, archive.open(find_member(archive, op.image.member)) as member:
            return hashlib.file_digest(member, "sha256").digest()  # type: ignore[arg-type]
    except BROKEN_ARCHIVE:
        return None


def same_bytes(one: bytes, other: bytes) -> bool:
    """Whether two names mean one file, or the same bytes, or are links to the same place."""
    if os.path.samestat(os.lstat(one), os.lstat(other)):
        return True
    if os.path.islink(one) and os.path.islink(other):
        return os.readlink(one) == os.readlink(other)
    digest = digest_or_none(one)
    return digest is not None and digest == digest_or_none(other)
