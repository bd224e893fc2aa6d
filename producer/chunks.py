"""Cut the stream of files into chunks, write their listings, and tell which have to be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from store.known import KnownFiles
from store.listing import Kind, Listed, SortKey
from store.part import Part, ScanTotals

__all__ = ["Lister", "planned_images"]

_RAMP = (16, 32, 64, 128)
_CHUNKS_PER_STEP = 4
_MAX_ROWS = 16  # times the images of a chunk: so many unchanged files may stand between those that are to be read


def planned_images(chunk: int, largest: int) -> int:
    """How many images the chunk with this number may hold.

    The first chunks are small: work begins at once, a small archive keeps several workers busy, and progress shows.
    """
    step = chunk // _CHUNKS_PER_STEP
    return min(largest, _RAMP[step]) if step < len(_RAMP) else largest


class Lister:
    """Lists one part, chunk by chunk; goes on where an earlier lister of the same part has stopped.

    Attributes:
        files: Files listed so far.
        to_read: Of these, files that workers have to read.
        reused: Of these, unchanged files whose outcome is known.
    """

    def __init__(self, part: Part, known: KnownFiles, largest: int) -> None:
        self.files = self.to_read = self.reused = 0
        self._part = part
        self._known = known
        self._largest = largest
        self._chunk = 0
        self._chunks_to_read = 0
        self._rows: list[Listed] = []
        self._waiting = 0
        self._after: tuple[SortKey, str] | None = None
        for chunk in part.listed_chunks():
            rows = part.listing(chunk)
            self._count(rows)
            self._chunk = chunk + 1
            self._after = _position(rows[-1])

    def write(self, files: Iterable[Listed], on_chunk: Callable[[int], None]) -> ScanTotals:
        """List files, given in the order of the scan; call `on_chunk` for each chunk with something to read.

        The listing of a chunk is on disk before `on_chunk` hears of it.
        """
        for listed in files:
            if self._after is not None and _position(listed) <= self._after:
                continue
            if listed.kind is Kind.PENDING:
                listed = replace(listed, known=self._known.find(listed))
            self._rows.append(listed)
            self._waiting += listed.to_read
            planned = planned_images(self._chunk, self._largest)
            if self._waiting >= planned or len(self._rows) >= _MAX_ROWS * planned:
                self._close(on_chunk)
        if self._rows:
            self._close(on_chunk)
        totals = ScanTotals(self.files, self.to_read, self.reused, self._chunk, self._chunks_to_read)
        self._part.finish_scan(totals)
        return totals

    def _close(self, on_chunk: Callable[[int], None]) -> None:
        self._part.add_listing(self._chunk, self._rows)
        self._count(self._rows)
        if self._waiting:
            on_chunk(self._chunk)
        self._chunk += 1
        self._rows = []
        self._waiting = 0

    def _count(self, rows: list[Listed]) -> None:
        to_read = sum(row.to_read for row in rows)
        self.files += len(rows)
        self.to_read += to_read
        self.reused += sum(row.known is not None for row in rows)
        self._chunks_to_read += to_read > 0


def _position(listed: Listed) -> tuple[SortKey, str]:
    """A reference picture may stand under two names, one after the other."""
    return listed.sort_key, listed.label
