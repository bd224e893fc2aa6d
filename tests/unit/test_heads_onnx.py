"""Detectors of other people in the place of ours: their boxes, in every form of answer, and hostile files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from model.errors import WeightsError
from model.heads.detector import MOST_HEADS, HeadDetector
from model.heads.import_detector import import_detector
from model.heads.weights_file import read_digest
from model.network.weights_file import tensor_digest
from tests.onnx_files import detector, embedder, saved

BOXES = np.array(
    [
        [16, 16, 8, 8, 0.9],
        *[[16.5, 16, 8, 8, 0.8]] * 9,  # the same head again and again
        [48, 40, 16, 8, 0.7],
        [30, 30, 4, 4, 0.2],  # too little score
        [60, 60, 16, 16, 0.5],  # over the edge
        *[[8 * n + 4, 60, 4, 4, 0.41] for n in range(8)],  # more than a picture may have
    ]
)
"""Middle, width and height in a square of 64, and the score."""


def corners(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same as left, top, right, bottom, score and class."""
    middle, half = boxes[:, :2], boxes[:, 2:4] / 2
    return np.concatenate([middle - half, middle + half, boxes[:, 4:], np.zeros((len(boxes), 1))], axis=1)


@pytest.mark.parametrize("end_to_end", [False, True])
def test_its_boxes_are_found(tmp_path: Path, end_to_end: bool) -> None:
    """Stretched back to the picture, the best first, each head once, those with too little score left out."""
    network = detector(corners(BOXES) if end_to_end else BOXES, end_to_end=end_to_end)
    path = tmp_path / "heads.weights"
    import_detector(saved(network, tmp_path / "heads.onnx"), path, score=0.4, overlap=0.7)
    found = HeadDetector.load(path, threads=1)
    assert found.digest == read_digest(path)
    wide, tall = np.zeros((100, 200, 3), np.uint8), np.zeros((300, 90, 3), np.uint8)
    for boxes in found.detect([wide, tall, wide, tall, wide]):
        assert len(boxes) <= MOST_HEADS and (np.diff(boxes[:, 4]) <= 0).all() and ((boxes >= 0) & (boxes <= 1)).all()
        np.testing.assert_allclose(boxes[0], [12 / 64, 12 / 64, 20 / 64, 20 / 64, 0.9], atol=1e-5)
        np.testing.assert_allclose(boxes[1], [40 / 64, 36 / 64, 56 / 64, 44 / 64, 0.7], atol=1e-5)
        np.testing.assert_allclose(boxes[2], [52 / 64, 52 / 64, 1, 1, 0.5], atol=1e-5)
        assert (boxes[:, 4] > 0.4).all()


def test_a_strip_is_looked_at_in_pieces(tmp_path: Path) -> None:
    """Each piece has the boxes of a picture."""
    network = detector(np.concatenate([BOXES[:1], BOXES[11:12].repeat(9, axis=0)]))
    import_detector(saved(network, tmp_path / "x.onnx"), tmp_path / "x", score=0.4, overlap=0.7)
    boxes = HeadDetector.load(tmp_path / "x", threads=1).detect([np.zeros((1000, 100, 3), np.uint8)])[0]
    assert len(boxes) > 8
    np.testing.assert_allclose(boxes[:, 2] - boxes[:, 0], 8 / 64, atol=1e-3)
    np.testing.assert_allclose(boxes[:, 3] - boxes[:, 1], 8 / 64 / 10, atol=1e-3)


def test_another_limit_is_another_detector(tmp_path: Path) -> None:
    """The digest, and so the space of the embeddings, depends on score and overlap."""
    path = saved(detector(BOXES), tmp_path / "x.onnx")
    digests = {import_detector(path, tmp_path / "x", score=score, overlap=0.7)["digest"] for score in (0.4, 0.5)}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("network", "words"),
    [(embedder(), "no boxes"), (detector(BOXES[:, :4]), "no boxes of a detector")],
    ids=["an embedder", "no scores"],
)
def test_no_detector_is_refused(tmp_path: Path, network: Any, words: str) -> None:
    """And nothing is written."""
    path = saved(network, tmp_path / "x.onnx")
    with pytest.raises(WeightsError, match=words) as caught:
        import_detector(path, tmp_path / "x", score=0.4, overlap=0.7)
    assert str(caught.value).startswith(f"{path}: ") and not (tmp_path / "x").exists()


def test_hostile_limits_are_refused(tmp_path: Path) -> None:
    """As a hostile store may have them."""
    import_detector(saved(detector(BOXES), tmp_path / "x.onnx"), tmp_path / "x", score=0.4, overlap=0.7)
    with safe_open(tmp_path / "x", framework="numpy") as file:
        metadata, network = file.metadata(), file.get_tensor("onnx")
    for limits in ([np.nan, 0.7], [0.0, 0.7], [0.4, 2.0], [0.4]):
        tensors = {"onnx": network, "limits": np.array(limits, np.float32)}
        save_file(tensors, tmp_path / "y", metadata={**metadata, "digest": tensor_digest(tensors.items())})
        with pytest.raises(WeightsError, match=r"limits|least score|do not fit"):
            HeadDetector.load(tmp_path / "y")
