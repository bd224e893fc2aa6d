"""What tells a file again under another name, without reading it.

A file that is renamed keeps its inode, its size and its time. Inodes are given out again, and some file systems make
them up at each mount, so the time has to be a precise one: two files of the same size and inode are never changed in
the same nanosecond. A time in whole seconds was set by a program (a download, an archive file), perhaps for many files;
then nothing tells, and the file is read. The device is left out: its number changes from one mount to the next.
"""

from __future__ import annotations

import hashlib
import struct

__all__ = ["IDENTITY_BYTES", "identity_of_file", "identity_of_member", "identity_of_object"]

IDENTITY_BYTES = 16

_SECOND_NS = 1_000_000_000


def identity_of_file(inode: int, size: int, mtime_ns: int) -> bytes:
    """The identity of a file, 16 bytes; empty where its time is in whole seconds."""
    if mtime_ns % _SECOND_NS == 0:
        return b""
    return _digest(struct.pack("<QQq", inode, size, mtime_ns))


def identity_of_object(tag: str, size: int) -> bytes:
    """The identity of an object, from the server's tag of its content (ETag); empty where it gives none."""
    return _digest(b"tag %d " % size + tag.encode()) if tag else b""


def identity_of_member(archive: bytes, member: bytes) -> bytes:
    """The identity of a member of an archive file, whose own identity is `archive`; empty where that is."""
    return _digest(archive + member) if archive else b""


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=IDENTITY_BYTES).digest()
