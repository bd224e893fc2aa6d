"""The batch plans: what the article says of its batches, and that they repeat."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.training.config import BatchConfig
from model.training.sampler import ArticleSampler, CharacterSampler, DrawnSampler

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=30).filter(lambda sizes: max(sizes) >= 2)


def labels_of(sizes: list[int], seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Labels in mixed order, so many pictures each."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


@given(SIZES, st.integers(2, 12), st.integers(2, 120), st.integers(0, 120), st.integers(0, 99))
@settings(deadline=None, derandomize=True)
def test_article_batches(sizes: list[int], pictures: int, grouped: int, random: int, seed: int) -> None:
    """Every picture with a partner comes once per epoch in the grouped part; the random part is added behind it."""
    labels = labels_of(sizes, seed)
    config = BatchConfig(pictures=pictures, grouped=grouped, random=0)
    alone = ArticleSampler(labels, config, seed).epoch(0)
    seen = Counter(row for batch in alone for _, row in batch)
    assert seen == Counter(row for row, label in enumerate(labels) if sizes[label] >= 2)
    mixed = ArticleSampler(labels, config.model_copy(update={"random": random}), seed).epoch(0)
    for batch, more in zip(alone, mixed, strict=True):
        assert more[: len(batch)] == batch
        assert len(more) == min(len(batch) + random, len(labels))
        assert len(set(more)) == len(more)
        assert all(labels[row] == label for label, row in more)


@given(SIZES, st.integers(2, 12), st.integers(2, 120), st.integers(0, 99))
@settings(deadline=None, derandomize=True)
def test_grouped_sizes(sizes: list[int], pictures: int, grouped: int, seed: int) -> None:
    """A batch stops at about the wanted size, and each picture has a partner in it."""
    labels = labels_of(sizes, seed)
    for batch in ArticleSampler(labels, BatchConfig(pictures=pictures, grouped=grouped, random=0), seed).epoch(0):
        assert len(batch) < grouped + max(pictures, 3)
        assert min(Counter(label for label, _ in batch).values()) >= 2


@given(st.integers(0, 40), st.integers(0, 99))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_plans_resume(start: int, seed: int) -> None:
    """Batches from a number on are those of the beginning with as many left out, over ends of epochs too."""
    labels = labels_of([5, 3, 2, 9, 1, 4], seed)
    small = BatchConfig(characters=3, pictures=3, grouped=8, random=2)
    for plan in (
        ArticleSampler(labels, small, seed),
        CharacterSampler(labels, small, seed),
        DrawnSampler(50, 4, small, seed),
    ):
        assert list(islice(plan.batches(start), 3)) == list(islice(plan.batches(0), start, start + 3))


def test_random_part_adds_new_pictures() -> None:
    """The random part is as large as wanted, and repeats nothing of its batch."""
    labels = labels_of([10] * 30, 1)
    for batch in ArticleSampler(labels, BatchConfig(), 1).epoch(3):
        assert len(batch) >= 100
        assert len(set(batch)) == len(batch)
    first, *_ = ArticleSampler(labels, BatchConfig(), 1).epoch(0)
    assert len(first) == 200


def test_characters_batches() -> None:
    """So many characters with so many pictures, each character once per epoch."""
    labels = labels_of([6] * 12, 1)
    plan = CharacterSampler(labels, BatchConfig(kind="characters", characters=4, pictures=3), 1)
    batches = list(islice(plan.batches(0), plan.batches_per_epoch))
    counts = [Counter(label for label, _ in batch) for batch in batches]
    assert [set(count.values()) for count in counts] == [{3}] * 3
    assert sorted(label for count in counts for label in count) == list(range(12))


def test_drawn_batches() -> None:
    """Blocks of neighbours, and never the same pictures again."""
    plan = DrawnSampler(1000, 4, BatchConfig(characters=8, pictures=2), 1)
    one, other = islice(plan.batches(0), 2)
    blocks = Counter(label // 4 for label, _ in one)
    assert set(blocks.values()) == {8}
    assert not {picture for _, picture in one} & {picture for _, picture in other}
