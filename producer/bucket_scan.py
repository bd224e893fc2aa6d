"""Scan a folder of objects in the same order as `scan` scans a tree of files.

A server lists keys in another order (`a-b` before `a/b`), so folders are listed one by one and each is sorted. The next
folders are requested ahead, because each answer takes a round trip.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Container, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain

from producer.exclusion import NOTHING_ASKED, Exclusion, PassedOver, unfinished
from producer.scan import Scan, found_file
from store.listing import Kind, Listed
from store.object_storage import Entry, is_remote, list_folder
from store.roots import ANYWHERE, Roots

__all__ = ["BucketScan", "scan_of"]

_AHEAD = 8
"""How many folders are requested ahead; only the first page of each."""

_NO_NAMES = (b"", b".", b"..")


def scan_of(
    root: bytes, excluded: tuple[bytes, ...] = (), roots: Roots = ANYWHERE, exclusion: Exclusion = NOTHING_ASKED
) -> Scan | BucketScan:
    """The files below a folder, or the objects below a prefix, in the order of a scan."""
    return BucketScan(root, excluded, exclusion) if is_remote(root) else Scan(root, excluded, roots, exclusion)


@dataclass
class BucketScan:
    """A scan of the objects below one prefix; every object exactly once.

    Attributes:
        root: `s3://bucket/prefix`.
        excluded: Folders that are not entered, e.g. the store.
        exclusion: Which objects and folders are skipped.
        passed: What has been skipped so far.
    """

    root: bytes
    excluded: tuple[bytes, ...] = ()
    exclusion: Exclusion = NOTHING_ASKED
    passed: PassedOver = field(default_factory=PassedOver)

    def __iter__(self) -> Iterator[Listed]:
        self.passed = PassedOver()
        pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="list")
        try:
            way = [self._folder(pool, self._ask(pool, b""))]
            while way:
                found = next(way[-1], None)
                if found is None:
                    way.pop()
                elif isinstance(found, Listed):
                    yield found
                else:
                    way.append(self._folder(pool, found))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _folder(self, pool: ThreadPoolExecutor, asked: _Asked) -> Iterator[Listed | _Asked]:
        """The files of one folder and the folders to enter, in order."""
        try:
            first, others = asked.answer.result()
            found = sorted(chain(first, *others), key=lambda entry: (entry.name, entry.folder))
        except OSError as error:
            reason = f"folder cannot be listed: {error.strerror}"
            yield Listed(asked.prefix[:-1] or b".", 0, 0, kind=Kind.UNREADABLE, reason=reason)
            return
        under_way = unfinished(entry.name for entry in found)
        entries = [entry for entry in found if not self._passes_over(entry, asked.prefix + entry.name, under_way)]
        folders = (entry for entry in entries if entry.folder)
        ahead: deque[_Asked] = deque()
        for entry in entries:
            if not entry.folder:
                yield from self._file(asked.prefix + entry.name, entry)
                continue
            while len(ahead) < _AHEAD and (coming := next(folders, None)) is not None:
                ahead.append(self._ask(pool, b"%s%s/" % (asked.prefix, coming.name)))
            following = ahead.popleft()
            if os.path.join(self.root, following.prefix[:-1]) not in self.excluded:
                yield following

    def _passes_over(self, entry: Entry, path: bytes, under_way: Container[bytes]) -> bool:
        """Whether an entry is skipped; counts it."""
        if not entry.folder and entry.name.lower() in under_way:
            self.passed.unfinished += 1
        elif not (self.exclusion.fits_name(entry.name) or self.exclusion.fits_path(path, entry.folder)):
            return False
        if entry.folder:
            self.passed.folders += 1
        else:
            self.passed.files += 1
        return True

    def _file(self, path: bytes, entry: Entry) -> Iterator[Listed]:
        if not entry.name and not entry.size:
            return  # an empty folder, as consoles create it
        if any(part in _NO_NAMES for part in path.split(b"/")):
            reason = "its key has an empty part, . or .., which no path can have"
            yield Listed(path, entry.size, entry.mtime_ns, kind=Kind.UNREADABLE, reason=reason)
        else:
            yield from found_file(path, entry.size, entry.mtime_ns, self.root, self.exclusion, self.passed)

    def _ask(self, pool: ThreadPoolExecutor, prefix: bytes) -> _Asked:
        return _Asked(prefix, pool.submit(_first_page, b"%s/%s" % (self.root, prefix)))


@dataclass(frozen=True)
class _Asked:
    """A folder to enter: its prefix below the root, its first page, and the other pages."""

    prefix: bytes
    answer: Future[tuple[list[Entry], Iterator[list[Entry]]]]


def _first_page(folder: bytes) -> tuple[list[Entry], Iterator[list[Entry]]]:
    pages = list_folder(folder)
    return next(pages, []), pages
