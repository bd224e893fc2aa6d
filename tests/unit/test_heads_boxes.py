"""The detector's map and its boxes: one is made from the other, and a plain loop finds the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from model.heads.architecture import OUTPUTS, SIDE_PX, STRIDE
from model.heads.boxes import decoded, overlap
from model.heads.targets import targets

CORNERS = st.tuples(st.floats(0, 200), st.floats(0, 200), st.floats(8, 180), st.floats(8, 180))
BOXES = st.lists(CORNERS, max_size=4).map(
    lambda found: np.array([(x, y, min(224, x + w), min(224, y + h)) for x, y, w, h in found], np.float32).reshape(
        -1, 4
    )
)
MAPS = arrays(np.float32, (OUTPUTS, 6, 7), elements=st.floats(-4, 4, width=16))


def plain_overlap(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Of two boxes, by their areas."""
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
    return wide * high / union if union > 0 else 0.0


@given(BOXES, BOXES)
def test_overlap_is_that_of_each_pair(first: NDArray[np.float32], second: NDArray[np.float32]) -> None:
    """Between 0 and 1, and 1 with itself."""
    found = overlap(first, second)
    assert found.shape == (len(first), len(second))
    for n, a in enumerate(first):
        assert abs(overlap(a[None], a[None])[0, 0] - 1) < 1e-4
        for m, b in enumerate(second):
            assert abs(found[n, m] - plain_overlap(a, b)) < 1e-4


@given(MAPS, st.integers(1, 5))
def test_a_plain_loop_finds_the_same_boxes(answer: NDArray[np.float32], most: int) -> None:
    """Peaks of their neighbourhood that score enough, best first; of two that overlap much, the better one."""
    height, width = answer.shape[1:]
    peaks = []
    for row in range(height):
        for column in range(width):
            here = answer[0, row, column]
            around = answer[0, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            if here >= around.max() and 1 / (1 + np.exp(-here)) >= 0.4:
                peaks.append((-float(here), row, column))
    wanted: list[NDArray[np.float32]] = []
    for score, row, column in sorted(peaks):
        x, y = column + 0.5 + answer[1, row, column], row + 0.5 + answer[2, row, column]
        wide, high = np.exp(answer[3, row, column]) / 2, np.exp(answer[4, row, column]) / 2
        box = np.array([x - wide, y - high, x + wide, y + high, 0]) * STRIDE
        box[4] = 1 / (1 + np.exp(score))
        if len(wanted) < most and all(plain_overlap(box, other) < 0.45 for other in wanted):
            wanted.append(box.astype(np.float32))
    found = decoded(answer, 0.4, most)
    assert found.shape == (len(wanted), 5) and found.dtype == np.float32
    if wanted:
        np.testing.assert_allclose(found, np.stack(wanted), rtol=1e-3, atol=1e-3)


@given(st.tuples(st.integers(0, 150), st.integers(0, 150), st.integers(16, 180), st.integers(16, 180)))
def test_a_perfect_answer_gives_the_box_back(corners: tuple[int, int, int, int]) -> None:
    """Whatever its size and place in the square."""
    x, y, wide, high = corners
    box = np.array([[x, y, min(SIDE_PX, x + wide), min(SIDE_PX, y + high)]], np.float32)
    answer, weight = targets(box, SIDE_PX)
    assert answer.shape == (OUTPUTS, SIDE_PX // STRIDE, SIDE_PX // STRIDE) and weight.shape == answer.shape[1:]
    assert answer[0].max() == 1 and (weight[answer[0] == 1] > 0).all()
    chance = np.clip(answer[0], 1e-4, 1 - 1e-4)
    found = decoded(np.concatenate([np.log(chance / (1 - chance))[None], answer[1:]]), 0.9, 8)
    assert len(found) == 1
    np.testing.assert_allclose(found[0, :4], box[0], atol=0.05)


def test_no_head_is_an_empty_map() -> None:
    """Nothing is wanted anywhere."""
    answer, weight = targets(np.empty((0, 4), np.float32), SIDE_PX)
    assert not answer.any() and not weight.any()
