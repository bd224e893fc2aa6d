"""The network on a GPU: folded, in half precision, channels last, recorded as CUDA graphs, two batches on their way.

While one batch is computed, the next one is uploaded, and the host prepares the one after it. How many pictures suit
the GPU is measured when the network is loaded. Nothing here has been run on a GPU yet (docs/decisions/0022-gpu.md); the
arithmetic is compared on a processor, and `tests/unit/test_network_cuda_engine.py` waits for a GPU.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from model.errors import DeviceLost
from model.network.cuda_fused import FusedTrunk
from model.network.engine import Engine, PendingBatch
from model.network.resnet18 import Network
from model.network.torch_engine import FoldedNetwork, colours_of

__all__ = ["BATCHES", "CudaEngine"]

_KINDS = {"auto": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}

BATCHES = (32, 64, 128, 256)
"""Tried from the smallest on, as far as memory goes."""

_WORTH = 1.1
"""How many times faster a larger batch must be: a chunk ends with a batch during which nothing else is decoded."""

_ROUNDS = 10

_NEAR = 0.999
"""Cosine that the fused network must keep to the other in the same precision."""

_log = logging.getLogger(__name__)


class CudaEngine(Engine):
    """See `model.network.engine.Engine`. At most two batches are on their way; the third waits for the first."""

    def __init__(
        self,
        network: Network,
        size_px: int,
        *,
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        batch: int = 0,
    ) -> None:
        """Copy the network to the GPU, try what is quick there, and record it.

        Args:
            network: In evaluation mode; it is not changed.
            size_px: Side of the pictures that will come.
            precision: Of the convolutions; `auto` is float16.
            batch: The most pictures that will come at once; 0 measures what suits the GPU.

        Raises:
            torch.OutOfMemoryError: Not even the smallest batch, or the one asked for, fits.
        """
        kind = _KINDS[precision]
        self._network = FoldedNetwork(network.eval(), kind, "cuda")
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            self._fused = self._fuses(size_px)
            slots = self._choose((batch,) if batch else BATCHES, size_px)
        torch.cuda.empty_cache()  # what the other sizes took
        self.batch = slots[0].batch
        self._turns = itertools.cycle(slots)
        way = "fused" if self._fused else "layer by layer"
        self.name = f"torch {str(kind).removeprefix('torch.')} on {torch.cuda.get_device_name()}, {way}"

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        return self.start(pictures)()

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Begin to embed one batch of at most `batch` pictures, which may be changed as soon as this returns."""
        return next(self._turns).start(pictures)

    def _fuses(self, size_px: int) -> bool:
        """Whether this GPU and its cuDNN compute the fused network, and the same by it."""
        noise = np.random.default_rng(0).integers(0, 256, (8, size_px, size_px, 3), np.uint8)
        pictures = colours_of(torch.from_numpy(noise).cuda())
        try:
            fused = self._network(pictures, FusedTrunk(self._network.trunk))
            cosine = functional.cosine_similarity(fused, self._network(pictures)).min().item()
        except RuntimeError as error:
            _log.warning("action=fuse error=%s", str(error).partition("\n")[0])
            return False
        if not cosine >= _NEAR:  # nor not a number
            _log.warning("action=fuse cosine=%s", cosine)
        return cosine >= _NEAR

    def _choose(self, batches: Sequence[int], size_px: int) -> list[_Slot]:
        """The slots with the batch that suits this GPU."""
        best: list[_Slot] = []
        most = 0.0
        for batch in batches:
            try:
                with torch.cuda.stream(torch.cuda.current_stream()):  # is current again also if recording fails
                    slots = self._slots(batch, size_px)
                    speed = _speed(slots, np.zeros((batch, size_px, size_px, 3), np.uint8))
            except RuntimeError as error:  # above all: no memory
                if not best:
                    raise
                _log.warning("action=record batch=%d error=%s", batch, str(error).partition("\n")[0])
                break
            _log.info("action=record batch=%d images_s=%.0f fused=%s", batch, speed, self._fused)
            if speed > _WORTH * most:
                best, most = slots, speed
        return best

    def _slots(self, batch: int, size_px: int) -> list[_Slot]:
        network = self._network
        trunk = FusedTrunk(network.trunk) if self._fused else None
        return [_Slot(lambda pixels: network(colours_of(pixels), trunk), batch, size_px, _stream(n)) for n in range(2)]


class _Slot:
    """A place for one batch on its way: memory on both sides, and recorded work that is replayed at next to no cost."""

    def __init__(self, work: Callable[[Tensor], Tensor], batch: int, size_px: int, stream: torch.cuda.Stream) -> None:
        """Record.

        Args:
            work: `(batch, size_px, size_px, 3)` uint8 on the GPU to `(batch, dimension)` float32 there.
            batch: How many pictures.
            size_px: Side of the pictures.
            stream: Where it is recorded and replayed. cuBLAS has working memory for each stream, so that the work of
                two slots may be in progress at once if they have two streams from the beginning.
        """
        self.batch = batch
        self._work = work  # a graph knows addresses alone: what stands there must stay
        shape = (batch, size_px, size_px, 3)
        self._staged = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        self._pixels = self._staged.numpy()  # the same memory
        self._input = torch.zeros(shape, dtype=torch.uint8, device="cuda")
        self._stream = stream
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):  # libraries choose and allocate before anything is recorded
            for _ in range(3):
                work(self._input)
        self._graph = torch.cuda.CUDAGraph()
        # Another thread may be decoding on the GPU; only what this one does is recorded, and could break the recording.
        with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode="thread_local"):
            self._output = work(self._input)
        self._returned = torch.zeros(self._output.shape, dtype=torch.float32, pin_memory=True)
        self._vectors = self._returned.numpy()
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # waiting leaves the core alone
        self._unread: PendingBatch | None = None

    @torch.inference_mode()
    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Send a batch on its way. A smaller one leaves earlier pictures behind it, whose vectors nobody reads."""
        if self._unread is not None:
            self._unread()  # nothing is written over before it has been read
        count = len(pictures)
        self._pixels[:count] = pictures
        with _until_lost(), torch.cuda.stream(self._stream):
            self._input.copy_(self._staged, non_blocking=True)
            self._graph.replay()
            self._returned.copy_(self._output, non_blocking=True)
            self._done.record(self._stream)

        @functools.cache
        def finish() -> NDArray[np.float32]:
            with _until_lost():
                self._done.synchronize()
            self._unread = None
            return self._vectors[:count].copy()

        self._unread = finish
        return finish


@functools.cache
def _stream(place: int) -> torch.cuda.Stream:
    """The stream of the slots in that place; all networks share it, and the memory that libraries keep for it."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _until_lost() -> Iterator[None]:
    """Tell an error of CUDA, which stays until the process ends, from those of a single call."""
    try:
        yield
    except RuntimeError as error:
        raise DeviceLost(str(error).partition("\n")[0]) from error


def _speed(slots: Sequence[_Slot], pictures: NDArray[np.uint8]) -> float:
    """Pictures a second through the slots in turn, from the host's memory and back."""

    def seconds() -> float:
        start = time.perf_counter()
        started = [slot.start(pictures) for _ in range(_ROUNDS) for slot in slots]
        for finish in started:
            finish()
        return time.perf_counter() - start

    seconds()  # the first rounds find clocks low and caches empty
    return _ROUNDS * len(slots) * len(pictures) / seconds()
