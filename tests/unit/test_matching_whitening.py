"""What vectors have in common, and what is left of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.matching.whitening import VARIETY, Whitening, common_mean, half_whitening
from store.head_views import HeadViews
from tests.unit.unit_vectors import Floats, characters, heads_of, unit

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
    centre = Whitening(rows.mean(axis=0), 0.5 * rows[3])
    before = rows.copy()
    whole, left = centre.applied(rows, heads)
    assert (rows == before).all()
    assert whole == pytest.approx(unit((rows - centre.whole).astype(np.float64)), abs=1e-5)
    assert left.vectors == pytest.approx(unit((rows[:3] - centre.heads).astype(np.float64)), abs=1e-5)
    assert left.starts.tolist() == heads.starts.tolist()


def test_nothing() -> None:
    """Without mean and directions nothing changes, to the last bit; a picture that is the centre is like nothing."""
    rows = characters(1, 2, 1, dimension=4).reshape(2, 4)
    whole, _ = Whitening.nothing(4).applied(rows, HeadViews.none(2, 4))
    assert (whole == rows).all()
    whole, _ = Whitening(rows[0], rows[0]).applied(rows, HeadViews.none(2, 4))
    assert whole[0].tolist() == [0, 0, 0, 0]


def variances(rows: Floats) -> NDArray[np.float64]:
    """The variances along the main directions of some rows, falling."""
    return np.linalg.svd(rows.astype(np.float64), compute_uv=False) ** 2 / len(rows)


@given(seeds)
@settings(deadline=None, derandomize=True, max_examples=20)
def test_half_of_a_whitening(seed: int) -> None:
    """Of very many rows, the variances become their square roots: nearer to each other, none turned around."""
    random = np.random.default_rng(seed)
    rows = (random.normal(size=(20_000, 4)) * [1.0, 0.5, 0.25, 0.1]).astype(np.float32)
    found = variances(rows @ half_whitening(rows))
    assert found == pytest.approx(np.sqrt(variances(rows)), rel=0.02)


def test_few_rows_change_little() -> None:
    """A single row turns no distance around: what is left of other pictures is nearly as before."""
    rows = characters(1, 20, 1).reshape(20, 64)
    directions = half_whitening(rows[:1])
    changed = unit((rows[1:] @ directions).astype(np.float64))
    assert changed @ changed.T == pytest.approx(rows[1:] @ rows[1:].T, abs=0.05)


def test_no_more_directions_than_are_kept() -> None:
    """Long vectors become shorter; heads without any stay without any."""
    rows = characters(1, 40, 5, dimension=300).reshape(200, 300)
    whitening = Whitening.of((rows, HeadViews.none(200)), (rows[:9], HeadViews.none(9)), 3)
    whole, heads = whitening.applied(rows, HeadViews.none(200))
    assert whole.shape == (200, 128)
    assert np.linalg.norm(whole, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert heads.vectors.shape == (0, 128)


def test_common_variation_hides_nobody() -> None:
    """Pictures that vary most by what says nothing are told apart better afterwards."""
    random = np.random.default_rng(3)
    clouds = characters(3, 30, 4, noise=0.3).astype(np.float64)
    loud = random.normal(size=(2, 64))
    rows = unit((clouds + random.normal(size=(30, 4, 2)) @ loud * 0.15).reshape(120, 64))
    labels = np.repeat(np.arange(30), 4)
    whitening = Whitening.of((rows, HeadViews.none(120, 64)), (rows[:0], HeadViews.none(0, 64)), 30)
    after = whitening.applied(rows, HeadViews.none(120, 64))[0]

    def right(vectors: Floats) -> float:
        near = vectors @ vectors.T
        np.fill_diagonal(near, -np.inf)
        return float((labels[near.argmax(axis=1)] == labels).mean())

    assert right(after) > right(rows) + 0.1
