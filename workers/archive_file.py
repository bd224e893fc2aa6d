"""Open archive files that may have changed since the scan saw them, and keep what was read of their directories."""

from __future__ import annotations

import contextlib
import lzma
import struct
import threading
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import IO, Any, BinaryIO, cast

from store.location import Storage, storage_of
from store.location.storage import Fingerprint
from workers.archive_members import name_members

__all__ = ["BROKEN_ARCHIVE", "ArchiveFile", "find_member", "open_archive"]

_KEPT = 8
_KEPT_ENTRIES = 200_000
"""Archive files whose directories are kept, and how many entries these may have: about 100 MB."""

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
def open_archive(path: bytes, storage: Storage[Any] | None = None) -> Iterator[ArchiveFile]:
    """Open an archive file, through a storage that is confined or through its own. Threads may read from the same one.

    Its directory is read once, and again when the file has changed: there may be a hundred thousand members, and they
    are asked for one by one.

    Raises:
        OSError: As `Storage.open`.
        BROKEN_ARCHIVE: It is none, or damaged.
    """
    with _directories.use(path, storage or storage_of(path)) as archive:
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
        seen: What tells that the file is still the same.
        users: How many read from it now.
    """

    archive: ArchiveFile
    file: _Reopened
    seen: Fingerprint
    users: int = 0


class _Directories:
    """Keeps what was read of the archive files used last. Threads may share it."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def use(self, path: bytes, storage: Storage[Any]) -> Iterator[ArchiveFile]:
        """An archive file, open as long as the block lasts."""
        with self._lock:
            kept = self._kept[path] = self._open(path, storage)
            self._kept.move_to_end(path)
            kept.users += 1
        try:
            yield kept.archive
        finally:
            with self._lock:
                kept.users -= 1
                if not kept.users and not storage.keeps_open:
                    kept.file.close()
                self._drop_oldest()

    def _open(self, path: bytes, storage: Storage[Any]) -> _Kept:
        kept = self._kept.get(path)
        file, seen = storage.open_to_seek(path, None if kept is None else kept.seen)
        if kept is not None and kept.seen.identity == seen.identity:
            kept.seen = seen
            if file is not None:
                kept.file.attach(file)
            return kept
        assert file is not None  # nothing is known of it
        try:
            reopened = _Reopened(file)
            return _Kept(ArchiveFile(cast(IO[bytes], reopened)), reopened, seen)
        except BaseException:
            file.close()
            raise

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
