"""The shipped detector on drawn crowds that it never saw, on pictures of all shapes, and on hostile weights files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from model.errors import WeightsError
from model.heads.boxes import overlap
from model.heads.detector import MOST_HEADS, HeadDetector
from model.heads.weights_file import DEFAULT_DETECTOR, load_detector, read_digest
from model.network.weights_file import tensor_digest
from model.synthesis.crowd import draw_crowd


@pytest.fixture(scope="module")
def detector() -> HeadDetector:
    """The shipped one."""
    return HeadDetector.load(threads=1)


def test_heads_of_unseen_crowds_are_found(detector: HeadDetector) -> None:
    """Most of those that are neither tiny nor nearly the picture, with boxes that lie on them."""
    crowds = [draw_crowd(seed, (224, 224)) for seed in range(80)]
    found = detector.detect([np.asarray(crowd.picture) for crowd in crowds])
    heads, hits = 0, 0
    for crowd, boxes in zip(crowds, found, strict=True):
        wanted = np.array([box for box in crowd.heads if 0.12 < box[2] - box[0] < 0.6], np.float32).reshape(-1, 4)
        heads += len(wanted)
        hits += int((overlap(wanted, boxes) >= 0.5).any(axis=1).sum())
    assert heads > 50 and hits >= 0.7 * heads


def test_boxes_are_within_their_pictures_best_first(detector: HeadDetector) -> None:
    """Of any shape, down to a pixel; a picture looked at among others has the same boxes."""
    rng = np.random.default_rng(1)
    shapes = [(1, 1), (3, 400), (400, 3), (64, 48), (700, 500), (2000, 120)]
    pictures = [rng.integers(0, 255, (*shape, 3), np.uint8) for shape in shapes]
    pictures += [np.asarray(draw_crowd(seed, (160, 240)).picture) for seed in range(6)]
    for picture, boxes in zip(pictures, detector.detect(pictures), strict=True):
        assert boxes.dtype == np.float32 and boxes.shape[1:] == (5,)
        assert ((boxes >= 0) & (boxes <= 1)).all() and (np.diff(boxes[:, 4]) <= 0).all()
        assert (boxes[:, 2:4] > boxes[:, :2]).all()
        assert len(boxes) <= MOST_HEADS or max(picture.shape) > 4 * min(picture.shape[:2])
        assert overlap(boxes, boxes)[~np.eye(len(boxes), dtype=bool)].max(initial=0) < 0.5
        np.testing.assert_allclose(detector.detect([picture])[0], boxes, atol=1e-3)
    assert detector.detect([]) == []


def test_a_head_that_is_the_picture_is_not_cut_out(detector: HeadDetector) -> None:
    """Nearly always: the whole picture is its view."""
    large = [crowd for crowd in map(_crowd, range(150)) if any(box[2] - box[0] > 0.97 for box in crowd[1])]
    assert len(large) >= 8
    assert sum(len(boxes) == 0 for boxes in detector.detect([picture for picture, _ in large])) >= 0.6 * len(large)


def _crowd(seed: int) -> tuple[NDArray[np.uint8], tuple[tuple[float, float, float, float], ...]]:
    crowd = draw_crowd(seed, (160, 160))
    return np.asarray(crowd.picture), crowd.heads


def test_a_strip_has_the_heads_of_its_parts(detector: HeadDetector) -> None:
    """More than a picture may have, each where it is."""
    panels = [np.asarray(draw_crowd(seed, (300, 300)).picture) for seed in range(12)]
    strip = np.concatenate(panels)
    boxes = detector.detect([strip])[0]
    apart = sum(len(found) for found in detector.detect(panels))
    assert len(boxes) >= 0.5 * apart > 4
    panels_seen = set(((boxes[:, 1] + boxes[:, 3]) / 2 * len(panels)).astype(int).tolist())
    assert len(panels_seen) >= 5


def _other(tensors: dict[str, NDArray[Any]], metadata: dict[str, str]) -> bytes:
    return save(tensors, {**metadata, "digest": tensor_digest(tensors.items())})


SPOILT: dict[str, tuple[Callable[[dict[str, NDArray[Any]], dict[str, str]], bytes], str]] = {
    "another file": (lambda tensors, metadata: b"no tensors", "safetensors"),
    "another kind": (lambda tensors, metadata: save(tensors, {**metadata, "format": "x"}), "head detector"),
    "a newer one": (lambda tensors, metadata: save(tensors, {**metadata, "version": "2"}), "version 2"),
    "no digest": (lambda tensors, metadata: save(tensors, {**metadata, "digest": "../x"}), "digest"),
    "other numbers": (
        lambda tensors, metadata: save({**tensors, "up8.bias": tensors["up8.bias"] + 1}, metadata),
        "digest",
    ),
    "a part missing": (
        lambda tensors, metadata: _other({k: v for k, v in tensors.items() if k != "up8.bias"}, metadata),
        "do not fit",
    ),
    "another shape": (
        lambda tensors, metadata: _other({**tensors, "up8.weight": tensors["up8.weight"][:3]}, metadata),
        "do not fit",
    ),
    "more answers": (
        lambda tensors, metadata: _other(
            {
                **tensors,
                "last.1.weight": np.concatenate([tensors["last.1.weight"]] * 2),
                "last.1.bias": np.concatenate([tensors["last.1.bias"]] * 2),
            },
            metadata,
        ),
        "do not fit",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_weights_file_is_refused(tmp_path: Path, name: str) -> None:
    """By its name and the cause."""
    spoil, words = SPOILT[name]
    metadata = {"format": "oshiwake-heads", "version": "1", "digest": read_digest(DEFAULT_DETECTOR)}
    path = tmp_path / "heads.safetensors"
    path.write_bytes(spoil(load_file(DEFAULT_DETECTOR), metadata))
    with pytest.raises(WeightsError, match=words) as caught:
        HeadDetector.load(path)
    assert str(path) in str(caught.value)


def test_a_weights_file_much_too_large_is_refused(tmp_path: Path) -> None:
    """By its size, before anything of it is read."""
    path = tmp_path / "heads.safetensors"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(WeightsError, match="too large"):
        HeadDetector.load(path)


def test_a_missing_weights_file_is_named(tmp_path: Path) -> None:
    """With the system's words."""
    with pytest.raises(WeightsError, match=r"none\.safetensors: No such file"):
        HeadDetector.load(tmp_path / "none.safetensors")


