"""Scan a folder of this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from operator import attrgetter

from producer.exclusion import unfinished
from producer.tree_scan import ARCHIVE_SUFFIXES, Found, TreeScan
from store.file_identity import identity_of_file
from store.listing import Kind, Listed

__all__ = ["FolderScan"]


@dataclass
class FolderScan(TreeScan):
    """A scan of the files below a folder.

    A symbolic link to a folder is followed only if it leads out of the tree (folders inside are scanned at their own
    place), and each folder outside is entered once, so there are no loops.
    """

    _closed: set[tuple[int, int]] = field(default_factory=set)  # folders that are not entered (again)

    def _begin(self, stack: ExitStack) -> Found:
        self._closed = {_identity(path) for path in self.excluded if os.path.isdir(path)}
        return self._folder(b"", outside=False)

    def _folder(self, path: bytes, *, outside: bool) -> Found:
        """The files of one folder and the folders to enter, in order."""
        try:
            with os.scandir(os.path.join(self.root, path)) as entries:
                ordered = sorted(entries, key=attrgetter("name"))
        except OSError as error:
            yield Listed(path or b".", 0, 0, kind=Kind.UNREADABLE, reason=f"folder cannot be listed: {_say(error)}")
            return
        before = path + b"/" if path else b""
        under_way = unfinished(entry.name for entry in ordered)
        for entry in ordered:
            name = entry.name
            try:
                if self._passes_over(entry, before + name, under_way):
                    continue
                # The fast path for nearly all files of an archive.
                plain = entry.is_file(follow_symlinks=False) and not name.lower().endswith(ARCHIVE_SUFFIXES)
                status = entry.stat() if plain else None
            except OSError as error:
                yield Listed(before + name, 0, 0, kind=Kind.UNREADABLE, reason=_say(error))
                continue
            if status is not None:
                size, mtime_ns = status.st_size, status.st_mtime_ns
                identity = identity_of_file(status.st_ino, size, mtime_ns)
                yield Listed(before + name, size, mtime_ns, identity=identity)
            else:
                yield from self._entry(entry, before + name, outside)

    def _entry(self, entry: os.DirEntry[bytes], path: bytes, outside: bool) -> Found:
        """Any other entry: a folder, a link, an archive file, or something else."""
        try:
            if entry.is_symlink():
                yield from self._link(entry, path)
            elif not entry.is_dir():
                yield from self._other(path, entry.stat())
            elif self._may_enter(entry.path, once=outside):
                yield self._folder(path, outside=outside)
        except OSError as error:
            yield Listed(path, 0, 0, kind=Kind.UNREADABLE, reason=_say(error))

    def _link(self, entry: os.DirEntry[bytes], path: bytes) -> Found:
        try:
            status = entry.stat()
        except OSError as error:
            yield Listed(path, 0, 0, kind=Kind.UNREADABLE, reason=f"a symbolic link that leads nowhere: {_say(error)}")
            return
        target = os.path.realpath(entry.path)
        if not self.storage.admits(target):
            yield Listed(path, 0, 0, kind=Kind.UNREADABLE, reason="a symbolic link that leads out of OSHIWAKE_ROOTS")
            return
        if not stat.S_ISDIR(status.st_mode):
            yield from self._other(path, status)
            return
        if any(_is_inside(target, os.path.realpath(folder)) for folder in (self.root, *self.excluded)):
            return
        if self._may_enter(target, once=True):
            yield self._folder(path, outside=True)

    def _other(self, path: bytes, status: os.stat_result) -> Iterator[Listed]:
        if stat.S_ISREG(status.st_mode):
            size, mtime_ns = status.st_size, status.st_mtime_ns
            yield from self._file(path, size, mtime_ns, identity_of_file(status.st_ino, size, mtime_ns))
        else:
            yield Listed(path, 0, status.st_mtime_ns, kind=Kind.UNSUPPORTED, reason="not a regular file")

    @staticmethod
    def _is_folder(entry: os.DirEntry[bytes]) -> bool:
        try:
            return entry.is_dir()
        except OSError:
            return False

    def _may_enter(self, folder: bytes, *, once: bool) -> bool:
        """Whether a folder may be entered; with `once`, not again. From outside, the tree itself may not be entered."""
        if not once and not self._closed:
            return True  # saves a system call per folder
        identity = _identity(folder)
        if identity in self._closed or (once and identity == _identity(self.root)):
            return False
        if once:
            self._closed.add(identity)
        return True


def _identity(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _is_inside(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(os.path.join(root, b""))


def _say(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
