"""Decodes and scales batches of JPEGs on a GPU: nvJPEG by torchvision, then two matrix products.

Only plain files are decoded here (`model/images/jpeg.py`). Pillow reads the others and all that fail here, so a file
has the same outcome and reason everywhere. A GPU decodes only if it measures faster than this process's
cores.

Nothing here has been run on a GPU yet (docs/decisions/0022-gpu.md). The device is a parameter: tests run all of it on a
processor, where torchvision decodes by libjpeg-turbo.
"""

from __future__ import annotations

import functools
import io
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model.images.jpeg import plain_pixels
from model.images.preprocessing import Jpegs, Preprocessing
from model.synthesis import Identity, draw

__all__ = ["MOST_PIXELS", "PATIENCE", "SAMPLE_PX", "TOGETHER", "NvJpegDecoder", "nvjpeg_if_faster"]

TOGETHER = 32
"""Maximum batch size; as many threads should be waiting."""

MOST_PIXELS = 1 << 25
"""Maximum of a batch: 100 MB as bytes, and 200 MB in half precision."""

PATIENCE = 8
"""After so many failures in a row the GPU is not used any more."""

_LIMIT_S = 60.0
SAMPLE_PX = 1536
"""The longer side of the pictures for the comparison."""

_NEAR = 3.0
"""Maximum mean difference, of 255, of the input tensors of both ways; broken ones differ by about 50."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request of a waiting thread."""

    file: Tensor
    pixels: int
    target: tuple[int, int]
    answer: Future[Image.Image | None] = field(default_factory=Future)