def test_the_shipped_file_is_small_and_tells_its_recipe() -> None:
    """At most 4 MB."""
    assert DEFAULT_DETECTOR.stat().st_size <= 4_000_000
    header = DEFAULT_DETECTOR.read_bytes()
    recipe = json.loads(json.loads(header[8 : 8 + int.from_bytes(header[:8], "little")])["__metadata__"]["recipe"])
    assert "heads train" in recipe["command"] and recipe["config"]["steps"] > 0
    assert all(array.dtype == np.float32 for array in load_detector(DEFAULT_DETECTOR)[0].values())


def test_signals_are_survived_after_networks_have_gone() -> None:
    """Loading and leaving networks in any order leaves a process that a signal handler runs in."""
    program = (
        "import signal\n"
        "from model.heads.detector import HeadDetector\n"
        "from model.network.embedder import Embedder\n"
        "from model.network.weights_file import DEFAULT_WEIGHTS\n"
        "first = Embedder.load(DEFAULT_WEIGHTS, precision='fp32')\n"
        "second = HeadDetector.load(threads=1)\n"
        "del first, second\n"
        "signal.signal(signal.SIGUSR1, lambda number, frame: print('handled'))\n"
        "signal.raise_signal(signal.SIGUSR1)\n"
    )
    result = subprocess.run([sys.executable, "-X", "faulthandler", "-c", program], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "handled\n"), result.stderr
