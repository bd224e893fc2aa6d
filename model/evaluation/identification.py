"""Retrieval and open-set identification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.errors import EvaluationError
from model.matching.gallery import Gallery
from model.matching.picture_distances import picture_distances
from model.matching.views import view_distances
from store.head_views import HeadViews
from store.match import Match

__all__ = ["Identification", "draw_gallery", "identify", "map_at_r"]

Vectors = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Identification:
    """Open-set identification with a number of references per character.

    Attributes:
        references: References per known character.
        known: Number of probes of known characters.
        strangers: Number of probes of characters without references.
        top1: Share of `known` whose nearest character is right, at any distance (rank-1 accuracy).
        thresholds: `(k,)` float64, rising.
        strangers_named: `(k,)` share of `strangers` that get a name (FPIR) at each threshold.
        known_missed: `(k,)` share of `known` that do not get their right name (FNIR) at each threshold.
    """

    references: int
    known: int
    strangers: int
    top1: float
    thresholds: NDArray[np.float64]
    strangers_named: NDArray[np.float64]
    known_missed: NDArray[np.float64]

    def missed_at(self, strangers_named: float) -> float:
        """FNIR at the largest threshold with at most this FPIR."""
        last = int(np.searchsorted(self.strangers_named, strangers_named, side="right")) - 1
        return float(self.known_missed[max(0, last)])

    def at(self, threshold: float) -> tuple[float, float]:
        """`(strangers_named, known_missed)` at a threshold."""
        index = int(np.searchsorted(self.thresholds, threshold, side="right")) - 1
        return float(self.strangers_named[index]), float(self.known_missed[index])


def identify(
    embeddings: Vectors,
    labels: Labels,
    references: int,
    *,
    match: Match = Match.MAX,
    seed: int = 0,
    heads: HeadViews | None = None,
) -> Identification:
    """Identify pictures with `references` references per known character.

    Half of the characters with more than `references` pictures are known, chosen by the seed. So are their references;
    their other pictures are probes. All other characters are strangers.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        labels: `(n,)` int64.
        references: References per known character, >= 1.
        match: How the distances to a character's references become one.
        seed: Any number.
        heads: The heads in these pictures; none by default.

    Raises:
        EvaluationError: Fewer than two characters have enough pictures.
    """
    heads = heads or HeadViews.none(*embeddings.shape)
    rng = np.random.default_rng(seed)
    rows, probes = draw_gallery(labels, references, rng)
    known = np.unique(labels[rows])
    starts = np.arange(len(known), dtype=np.int64) * references
    names = tuple(map(str, known))
    gallery = Gallery(names, (False,) * len(names), starts, embeddings[rows], heads.take(rows))
    distances = view_distances(embeddings[probes], heads.take(probes), gallery, match)
    nearest = distances.argmin(axis=1)
    distance = distances[np.arange(len(probes)), nearest].astype(np.float64)
    right = known[nearest] == labels[probes]
    is_known = np.isin(labels[probes], known)
    thresholds = np.append(-np.inf, np.unique(distance))
    named = np.searchsorted(np.sort(distance[~is_known]), thresholds, side="right") / max(1, (~is_known).sum())
    found = np.searchsorted(np.sort(distance[is_known & right]), thresholds, side="right") / is_known.sum()
    top1 = float(right[is_known].mean())
    return Identification(references, int(is_known.sum()), int((~is_known).sum()), top1, thresholds, named, 1.0 - found)


def draw_gallery(
    labels: Labels, references: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the gallery, grouped by character in the order of labels, and rows of the probes.

    Raises:
        EvaluationError: Fewer than two characters have enough pictures.
    """
    characters, counts = np.unique(labels, return_counts=True)
    able = characters[counts > references]
    if len(able) < 2:
        raise EvaluationError(f"fewer than two characters have more than {references} pictures")
    known = np.sort(rng.permutation(able)[: (len(able) + 1) // 2])
    rows = [rng.permutation(np.flatnonzero(labels == one))[:references] for one in known]
    gallery = np.concatenate(rows).astype(np.int64)
    return gallery, np.setdiff1d(np.arange(len(labels)), gallery)


def map_at_r(embeddings: Vectors, labels: Labels, heads: HeadViews | None = None) -> float:
    """Mean average precision at R, where R is the number of other pictures of the query's character.

    By Musgrave et al., "A Metric Learning Reality Check" (2020), equation 4: the mean over queries of the mean, over
    the R nearest, of the precision at each place that holds a right answer. Queries without a partner are left out;
    equal distances stand in the order of rows.

    Raises:
        EvaluationError: No character has two pictures.
    """
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    partners = counts[codes] - 1
    queries = np.flatnonzero(partners > 0)
    if len(queries) == 0:
        raise EvaluationError("no character has two pictures")
    heads = heads or HeadViews.none(*embeddings.shape)
    total = 0.0
    for start in range(0, len(queries), 1024):
        rows = queries[start : start + 1024]
        total += _average_precisions((embeddings, heads), codes, partners, rows)
    return total / len(queries)


def _average_precisions(
    pictures: tuple[Vectors, HeadViews], codes: Labels, partners: NDArray[np.int64], rows: NDArray[np.int64]
) -> float:
    """Sum over the queries `rows` of their average precision at R."""
    embeddings, heads = pictures
    distances = picture_distances((embeddings[rows], heads.take(rows)), pictures)
    distances[np.arange(len(rows)), rows] = np.inf
    most = int(partners[rows].max())
    order = np.argsort(distances, axis=1, kind="stable")[:, :most]
    right = codes[order] == codes[rows][:, None]  # (q, most)
    places = np.arange(1, most + 1)
    right &= places <= partners[rows][:, None]
    precision = np.cumsum(right, axis=1) / places
    return float(((precision * right).sum(axis=1) / partners[rows]).sum())
