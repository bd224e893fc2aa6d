"""All measurements of `reid evaluate`, from embeddings and labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EvaluationError
from model.evaluation.bootstrap import Interval, bootstrap_eer
from model.evaluation.identification import Identification, identify, map_at_r
from model.evaluation.pairs import Pairs, all_pairs, sampled_pairs
from model.evaluation.rates import EqualError, ErrorRates, equal_error, error_rates
from store.head_views import HeadViews

__all__ = ["COUNT_GROUPS", "Evaluation", "EvaluationOptions", "GroupFigures", "evaluate"]

COUNT_GROUPS = (("2-4", 2, 4), ("5-9", 5, 9), ("10-49", 10, 49), ("50+", 50, 10**9))
"""The article's groups of characters by their number of pictures."""

REFERENCES = (1, 3, 5, 10)


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of an evaluation.

    Attributes:
        pairs: Number of random genuine and of random impostor pairs.
        all_pairs_up_to: Up to so many pictures, all pairs are compared instead.
        draws: Bootstrap resamples.
        seed: Any number.
    """

    pairs: int = 10_000
    all_pairs_up_to: int = 2_000
    draws: int = 200
    seed: int = 0


@dataclass(frozen=True)
class GroupFigures:
    """Figures of the characters with a certain number of pictures, without the others.

    Attributes:
        name: The number of pictures, e.g. `5-9`.
        characters: Their number.
        pictures: Number of their pictures.
        equal: Equal error rate, or None if there are too few.
    """

    name: str
    characters: int
    pictures: int
    equal: EqualError | None


@dataclass(frozen=True)
class Evaluation:
    """All figures of one network on one set.

    Attributes:
        pictures: Number of pictures.
        characters: Number of characters.
        pairs: The compared pairs.
        every_pair: Whether these are all pairs.
        rates: The error rates at every threshold.
        equal: The equal error rate.
        interval: 95 % interval of the equal error rate.
        groups: By number of pictures.
        identification: By number of references, as far as the set allows.
        map_at_r: Mean average precision at R.
    """

    pictures: int
    characters: int
    pairs: Pairs
    every_pair: bool
    rates: ErrorRates
    equal: EqualError
    interval: Interval
    groups: list[GroupFigures]
    identification: list[Identification]
    map_at_r: float


def evaluate(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    options: EvaluationOptions | None = None,
    heads: HeadViews | None = None,
) -> Evaluation:
    """Evaluate a network by its embeddings of labelled pictures.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        labels: `(n,)` int64, the character of each.
        options: The options.
        heads: The heads in these pictures; none by default.

    Raises:
        EvaluationError: There are fewer than two characters, or none has two pictures.
    """
    options = options or EvaluationOptions()
    heads = heads or HeadViews.none(*embeddings.shape)
    pairs = _pairs(embeddings, heads, labels, options)
    rates = error_rates(pairs.genuine, pairs.impostor)
    return Evaluation(
        pictures=len(labels),
        characters=len(np.unique(labels)),
        pairs=pairs,
        every_pair=len(labels) <= options.all_pairs_up_to,
        rates=rates,
        equal=equal_error(rates),
        interval=bootstrap_eer(pairs, labels, draws=options.draws, seed=options.seed),
        groups=_groups(embeddings, heads, labels, options),
        identification=_identifications(embeddings, heads, labels, options.seed),
        map_at_r=map_at_r(embeddings, labels, heads),
    )


def _pairs(
    embeddings: NDArray[np.float32], heads: HeadViews, labels: NDArray[np.int64], options: EvaluationOptions
) -> Pairs:
    if len(labels) <= options.all_pairs_up_to:
        return all_pairs(embeddings, labels, heads)
    return sampled_pairs(embeddings, labels, options.pairs, np.random.default_rng(options.seed), heads)


def _groups(
    embeddings: NDArray[np.float32], heads: HeadViews, labels: NDArray[np.int64], options: EvaluationOptions
) -> list[GroupFigures]:
    characters, counts = np.unique(labels, return_counts=True)
    found = []
    for name, low, high in COUNT_GROUPS:
        chosen = characters[(counts >= low) & (counts <= high)]
        rows = np.flatnonzero(np.isin(labels, chosen))
        equal = None
        if len(chosen) > 1:
            pairs = _pairs(embeddings[rows], heads.take(rows), labels[rows], options)
            equal = equal_error(error_rates(pairs.genuine, pairs.impostor))
        found.append(GroupFigures(name, len(chosen), len(rows), equal))
    return found


def _identifications(
    embeddings: NDArray[np.float32], heads: HeadViews, labels: NDArray[np.int64], seed: int
) -> list[Identification]:
    """Identification with each number of references that the set allows."""
    found = []
    for references in REFERENCES:
        try:
            found.append(identify(embeddings, labels, references, seed=seed, heads=heads))
        except EvaluationError:
            break
    return found
