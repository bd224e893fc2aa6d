"""The embedding pipeline: threads read and decode files ahead while the networks run.

The pictures that have been decoded are looked at for heads, several together. The whole picture and each head are a
square each, and the squares are embedded in batches. A GPU computes one batch while the next one is prepared; a
processor computes each batch at once. Every file gets one outcome, in order. A bad file is an outcome; it never ends
the pipeline.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model.errors import PictureError, UnreadablePicture, UnsupportedPicture
from model.images.crops import squares
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

_LOOKED_AT = 16
"""Pictures that are looked at for heads together."""

_ROOM_BYTES = 4 << 30
_BYTES_PER_PIXEL = 12  # of a picture and a copy of it, at four bytes each, and what its decoder holds


class Detector(Protocol):
    """Finds the heads in pictures."""

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """For each `(height, width, 3)` uint8 its heads, `(k, 5)` float32: a box as fractions 0..1, and a score.

        A picture that is hardly more than a head has none: the whole picture is the view of it.
        """
        ...


_NO_BOXES = np.empty((0, 5), np.float32)


@dataclass
class Timings:
    """Where the time of a chunk went, in seconds summed over threads."""

    read_s: float = 0.0
    decode_s: float = 0.0
    detect_s: float = 0.0
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
        detector: Finds heads; without one only whole pictures are embedded.
        known: The outcome of a file by its sha256, with its index in the listing, if its bytes were embedded before.
    """

    embedder: Embedder
    threads: int = 1
    limits: Limits = field(default_factory=Limits)
    picture_limit_s: float = 120.0
    isolated: bool = False
    room: MemoryBudget = field(default_factory=lambda: MemoryBudget(_ROOM_BYTES))
    jpegs: Jpegs | None = None
    detector: Detector | None = None
    known: Callable[[bytes, int], Read | None] | None = None

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
        prepared: list[tuple[int, NDArray[np.uint8]]] = []  # position in reads, pixels
        waiting: deque[tuple[_Picture, NDArray[np.uint8]]] = deque()
        under_way: _UnderWay | None = None
        for one in self._prepare_all(sources, files, timings):
            if one.pixels is not None:
                prepared.append((len(reads), one.pixels))
            reads.append(one.read)
            if len(prepared) == self._together:
                waiting.extend(self._squares(prepared, timings))
                prepared = []
            while len(waiting) >= self.embedder.batch:
                under_way = self._embed(waiting, under_way, reads, timings)
        waiting.extend(self._squares(prepared, timings))
        while waiting or under_way:
            under_way = self._embed(waiting, under_way, reads, timings)
        return reads, timings

    def _prepare_all(
        self, sources: Sources, files: Iterable[tuple[int, Listed]], timings: Timings
    ) -> Iterator[_Prepared]:
        """Prepare files in order, a bounded number ahead.

        What is held: pixels for a batch and one for each thread, and pictures in decoding as far as the room goes.
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
            if self.known is not None and (known := self.known(digest, row)) is not None:
                return _Prepared(known)
            if self.isolated:
                decode_isolated(
                    data,
                    self._preprocessing,
                    thumbnail=self.detector is not None,
                    limits=self.limits,
                    limit_s=self.picture_limit_s,
                )
            with self.room.reserve() as take:
                limits = replace(
                    self.limits, on_pixels=lambda pixels: take(_BYTES_PER_PIXEL * pixels), on_note=notes.append
                )
                jpegs = None if self.isolated else self.jpegs
                start = time.perf_counter()
                read = self._preprocessing.read if self.detector is None else self._preprocessing.read_thumbnail
                pixels = read(data, limits=limits, jpegs=jpegs)
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

    @property
    def _together(self) -> int:
        return self.embedder.batch if self.detector is None else min(_LOOKED_AT, self.embedder.batch)

    def _squares(
        self, prepared: list[tuple[int, NDArray[np.uint8]]], timings: Timings
    ) -> Iterator[tuple[_Picture, NDArray[np.uint8]]]:
        """The squares to embed of pictures that were read: of each the whole, then its heads."""
        if self.detector is None:
            yield from ((_Picture(position, _NO_BOXES), square) for position, square in prepared)
            return
        start = time.perf_counter()
        found = self.detector.detect([pixels for _, pixels in prepared]) if prepared else []
        timings.detect_s += time.perf_counter() - start
        for (position, pixels), boxes in zip(prepared, found, strict=True):
            picture = _Picture(position, boxes)
            for square in squares(pixels, boxes, self._preprocessing):
                yield picture, square

    def _embed(
        self,
        waiting: deque[tuple[_Picture, NDArray[np.uint8]]],
        under_way: _UnderWay | None,
        reads: list[Read],
        timings: Timings,
    ) -> _UnderWay | None:
        """Send the next squares on their way through the network, then complete the batch that was on it before."""
        following = None
        start = time.perf_counter()
        batch = [waiting.popleft() for _ in range(min(len(waiting), self.embedder.batch))]
        if batch:
            started = self.embedder.start(np.stack([pixels for _, pixels in batch]))
            following = _UnderWay([picture for picture, _ in batch], started)
        if under_way is not None:
            for picture, vector in zip(under_way.pictures, under_way.vectors(), strict=True):
                picture.vectors.append(vector)
                if len(picture.vectors) == 1 + len(picture.boxes):
                    reads[picture.position] = picture.embedded(reads[picture.position])
        timings.infer_s += time.perf_counter() - start
        return following


@dataclass(slots=True)
class _Picture:
    """A picture whose squares are being embedded.

    Attributes:
        position: Its place among the outcomes.
        boxes: `(k, 5)` float32, its heads.
        vectors: What has come so far: of the whole, then of each head.
    """

    position: int
    boxes: NDArray[np.float32]
    vectors: list[NDArray[np.float32]] = field(default_factory=list)

    def embedded(self, read: Read) -> Read:
        """The file's outcome with its embeddings, if the network gives them: half precision may overflow."""
        whole, heads = self.vectors[0], self.vectors[1:]
        if not np.isfinite(whole).all():
            return replace(read, kind=Kind.UNREADABLE, reason="the network's answer to it is not a number")
        good = [n for n, head in enumerate(heads) if np.isfinite(head).all()]
        if not good:
            return replace(read, embedding=whole)
        return replace(read, embedding=whole, heads=np.stack([heads[n] for n in good]), boxes=self.boxes[good])


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A batch in the network: the picture of each square, and what waits for their embeddings."""

    pictures: list[_Picture]
    vectors: PendingBatch


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A file's outcome so far, and its pixels if it has any: its square, or a small copy to look for heads in."""

    read: Read
    pixels: NDArray[np.uint8] | None = None
