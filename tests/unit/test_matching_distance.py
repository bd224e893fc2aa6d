"""Cosine distance and the distance to a character, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.matching.distance import centroids, character_distances, cosine_distances
from store.match import Match

Floats = NDArray[np.float32]


def unit_rows(seed: int, count: int, dimension: int) -> Floats:
    """Random points on the unit sphere."""
    rows = np.random.default_rng(seed).normal(size=(count, dimension))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def plain_cosine(one: Floats, other: Floats) -> float:
    """Cosine distance by its formula."""
    return 1.0 - sum(float(a) * float(b) for a, b in zip(one, other, strict=True))


def plain_match(distances: list[float], match: Match) -> float:
    """The rule for several references, word for word."""
    nearest = sorted(distances)
    chosen = {"max": nearest[:1], "mean": nearest, "top3": nearest[:3]}[match]
    return math.fsum(chosen) / len(chosen)


seeds = st.integers(0, 2**32 - 1)
groups = st.lists(st.integers(1, 6), min_size=1, max_size=6)
OF_REFERENCES = [match for match in Match if match != Match.CENTROID]
matches = st.sampled_from(OF_REFERENCES)


@given(seeds, st.integers(0, 5), st.integers(0, 5), st.integers(1, 40))
@settings(deadline=None, derandomize=True)
def test_cosine_distances_equal_the_formula(seed: int, queries: int, references: int, dimension: int) -> None:
    """Every pair's distance is that of the formula, in its place."""
    one, other = unit_rows(seed, queries, dimension), unit_rows(seed + 1, references, dimension)
    found = cosine_distances(one, other)
    assert found.shape == (queries, references) and found.dtype == np.float32
    for i in range(queries):
        for j in range(references):
            assert found[i, j] == pytest.approx(plain_cosine(one[i], other[j]), abs=1e-6)


@given(seeds, st.integers(1, 8), st.integers(1, 500))
@settings(deadline=None, derandomize=True)
def test_range_and_symmetry(seed: int, count: int, dimension: int) -> None:
    """Distances lie in 0..2, that of a point to itself is 0, to its opposite 2, and the order of the two is nothing."""
    rows = unit_rows(seed, count, dimension)
    both = cosine_distances(rows, np.concatenate([rows, -rows]))
    assert both.min() >= 0.0
    assert both.max() <= 2.0
    assert np.diagonal(both) == pytest.approx(0.0, abs=1e-6)
    assert np.diagonal(both[:, count:]) == pytest.approx(2.0, abs=1e-6)
    assert both[:, :count] == pytest.approx(both[:, :count].T, abs=1e-6)


def test_arguments_are_left_alone() -> None:
    """The embeddings given are the same afterwards."""
    one, other = unit_rows(1, 3, 4), unit_rows(2, 5, 4)
    copies = one.copy(), other.copy()
    distances = cosine_distances(one, other)
    kept = distances.copy()
    for match in OF_REFERENCES:
        character_distances(distances, np.array([0, 2]), match)
    assert (one == copies[0]).all()
    assert (other == copies[1]).all()
    assert (distances == kept).all()


@given(seeds, st.integers(0, 4), groups, matches)
@settings(deadline=None, derandomize=True)
def test_character_distances_equal_plain_loops(seed: int, queries: int, counts: list[int], match: Match) -> None:
    """Each character's distance comes from its own references by the rule, and from no other's."""
    distances = np.random.default_rng(seed).uniform(0, 2, (queries, sum(counts))).astype(np.float32)
    starts = np.array([sum(counts[:i]) for i in range(len(counts))], np.int64)
    found = character_distances(distances, starts, match)
    assert found.shape == (queries, len(counts)) and found.dtype == np.float32
    for i in range(queries):
        for j, (start, count) in enumerate(zip(starts, counts, strict=True)):
            own = [float(distance) for distance in distances[i, start : start + count]]
            assert found[i, j] == pytest.approx(plain_match(own, match), abs=1e-6)


@given(seeds, groups, matches)
@settings(deadline=None, derandomize=True)
def test_order_of_references_is_nothing(seed: int, counts: list[int], match: Match) -> None:
    """Exchanging the references of one character changes no distance."""
    random = np.random.default_rng(seed)
    distances = random.uniform(0, 2, (3, sum(counts))).astype(np.float32)
    starts = np.array([sum(counts[:i]) for i in range(len(counts))], np.int64)
    parts = [random.permutation(part, axis=1) for part in np.split(distances, starts[1:], axis=1)]
    shuffled = character_distances(np.concatenate(parts, axis=1), starts, match)
    assert shuffled == pytest.approx(character_distances(distances, starts, match), abs=1e-6)


@given(seeds, groups)
@settings(deadline=None, derandomize=True)
def test_order_of_the_rules(seed: int, counts: list[int]) -> None:
    """The nearest is never farther than the three nearest, nor these than all."""
    distances = np.random.default_rng(seed).uniform(0, 2, (3, sum(counts))).astype(np.float32)
    starts = np.array([sum(counts[:i]) for i in range(len(counts))], np.int64)
    nearest, mean, top3 = (character_distances(distances, starts, match) for match in OF_REFERENCES)
    assert (nearest <= top3 + 1e-6).all()
    assert (top3 <= mean + 1e-6).all()


def test_mean_over_many_references() -> None:
    """With thousands of references the mean is still exact to six digits."""
    distances = np.full((1, 20_000), 0.1, np.float32)
    assert character_distances(distances, np.array([0]), Match.MEAN)[0, 0] == pytest.approx(0.1, abs=1e-6)


@given(seeds, groups, st.integers(1, 20))
@settings(deadline=None, derandomize=True)
def test_centroids_equal_plain_loops(seed: int, counts: list[int], dimension: int) -> None:
    """A centroid is the mean of a character's references, made one long."""
    rows = unit_rows(seed, sum(counts), dimension)
    starts = np.array([sum(counts[:i]) for i in range(len(counts))], np.int64)
    found = centroids(rows, starts)
    for one, start, count in zip(found, starts, counts, strict=True):
        mean = [math.fsum(float(row[axis]) for row in rows[start : start + count]) for axis in range(dimension)]
        length = math.sqrt(math.fsum(value * value for value in mean))
        if length > 1e-3:
            assert one == pytest.approx([value / length for value in mean], abs=1e-4)


def test_references_that_cancel_out() -> None:
    """Opposite references have no centroid: everything is as far from it as from what it has nothing in common with."""
    rows = np.array([[1, 0], [-1, 0]], np.float32)
    assert cosine_distances(rows, centroids(rows, np.array([0]))).tolist() == [[1.0], [1.0]]


def test_no_centroid_from_distances() -> None:
    """The distance to a centroid is refused where only the distances to the references are known."""
    with pytest.raises(ValueError, match="centroid"):
        character_distances(np.zeros((1, 2), np.float32), np.array([0]), Match.CENTROID)