class NvJpegDecoder:
    """See `model.images.preprocessing.Jpegs`. Many threads call it; their requests are decoded in batches.

    Attributes:
        decoded: Number of decoded pictures.
    """

    def __init__(self, device: str = "cuda") -> None:
        """The device is not used before the first picture."""
        self._device = torch.device(device)
        self._waiting: deque[_Asked] = deque()
        self._changed = threading.Condition()
        self._failures = 0
        self._closed = False
        self.decoded = 0
        threading.Thread(target=self._serve, name="gpu-jpegs", daemon=True).start()

    def __call__(self, data: bytes, target: tuple[int, int]) -> Image.Image | None:
        """The picture, scaled as `Jpegs` says, in mode RGB; None if Pillow should read it."""
        pixels = plain_pixels(data)
        if pixels is None or pixels > MOST_PIXELS or self._failures >= PATIENCE:
            return None
        asked = _Asked(torch.from_numpy(np.frombuffer(data, np.uint8).copy()), pixels, target)
        with self._changed:
            if self._closed:
                return None
            self._waiting.append(asked)
            self._changed.notify()
        return asked.answer.result()

    @property
    def waiting(self) -> int:
        """Number of pictures that wait for a batch."""
        return len(self._waiting)

    def close(self) -> None:
        """Answer the waiting threads and end. Later calls return None."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _serve(self) -> None:
        while batch := self._next():
            try:
                found: Sequence[Image.Image | None] = self._decode(batch)
                self._failures = 0
                self.decoded += len(batch)
            except Exception as error:  # one broken file fails its whole batch
                found = [None] * len(batch)
                self._fail(error)
            for asked, picture in zip(batch, found, strict=True):
                asked.answer.set_result(picture)

    def _next(self) -> list[_Asked]:
        """The next batch of requests; empty at the end."""
        batch: list[_Asked] = []
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            room = MOST_PIXELS
            while self._waiting and len(batch) < TOGETHER and self._waiting[0].pixels <= room:
                batch.append(self._waiting.popleft())
                room -= batch[-1].pixels
        return batch

    def _fail(self, error: Exception) -> None:
        self._failures += 1
        if self._failures in (1, PATIENCE):
            way = "for good" if self._failures == PATIENCE else "for these pictures"
            reason = (str(error) or type(error).__name__).partition("\n")[0]
            _log.warning("action=gpu_jpegs fallback=host what=%s error=%s", way.replace(" ", "_"), reason)

    @torch.inference_mode()
    def _decode(self, batch: Sequence[_Asked]) -> list[Image.Image]:
        from torchvision.io import ImageReadMode, decode_jpeg

        # torchvision decodes on its own stream, perhaps into memory that the last batch has freed. That batch is done,
        # because its results have been copied.
        pictures = decode_jpeg([asked.file for asked in batch], mode=ImageReadMode.RGB, device=self._device)
        small = [_scaled(picture, asked.target) for picture, asked in zip(pictures, batch, strict=True)]
        values = torch.cat([picture.permute(1, 2, 0).flatten() for picture in small]).cpu().numpy()
        ends = np.cumsum([picture.numel() for picture in small])
        parts = np.split(values, ends[:-1])
        return [
            Image.fromarray(part.reshape(asked.target[1], asked.target[0], 3))
            for part, asked in zip(parts, batch, strict=True)
        ]


def _scaled(picture: Tensor, target: tuple[int, int]) -> Tensor:
    """Scale `(3, height, width)` uint8 in one step, as the plain way does, to `(3, target height, target width)`."""
    kind = torch.float16 if picture.is_cuda else torch.float32  # half precision is slow on a processor
    across = _weights(picture.shape[2], target[0], picture.device, kind)
    down = _weights(picture.shape[1], target[1], picture.device, kind)
    small = down @ (picture.to(kind) @ across.T)
    return small.float().add_(0.5).clamp_(0, 255).to(torch.uint8)


@functools.lru_cache(maxsize=64)
def _weights(source: int, target: int, device: torch.device, kind: torch.dtype) -> Tensor:
    """Weight of each source pixel in each target pixel: `(target, source)`, rows add up to 1.

    A triangle around the target pixel's middle, scaled with the reduction: Pillow's antialiased bilinear filter.
    """
    scale = max(1.0, source / target)
    middles = (np.arange(target) + 0.5) * (source / target)
    away = np.abs(np.arange(source) + 0.5 - middles[:, None]) / scale
    triangle = np.clip(1 - away, 0, None)
    return torch.from_numpy(triangle / triangle.sum(axis=1, keepdims=True)).to(device, kind)


def nvjpeg_if_faster(preprocessing: Preprocessing, threads: int, device: str = "cuda") -> NvJpegDecoder | None:
    """Compare the device with Pillow on a few drawn pictures.

    Args:
        preprocessing: Of major version 2.
        threads: Number of decoding threads without the device.
        device: `cuda`, or `cpu` in tests.

    Returns:
        The decoder, if it is faster and gives the same input tensors; else None. The log says which.
    """
    jpegs = NvJpegDecoder(device)
    try:
        plain = _samples()
        files = plain * -(-max(2 * TOGETHER, 2 * threads) // len(plain))
        _read(preprocessing, files, TOGETHER, jpegs)  # warm-up: libraries load
        squares, host_s = _read(preprocessing, files, threads, None)
        others, device_s = _read(preprocessing, files, TOGETHER, jpegs)
        difference = float(np.abs(squares.astype(np.int16) - others).mean(axis=(1, 2, 3)).max())
        good = device_s < host_s and difference <= _NEAR and jpegs.decoded == 2 * len(files)
        words = "action=gpu_jpegs use=%s host_images_s=%.0f device_images_s=%.0f difference=%.2f decoded=%d of=%d"
        speeds = (len(files) / host_s, len(files) / device_s)
        _log.info(words, "device" if good else "host", *speeds, difference, jpegs.decoded, 2 * len(files))
    except Exception as error:  # whatever the error, Pillow works
        good = False
        _log.warning("action=gpu_jpegs use=host error=%s", (str(error) or type(error).__name__).partition("\n")[0])
    if good:
        return jpegs
    jpegs.close()
    return None


def _samples() -> list[bytes]:
    """Drawn pictures with grain: in colour with each subsampling, and grey."""
    files = []
    for n, subsampling in enumerate(("4:2:0", "4:2:2", "4:4:4", None)):
        drawn = draw(Identity.from_seed(n), n, size_px=SAMPLE_PX // 3, aspect=0.75)
        drawn = drawn.resize((3 * drawn.width, 3 * drawn.height), Image.Resampling.BICUBIC)
        grain = np.random.default_rng(n).normal(0, 4, (drawn.height, drawn.width, 1)).astype(np.int16)
        picture = Image.fromarray((np.asarray(drawn) + grain).clip(0, 255).astype(np.uint8))
        file = io.BytesIO()
        if subsampling is None:
            picture.convert("L").save(file, "JPEG", quality=90)
        else:
            picture.save(file, "JPEG", quality=90, subsampling=subsampling)
        files.append(file.getvalue())
    return files


def _read(
    preprocessing: Preprocessing, files: Sequence[bytes], threads: int, jpegs: Jpegs | None
) -> tuple[NDArray[np.uint8], float]:
    """The input tensors of files, read by so many threads, and the time in seconds."""
    pool = ThreadPoolExecutor(threads)
    try:
        start = time.perf_counter()
        squares = list(pool.map(lambda data: preprocessing.read(data, jpegs=jpegs), files, timeout=_LIMIT_S))
        return np.stack(squares), time.perf_counter() - start
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
