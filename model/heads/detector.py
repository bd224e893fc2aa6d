"""Finds heads in pictures, on a processor by OpenVINO or on a GPU by torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import WeightsError
from model.heads.architecture import OUTPUTS, SIDE_PX, STEP_PX, STRIDE
from model.heads.boxes import decoded, overlap
from model.heads.weights_file import DEFAULT_DETECTOR, load_detector
from model.network.architecture import ONNX

__all__ = ["LEAST_SCORE", "MOST_HEADS", "WHOLE", "HeadDetector"]

LEAST_SCORE = 0.5
MOST_HEADS = 8

WHOLE = 0.8
"""A head that fills so much of the picture's shorter side is the picture: it is not cut out."""

_GREY = 128
_AREA_PX = 240 * 240
_LONGEST_PX = 448
"""So many pixels of a picture are looked at, whatever its shape, and no side is longer."""

_ROUNDING = 0.02
"""A picture that is to be made smaller by nearly a whole number is made smaller by it."""

_STRIP = 4.0
"""A picture with a longer side of so many shorter ones is looked at in pieces."""

_SAME = 0.45
_Network = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
_Finder = Callable[[list[NDArray[np.uint8]]], list[NDArray[np.float32]]]
"""From pictures that are no strips to their heads, `(k, 5)` float32 each: boxes in pixels of the picture, and scores,
best first."""


