"""Open files that may have changed since the scan saw them.

A pipe in a file's place must not hang anybody, and a link in its place must not lead out of this machine's roots: the
file is opened first, then the kernel is asked which one it is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import lzma
import os
import stat
import struct
import sys
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from store.objects import is_remote, object_time, open_object, read_object
from store.roots import ANYWHERE, Roots

__all__ = [
    "BROKEN_ARCHIVE",
    "ArchiveFiles",
    "LeadsOut",
    "NotAFile",
    "find_member",
    "open_archive",
    "open_regular",
    "original_exists",
    "real_path",
]

_OPEN_ARCHIVES = 8
"""Archive files kept open: their members follow one another in a listing, and a descriptor each is not to be had."""

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


class LeadsOut(OSError):
    """The file lies outside the roots of this machine; a symbolic link led there."""


def open_regular(path: bytes, roots: Roots = ANYWHERE) -> BinaryIO:
    """Open a regular file for reading; of anything else not one byte is waited for. An object is fetched whole.

    Raises:
        NotAFile: A folder, a pipe or a device stands there.
        LeadsOut: It lies in none of the roots; not one byte is read.
        OSError: It cannot be opened.
    """
    if is_remote(path):
        _need_inside(path, roots)
        return io.BytesIO(read_object(path))
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise NotAFile(errno.EINVAL, "not a regular file", path)
        if roots:
            _need_inside(real_path(descriptor), roots)
    except BaseException:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


def _need_inside(path: bytes, roots: Roots) -> None:
    if not roots.admits(os.fsdecode(path)):
        raise LeadsOut(errno.EACCES, "it leads out of this machine's roots", path)


def real_path(descriptor: int) -> bytes:
    """Where an open file or folder really is, as the kernel has it: an absolute path without symbolic links.

    Raises:
        OSError: This system does not tell.
    """
    if sys.platform == "darwin":
        return fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")
    try:
        return os.readlink(b"/proc/self/fd/%d" % descriptor)
    except FileNotFoundError:
        raise OSError(errno.ENOSYS, "without /proc it cannot be told where a file lies") from None


@contextlib.contextmanager
def open_archive(path: bytes, roots: Roots = ANYWHERE) -> Iterator[zipfile.ZipFile]:
    """Open an archive file.

    Raises:
        OSError: As `open_regular`.
        BROKEN_ARCHIVE: It is none, or damaged.
    """
    with _open_to_seek(path, roots) as file, zipfile.ZipFile(file) as archive:
        yield archive


def _open_to_seek(path: bytes, roots: Roots) -> BinaryIO:
    if not is_remote(path):
        return open_regular(path, roots)
    _need_inside(path, roots)
    return open_object(path)


def original_exists(path: bytes) -> bool:
    """Whether a file or object is there; also False where nobody can tell now."""
    if not is_remote(path):
        return os.path.exists(path)
    try:
        return bool(object_time(path))
    except OSError:
        return False


def find_member(archive: zipfile.ZipFile, member: bytes) -> zipfile.ZipInfo:
    """The entry of a member, named as a listing names it.

    Raises:
        KeyError: There is none.
    """
    return archive.getinfo(member.decode("utf-8", "surrogateescape"))


@dataclass
class _Opened:
    """An open archive file, and how many readers use it now."""

    closing: contextlib.ExitStack
    archive: zipfile.ZipFile
    users: int = 0


class ArchiveFiles:
    """Keeps the archive files used last open. Threads may share it."""

    def __init__(self, roots: Roots = ANYWHERE) -> None:
        self._roots = roots
        self._opened: OrderedDict[bytes, _Opened] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def use(self, path: bytes) -> Iterator[zipfile.ZipFile]:
        """An archive file, open as long as the block lasts.

        Raises:
            OSError, BROKEN_ARCHIVE: As `open_archive`.
        """
        with self._lock:
            opened = self._get(path)
            opened.users += 1
        try:
            yield opened.archive
        finally:
            with self._lock:
                opened.users -= 1

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            for opened in self._opened.values():
                opened.closing.close()
            self._opened.clear()

    def _get(self, path: bytes) -> _Opened:
        if path not in self._opened:
            closing = contextlib.ExitStack()
            self._opened[path] = _Opened(closing, closing.enter_context(open_archive(path, self._roots)))
            self._close_oldest()
        self._opened.move_to_end(path)
        return self._opened[path]

    def _close_oldest(self) -> None:
        idle = [path for path, opened in self._opened.items() if not opened.users]
        for path in idle[: max(0, len(self._opened) - _OPEN_ARCHIVES)]:
            self._opened.pop(path).closing.close()
