"""The detector in int8 answers as in float32, and its weights file holds the ranges that int8 needs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model.heads.network import input_ranges, run_folded
from model.heads.openvino_graph import build_detector
from model.heads.weights_file import DEFAULT_DETECTOR, load_detector
from model.network.openvino_runtime import openvino_core
from model.synthesis.crowd import draw_crowd

SIDE = 160


@pytest.fixture(scope="module")
def crowds() -> NDArray[np.uint8]:
    """Drawn pictures."""
    return np.stack([np.asarray(draw_crowd(seed, (SIDE, SIDE)).picture) for seed in range(300, 312)])


def _answers(
    tensors: dict[str, NDArray[np.float32]], bits: int | None, pictures: NDArray[np.uint8]
) -> NDArray[np.float32]:
    compiled = openvino_core().compile_model(build_detector(tensors, bits), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled({0: pictures})[0])


def test_kernels_of_seven_bits_answer_like_float32(crowds: NDArray[np.uint8]) -> None:
    """On every processor: the logits of heads move little, and int8 is at work."""
    tensors = load_detector(DEFAULT_DETECTOR)[0]
    exact, rounded = (_answers(tensors, bits, crowds) for bits in (None, 7))
    assert not np.array_equal(exact, rounded)
    assert np.corrcoef(exact[:, 0].ravel(), rounded[:, 0].ravel())[0, 1] > 0.98
    sure = exact[:, 0] > 0
    assert sure.any() and np.abs(exact - rounded)[:, 0][sure].mean() < 0.3


def test_without_ranges_nothing_is_rounded(crowds: NDArray[np.uint8]) -> None:
    """A file of an earlier version has none."""
    tensors = {name: array for name, array in load_detector(DEFAULT_DETECTOR)[0].items() if not name.endswith(".range")}
    np.testing.assert_array_equal(_answers(tensors, None, crowds), _answers(tensors, 8, crowds))


def test_ranges_hold_what_the_network_computes(crowds: NDArray[np.uint8]) -> None:
    """Of each convolution but the first: from zero, or symmetric, and not beyond what was seen."""
    tensors = load_detector(DEFAULT_DETECTOR)[0]
    numbers = {name: torch.from_numpy(array) for name, array in tensors.items()}
    pixels = torch.from_numpy(crowds).permute(0, 3, 1, 2).float() / 255 - 0.5
    found = input_ranges(numbers, pixels)
    named = {name.removesuffix(".weight") for name in tensors if name.endswith(".weight")}
    assert {name.removesuffix(".range") for name in found} == named - {"stem.0"}
    for low, high in found.values():
        assert high > 0 and (low == 0 or np.isclose(low, -high * 128 / 127))
    doubled = {
        name: tensor * 2 if name == "stem.0.weight" or name == "stem.0.bias" else tensor
        for name, tensor in numbers.items()
    }
    assert input_ranges(doubled, pixels)["stem.1.range"][1] == pytest.approx(2 * found["stem.1.range"][1], rel=1e-5)
    assert run_folded(numbers, pixels).shape == (len(crowds), 5, SIDE // 8, SIDE // 8)
