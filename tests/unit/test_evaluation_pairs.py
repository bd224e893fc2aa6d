"""Pairs, their interval, identification and MAP@R, against plain loops."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.errors import EvaluationError
from model.evaluation.bootstrap import bootstrap_eer
from model.evaluation.evaluate import EvaluationOptions, evaluate
from model.evaluation.identification import identify, map_at_r
from model.evaluation.pairs import all_pairs, sampled_pairs
from model.matching.picture_distances import paired_distances, picture_distances
from tests.unit.unit_vectors import heads_of, unit

Floats = NDArray[np.float32]
Labels = NDArray[np.int64]


def make(seed: int, characters: int = 6, pictures: int = 5, noise: float = 0.5) -> tuple[Floats, Labels]:
    """Unit vectors around a centre per character, in mixed order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(characters), pictures))
    rows = rng.normal(size=(characters, 8))[labels] + noise * rng.normal(size=(len(labels), 8))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), labels


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(1, 4))
@settings(deadline=None, derandomize=True, max_examples=20)
def test_all_pairs_are_all(seed: int, characters: int, pictures: int) -> None:
    """Every unordered pair comes once, with its distance and kind."""
    embeddings, labels = make(seed, characters, pictures)
    pairs = all_pairs(embeddings, labels)
    assert list(zip(pairs.first, pairs.second, strict=True)) == list(combinations(range(len(labels)), 2))
    for one, other, distance, same in zip(pairs.first, pairs.second, pairs.distances, pairs.same, strict=True):
        assert distance == pytest.approx(1 - float(embeddings[one] @ embeddings[other]), abs=1e-6)
        assert same == (labels[one] == labels[other])


def test_sampled_pairs_are_uniform() -> None:
    """Genuine pairs are drawn uniformly over pairs: 4 pictures of a character weigh 6 times as much as 2."""
    labels = np.array([0, 0, 1, 1, 1, 1, 2])
    embeddings = np.eye(7, dtype=np.float32)
    pairs = sampled_pairs(embeddings, labels, 7000, np.random.default_rng(0))
    genuine = labels[pairs.first[pairs.same]]
    assert pairs.same.sum() == 7000
    assert (~pairs.same).sum() == 7000
    assert np.mean(genuine == 1) == pytest.approx(6 / 7, abs=0.02)
    assert (pairs.first != pairs.second).all()
    assert ((labels[pairs.first] == labels[pairs.second]) == pairs.same).all()
    counts = np.unique(
        np.sort(np.stack([pairs.first, pairs.second])[:, ~pairs.same], axis=0), axis=1, return_counts=True
    )
    assert len(counts[1]) == 21 - 7
    assert counts[1].min() > 0.8 * 7000 / 14


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 1, 2]])
def test_pairs_of_one_kind(labels: list[int]) -> None:
    """One character alone, or no character with two pictures, cannot be sampled."""
    with pytest.raises(EvaluationError):
        sampled_pairs(np.eye(3, dtype=np.float32), np.array(labels), 10, np.random.default_rng(0))


def test_interval_holds_the_rate() -> None:
    """The interval lies around the measured rate, is narrower than everything, and repeats by its seed."""
    embeddings, labels = make(3, characters=20, noise=1.0)
    evaluation = evaluate(embeddings, labels, EvaluationOptions(draws=60))
    low, high = evaluation.interval
    assert 0 < low < evaluation.equal.rate < high < 0.6
    assert bootstrap_eer(evaluation.pairs, labels, draws=60) == (low, high)


@given(st.integers(0, 1000))
@settings(deadline=None, derandomize=True, max_examples=20)
def test_map_at_r_is_its_formula(seed: int) -> None:
    """MAP@R by loops over queries and places."""
    embeddings, labels = make(seed, noise=1.0)
    labels = np.append(labels[:-1], 99)  # one picture without a partner
    total, queries = 0.0, 0
    for query in range(len(labels)):
        r = int((labels == labels[query]).sum()) - 1
        if r == 0:
            continue
        order = sorted(
            (i for i in range(len(labels)) if i != query), key=lambda i: -float(embeddings[query] @ embeddings[i])
        )
        right = [labels[i] == labels[query] for i in order[:r]]
        total += sum(sum(right[: k + 1]) / (k + 1) for k in range(r) if right[k]) / r
        queries += 1
    assert map_at_r(embeddings, labels) == pytest.approx(total / queries, abs=1e-9)


def test_identification_of_separate_characters() -> None:
    """Without noise every known picture is found, and no stranger need be named."""
    embeddings, labels = make(1, characters=10, noise=0.01)
    found = identify(embeddings, labels, 3)
    assert (found.known, found.strangers) == (5 * 2, 5 * 5)
    assert found.top1 == 1
    assert found.missed_at(0.0) == 0
    assert found.at(2.0) == (1.0, 0.0)
    assert found.at(-1.0) == (0.0, 1.0)


def test_identification_needs_pictures() -> None:
    """More references than pictures cannot be had."""
    embeddings, labels = make(1)
    with pytest.raises(EvaluationError):
        identify(embeddings, labels, 5)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 3), min_size=2, max_size=6))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_distances_of_pictures_with_heads(seed: int, counts: list[int]) -> None:
    """Of every pair, together or one by one: of the wholes, and of any head of one to the surest of the other."""
    random = np.random.default_rng(seed)
    wholes, vectors = unit(random.normal(size=(len(counts), 8))), unit(random.normal(size=(sum(counts) + 1, 8)))[:-1]
    scores = [float(score) for score in random.permutation(sum(counts)) / 20]
    heads = heads_of(counts, vectors, scores)
    first, second = (rows.ravel() for rows in np.indices((len(counts), len(counts))))
    found = picture_distances((wholes, heads), (wholes, heads))
    assert paired_distances((wholes, heads), first, second) == pytest.approx(found.ravel(), abs=1e-5)
    own = [list(range(start, end)) for start, end in pairwise(heads.starts.tolist())]
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        distance = 1 - float(wholes[one] @ wholes[other])
        if own[one] and own[other]:
            surest = [max(own[place], key=lambda row: scores[row]) for place in (one, other)]
            tried = [(a, surest[1]) for a in own[one]] + [(surest[0], b) for b in own[other]]
            head = min(1 - float(vectors[a] @ vectors[b]) for a, b in tried)
            distance = 0.75 * min(distance, head) + 0.25 * max(distance, head)
        assert found[one, other] == pytest.approx(distance, abs=1e-5)
