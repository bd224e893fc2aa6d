"""Open files that may have changed since the scan saw them: a pipe in a file's place must not hang anybody."""

from __future__ import annotations

import contextlib
import errno
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["BROKEN_ARCHIVE", "NotAFile", "find_member", "open_archive", "open_regular"]

BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    RuntimeError,  # encrypted; NotImplementedError: a compression method of its own
    EOFError,
    ValueError,
    LookupError,  # no such member
)
"""What reading from a damaged archive file raises, beside OSError."""


class NotAFile(OSError):
    """Something that is no regular file stands there."""


def open_regular(path: bytes) -> BinaryIO:
    """Open a regular file for reading; of anything else not one byte is waited for.

    Raises:
        NotAFile: A folder, a pipe or a device stands there.
        OSError: It cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAFile(errno.EINVAL, "not a regular file", path)
    return open(descriptor, "rb")


@contextlib.contextmanager
def open_archive(path: bytes) -> Iterator[zipfile.ZipFile]:
    """Open an archive file.

    Raises:
        OSError: As `open_regular`.
        BROKEN_ARCHIVE: It is none, or damaged.
    """
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        yield archive


def find_member(archive: zipfile.ZipFile, member: bytes) -> zipfile.ZipInfo:
    """The entry of a member, named as a listing names it.

    Raises:
        KeyError: There is none.
    """
    return archive.getinfo(member.decode("utf-8", "surrogateescape"))
