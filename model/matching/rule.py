"""The rule that gives a picture its character, or honestly none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from model.matching.views import view_distances
from store.head_views import HeadViews
from store.rule import Rule

__all__ = ["TIE", "VERDICTS", "Decision", "Decisions", "Verdict", "assign", "decide", "reasons"]

TIE = 1e-6
"""Distances closer than this are equal: float32 sums of 500 products differ by that much with their order."""


class Verdict(StrEnum):
    """What the rule says of one embedded picture."""

    ASSIGNED = "assigned"
    UNKNOWN = "unknown"
    REVIEW = "review"


VERDICTS = tuple(Verdict)
_ASSIGNED, _UNKNOWN, _REVIEW = range(len(VERDICTS))

_REASONS = ("", "just beyond the threshold", "no character within the threshold")
_NONE, _BEYOND, _NOBODY = range(3)


def reasons(gallery: Gallery) -> tuple[str, ...]:
    """All that can be said of why a picture was not assigned."""
    negatives = tuple(f"nearest to the negatives in {name}" for name in gallery.names)
    return _REASONS + negatives + tuple(f"{name} is almost as close" for name in gallery.names)


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
    """What the rule says of `n` pictures, as numbers: an object for each would cost more than the rule.

    Attributes:
        verdicts: `(n,)` int64, places in `VERDICTS`.
        given: `(k,)` int64, the characters given, picture after picture, as places in the gallery.
        given_ends: `(n + 1,)` int32: those of picture i are `given[given_ends[i]:given_ends[i + 1]]`.
        nearest: `(n,)` int64, the nearest character, negatives included, as a place in the gallery.
        distances: `(n,)` float32, distance to it.
        runners_up: `(n,)` int64, the next character likewise; of no meaning where `has_runner_up` is false.
        runner_up_distances: `(n,)` float32, likewise.
        has_runner_up: `(n,)` bool, whether there is another character.
        reasons: `(n,)` int64, places in the `reasons` of the gallery.
        closest: `(c,)` float32, for each character the least distance to it of a picture that got its name, or no name
            at all; infinite where there is none. (A picture of somebody else says nothing about it.)
    """

    verdicts: NDArray[np.int64]
    given: NDArray[np.int64]
    given_ends: NDArray[np.int32]
    nearest: NDArray[np.int64]
    distances: NDArray[np.float32]
    runners_up: NDArray[np.int64]
    runner_up_distances: NDArray[np.float32]
    has_runner_up: NDArray[np.bool_]
    reasons: NDArray[np.int64]
    closest: NDArray[np.float32]


def assign(embeddings: NDArray[np.float32], gallery: Gallery, rule: Rule) -> list[Decision]:
    """Decide for each picture, in order, by the rule that `decide` tells.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        gallery: The references.
        rule: The rule.

    Raises:
        ValueError: The rule has no threshold yet.
    """
    found = decide(embeddings, gallery, rule)
    names, why = gallery.names, reasons(gallery)
    return [
        Decision(
            verdict=VERDICTS[found.verdicts[i]],
            characters=tuple(names[at] for at in found.given[found.given_ends[i] : found.given_ends[i + 1]]),
            nearest=names[found.nearest[i]],
            distance=float(found.distances[i]),
            runner_up=names[found.runners_up[i]] if found.has_runner_up[i] else None,
            runner_up_distance=float(found.runner_up_distances[i]) if found.has_runner_up[i] else None,
            reason=why[found.reasons[i]],
        )
        for i in range(len(embeddings))
    ]


def decide(
    embeddings: NDArray[np.float32],
    gallery: Gallery,
    rule: Rule,
    counted: NDArray[np.bool_] | None = None,
    heads: HeadViews | None = None,
) -> Decisions:
    """Decide for many pictures.

    The nearest character is accepted when its distance is at most the threshold and the next character is farther by
    the margin. Nearest to a negative, or beyond the threshold: unknown. Two characters within the margin of each other:
    review. Equal distances count as within any margin, and a negative wins against a character as near, so that no name
    is given by the order of folders. A distance of exactly the threshold is accepted, whatever its rounding.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        gallery: The references.
        rule: The rule.
        counted: `(n,)` bool, the pictures that count for `closest`; all by default.
        heads: The heads in these pictures; none by default.

    Raises:
        ValueError: The rule has no threshold yet.
    """
    limit = rule.limit
    if len(embeddings) == 0:
        embeddings = np.empty((0, gallery.embeddings.shape[1]), np.float32)
    distances = view_distances(embeddings, heads, gallery, rule.match)
    negative = np.array(gallery.negative)
    rows = np.arange(len(distances))
    # (n,), the first of equals
    nearest = (np.where(negative, distances - TIE, distances) if negative.any() else distances).argmin(axis=1)
    distance = distances[rows, nearest]
    within = (distances <= limit + TIE) & ~negative if rule.multiple else None
    distances[:, negative] = np.inf
    distances[rows, nearest] = np.inf
    runner_up = distances.argmin(axis=1)
    next_distance = distances[rows, runner_up]
    has_next = next_distance != np.inf
    gap = next_distance.astype(np.float64) - distance
    # The first that holds for a picture.
    cases = [
        negative[nearest],
        (distance > limit + TIE) & (distance <= limit + rule.band + TIE),
        distance > limit + TIE,
        has_next & (gap < max(rule.margin, TIE)) & (not rule.multiple),
    ]
    verdicts = np.select(cases, [_UNKNOWN, _REVIEW, _UNKNOWN, _REVIEW], _ASSIGNED)
    few = len(_REASONS)
    reasons = np.select(cases, [few + nearest, _BEYOND, _NOBODY, few + len(gallery.names) + runner_up], _NONE)
    given, ends = _given(verdicts == _ASSIGNED, nearest, within)
    distances[rows, nearest] = distance
    closest = _closest(distances, given, ends, np.ones(len(rows), np.bool_) if counted is None else counted)
    return Decisions(verdicts, given, ends, nearest, distance, runner_up, next_distance, has_next, reasons, closest)


def _closest(
    distances: NDArray[np.float32], given: NDArray[np.int64], ends: NDArray[np.int32], counted: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """`Decisions.closest`, from the `(n, c)` distances and the characters given."""
    many = np.diff(ends)
    nameless = (many == 0) & counted
    some = distances if nameless.all() else distances[nameless]
    closest: NDArray[np.float32] = some.min(axis=0, initial=np.float32(np.inf))
    rows = np.repeat(np.arange(len(distances)), many)
    own = counted[rows]
    np.minimum.at(closest, given[own], distances[rows[own], given[own]])
    return closest.astype(np.float32, copy=False)


def _given(
    assigned: NDArray[np.bool_], nearest: NDArray[np.int64], within: NDArray[np.bool_] | None
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The characters given and where each picture's end: the nearest, or all `(n, c)` within the threshold."""
    if within is None:
        given, counts = nearest[assigned], assigned
    else:
        within &= assigned[:, None]
        given, counts = within.nonzero()[1], within.sum(axis=1)
    return given, np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
