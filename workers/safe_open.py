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
import time
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO, BinaryIO, cast

from store.object_storage import is_remote, object_time, open_object, read_object, stat_object
from store.roots import ANYWHERE, Roots
from workers.archive_members import name_members

__all__ = [
    "BROKEN_ARCHIVE",
    "TRUSTED_S",
    "ArchiveFile",
    "LeadsOut",
    "NotAFile",
    "find_member",
    "open_archive",
    "open_regular",
    "original_exists",
    "real_path",
]

_KEPT = 8
_KEPT_ENTRIES = 200_000
"""Archive files whose directories are kept, and how many entries these may have: about 100 MB."""

TRUSTED_S = 5.0
"""For so long an object in storage counts as unchanged."""

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


def original_exists(path: bytes) -> bool:
    """Whether a file or object is there; also False where nobody can tell now."""
    if not is_remote(path):
        return os.path.exists(path)
    try:
        return bool(object_time(path))
    except OSError:
        return False


class ArchiveFile(zipfile.ZipFile):
    """An archive file, open for reading.

    Attributes:
        members: The files inside by their names, see `workers.archive_members`.
    """

    @cached_property
    def members(self) -> dict[bytes, zipfile.ZipInfo]:
        """The files inside by their names."""
        return name_members(self.infolist())


def find_member(archive: ArchiveFile, member: bytes) -> zipfile.ZipInfo:
    """The entry of a member, named as a listing names it.

    Raises:
        KeyError: There is none.
    """
    found = archive.members.get(member)
    # A listing or a journal of before names in old encodings were told has the name that zipfile gives.
    return found or archive.getinfo(member.decode("utf-8", "surrogateescape"))


@contextlib.contextmanager
def open_archive(path: bytes, roots: Roots = ANYWHERE) -> Iterator[ArchiveFile]:
    """Open an archive file. Threads may read from the same one.

    Its directory is read once, and again when the file has changed: there may be a hundred thousand members, and they
    are asked for one by one.

    Raises:
        OSError: As `open_regular`.
        BROKEN_ARCHIVE: It is none, or damaged.
    """
    with _directories.use(path, roots) as archive:
        yield archive


class _Reopened:
    """The file below a `ZipFile`, which is closed while nobody reads, so that nothing is held meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file

    def attach(self, file: BinaryIO) -> None:
        """Read from this file from now on; not needed when one is open."""
        if self._file is None:
            self._file = file
        else:
            file.close()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def _open(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("the archive file is closed")
        return self._file

    def read(self, size: int = -1) -> bytes:
        return self._open.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._open.seek(offset, whence)

    def tell(self) -> int:
        return self._open.tell()

    def seekable(self) -> bool:
        return True


@dataclass
class _Kept:
    """An archive file whose directory was read.

    Attributes:
        identity: What tells that the file is still the same.
        users: How many read from it now.
        asked_s: When an object was last known to be the same.
    """

    archive: ArchiveFile
    file: _Reopened
    identity: object
    users: int = 0
    asked_s: float = 0.0


class _Directories:
    """Keeps what was read of the archive files used last. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def use(self, path: bytes, roots: Roots) -> Iterator[ArchiveFile]:
        """An archive file, open as long as the block lasts."""
        with self._lock:
            kept = self._object(path, roots) if is_remote(path) else self._file(path, roots)
            self._kept[path] = kept
            self._kept.move_to_end(path)
            kept.users += 1
        try:
            yield kept.archive
        finally:
            with self._lock:
                kept.users -= 1
                if not kept.users and not is_remote(path):
                    kept.file.close()
                self._drop_oldest()

    def _file(self, path: bytes, roots: Roots) -> _Kept:
        file = open_regular(path, roots)
        try:
            status = os.fstat(file.fileno())
            identity = status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            return self._with(path, file, identity)
        except BaseException:
            file.close()
            raise

    def _object(self, path: bytes, roots: Roots) -> _Kept:
        """An object is asked now and then whether it is the same; what is read of another one is refused by its tag."""
        _need_inside(path, roots)
        kept = self._kept.get(path)
        now_s = time.monotonic()
        if kept is None or now_s - kept.asked_s > TRUSTED_S:
            seen = stat_object(path)
            if kept is None or seen != kept.identity:
                kept = self._with(path, open_object(path), seen)
            kept.asked_s = now_s
        return kept

    def _with(self, path: bytes, file: BinaryIO, identity: object) -> _Kept:
        kept = self._kept.get(path)
        if kept is not None and kept.identity == identity:
            kept.file.attach(file)
            return kept
        reopened = _Reopened(file)
        return _Kept(ArchiveFile(cast(IO[bytes], reopened)), reopened, identity)

    def _drop_oldest(self) -> None:
        """Forget what was used longest ago, but for the newest: it would have to be read anew for its next member."""
        entries = sum(len(kept.archive.filelist) for kept in self._kept.values())
        for path, kept in list(self._kept.items())[:-1]:
            if len(self._kept) <= _KEPT and entries <= _KEPT_ENTRIES:
                return
            if not kept.users:
                entries -= len(kept.archive.filelist)
                kept.file.close()
                del self._kept[path]


_directories = _Directories()
