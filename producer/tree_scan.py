"""What the scans of a folder and of a bucket have in common: streaming, in a fixed order, every file exactly once.

Files are ordered by their names as bytes, folder by folder. An earlier scan of the same tree has the same order, so two
scans can be compared in one pass. Only the entries of the folders on the current path are in memory.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Container, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from producer.exclusion import NOTHING_ASKED, Exclusion, PassedOver
from store.file_identity import identity_of_member
from store.listing import Kind, Listed
from store.location import Storage
from workers.archive_file import BROKEN_ARCHIVE, open_archive
from workers.ugoira import frames_of

__all__ = ["ARCHIVE_SUFFIXES", "Found", "TreeScan"]

ARCHIVE_SUFFIXES = (b".zip", b".cbz")

Found: TypeAlias = "Iterator[Listed | Found]"
"""The files of a folder, and in their place what is found in each folder in it."""


@dataclass
class TreeScan(ABC):
    """A scan of one tree.

    Attributes:
        root: Absolute path without symbolic links, or `s3://bucket/prefix`.
        storage: In which it lies. If it is confined, symbolic links that lead out are not followed.
        excluded: Absolute paths of folders that are not entered, e.g. the output.
        exclusion: Which files and folders are skipped.
        passed: What has been skipped so far.
    """

    root: bytes
    storage: Storage[Any]
    excluded: tuple[bytes, ...] = ()
    exclusion: Exclusion = NOTHING_ASKED
    passed: PassedOver = field(default_factory=PassedOver)

    def __iter__(self) -> Iterator[Listed]:
        self.passed = PassedOver()
        with ExitStack() as stack:
            # One iterator per folder on the path; recursion would fail at depths that file systems allow.
            way = [self._begin(stack)]
            while way:
                found = next(way[-1], None)
                if found is None:
                    way.pop()
                elif isinstance(found, Listed):
                    yield found
                else:
                    way.append(found)

    @abstractmethod
    def _begin(self, stack: ExitStack) -> Found:
        """What is found in the root; what the scan needs meanwhile is closed with the stack."""

    @staticmethod
    @abstractmethod
    def _is_folder(entry: Any) -> bool:
        """Whether an entry is a folder, or a link to one."""

    def _passes_over(self, entry: Any, path: bytes, under_way: Container[bytes]) -> bool:
        """Whether an entry is skipped; counts it."""
        exclusion = self.exclusion
        if under_way and entry.name.lower() in under_way and not self._is_folder(entry):
            self.passed.unfinished += 1
        elif not (
            exclusion.fits_name(entry.name)
            or (exclusion.patterns and exclusion.fits_path(path, self._is_folder(entry)))
        ):
            return False
        if self._is_folder(entry):
            self.passed.folders += 1
        else:
            self.passed.files += 1
        return True

    def _file(self, path: bytes, size: int, mtime_ns: int, identity: bytes) -> Iterator[Listed]:
        """A regular file, or the files inside an archive file."""
        if not path.lower().endswith(ARCHIVE_SUFFIXES):
            yield Listed(path, size, mtime_ns, identity=identity)
            return
        try:
            with open_archive(os.path.join(self.root, path), self.storage) as archive:
                members = sorted(archive.members)
                animation = bool(frames_of(archive, path))
        except (OSError, *BROKEN_ARCHIVE) as error:
            yield Listed(path, size, mtime_ns, kind=Kind.UNREADABLE, reason=f"archive file cannot be opened: {error}")
            return
        if animation:
            yield Listed(path, size, mtime_ns, identity=identity)
            return
        # The archive file itself is listed only if it holds no file.
        if not members:
            yield Listed(path, size, mtime_ns, kind=Kind.UNSUPPORTED, reason="an archive file with no file inside")
        for member in members:
            if self.exclusion.member(path, member):
                self.passed.files += 1
            else:
                yield Listed(path, size, mtime_ns, member=member, identity=identity_of_member(identity, member))
