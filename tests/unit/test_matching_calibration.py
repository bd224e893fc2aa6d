"""Calibration on references, and references that look wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model.errors import EvaluationError
from model.images.preprocessing import Preprocessing
from model.matching.calibration import calibrate, doubtful
from model.matching.calibration_file import CALIBRATION, calibrated_threshold, read_calibration, write_calibration
from model.network.weights_file import WeightsInfo

INFO = WeightsInfo("d1", "resnet18-linear", 8, Preprocessing(), 0.4)


def references(characters: int, pictures: int, noise: float = 0.3) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Unit vectors around a centre per character."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(characters), pictures)
    rows = rng.normal(size=(characters, 16))[labels] + noise * rng.normal(size=(len(labels), 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("far", [0.01, 0.1])
def test_threshold_for_a_wanted_far(far: float) -> None:
    """The share of impostor pairs within the threshold is the wanted one, nearly, and never more."""
    found = calibrate(*references(12, 6, noise=1.0), far=far, fallback=0.4)
    assert found.source == "references"
    assert found.far is not None
    assert far * 0.8 < found.far <= far
    assert found.eer is not None
    assert 0 < found.eer < 0.5


def test_too_few_pairs() -> None:
    """Few references, or a FAR that they cannot tell, keep the threshold of the weights, and say so."""
    for shape, far in (((3, 2), 0.01), ((12, 6), 1e-6), ((1, 40), 0.01)):
        found = calibrate(*references(*shape), far=far, fallback=0.4)
        assert (found.threshold, found.source) == (0.4, "weights")
        assert "too few" in found.note
    none = calibrate(np.empty((0, 8), np.float32), np.empty(0, np.int64), far=0.01, fallback=0.4)
    assert none.source == "weights"


def test_doubtful_references() -> None:
    """A picture in the wrong folder and one like no other are named; the rest is not."""
    embeddings, labels = references(4, 5, noise=0.1)
    embeddings[3] = embeddings[12]
    embeddings[7] = -embeddings[7]
    found = {doubt.row: doubt.reason for doubt in doubtful(embeddings, labels, ["a", "b", "c", "d"], 0.3)}
    assert "nearer to c" in found[3]
    assert 7 in found
    assert 12 in found  # it cannot be told which of two equal pictures is in the wrong folder
    assert len(found) == 3


def test_file(tmp_path: Path) -> None:
    """The file gives its threshold to the weights that it was made with, and to no others."""
    found = calibrate(*references(12, 6), far=0.05, fallback=0.4)
    write_calibration(tmp_path / CALIBRATION, found, INFO, far=0.05, doubts=[])
    assert read_calibration(tmp_path / CALIBRATION, INFO)["threshold"] == found.threshold
    assert calibrated_threshold(tmp_path, INFO)[0] == found.threshold
    other = WeightsInfo("d2", "resnet18-linear", 8, Preprocessing(), 0.7)
    threshold, words = calibrated_threshold(tmp_path, other)
    assert threshold == 0.7
    assert "other weights" in words


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "oshiwake-calibration", "version": 2}'])
def test_damaged_file(tmp_path: Path, text: str) -> None:
    """A file that is none is refused, and the weights' threshold is used."""
    (tmp_path / CALIBRATION).write_text(text)
    with pytest.raises(EvaluationError, match="again"):
        read_calibration(tmp_path / CALIBRATION, INFO)
    assert calibrated_threshold(tmp_path, INFO)[0] == 0.4
