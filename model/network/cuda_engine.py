"""The network on a GPU: batch normalisation folded, half precision, channels last, recorded as CUDA graphs.

Two batches are in flight: while one is computed, the next one is uploaded and the host prepares the one after it. The
batch size is measured when the network is loaded. Nothing here has run on a GPU yet (docs/decisions/0022-gpu.md): the
tests compare the arithmetic on a processor, and `tests/unit/test_network_cuda_engine.py` needs a GPU.
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

from model.errors import DeviceLost
from model.network.engine import Engine, PendingBatch
from model.network.resnet18 import Network
from model.network.torch_engine import FoldedNetwork, colours_of

__all__ = ["BATCHES", "CudaEngine", "until_lost"]

_KINDS = {"auto": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}

BATCHES = (32, 64, 128, 256)
"""Batch sizes to try, the smallest first, as long as memory lasts."""

_WORTH = 1.1
"""A larger batch must be this many times faster: nothing is decoded during the last batch of a chunk."""

_ROUNDS = 10

_log = logging.getLogger(__name__)


class CudaEngine(Engine):
    """See `model.network.engine.Engine`. At most two batches are in flight; a third one waits for the first."""

    def __init__(
        self,
        network: Network,
        size_px: int,
        *,
        precision: Literal["auto", "fp32", "bf16"] = "auto",
        batch: int = 0,
    ) -> None:
        """Copy the network to the GPU, measure the batch sizes, and record the fastest one.

        Args:
            network: In evaluation mode; it is not changed.
            size_px: Side of the input pictures.
            precision: Of the convolutions; `auto` is float16.
            batch: The largest batch that callers will pass; 0 chooses the size by measuring.

        Raises:
            torch.OutOfMemoryError: The requested batch, or even the smallest one, does not fit.
        """
        kind = _KINDS[precision]
        self._network = FoldedNetwork(network.eval(), kind, "cuda")
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False):
            slots = self._choose((batch,) if batch else BATCHES, size_px)
        torch.cuda.empty_cache()  # frees the memory of the other sizes
        self.batch = slots[0].batch
        self._turns = itertools.cycle(slots)
        self.name = f"torch {str(kind).removeprefix('torch.')} on {torch.cuda.get_device_name()}"

    def __call__(self, pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Embed one batch: `(n, size_px, size_px, 3)` uint8 to `(n, dimension)` float32 of unit length."""
        return self.start(pictures)()

    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Start to embed at most `batch` pictures. The caller may change the array as soon as this returns."""
        return next(self._turns).start(pictures)

    def _choose(self, batches: Sequence[int], size_px: int) -> list[_Slot]:
        """The slots of the batch size that is fastest on this GPU."""
        best: list[_Slot] = []
        most = 0.0
        for batch in batches:
            try:
                with torch.cuda.stream(torch.cuda.current_stream()):  # restores the stream if recording fails
                    slots = self._slots(batch, size_px)
                    speed = _speed(slots, np.zeros((batch, size_px, size_px, 3), np.uint8))
            except RuntimeError as error:  # usually out of memory
                if not best:
                    raise
                _log.warning("action=record batch=%d error=%s", batch, str(error).partition("\n")[0])
                break
            _log.info("action=record batch=%d images_s=%.0f", batch, speed)
            if speed > _WORTH * most:
                best, most = slots, speed
        return best

    def _slots(self, batch: int, size_px: int) -> list[_Slot]:
        network = self._network  # not `self`: a cycle would keep the GPU's memory after the engine is dropped
        return [_Slot(lambda pixels: network(colours_of(pixels)), batch, size_px, _stream(n)) for n in range(2)]


class _Slot:
    """Memory on host and GPU for one batch, and the recorded work, which costs almost nothing to replay."""

    def __init__(self, work: Callable[[Tensor], Tensor], batch: int, size_px: int, stream: torch.cuda.Stream) -> None:
        """Allocate the memory and record the work.

        Args:
            work: `(batch, size_px, size_px, 3)` uint8 on the GPU to `(batch, dimension)` float32 on the GPU.
            batch: Number of pictures.
            size_px: Side of the pictures.
            stream: The work is recorded and replayed here. cuBLAS keeps a workspace for each stream, so two slots can
                run at the same time only if each one has a stream of its own from the start.
        """
        self.batch = batch
        self._work = work  # keeps the tensors alive: the graph holds only their addresses
        shape = (batch, size_px, size_px, 3)
        self._staged = torch.zeros(shape, dtype=torch.uint8, pin_memory=True)
        self._pixels = self._staged.numpy()  # the same memory
        self._input = torch.zeros(shape, dtype=torch.uint8, device="cuda")
        self._stream = stream
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):  # libraries choose kernels and allocate before the recording
            for _ in range(3):
                work(self._input)
        self._graph = torch.cuda.CUDAGraph()
        # Another thread may decode on the GPU: record the calls of this thread only, and let only these break it.
        with torch.cuda.graph(self._graph, stream=self._stream, capture_error_mode="thread_local"):
            self._output = work(self._input)
        self._returned = torch.zeros(self._output.shape, dtype=torch.float32, pin_memory=True)
        self._vectors = self._returned.numpy()
        self._done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # the waiting thread sleeps
        self._unread: PendingBatch | None = None

    @torch.inference_mode()
    def start(self, pictures: NDArray[np.uint8]) -> PendingBatch:
        """Start a batch. Behind a smaller batch, pictures of an earlier one are computed again; nobody reads them."""
        if self._unread is not None:
            self._unread()  # copies the earlier result before it is overwritten
        count = len(pictures)
        self._pixels[:count] = pictures
        with until_lost(), torch.cuda.stream(self._stream):
            self._input.copy_(self._staged, non_blocking=True)
            self._graph.replay()
            self._returned.copy_(self._output, non_blocking=True)
            self._done.record(self._stream)

        @functools.cache
        def finish() -> NDArray[np.float32]:
            with until_lost():
                self._done.synchronize()
            self._unread = None
            return self._vectors[:count].copy()

        self._unread = finish
        return finish


@functools.cache
def _stream(place: int) -> torch.cuda.Stream:
    """The stream of slot number `place`; all networks share it and the workspaces that libraries keep for it."""
    return torch.cuda.Stream()  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def until_lost() -> Iterator[None]:
    """Turn an error of CUDA into `DeviceLost`: every later CUDA call of this process fails too."""
    try:
        yield
    except RuntimeError as error:
        raise DeviceLost(str(error).partition("\n")[0]) from error


def _speed(slots: Sequence[_Slot], pictures: NDArray[np.uint8]) -> float:
    """Pictures per second through all slots in turn, from host memory to host memory."""

    def seconds() -> float:
        start = time.perf_counter()
        started = [slot.start(pictures) for _ in range(_ROUNDS) for slot in slots]
        for finish in started:
            finish()
        return time.perf_counter() - start

    seconds()  # warms up clocks and caches
    return _ROUNDS * len(slots) * len(pictures) / seconds()
