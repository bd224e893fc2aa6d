"""Scan a tree of files: streaming, in a fixed order, every file exactly once.

Files are ordered by their names as bytes, folder by folder. An earlier scan of the same tree has the same order, so two
scans can be compared in one pass. Only the entries of the folders on the current path are in memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

from producer.exclusion import NOTHING_ASKED, Exclusion, PassedOver, unfinished
from store.listing import Kind, Listed
from store.roots import ANYWHERE, Roots
from workers.safe_open import BROKEN_ARCHIVE, open_archive
from workers.ugoira import frames_of

__all__ = ["Scan", "found_file"]

_ARCHIVE_SUFFIXES = (b".zip", b".cbz")


@dataclass
class Scan:
    """A scan of one tree.

    A symbolic link to a folder is followed only if it leads out of the tree (folders inside are scanned at their own
    place), and each folder outside is entered once, so there are no loops.

    Attributes:
        root: Absolute path without symbolic links.
        excluded: Absolute paths of folders that are not entered, e.g. the output.
        roots: Symbolic links that lead out of these roots are not followed.
        exclusion: Which files and folders are skipped.
        passed: What has been skipped so far.
    """

    root: bytes
    excluded: tuple[bytes, ...] = ()
    roots: Roots = ANYWHERE
    exclusion: Exclusion = NOTHING_ASKED
    passed: PassedOver = field(default_factory=PassedOver)
    _closed: set[tuple[int, int]] = field(default_factory=set)  # folders that are not entered (again)

    def __iter__(self) -> Iterator[Listed]:
        self.passed = PassedOver()
        self._closed = {_identity(path) for path in self.excluded if os.path.isdir(path)}
        # One iterator per folder on the path; recursion would fail at depths that file systems allow.
        way = [self._folder(b"", outside=False)]
        while way:
            found = next(way[-1], None)
            if found is None:
                way.pop()
            elif isinstance(found, Listed):
                yield found
            else:
                way.append(self._folder(found.path, outside=found.outside))

    def _folder(self, path: bytes, *, outside: bool) -> Iterator[Listed | _Enter]:
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
                plain = entry.is_file(follow_symlinks=False) and not name.lower().endswith(_ARCHIVE_SUFFIXES)
                status = entry.stat() if plain else None
            except OSError as error:
                yield Listed(before + name, 0, 0, kind=Kind.UNREADABLE, reason=_say(error))
                continue
            if status is not None:
                yield Listed(before + name, status.st_size, status.st_mtime_ns)
            else:
                yield from self._entry(entry, before + name, outside)

    def _passes_over(self, entry: os.DirEntry[bytes], path: bytes, under_way: Container[bytes]) -> bool:
        """Whether an entry is skipped; counts it."""
        if under_way and entry.name.lower() in under_way and not _is_folder(entry):
            self.passed.unfinished += 1
        elif not self._excluded(entry, path):
            return False
        if _is_folder(entry):
            self.passed.folders += 1
        else:
            self.passed.files += 1
        return True

    def _excluded(self, entry: os.DirEntry[bytes], path: bytes) -> bool:
        exclusion = self.exclusion
        return exclusion.fits_name(entry.name) or (
            bool(exclusion.patterns) and exclusion.fits_path(path, _is_folder(entry))
        )

    def _entry(self, entry: os.DirEntry[bytes], path: bytes, outside: bool) -> Iterator[Listed | _Enter]:
        """Any other entry: a folder, a link, an archive file, or something else."""
        try:
            if entry.is_symlink():
                yield from self._link(entry, path)
            elif not entry.is_dir():
                yield from self._file(path, entry.stat())
            elif self._may_enter(entry.path, once=outside):
                yield _Enter(path, outside)
        except OSError as error:
            yield Listed(path, 0, 0, kind=Kind.UNREADABLE, reason=_say(error))

    def _link(self, entry: os.DirEntry[bytes], path: bytes) -> Iterator[Listed | _Enter]:
        try:
            status = entry.stat()
        except OSError as error:
            yield Listed(path, 0, 0, kind=Kind.UNREADABLE, reason=f"a symbolic link that leads nowhere: {_say(error)}")
            return
        target = os.path.realpath(entry.path)
        if not self.roots.admits(os.fsdecode(target)):
            yield Listed(path, 0, 0, kind=Kind.UNREADABLE, reason="a symbolic link that leads out of OSHIWAKE_ROOTS")
            return
        if not stat.S_ISDIR(status.st_mode):
            yield from self._file(path, status)
            return
        if any(_is_inside(target, os.path.realpath(folder)) for folder in (self.root, *self.excluded)):
            return
        if self._may_enter(target, once=True):
            yield _Enter(path, outside=True)

    def _file(self, path: bytes, status: os.stat_result) -> Iterator[Listed]:
        size, mtime_ns = status.st_size, status.st_mtime_ns
        if not stat.S_ISREG(status.st_mode):
            yield Listed(path, 0, mtime_ns, kind=Kind.UNSUPPORTED, reason="not a regular file")
        else:
            yield from found_file(path, size, mtime_ns, self.root, self.exclusion, self.passed)

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


@dataclass(frozen=True)
class _Enter:
    """A folder to enter.

    Attributes:
        path: Path below the root.
        outside: Whether the path leads through a symbolic link.
    """

    path: bytes
    outside: bool


def found_file(
    path: bytes, size: int, mtime_ns: int, root: bytes, exclusion: Exclusion, passed: PassedOver
) -> Iterator[Listed]:
    """A regular file, or the files inside an archive file."""
    if not path.lower().endswith(_ARCHIVE_SUFFIXES):
        yield Listed(path, size, mtime_ns)
        return
    try:
        with open_archive(os.path.join(root, path)) as archive:
            members = sorted(archive.members)
            animation = bool(frames_of(archive, path))
    except (OSError, *BROKEN_ARCHIVE) as error:
        yield Listed(path, size, mtime_ns, kind=Kind.UNREADABLE, reason=f"archive file cannot be opened: {error}")
        return
    if animation:
        yield Listed(path, size, mtime_ns)
        return
    # The archive file itself is listed only if it holds no file.
    if not members:
        yield Listed(path, size, mtime_ns, kind=Kind.UNSUPPORTED, reason="an archive file with no file inside")
    for member in members:
        if exclusion.member(path, member):
            passed.files += 1
        else:
            yield Listed(path, size, mtime_ns, member=member)


def _is_folder(entry: os.DirEntry[bytes]) -> bool:
    """Whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _identity(path: bytes) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino


def _is_inside(path: bytes, root: bytes) -> bool:
    return path == root or path.startswith(os.path.join(root, b""))


def _say(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
