"""The rule that gives a picture its character, or honestly none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from model.matching.views import ViewDistances
from store.head_views import HeadViews
from store.rule import Rule

__all__ = ["TIE", "VERDICTS", "Decision", "Decisions", "Names", "Nearest", "Verdict", "assign", "decide", "reasons"]

TIE = 1e-6
"""Distances closer than this are equal: float32 sums of 500 products differ by that much with their order."""


class Verdict(StrEnum):
    """What the rule says of one embedded picture."""

    ASSIGNED = "assigned"
    UNKNOWN = "unknown"
    REVIEW = "review"


VERDICTS = tuple(Verdict)
_ASSIGNED, _UNKNOWN, _REVIEW = range(len(VERDICTS))
_RANKS = np.array([0, 2, 1])
"""Of several views the one with the least rank decides: a name before a doubt, a doubt before nothing."""

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
        found: All characters that a view shows, one name at least where the picture is assigned.
        nearest: The name nearest to the view that decides, negatives included.
        distance: Distance to it.
        runner_up: The next character (never a negative), or None where there is none.
        runner_up_distance: Distance to it, or None.
        reason: Why it was not assigned; empty otherwise.
    """

    verdict: Verdict
    characters: tuple[str, ...]
    found: tuple[str, ...]
    nearest: str
    distance: float
    runner_up: str | None
    runner_up_distance: float | None
    reason: str = ""


@dataclass(frozen=True)
class Nearest:
    """The nearest character of each of `k` views, and the next one.

    Attributes:
        characters: `(k,)` int64, the nearest one, negatives included, as a place in the gallery.
        distances: `(k,)` float32, distance to it.
        runners_up: `(k,)` int64, the next character likewise; of no meaning where `has_runner_up` is false.
        runner_up_distances: `(k,)` float32, likewise.
        has_runner_up: `(k,)` bool, whether there is another character.
    """

    characters: NDArray[np.int64]
    distances: NDArray[np.float32]
    runners_up: NDArray[np.int64]
    runner_up_distances: NDArray[np.float32]
    has_runner_up: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64]) -> Nearest:
        """Those of some views, in the order asked for."""
        return Nearest(
            self.characters[rows],
            self.distances[rows],
            self.runners_up[rows],
            self.runner_up_distances[rows],
            self.has_runner_up[rows],
        )


@dataclass(frozen=True)
class Names:
    """Characters of `n` pictures.

    Attributes:
        characters: `(k,)` int64, picture after picture, as rising places in the gallery.
        ends: `(n + 1,)` int32: those of picture i are `characters[ends[i]:ends[i + 1]]`.
    """

    characters: NDArray[np.int64]
    ends: NDArray[np.int32]


@dataclass(frozen=True)
class Decisions:
    """What the rule says of `n` pictures, as numbers: an object for each would cost more than the rule.

    Attributes:
        verdicts: `(n,)` int64, places in `VERDICTS`.
        given: The characters given.
        found: The characters that a view shows.
        nearest: The nearest characters of the view that decides.
        reasons: `(n,)` int64, places in the `reasons` of the gallery.
        closest: `(c,)` float32, for each character the least distance to it of a view that got its name, or no name
            at all; infinite where there is none. (A view of somebody else says nothing about it.)
        view_starts: `(n + 1,)` int64: the views of picture i are the rows `view_starts[i]:view_starts[i + 1]` of
            `views`, the whole first, then its heads.
        views: The nearest characters of every view.
    """

    verdicts: NDArray[np.int64]
    given: Names
    found: Names
    nearest: Nearest
    reasons: NDArray[np.int64]
    closest: NDArray[np.float32]
    view_starts: NDArray[np.int64]
    views: Nearest


def assign(
    embeddings: NDArray[np.float32], gallery: Gallery, rule: Rule, heads: HeadViews | None = None
) -> list[Decision]:
    """Decide for each picture, in order, by the rule that `decide` tells.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        gallery: The references.
        rule: The rule.
        heads: The heads in these pictures; none by default.

    Raises:
        ValueError: The rule has no threshold yet.
    """
    decided = decide(embeddings, gallery, rule, heads=heads)
    names, why, near = gallery.names, reasons(gallery), decided.nearest

    def of(some: Names, i: int) -> tuple[str, ...]:
        return tuple(names[at] for at in some.characters[some.ends[i] : some.ends[i + 1]])

    return [
        Decision(
            verdict=VERDICTS[decided.verdicts[i]],
            characters=of(decided.given, i),
            found=of(decided.found, i),
            nearest=names[near.characters[i]],
            distance=float(near.distances[i]),
            runner_up=names[near.runners_up[i]] if near.has_runner_up[i] else None,
            runner_up_distance=float(near.runner_up_distances[i]) if near.has_runner_up[i] else None,
            reason=why[decided.reasons[i]],
        )
        for i in range(len(embeddings))
    ]


