"""The rule as a person would carry it out on the distances of one view."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from model.matching.rule import Verdict
from store.rule import Rule


@dataclass(frozen=True)
class Plain:
    """What the plain rule says."""

    verdict: Verdict
    characters: frozenset[str]
    distance: float


def plain_rule(found: Sequence[tuple[float, str, bool]], rule: Rule) -> tuple[Plain, float]:
    """The verdict on one view at these distances from names, negatives or not; and how near the call was."""
    found = sorted(found)
    wanted = [(distance, name) for distance, name, negative in found if not negative]
    distance, name, negative = found[0]
    calls = [abs(value - rule.limit) for value, _, _ in found]
    calls += [abs(value - rule.limit - rule.band) for value, _, _ in found]
    calls += [other - distance for other, _, is_negative in found[1:] if is_negative or negative]
    if negative:
        return Plain(Verdict.UNKNOWN, frozenset(), distance), min(calls)
    gap = wanted[1][0] - distance if len(wanted) > 1 else math.inf
    calls.append(abs(gap - rule.margin))
    if distance > rule.limit:
        verdict = Verdict.REVIEW if distance <= rule.limit + rule.band else Verdict.UNKNOWN
        return Plain(verdict, frozenset(), distance), min(calls)
    if gap < rule.margin:
        return Plain(Verdict.REVIEW, frozenset(), distance), min(calls)
    return Plain(Verdict.ASSIGNED, frozenset([name]), distance), min(calls)
