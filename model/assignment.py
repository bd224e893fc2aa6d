"""The rule that gives a picture its character, or honestly none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.distance import MATCHES, Match, character_distances, cosine_distances

__all__ = ["Decision", "Decisions", "Gallery", "Rule", "Verdict", "assign", "decide"]

_TIE = 1e-6
"""Distances closer than this are equal: float32 sums of 500 products differ by that much with their order."""


class Verdict(StrEnum):
    """What the rule says of one embedded picture."""

    ASSIGNED = "assigned"
    UNKNOWN = "unknown"
    REVIEW = "review"


@dataclass(frozen=True)
class Rule:
    """When a picture gets a character's name.

    Attributes:
        threshold: Cosine distance up to which the nearest character is accepted, 0..2.
        match: How the distances to a character's references become one.
        margin: By how much the next character must be farther; else a person should look.
        band: Distances above the threshold by no more than this should be looked at too.
        multiple: File a picture under every character within the threshold; the margin is then without meaning.

    Raises:
        ValueError: A value lies outside its range.
    """

    threshold: float
    match: Match = "max"
    margin: float = 0.02
    band: float = 0.0
    multiple: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 2.0:
            raise ValueError(f"threshold {self.threshold} is not a cosine distance: it must lie in 0..2")
        if self.match not in MATCHES:
            raise ValueError(f"match {self.match!r} is not one of {', '.join(MATCHES)}")
        if not (0.0 <= self.margin <= 2.0 and 0.0 <= self.band <= 2.0):
            raise ValueError("margin and band are distances: they must lie in 0..2")


@dataclass(frozen=True)
class Gallery:
    """The reference embeddings, grouped by character.

    Attributes:
        names: `c` character names, each once.
        negative: `c` flags: the name stands for what the collector does not want.
        starts: `(c,)` int64, row at which each character's references begin.
        embeddings: `(m, dim)` float32, unit length.
    """

    names: tuple[str, ...]
    negative: tuple[bool, ...]
    starts: NDArray[np.int64]
    embeddings: NDArray[np.float32]

    @classmethod
    def build(cls, groups: Sequence[tuple[str, bool, NDArray[np.float32]]]) -> Gallery:
        """Make a gallery of `(name, negative, (k, dim) embeddings)` groups, each with at least one row.

        Raises:
            ValueError: There is no group, or a group is empty.
        """
        if not groups or any(len(rows) == 0 for _, _, rows in groups):
            raise ValueError("every character of a gallery needs at least one reference")
        names, negative, rows = zip(*groups, strict=True)
        counts = [len(part) for part in rows]
        starts = np.concatenate([[0], np.cumsum(counts[:-1])]).astype(np.int64)
        return cls(names, negative, starts, np.concatenate(rows).astype(np.float32, copy=False))


@dataclass(frozen=True)
class Decision:
    """What the rule says of one picture, and from what.

    Attributes:
        verdict: Assigned, unknown or review.
        characters: The names given; empty unless assigned, more than one only by `Rule.multiple`.
        nearest: The nearest name, negatives included.
        distance: Distance to it.
        runner_up: The next character (never a negative), or None where there is none.
        runner_up_distance: Distance to it, or None.
        reason: Why it was not assigned; empty otherwise.
    """

    verdict: Verdict
    characters: tuple[str, ...]
    nearest: str
    distance: float
    runner_up: str | None
    runner_up_distance: float | None
    reason: str = ""


@dataclass(frozen=True)
class Decisions:
    """What the rule says of many pictures, column by column; each column is what `Decision` says of one.

    Attributes:
        verdicts: `n` verdicts.
        characters: `n` tuples of names.
        nearest: `n` names.
        distances: `n` distances.
        runners_up: `n` names, None where there is no other character.
        runner_up_distances: `n` distances, None likewise.
        reasons: `n` reasons.
    """

    verdicts: list[Verdict]
    characters: list[tuple[str, ...]]
    nearest: list[str]
    distances: list[float]
    runners_up: list[str | None]
    runner_up_distances: list[float | None]
    reasons: list[str]


def assign(embeddings: NDArray[np.float32], gallery: Gallery, rule: Rule) -> list[Decision]:
    """Decide for each picture, in order, by the rule that `decide` tells.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        gallery: The references.
        rule: The rule.
    """
    found = decide(embeddings, gallery, rule)
    return [Decision(*row) for row in zip(*(getattr(found, field.name) for field in fields(found)), strict=True)]


def decide(embeddings: NDArray[np.float32], gallery: Gallery, rule: Rule) -> Decisions:
    """Decide for many pictures.

    The nearest character is accepted when its distance is at most the threshold and the next character is farther by
    the margin. Nearest to a negative, or beyond the threshold: unknown. Two characters within the margin of each other:
    review. Equal distances count as within any margin, and a negative wins against a character as near, so that no name
    is given by the order of folders. A distance of exactly the threshold is accepted, whatever its rounding.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        gallery: The references.
        rule: The rule.
    """
    if len(embeddings) == 0:
        return Decisions([], [], [], [], [], [], [])
    distances = character_distances(cosine_distances(embeddings, gallery.embeddings), gallery.starts, rule.match)
    negative = np.array(gallery.negative)
    rows = np.arange(len(distances))
    # (n,), the first of equals
    nearest = (np.where(negative, distances - _TIE, distances) if negative.any() else distances).argmin(axis=1)
    distance = distances[rows, nearest]
    within = _names_within(gallery, distances <= rule.threshold + _TIE) if rule.multiple else None
    distances[:, negative] = np.inf
    distances[rows, nearest] = np.inf
    runner_up = distances.argmin(axis=1)
    next_distance = distances[rows, runner_up]
    has_next = next_distance != np.inf
    gap = next_distance.astype(np.float64) - distance
    # The first that holds for a picture.
    cases = [
        negative[nearest],
        (distance > rule.threshold + _TIE) & (distance <= rule.threshold + rule.band + _TIE),
        distance > rule.threshold + _TIE,
        has_next & (gap < max(rule.margin, _TIE)) & (not rule.multiple),
    ]
    case = np.select(cases, [0, 1, 2, 3], 4)
    names = _objects(gallery.names)
    given = _objects([(name,) for name in gallery.names])[nearest] if within is None else _objects(within)
    given[case != 4] = _objects([()])
    runners_up, next_distances = names[runner_up], next_distance.astype(object)
    runners_up[~has_next] = next_distances[~has_next] = None
    return Decisions(
        _VERDICTS[case].tolist(),
        given.tolist(),
        names[nearest].tolist(),
        distance.tolist(),
        runners_up.tolist(),
        next_distances.tolist(),
        _reasons(gallery, case, nearest, runner_up),
    )


def _reasons(
    gallery: Gallery, case: NDArray[np.int64], nearest: NDArray[np.int64], runner_up: NDArray[np.int64]
) -> list[str]:
    """Why each picture was not assigned, by the case that it is; empty where it was."""
    reasons = _REASONS[case]
    to_negative = np.flatnonzero(case == 0)
    reasons[to_negative] = [f"nearest to the negatives in {gallery.names[at]}" for at in nearest[to_negative]]
    ambiguous = np.flatnonzero(case == 3)
    reasons[ambiguous] = [f"{gallery.names[at]} is about as near" for at in runner_up[ambiguous]]
    texts: list[str] = reasons.tolist()
    return texts


def _names_within(gallery: Gallery, within: NDArray[np.bool_]) -> list[tuple[str, ...]]:
    """The characters within the threshold of each picture, without negatives."""
    within = within & ~np.array(gallery.negative)
    return [tuple(gallery.names[at] for at in np.flatnonzero(row)) for row in within]


def _objects(values: Sequence[object]) -> NDArray[np.object_]:
    """An array of objects, also of tuples, which numpy would take for a further axis."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


_VERDICTS = _objects([Verdict.UNKNOWN, Verdict.REVIEW, Verdict.UNKNOWN, Verdict.REVIEW, Verdict.ASSIGNED])
_REASONS = _objects(["", "just beyond the threshold", "no character within the threshold", "", ""])
