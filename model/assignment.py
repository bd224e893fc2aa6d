"""The rule that gives a picture its character, or honestly none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.distance import MATCHES, Match, character_distances, cosine_distances

__all__ = ["Decision", "Gallery", "Rule", "Verdict", "assign"]

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


def assign(embeddings: NDArray[np.float32], gallery: Gallery, rule: Rule) -> list[Decision]:
    """Decide for each picture, in order.

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
        return []
    distances = character_distances(cosine_distances(embeddings, gallery.embeddings), gallery.starts, rule.match)
    rows = np.arange(len(distances))
    nearest = np.where(gallery.negative, distances - _TIE, distances).argmin(axis=1)  # (n,), the first of equals
    nearest_distance = distances[rows, nearest]
    within = distances <= rule.threshold + _TIE  # (n, c)
    just_beyond = nearest_distance <= rule.threshold + rule.band + _TIE  # (n,), where not within
    others = np.where(gallery.negative, np.float32(np.inf), distances)
    others[rows, nearest] = np.inf
    runner_up = others.argmin(axis=1)
    runner_up_distance = others[rows, runner_up]
    return [
        _decide(gallery, rule, *row)
        for row in zip(
            nearest.tolist(),
            nearest_distance.tolist(),
            runner_up.tolist(),
            runner_up_distance.tolist(),
            within,
            just_beyond.tolist(),
            strict=True,
        )
    ]


def _decide(
    gallery: Gallery,
    rule: Rule,
    nearest: int,
    distance: float,
    next_: int,
    next_distance: float,
    within: NDArray[np.bool_],
    just_beyond: bool,
) -> Decision:
    """Decide one picture; `next_distance` is infinite where there is no other character."""
    has_next = next_distance != np.inf

    def decision(verdict: Verdict, reason: str = "", characters: tuple[str, ...] = ()) -> Decision:
        return Decision(
            verdict,
            characters,
            gallery.names[nearest],
            distance,
            gallery.names[next_] if has_next else None,
            next_distance if has_next else None,
            reason,
        )

    if gallery.negative[nearest]:
        return decision(Verdict.UNKNOWN, f"nearest to the negatives in {gallery.names[nearest]}")
    if not within[nearest]:
        if just_beyond:
            return decision(Verdict.REVIEW, "just beyond the threshold")
        return decision(Verdict.UNKNOWN, "no character within the threshold")
    if rule.multiple:
        return decision(Verdict.ASSIGNED, characters=_names_within(gallery, within))
    if has_next and next_distance - distance < max(rule.margin, _TIE):
        return decision(Verdict.REVIEW, f"{gallery.names[next_]} is about as near")
    return decision(Verdict.ASSIGNED, characters=(gallery.names[nearest],))


def _names_within(gallery: Gallery, within: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(gallery.names[i] for i in np.flatnonzero(within) if not gallery.negative[i])
