"""Scan a folder of objects, in the order of a scan of files.

A server lists keys in another order (`a-b` before `a/b`), so folders are listed one by one and each is sorted. The next
folders are requested ahead, because each answer takes a round trip.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain
from typing import TypeAlias

from producer.exclusion import unfinished
from producer.tree_scan import Found, TreeScan
from store.file_identity import identity_of_object
from store.listing import Kind, Listed
from store.location import Entry, ObjectPath

__all__ = ["BucketScan"]

_AHEAD = 8
"""How many folders are requested ahead; only the first page of each."""

_NO_NAMES = (b"", b".", b"..")

_Answer: TypeAlias = tuple[list[Entry], Iterator[list[Entry]]]
"""The first page of a folder, and the others."""


class BucketScan(TreeScan):
    """A scan of the objects below one prefix; every object exactly once."""

    def _begin(self, stack: ExitStack) -> Found:
        pool = ThreadPoolExecutor(_AHEAD, thread_name_prefix="list")
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        return self._folder(pool, *self._ask(pool, b""))

    def _folder(self, pool: ThreadPoolExecutor, prefix: bytes, answer: Future[_Answer]) -> Found:
        """The files of one folder and the folders to enter, in order."""
        try:
            first, others = answer.result()
            found = sorted(chain(first, *others), key=lambda entry: (entry.name, entry.folder))
        except OSError as error:
            reason = f"folder cannot be listed: {error.strerror}"
            yield Listed(prefix[:-1] or b".", 0, 0, kind=Kind.UNREADABLE, reason=reason)
            return
        under_way = unfinished(entry.name for entry in found)
        entries = [entry for entry in found if not self._passes_over(entry, prefix + entry.name, under_way)]
        folders = (entry for entry in entries if entry.folder)
        ahead: deque[tuple[bytes, Future[_Answer]]] = deque()
        for entry in entries:
            if not entry.folder:
                yield from self._object(prefix + entry.name, entry)
                continue
            while len(ahead) < _AHEAD and (coming := next(folders, None)) is not None:
                ahead.append(self._ask(pool, b"%s%s/" % (prefix, coming.name)))
            below, coming_answer = ahead.popleft()
            if os.path.join(self.root, below[:-1]) not in self.excluded:
                yield self._folder(pool, below, coming_answer)

    @staticmethod
    def _is_folder(entry: Entry) -> bool:
        return entry.folder

    def _object(self, path: bytes, entry: Entry) -> Iterator[Listed]:
        if not entry.name and not entry.size:
            return  # an empty folder, as consoles create it
        if any(part in _NO_NAMES for part in path.split(b"/")):
            reason = "its key has an empty part, . or .., which no path can have"
            yield Listed(path, entry.size, entry.mtime_ns, kind=Kind.UNREADABLE, reason=reason)
        else:
            yield from self._file(path, entry.size, entry.mtime_ns, identity_of_object(entry.tag, entry.size))

    def _ask(self, pool: ThreadPoolExecutor, prefix: bytes) -> tuple[bytes, Future[_Answer]]:
        return prefix, pool.submit(_first_page, ObjectPath(b"%s/%s" % (self.root, prefix)))


def _first_page(folder: ObjectPath) -> _Answer:
    pages = folder.pages()
    return next(pages, []), pages