class HeadDetector:
    """Finds heads. One per process; loading takes a moment, a picture a few milliseconds.

    Attributes:
        digest: sha256 of the tensors, hexadecimal.
    """

    def __init__(self, find: _Finder, digest: str) -> None:
        self._find = find
        self.digest = digest

    @classmethod
    def load(
        cls, path: Path = DEFAULT_DETECTOR, *, device: Literal["cpu", "cuda"] | str = "cpu", threads: int = 0
    ) -> HeadDetector:
        """Load a detector's weights.

        Args:
            path: The weights file.
            device: `cpu` or `cuda`.
            threads: Threads on a processor; 0 takes all cores.

        Raises:
            WeightsError: The file cannot be used.
            EngineMissing: An ONNX network has no library for that device.
        """
        tensors, digest = load_detector(path)
        if ONNX in tensors:
            from model.heads.onnx_finder import OnnxFinder

            try:
                return cls(OnnxFinder(tensors, device, threads, MOST_HEADS), digest)
            except WeightsError as error:
                raise WeightsError(f"{path}: {error}") from error
        try:
            network = _on_gpu(tensors) if device == "cuda" else _on_processor(tensors, threads)
            shape = network(np.zeros((1, SIDE_PX, SIDE_PX, 3), np.uint8)).shape
        except (KeyError, IndexError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(f"{path}: its tensors do not fit a head detector ({reason})") from error
        cells = SIDE_PX // STRIDE
        if shape != (1, OUTPUTS, cells, cells):
            raise WeightsError(f"{path}: its tensors do not fit a head detector (answers of {shape})")
        return cls(_MapFinder(network), digest)

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """Find the heads in pictures.

        A picture that is hardly more than a head has none: the whole picture is the view of that head. A long strip is
        looked at in square pieces, each of which may have as many heads as a picture.

        Args:
            pictures: `(height, width, 3)` uint8 each, of any size.

        Raises:
            DeviceLost: The GPU has failed.

        Returns:
            For each picture `(k, 5)` float32, best first, at most `MOST_HEADS` (and as many more for each further
            square of a strip): left, top, right and bottom as fractions of the picture, 0..1, and the score, 0..1.
        """
        pieces = [(n, piece) for n, picture in enumerate(pictures) for piece in _pieces(picture.shape)]
        if not pieces:
            return []
        found: list[list[NDArray[np.float32]]] = [[] for _ in pictures]
        parts = [pictures[n][top:bottom, left:right] for n, (left, top, right, bottom) in pieces]
        for (n, (left, top, *_)), boxes in zip(pieces, self._find(parts), strict=True):
            boxes[:, :4] += (left, top, left, top)
            found[n].append(boxes)
        return [_within(np.concatenate(rows), picture.shape) for rows, picture in zip(found, pictures, strict=True)]


class _MapFinder:
    """Finds heads by the network of this program, which gives a map."""

    def __init__(self, network: _Network) -> None:
        self._network = network

    def __call__(self, parts: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        fitted = [_fitted(part) for part in parts]
        found = []
        for (_, scale, corner), answer in zip(fitted, self._answers([pixels for pixels, _, _ in fitted]), strict=True):
            boxes = decoded(answer, LEAST_SCORE, MOST_HEADS)
            boxes[:, :4] = (boxes[:, :4] - np.tile(corner, 2)) / scale
            found.append(boxes)
        return found

    def _answers(self, pictures: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """The network's answer to each picture; those of one shape go through it together."""
        shapes: dict[tuple[int, ...], list[int]] = {}
        for n, picture in enumerate(pictures):
            shapes.setdefault(picture.shape, []).append(n)
        found: dict[int, NDArray[np.float32]] = {}
        for rows in shapes.values():
            found |= dict(zip(rows, self._network(np.stack([pictures[n] for n in rows])), strict=True))
        return [found[n] for n in range(len(pictures))]


def _pieces(shape: tuple[int, ...]) -> list[tuple[int, int, int, int]]:
    """The parts of a picture that are looked at one by one: left, top, right, bottom in pixels."""
    height, width = shape[:2]
    long, short = max(height, width), min(height, width)
    if long <= _STRIP * short:
        return [(0, 0, width, height)]
    count = int(np.ceil(long / short / 0.75))  # each overlaps the next by a quarter or more
    starts = np.linspace(0, long - short, count).round().astype(int)
    if height > width:
        return [(0, int(start), width, int(start) + short) for start in starts]
    return [(int(start), 0, int(start) + short, height) for start in starts]


def _fitted(part: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, NDArray[np.float64]]:
    """A picture as the network takes it, in the middle of grey; by how much it was scaled; and its corner there."""
    height, width = part.shape[:2]
    scale = min((_AREA_PX / (height * width)) ** 0.5, _LONGEST_PX / max(height, width))
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    across, down = -(-wide // STEP_PX) * STEP_PX, -(-high // STEP_PX) * STEP_PX
    x, y = (across - wide) // 2, (down - high) // 2
    fitted = np.full((down, across, 3), _GREY, np.uint8)
    # Averaged blocks, then the nearest of them: as good for a detector as a filter, at a third of its time.
    blocks = Image.fromarray(np.ascontiguousarray(part))
    if (factor := int(1 / scale + _ROUNDING)) > 1:
        blocks = blocks.reduce(factor)
    fitted[y : y + high, x : x + wide] = np.asarray(blocks.resize((wide, high), Image.Resampling.NEAREST))
    return fitted, scale, np.array([x, y], np.float64)


def _within(boxes: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The boxes of one picture, given in pixels, as fractions; none where one head is the whole picture."""
    height, width = shape[:2]
    order = np.argsort(-boxes[:, 4], kind="stable")
    boxes = boxes[order]
    boxes[:, :4] = np.clip(boxes[:, :4] / (width, height, width, height), 0.0, 1.0)
    boxes = boxes[(boxes[:, 2] - boxes[:, 0] > 1e-4) & (boxes[:, 3] - boxes[:, 1] > 1e-4)]
    kept: list[int] = []
    for n in range(len(boxes)):
        if not kept or overlap(boxes[n : n + 1], boxes[kept]).max() < _SAME:
            kept.append(n)
    boxes = boxes[kept]
    sizes = (boxes[:, 2:4] - boxes[:, :2]) * (width, height)
    if (
        len(boxes)
        and (sizes.max(axis=1) >= WHOLE * min(width, height)).any()
        and max(width, height) <= _STRIP * min(width, height)
    ):
        return boxes[:0]
    return boxes


def _on_processor(tensors: dict[str, NDArray[np.float32]], threads: int) -> _Network:
    from model.heads.openvino_graph import build_detector
    from model.network.int8_products import cpu_flags, int8_is_faster, kernel_bits
    from model.network.openvino_runtime import openvino_core

    core = openvino_core()
    graph = build_detector(tensors, kernel_bits(core) if int8_is_faster(cpu_flags()) else None)
    # In bf16 it takes half the time, and boxes move by a quarter of a pixel at most. Where OpenVINO is limited to older
    # instructions than the processor has, it still lists bf16, and crashes.
    limited = "ONEDNN_MAX_CPU_ISA" in os.environ
    has_bf16 = not limited and "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if has_bf16 else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": False,  # with pinning all processes of a machine would use its first cores
    }
    request = core.compile_model(graph, "CPU", options).create_infer_request()

    def run(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.array(request.infer({0: pictures}, share_inputs=True)[0])

    return run


def _on_gpu(tensors: dict[str, NDArray[np.float32]]) -> _Network:
    import torch

    from model.heads.network import run_folded
    from model.network.cuda_engine import until_lost

    numbers = {name: torch.from_numpy(array).cuda() for name, array in tensors.items()}

    def run(squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        with until_lost(), torch.inference_mode():
            pixels = torch.from_numpy(squares).cuda().permute(0, 3, 1, 2).float() / 255 - 0.5
            found = run_folded(numbers, pixels).cpu().numpy()
        return np.asarray(found, np.float32)

    return run
