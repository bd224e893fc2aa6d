"""Cut the stream of files into chunks, write their listings, and report which chunks to send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from producer.exclusion import PassedOver
from store.incremental import UnchangedFiles
from store.listing import Listed, SortKey
from store.part import Part, ScanTotals

__all__ = ["ListingWriter", "planned_images"]

_RAMP = (16, 32, 64, 128)
_CHUNKS_PER_STEP = 4
_MOST_WAITING = 16
"""How many chunks may wait while others are being written."""

_MAX_ROWS = 16  # times the images of a chunk: the most files in a listing, most of them unchanged


def planned_images(chunk: int, largest: int) -> int:
    """How many images the chunk with this number may hold.

    The first chunks are small, so that work starts at once and a small archive keeps several workers busy.
    """
    step = chunk // _CHUNKS_PER_STEP
    return min(largest, _RAMP[step]) if step < len(_RAMP) else largest


class ListingWriter:
    """Lists one part, chunk by chunk; continues where an earlier writer of the same part stopped.

    Attributes:
        files: Files listed so far.
        to_read: Of these, files that workers have to read.
        reused: Of these, unchanged files with a known outcome.
    """

    def __init__(self, part: Part, known: UnchangedFiles, largest: int) -> None:
        self.files = self.to_read = self.reused = 0
        self._part = part
        self._known = known
        self._largest = largest
        self._chunks_to_read = 0
        self._after: tuple[SortKey, str] | None = None
        self._begin(0)
        for chunk in part.listed_chunks():
            rows = part.listing(chunk)
            self._count(rows)
            self._after = _position(rows[-1])
            self._begin(chunk + 1)

    def write(
        self, files: Iterable[Listed], on_chunk: Callable[[int], None], passed: Callable[[], PassedOver] = PassedOver
    ) -> ScanTotals:
        """List files in scan order; call `on_chunk` for each chunk that holds files to read.

        The listing of a chunk is on disk before `on_chunk` is called. After the last file, `passed` returns what the
        scan skipped.
        """
        writer = _Writer(self._part, on_chunk)
        try:
            for listed in self._known.resolve(self._remaining(files)):
                self._add(listed, writer)
            if self._rows:
                self._close(writer)
        finally:
            writer.finish()
        over = passed()
        totals = ScanTotals(
            self.files,
            self.to_read,
            self.reused,
            self._chunk,
            self._chunks_to_read,
            passed_folders=over.folders,
            passed_files=over.files,
            passed_unfinished=over.unfinished,
        )
        self._part.finish_scan(totals)
        return totals

    def _remaining(self, files: Iterable[Listed]) -> Iterator[Listed]:
        """The files that are not listed yet."""
        return (listed for listed in files if self._after is None or _position(listed) > self._after)

    def _add(self, listed: Listed, writer: _Writer) -> None:
        self._waiting += listed.to_read
        self._rows.append(listed)
        if self._waiting >= self._planned or len(self._rows) >= _MAX_ROWS * self._planned:
            self._close(writer)

    def _close(self, writer: _Writer) -> None:
        self._count(self._rows)
        writer.add(self._chunk, self._rows, to_send=self._waiting > 0)
        self._begin(self._chunk + 1)

    def _begin(self, chunk: int) -> None:
        self._chunk = chunk
        self._planned = planned_images(chunk, self._largest)
        self._rows: list[Listed] = []
        self._waiting = 0

    def _count(self, rows: list[Listed]) -> None:
        to_read = sum(row.to_read for row in rows)
        self.files += len(rows)
        self.to_read += to_read
        self.reused += sum(row.known is not None for row in rows)
        self._chunks_to_read += to_read > 0


class _Writer:
    """Writes listings in a thread while the scan continues, and reports them.

    Waiting for the disk takes longer than everything else, so all chunks that have gathered are written together.
    """

    def __init__(self, part: Part, on_chunk: Callable[[int], None]) -> None:
        self._part = part
        self._on_chunk = on_chunk
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="listings")
        self._waiting: list[_Closed] = []
        self._writing: tuple[Future[None], list[_Closed]] | None = None

    def add(self, chunk: int, rows: list[Listed], *, to_send: bool) -> None:
        """Add the next chunk; wait if the disk is far behind."""
        self._waiting.append(_Closed(chunk, rows, to_send))
        if self._writing is None or self._writing[0].done() or len(self._waiting) >= _MOST_WAITING:
            self._turn()

    def finish(self) -> None:
        """Write and report every chunk that was added."""
        try:
            while self._waiting or self._writing is not None:
                self._turn()
        finally:
            self._thread.shutdown()

    def _turn(self) -> None:
        """Report the chunks that were being written, and start to write those that wait."""
        written, self._writing = self._writing, None
        waiting, self._waiting = self._waiting, []
        if written is not None:
            written[0].result()
        if waiting:
            listings = [closed.rows for closed in waiting]
            self._writing = self._thread.submit(self._part.add_listings, waiting[0].chunk, listings), waiting
        for closed in written[1] if written is not None else ():
            if closed.to_send:
                self._on_chunk(closed.chunk)


@dataclass(frozen=True, slots=True)
class _Closed:
    """A full chunk, and whether it holds files to read."""

    chunk: int
    rows: list[Listed]
    to_send: bool


def _position(listed: Listed) -> tuple[SortKey, str]:
    """A reference picture may be listed under two names, one after the other."""
    return listed.sort_key, listed.label
