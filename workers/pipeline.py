"""The embedding pipeline: threads read and decode files ahead while the network runs.

A GPU computes one batch while the next one is prepared; a processor computes each batch at once. Every file gets one
outcome, in order. A bad file is an outcome; it never ends the pipeline.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model.errors import PictureError, UnreadablePicture, UnsupportedPicture
from model.images.decoding import Limits
from model.images.preprocessing import Jpegs, Preprocessing
from model.network.embedder import Embedder
from model.network.engine import PendingBatch
from store.listing import Kind, Listed
from store.shard import Read
from workers.errors import PictureStuck
from workers.isolation import decode_isolated
from workers.memory_budget import MemoryBudget
from workers.sources import Sources, TransientFailure

__all__ = ["Pipeline", "Timings"]

_ROOM_BYTES = 4 << 30
_BYTES_PER_PIXEL = 12  # of a picture and a copy of it, at four bytes each, and what its decoder holds


@dataclass
class Timings:
    """Where the time of a chunk went, in seconds summed over threads."""

    read_s: float = 0.0
    decode_s: float = 0.0
    infer_s: float = 0.0
    write_s: float = 0.0


@dataclass(frozen=True)
class Pipeline:
    """Reads, decodes and embeds files.

    Attributes:
        embedder: The loaded network.
        threads: How many files are read and decoded at once.
        limits: Bounds on the size of one picture.
        picture_limit_s: Time limit for reading and decoding one picture.
        isolated: Try each picture in a process of its own first, for a chunk that has killed workers.
        room: The memory that all pictures in decoding share.
        jpegs: A GPU decoder for JPEGs; not used when `isolated`.
    """

    embedder: Embedder
    threads: int = 1
    limits: Limits = field(default_factory=Limits)
    picture_limit_s: float = 120.0
    isolated: bool = False
    room: MemoryBudget = field(default_factory=lambda: MemoryBudget(_ROOM_BYTES))
    jpegs: Jpegs | None = None

    def run(self, sources: Sources, files: Iterable[tuple[int, Listed]]) -> tuple[list[Read], Timings]:
        """Read, decode and embed files.

        Args:
            sources: Opens them.
            files: Index in the listing, and the file.

        Returns:
            One outcome per file, in order, and where the time went.
        """
        timings = Timings()
        reads: list[Read] = []
        waiting: list[tuple[int, NDArray[np.uint8]]] = []  # position in reads, prepared pixels
        under_way: _UnderWay | None = None
        for prepared in self._prepare_all(sources, files, timings):
            if prepared.pixels is not None:
                waiting.append((len(reads), prepared.pixels))
            reads.append(prepared.read)
            if len(waiting) == self.embedder.batch:
                under_way, waiting = self._embed(waiting, under_way, reads, timings), []
        under_way = self._embed(waiting, under_way, reads, timings)
        self._embed([], under_way, reads, timings)
        return reads, timings

    def _prepare_all(
        self, sources: Sources, files: Iterable[tuple[int, Listed]], timings: Timings
    ) -> Iterator[_Prepared]:
        """Prepare files in order, a bounded number ahead.

        What is held: squares for a batch and one for each thread, and pictures in decoding as far as the room goes.
        """
        ahead: deque[Future[_Prepared]] = deque()
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="decode")
        try:
            for row, listed in files:
                ahead.append(pool.submit(self._prepare, sources, row, listed, timings))
                if len(ahead) > self.embedder.batch + self.threads:
                    yield self._result(ahead.popleft())
            while ahead:
                yield self._result(ahead.popleft())
        finally:
            # Not waiting: a thread that hangs in a decoder would hold the process for ever.
            pool.shutdown(wait=False, cancel_futures=True)

    def _result(self, future: Future[_Prepared]) -> _Prepared:
        """The oldest picture's outcome; as the pool works in order, it is at work on it, or done."""
        try:
            return future.result(self._limit_s)
        except TimeoutError as error:
            raise PictureStuck(f"a picture was not read within {self._limit_s:.0f} s") from error

    def _prepare(self, sources: Sources, row: int, listed: Listed, timings: Timings) -> _Prepared:
        digest: bytes | None = None
        notes: list[str] = []
        start = time.perf_counter()
        try:
            content = sources.read(listed)
            data, digest = content.picture, content.digest
            timings.read_s += time.perf_counter() - start
            if self.isolated:
                decode_isolated(data, self._preprocessing, limits=self.limits, limit_s=self.picture_limit_s)
            with self.room.reserve() as take:
                limits = replace(
                    self.limits, on_pixels=lambda pixels: take(_BYTES_PER_PIXEL * pixels), on_note=notes.append
                )
                jpegs = None if self.isolated else self.jpegs
                start = time.perf_counter()
                pixels = self._preprocessing.read(data, limits=limits, jpegs=jpegs)
                timings.decode_s += time.perf_counter() - start
        except TransientFailure as error:
            return _Prepared(Read(row, Kind.UNREADABLE, digest, None, str(error), passing=True))
        except UnsupportedPicture as error:
            return _Prepared(Read(row, Kind.UNSUPPORTED, digest, None, str(error)))
        except (PictureError, UnreadablePicture) as error:
            return _Prepared(Read(row, Kind.UNREADABLE, digest, None, str(error)))
        except MemoryError:
            return _Prepared(
                Read(row, Kind.UNREADABLE, digest, None, "too large for this machine's memory", passing=True)
            )
        return _Prepared(Read(row, Kind.EMBEDDED, digest, None, "; ".join(notes)), pixels)

    @property
    def _limit_s(self) -> float:
        return self.picture_limit_s * (3 if self.isolated else 1)

    @property
    def _preprocessing(self) -> Preprocessing:
        return self.embedder.info.preprocessing

    def _embed(
        self,
        waiting: list[tuple[int, NDArray[np.uint8]]],
        under_way: _UnderWay | None,
        reads: list[Read],
        timings: Timings,
    ) -> _UnderWay | None:
        """Send the waiting squares on their way through the network, then complete the batch that was on it before."""
        following = None
        start = time.perf_counter()
        if waiting:
            started = self.embedder.start(np.stack([pixels for _, pixels in waiting]))
            following = _UnderWay([position for position, _ in waiting], started)
        if under_way is not None:
            for position, vector in zip(under_way.positions, under_way.vectors(), strict=True):
                reads[position] = _embedded(reads[position], vector)
        timings.infer_s += time.perf_counter() - start
        return following


def _embedded(read: Read, vector: NDArray[np.float32]) -> Read:
    """A file's outcome with its embedding, if the network gives one: half precision may overflow."""
    if np.isfinite(vector).all():
        return replace(read, embedding=vector)
    return replace(read, kind=Kind.UNREADABLE, reason="the network's answer to it is not a number")


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A batch in the network: the places of its pictures among the outcomes, and what waits for their embeddings."""

    positions: list[int]
    vectors: PendingBatch


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A file's outcome so far, and its square of pixels if it has one."""

    read: Read
    pixels: NDArray[np.uint8] | None = None
