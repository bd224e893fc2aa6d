"""Finds heads by somebody else's network of the YOLO kind, wrapped by `model.heads.import_detector`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.errors import WeightsError
from model.heads.boxes import overlap
from model.network.architecture import ONNX
from model.onnx.onnx_file import parse_onnx
from model.onnx.picture_input import side_of
from model.onnx.runtime import load_runtime

__all__ = ["LIMITS", "OnnxFinder", "boxes_of"]

LIMITS = "limits"
"""Name of the tensor of two numbers: the least score, and the overlap at which two boxes are of one head."""

_AT_ONCE = 4
_MOST_CANDIDATES = 300


class OnnxFinder:
    """Looks for heads in whole pictures, each stretched to the network's square."""

    def __init__(self, tensors: Mapping[str, NDArray[Any]], device: str, threads: int, most: int) -> None:
        """Check the network and load it.

        Args:
            tensors: Of the weights file.
            device: `cpu` or `cuda`.
            threads: Threads on a processor; 0 takes all cores.
            most: So many heads at most in a picture.

        Raises:
            WeightsError: It is no such network.
            EngineMissing: There is no library for this device.
        """
        limits, network = tensors.get(LIMITS, np.empty(0)), tensors[ONNX]
        if set(tensors) != {ONNX, LIMITS} or network.dtype != np.uint8 or limits.shape != (2,):
            raise WeightsError("its tensors do not fit a head detector")
        self._score, self._overlap = (float(limit) for limit in limits)
        if not (0 < self._score < 1 and 0 < self._overlap <= 1):
            raise WeightsError("its least score and overlap must be between 0 and 1")
        content = network.tobytes()
        self._side, self._most = side_of(parse_onnx(content)), most
        self._run = load_runtime(content, device=device, threads=threads)
        boxes_of(self._answers(np.zeros((1, self._side, self._side, 3), np.uint8))[0])

    def __call__(self, parts: list[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """See `model.heads.detector.HeadDetector`."""
        found = []
        for start in range(0, len(parts), _AT_ONCE):
            some = parts[start : start + _AT_ONCE]
            answers = self._answers(np.stack([self._stretched(part) for part in some]))
            found += [self._heads(answer, part.shape) for answer, part in zip(answers, some, strict=True)]
        return found

    def _answers(self, squares: NDArray[np.uint8]) -> NDArray[np.float32]:
        answers = self._run(squares)
        if answers.ndim != 3 or len(answers) != len(squares):
            raise WeightsError(f"its answers are {answers.shape}: no boxes of each picture")
        return answers

    def _stretched(self, part: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture = Image.fromarray(np.ascontiguousarray(part))
        return np.asarray(picture.resize((self._side, self._side), Image.Resampling.BILINEAR, reducing_gap=2))

    def _heads(self, answer: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
        boxes = boxes_of(answer)
        boxes = boxes[np.isfinite(boxes).all(axis=1) & (boxes[:, 4] >= self._score)]
        boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")[:_MOST_CANDIDATES]]
        kept: list[int] = []
        for n in range(len(boxes)):
            if len(kept) < self._most and (not kept or overlap(boxes[n : n + 1], boxes[kept]).max() < self._overlap):
                kept.append(n)
        found: NDArray[np.float32] = boxes[kept]
        found[:, :4] *= np.array([shape[1], shape[0]] * 2, np.float32) / self._side
        found[:, 4] = np.minimum(found[:, 4], 1.0)
        return found


def boxes_of(answer: NDArray[np.float32]) -> NDArray[np.float32]:
    """The boxes in an answer to one picture: `(k, 5)` float32, left, top, right, bottom in pixels, and the score.

    Args:
        answer: `(4 + classes, boxes)`: middle, width and height, and the score of each class; or `(boxes, 6)`: left,
            top, right, bottom, score and class.

    Raises:
        WeightsError: It is neither.
    """
    rows, columns = answer.shape
    if columns == 6:
        return np.array(answer[:, :5], np.float32)
    if not 5 <= rows < columns:
        raise WeightsError(f"its answers are {rows} x {columns}: no boxes of a detector")
    middle, half, score = answer[:2].T, answer[2:4].T / 2, answer[4:].max(axis=0)
    return np.concatenate([middle - half, middle + half, score[:, None]], axis=1, dtype=np.float32)
