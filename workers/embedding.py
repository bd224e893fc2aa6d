"""Embed one chunk: listing in, shard out."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model.errors import EngineMissing, WeightsError
from model.heads.detector import HeadDetector
from model.heads.weights_file import embedding_key
from model.images.decoding import Limits
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.engine import Precision
from store.counts import Counts
from store.known_embeddings import KnownEmbeddings
from store.run import Run
from store.shard import made_from, read_counts, write_shard
from store.store import Store
from workers.errors import RootNotVisible, WrongWeights
from workers.pipeline import Pipeline, Timings
from workers.sources import Sources

if TYPE_CHECKING:
    from model.images.nvjpeg import NvJpegDecoder

__all__ = ["Embedders", "WorkOptions", "embed_chunk"]


_WAITING = 48
"""Files read at once where a GPU decodes: a batch of it is in work, and the next one comes together."""


@dataclass(frozen=True)
class WorkOptions:
    """How a worker process uses its machine.

    Attributes:
        device: `cpu`, or `cuda` for the GPU that the process is pinned to.
        batch: Pictures through the network at once; 0 takes what suits the engine.
        decode_threads: Files read and decoded at once.
        network_threads: Threads of the network on a CPU; 0 takes all cores.
        precision: What convolutions are computed in.
        max_pixels: Larger pictures are refused.
        max_bytes: Larger files are refused.
        picture_limit_s: How long reading and decoding one picture may take.
    """

    device: str = "cpu"
    batch: int = 0
    decode_threads: int = 1
    network_threads: int = 1
    precision: Precision = "auto"
    max_pixels: int = 200_000_000
    max_bytes: int = 1 << 30
    picture_limit_s: float = 120.0


@dataclass
class Embedders:
    """The network of this process, and what is embedded already, cached for the runs that use them."""

    options: WorkOptions = field(default_factory=WorkOptions)
    _loaded: Embedder | None = None
    _detector: HeadDetector | None = None
    _jpegs: NvJpegDecoder | None = None
    _tried: bool = False
    _known: tuple[str, str, KnownEmbeddings] | None = None

    def get(self, store: Store, digest: str) -> Embedder:
        """The network with that digest, from the store's copy.

        Raises:
            WrongWeights: The store does not have it, or it cannot be used.
        """
        if self._loaded is None or self._loaded.info.digest != digest:
            self._loaded = None  # frees the memory of the old network before the new one is loaded
            self._loaded = self._load(store, digest)
        return self._loaded

    def detector(self, store: Store, digest: str) -> HeadDetector | None:
        """The head detector with that digest, from the store's copy; None for a run without one.

        Raises:
            WrongWeights: The store does not have it, or it cannot be used.
        """
        if not digest:
            return None
        if self._detector is None or self._detector.digest != digest:
            path, options = store.weights_path(digest), self.options
            try:
                self._detector = HeadDetector.load(path, device=options.device, threads=options.network_threads)
            except WeightsError as error:
                raise WrongWeights(f"the run's head detector cannot be used here: {error}") from error
            if self._detector.digest != digest:
                raise WrongWeights(f"{path} holds the head detector {self._detector.digest}, not the run's")
        return self._detector

    def known(self, store: Store, embedding_key: str) -> KnownEmbeddings:
        """What the runs of a store have embedded already."""
        where, key, known = self._known or ("", "", None)
        if known is None or (where, key) != (str(store.root), embedding_key):
            known = KnownEmbeddings(store, embedding_key)
        self._known = str(store.root), embedding_key, known.newest()
        return self._known[2]

    def jpegs(self, preprocessing: Preprocessing) -> NvJpegDecoder | None:
        """The JPEG decoder on this process's GPU, if it measures faster than the threads; measured once."""
        if self.options.device != "cuda" or preprocessing.major_version == 1:
            return None
        if not self._tried:
            from model.images.nvjpeg import nvjpeg_if_faster

            self._tried = True
            self._jpegs = nvjpeg_if_faster(preprocessing, self.options.decode_threads)
        return self._jpegs

    def gpu_memory(self) -> tuple[int, int] | None:
        """Bytes in use and in all on this process's GPU, or None without one."""
        if self.options.device != "cuda":
            return None
        import torch

        free, total = torch.cuda.mem_get_info()
        return total - free, total

    def _load(self, store: Store, digest: str) -> Embedder:
        options = self.options
        try:
            embedder = Embedder.load(
                store.weights_path(digest),
                device=options.device,
                batch=options.batch,
                precision=options.precision,
                threads=options.network_threads,
            )
        except (WeightsError, EngineMissing) as error:
            raise WrongWeights(f"the run's weights cannot be used here: {error}") from error
        if embedder.info.digest != digest:
            raise WrongWeights(f"{store.weights_path(digest)} holds the weights {embedder.info.digest}, not the run's")
        return embedder


def _preprocessing(version: str) -> Preprocessing:
    """The preprocessing of the run, which may differ from that of the store's copy of the weights."""
    try:
        return Preprocessing.from_version(version)
    except WeightsError as error:
        raise WrongWeights(f"the run's pictures cannot be prepared here: {error}") from error


def embed_chunk(
    store: Store, run: Run, part_name: str, chunk: int, embedders: Embedders, *, isolated: bool = False
) -> tuple[Counts, Timings]:
    """Read every file of a chunk that has to be read and write the chunk's shard.

    Doing it twice does no harm: where the shard of this listing stands already, nothing is read.

    Args:
        store: The store.
        run: The run.
        part_name: Which of its parts, e.g. `archive`.
        chunk: The number of the chunk.
        embedders: The networks of this process.
        isolated: Workers have died at this chunk: find the picture that kills them and report it as unreadable.

    Raises:
        RootNotVisible: The root of the part is not there on this machine.
        WrongWeights: The network cannot be loaded.
        PictureStuck: A picture hangs its reader; this process should end.
        DeviceLost: The GPU has failed; this process should end.
        DamagedStore: The listing cannot be read.
    """
    part = store.part(f"{run.id}/{part_name}")
    path = part.shard_path(chunk)
    listing, digest = part.listing_and_digest(chunk)
    if path.exists() and made_from(path, digest):
        return read_counts(path), Timings()
    root = part.root
    storage = store.roots.storage(root)
    try:
        why = "" if storage.mounted(root) else "mount it where the run's producer has it"
    except OSError as error:
        why = str(error.strerror)
    if why:
        raise RootNotVisible(f"this machine does not see {os.fsdecode(root)}: {why}")
    spec = run.spec
    options = embedders.options
    files = [(row, listed) for row, listed in enumerate(listing) if listed.to_read]
    preprocessing = _preprocessing(spec.preprocessing)
    embedder = embedders.get(store, spec.weights_digest).under(preprocessing)
    jpegs = embedders.jpegs(preprocessing)
    key = embedding_key(embedder.info, spec.heads)
    pipeline = Pipeline(
        embedder,
        max(options.decode_threads, storage.parallel_reads, _WAITING if jpegs else 0),
        Limits(max_pixels=options.max_pixels),
        options.picture_limit_s,
        isolated,
        jpegs=jpegs,
        detector=embedders.detector(store, spec.heads),
        known=embedders.known(store, key).find,
    )
    reads, timings = pipeline.run(Sources(root, options.max_bytes, storage), files)
    if path.exists() and made_from(path, digest):
        # Another worker was faster. Its shard may be in use, and by now originals that were read for it may have moved.
        return read_counts(path), timings
    start = time.perf_counter()
    counts = write_shard(path, reads, dimension=spec.dimension, embedding_key=key, listing=digest)
    timings.write_s += time.perf_counter() - start
    return counts, timings
