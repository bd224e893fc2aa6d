"""The mean that is taken off every vector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.matching.centre import VARIETY, Centre, common_mean
from store.head_views import HeadViews
from tests.unit.unit_vectors import characters, heads_of, unit

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 30), st.integers(1, 6), st.integers(1, 9))
@settings(deadline=None, derandomize=True, max_examples=50)
def test_common_mean_is_the_formula(seed: int, archive: int, references: int, count: int) -> None:
    """Half of the archive's mean and half of the references', and less of both where there are few characters."""
    random = np.random.default_rng(seed)
    one, other = unit(random.normal(size=(archive, 3))), unit(random.normal(size=(references, 3)))
    found = common_mean(one, other, count)
    for axis in range(3):
        means = sum(map(float, one[:, axis])) / archive, sum(map(float, other[:, axis])) / references
        assert found[axis] == pytest.approx(count / (count + VARIETY) * sum(means) / 2, abs=1e-6)


def test_without_an_archive() -> None:
    """The references alone have a mean too; nothing at all has none."""
    rows = unit(np.array([[1.0, 0, 0], [0, 1, 0]]))
    nothing = np.empty((0, 3), np.float32)
    assert common_mean(nothing, rows, VARIETY) == pytest.approx(rows.mean(axis=0) / 2)
    assert common_mean(nothing, nothing, 1).tolist() == [0, 0, 0]


@given(seeds)
@settings(deadline=None, derandomize=True, max_examples=30)
def test_what_is_left_has_unit_length(seed: int) -> None:
    """The mean is taken off wholes and heads, each its own; the arguments are left alone."""
    rows = characters(seed, 3, 2, dimension=5).reshape(6, 5)
    heads = heads_of([1, 0, 2, 0, 0, 0], rows[:3])
    centre = Centre(rows.mean(axis=0), 0.5 * rows[3])
    before = rows.copy()
    whole, left = centre.taken_off(rows, heads)
    assert (rows == before).all()
    assert whole == pytest.approx(unit((rows - centre.whole).astype(np.float64)), abs=1e-5)
    assert left.vectors == pytest.approx(unit((rows[:3] - centre.heads).astype(np.float64)), abs=1e-5)
    assert left.starts.tolist() == heads.starts.tolist()


def test_nowhere() -> None:
    """A centre that is nowhere changes nothing, to the last bit; a picture that is the centre is like nothing."""
    rows = characters(1, 2, 1, dimension=4).reshape(2, 4)
    whole, _ = Centre.nowhere(4).taken_off(rows, HeadViews.none(2, 4))
    assert (whole == rows).all()
    whole, _ = Centre(rows[0], rows[0]).taken_off(rows, HeadViews.none(2, 4))
    assert whole[0].tolist() == [0, 0, 0, 0]