def decide(
    embeddings: NDArray[np.float32],
    gallery: Gallery,
    rule: Rule,
    counted: NDArray[np.bool_] | None = None,
    heads: HeadViews | None = None,
    ruled_out: NDArray[np.bool_] | None = None,
) -> Decisions:
    """Decide for many pictures.

    Each head of a picture shows at most one character; the whole picture is judged where there is no head. The nearest
    character is accepted when its distance is at most the threshold and the next character is farther by the margin.
    Nearest to a negative, or beyond the threshold: unknown. Two characters within the margin of each other: review.
    Equal distances count as within any margin, and a negative wins against a character as near, so that no name is
    given by the order of folders. A distance of exactly the threshold is accepted, whatever its rounding.

    The picture gets the surest name of its heads, that with the least distance, or by `Rule.multiple` all of them.
    Without a name it goes to review where a head does, else it is unknown.

    Args:
        embeddings: `(n, dim)` float32, unit length.
        gallery: The references.
        rule: The rule.
        counted: `(n,)` bool, the pictures that count for `closest`; all by default.
        heads: The heads in these pictures; none by default.
        ruled_out: `(n, c)` bool, characters that a picture cannot show, by the decisions of a person; none by default.
            Their distances count as infinite.

    Raises:
        ValueError: The rule has no threshold yet.
    """
    limit = rule.limit
    if len(embeddings) == 0:
        embeddings, heads = np.empty((0, gallery.embeddings.shape[1]), np.float32), None
    views = ViewDistances.of(embeddings, heads, gallery, rule.match)
    if ruled_out is not None:
        views.distances[ruled_out[views.pictures]] = np.inf
    near = _nearest(views.distances, np.array(gallery.negative))
    verdicts, reasons = _judged(near, gallery, rule, limit)
    pictures, deciding = views.pictures, views.deciding
    shows = deciding & (verdicts == _ASSIGNED)
    # Of each picture the first by verdict, then by distance: the view that decides.
    order = np.lexsort((near.distances, np.where(deciding, _RANKS[verdicts], len(_RANKS)), pictures))
    chosen = order[views.starts[:-1]]
    found = _names(pictures[shows], near.characters[shows], views.starts, len(gallery))
    of_picture = near.take(chosen)
    assigned = np.flatnonzero(verdicts[chosen] == _ASSIGNED)
    given = found if rule.multiple else _names(assigned, of_picture.characters[assigned], views.starts, len(gallery))
    if counted is not None:
        deciding &= counted[pictures]
    closest = _closest(views.distances, near, shows, deciding)
    return Decisions(verdicts[chosen], given, found, of_picture, reasons[chosen], closest, views.starts, near)


def _nearest(distances: NDArray[np.float32], negative: NDArray[np.bool_]) -> Nearest:
    """The nearest and the next of `(v, c)` distances; those to negatives are made infinite but for the nearest."""
    rows = np.arange(len(distances))
    # (v,), the first of equals
    nearest = (np.where(negative, distances - TIE, distances) if negative.any() else distances).argmin(axis=1)
    distance = distances[rows, nearest]
    distances[:, negative] = np.inf
    distances[rows, nearest] = np.inf
    runner_up = distances.argmin(axis=1)
    next_distance = distances[rows, runner_up]
    distances[rows, nearest] = distance
    return Nearest(nearest, distance, runner_up, next_distance, next_distance != np.inf)


def _judged(near: Nearest, gallery: Gallery, rule: Rule, limit: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The verdict on each view by itself, and the reason."""
    gap = np.full(len(near.distances), np.inf)
    np.subtract(near.runner_up_distances.astype(np.float64), near.distances, out=gap, where=near.has_runner_up)
    # The first that holds for a view.
    cases = [
        np.array(gallery.negative)[near.characters],
        (near.distances > limit + TIE) & (near.distances <= limit + rule.band + TIE),
        near.distances > limit + TIE,
        near.has_runner_up & (gap < max(rule.margin, TIE)),
    ]
    few = len(_REASONS)
    almost = few + len(gallery.names) + near.runners_up
    reasons = np.select(cases, [few + near.characters, _BEYOND, _NOBODY, almost], _NONE)
    return np.select(cases, [_UNKNOWN, _REVIEW, _UNKNOWN, _REVIEW], _ASSIGNED), reasons


def _names(pictures: NDArray[np.int64], characters: NDArray[np.int64], starts: NDArray[np.int64], size: int) -> Names:
    """The characters of each picture, each once."""
    places = np.unique(pictures * size + characters)
    counts = np.bincount(places // size, minlength=len(starts) - 1)
    return Names(places % size, np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))


def _closest(
    distances: NDArray[np.float32], near: Nearest, shows: NDArray[np.bool_], counted: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """`Decisions.closest`, from the `(v, c)` distances and the views that show a character."""
    nameless = ~shows & counted
    some = distances if nameless.all() else distances[nameless]
    closest: NDArray[np.float32] = some.min(axis=0, initial=np.float32(np.inf))
    named = shows & counted
    np.minimum.at(closest, near.characters[named], near.distances[named])
    return closest.astype(np.float32, copy=False)
