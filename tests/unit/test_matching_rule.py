"""The rule that gives a picture its character, against a plain one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model.matching.gallery import Gallery
from model.matching.rule import Decision, Verdict, assign, decide
from store.match import Match
from store.rule import Rule
from tests.unit.plain_rule import Plain, plain_rule
from tests.unit.unit_circle import Floats, Groups, apart, at


def one(picture: Floats, groups: Groups, rule: Rule) -> Decision:
    """The decision for a single picture."""
    (decision,) = assign(picture, Gallery.build(groups), rule)
    return decision


def plain_centroid(rows: Floats) -> Floats:
    """The mean of some rows, made one long: a single row."""
    mean = [math.fsum(float(row[axis]) for row in rows) / len(rows) for axis in range(rows.shape[1])]
    length = math.hypot(*mean)
    return np.array([[value / length for value in mean]], np.float32)


def plain_assign(picture: Floats, groups: Groups, rule: Rule) -> tuple[Plain, float]:
    """The rule as a person would carry it out, and how near the call was."""
    found = []
    for name, negative, rows in groups:
        if rule.match == Match.CENTROID:
            rows = plain_centroid(rows)
        distances = sorted(1 - sum(float(a) * float(b) for a, b in zip(picture, row, strict=True)) for row in rows)
        chosen = distances[: {"centroid": 1, "max": 1, "mean": len(distances), "top3": 3}[rule.match]]
        found.append((sum(chosen) / len(chosen), name, negative))
    return plain_rule(found, rule)


@st.composite
def galleries(draw: st.DrawFn) -> Groups:
    """Up to six characters and negatives with up to five references each, in three dimensions: near and far."""
    seed, sizes = draw(st.integers(0, 2**32 - 1)), draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    random = np.random.default_rng(seed)
    groups = []
    for i, size in enumerate(sizes):
        rows = random.normal(size=(size, 3)) + random.normal(size=(1, 3))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        negative = draw(st.booleans()) if i else False
        groups.append((f"{'_not ' if negative else ''}{i}", negative, rows.astype(np.float32)))
    return groups


@st.composite
def pictures(draw: st.DrawFn) -> Floats:
    """A few embeddings in three dimensions."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = random.normal(size=(draw(st.integers(0, 4)), 3))
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


distances = st.floats(0, 2, allow_nan=False).map(lambda value: round(value, 3))
rules = st.builds(
    Rule,
    threshold=distances,
    match=st.sampled_from(list(Match)),
    margin=st.sampled_from([0.0, 0.02, 0.3]),
    band=st.sampled_from([0.0, 0.1]),
    multiple=st.booleans(),
)


@given(pictures(), galleries(), rules)
@settings(deadline=None, derandomize=True, max_examples=400)
def test_equals_the_plain_rule(embeddings: Floats, groups: Groups, rule: Rule) -> None:
    """Each picture's decision is that of the plain rule, in the order given; calls too close for float32 aside."""
    decisions = assign(embeddings, Gallery.build(groups), rule)
    assert len(decisions) == len(embeddings)
    for picture, decision in zip(embeddings, decisions, strict=True):
        plain, closeness = plain_assign(picture, groups, rule)
        assert decision.distance == pytest.approx(plain.distance, abs=1e-5)
        if closeness > 1e-5:
            assert Plain(decision.verdict, frozenset(decision.characters), plain.distance) == plain


@given(pictures(), galleries(), rules, st.integers(0, 15))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_closest_is_the_plain_least(embeddings: Floats, groups: Groups, rule: Rule, mask: int) -> None:
    """Over the pictures that count and show nobody else, the least distance to each character."""
    counted = np.array([bool(mask >> n & 1) for n in range(len(embeddings))], np.bool_)
    found = decide(embeddings, Gallery.build(groups), rule, counted)
    decisions = assign(embeddings, Gallery.build(groups), rule)
    for place, (name, negative, _) in enumerate(groups):
        alone = Gallery.build([(name, False, groups[place][2])])
        own = [
            assign(embeddings[n : n + 1], alone, rule)[0].distance
            for n, decision in enumerate(decisions)
            if counted[n] and (not decision.characters or name in decision.characters)
        ]
        if not negative:
            assert found.closest[place] == pytest.approx(min(own, default=math.inf), abs=1e-5)


@given(pictures(), galleries(), rules)
@settings(deadline=None, derandomize=True)
def test_what_a_decision_says_fits_together(embeddings: Floats, groups: Groups, rule: Rule) -> None:
    """Names, distances and reasons of one decision agree with each other."""
    negatives = {name for name, negative, _ in groups if negative}
    for decision in assign(embeddings, Gallery.build(groups), rule):
        assert (decision.verdict is Verdict.ASSIGNED) == bool(decision.characters) == (not decision.reason)
        assert not negatives & set(decision.characters)
        assert (decision.runner_up is None) == (decision.runner_up_distance is None)
        assert decision.runner_up not in negatives | {decision.nearest}
        if decision.runner_up_distance is not None and decision.nearest not in negatives:
            assert decision.runner_up_distance >= decision.distance
        assert decision.characters == decision.found
        assert decision.characters in ((), (decision.nearest,))


@given(pictures(), galleries(), rules, distances)
@settings(deadline=None, derandomize=True, max_examples=200)
def test_a_higher_threshold_takes_no_name_away(embeddings: Floats, groups: Groups, rule: Rule, other: float) -> None:
    """Raising the threshold keeps every assignment; what was unknown may only come nearer to a name."""
    low, high = sorted((rule.limit, other))
    gallery = Gallery.build(groups)
    for below, above in zip(
        assign(embeddings, gallery, Rule(low, rule.match, rule.margin, rule.band, rule.multiple)),
        assign(embeddings, gallery, Rule(high, rule.match, rule.margin, rule.band, rule.multiple)),
        strict=True,
    ):
        assert set(below.characters) <= set(above.characters)
        if above.verdict is Verdict.UNKNOWN:
            assert below.verdict is Verdict.UNKNOWN


@given(pictures(), galleries(), rules, st.randoms(use_true_random=False))
@settings(deadline=None, derandomize=True, max_examples=200)
def test_order_of_the_gallery_is_nothing(embeddings: Floats, groups: Groups, rule: Rule, random: object) -> None:
    """Characters in another order, and their references too, give the same decisions; even with equal references."""
    groups = [*groups, ("twin", False, groups[0][2]), ("_not twin", True, groups[-1][2])]
    shuffled = [(name, negative, rows[::-1]) for name, negative, rows in groups]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for one, other in zip(
        assign(embeddings, Gallery.build(groups), rule), assign(embeddings, Gallery.build(shuffled), rule), strict=True
    ):
        assert one.distance == pytest.approx(other.distance, abs=1e-5)
        calls = [one.distance - rule.limit, one.distance - rule.limit - rule.band]
        if one.runner_up_distance is not None:
            calls += [one.runner_up_distance - one.distance - rule.margin, one.runner_up_distance - rule.limit]
        if min(abs(call) for call in calls) > 1e-5:
            assert one.verdict is other.verdict
            assert one.characters == other.characters


@given(pictures(), galleries(), rules)
@settings(deadline=None, derandomize=True)
def test_each_picture_is_decided_by_itself(embeddings: Floats, groups: Groups, rule: Rule) -> None:
    """A picture's verdict does not depend on what else is asked at once."""
    gallery = Gallery.build(groups)
    together = assign(embeddings, gallery, rule)
    for i, decision in enumerate(together):
        (alone,) = assign(embeddings[i : i + 1], gallery, rule)
        assert alone.distance == pytest.approx(decision.distance, abs=1e-6)
        if abs(decision.distance - rule.limit) > 1e-5:
            assert (alone.verdict, alone.nearest) == (decision.verdict, decision.nearest)


class TestThreshold:
    GROUPS: Groups = [("Akari", False, at(0))]  # noqa: RUF012

    def test_within(self) -> None:
        """Nearer than the threshold: the name is given."""
        decision = one(at(20), self.GROUPS, Rule(apart(21)))
        assert (decision.verdict, decision.characters) == (Verdict.ASSIGNED, ("Akari",))
        assert decision.distance == pytest.approx(apart(20), abs=1e-6)

    def test_beyond(self) -> None:
        """Farther than the threshold: unknown, and the nearest name is still told."""
        decision = one(at(20), self.GROUPS, Rule(apart(19)))
        assert (decision.verdict, decision.characters, decision.nearest) == (Verdict.UNKNOWN, (), "Akari")
        assert decision.reason == "no character within the threshold"

    @pytest.mark.parametrize("threshold", [0.1, 0.2, 0.3, 0.7, 0.412])
    def test_is_inclusive(self, threshold: float) -> None:
        """A distance of exactly the threshold is accepted, whatever its last digit in float32."""
        x = np.float32(1) - np.float32(threshold)
        picture = np.array([[x, np.sqrt(1 - x * x)]], np.float32)
        reference = np.array([[1, 0]], np.float32)
        decision = one(picture, [("Akari", False, reference)], Rule(threshold))
        assert decision.distance == pytest.approx(threshold, abs=1e-7)
        assert decision.verdict is Verdict.ASSIGNED

    def test_zero_accepts_the_same_picture(self) -> None:
        """With threshold 0 a reference picture itself is still known."""
        assert one(
            np.array([[1, 0]], np.float32), [("Akari", False, np.array([[1, 0]], np.float32))], Rule(0.0)
        ).characters

    def test_two_accepts_everything(self) -> None:
        """With threshold 2 nothing is too far."""
        assert one(at(180), self.GROUPS, Rule(2.0)).characters == ("Akari",)

    def test_band(self) -> None:
        """Just beyond the threshold, within the band: a person should look; beyond the band: unknown."""
        rule = Rule(apart(19), band=apart(21) - apart(19))
        decision = one(at(20), self.GROUPS, rule)
        assert (decision.verdict, decision.reason) == (Verdict.REVIEW, "just beyond the threshold")
        assert one(at(22), self.GROUPS, rule).verdict is Verdict.UNKNOWN
        assert one(at(18), self.GROUPS, rule).verdict is Verdict.ASSIGNED


class TestMargin:
    GROUPS: Groups = [("Akari", False, at(0)), ("Beniko", False, at(40))]  # noqa: RUF012

    def test_clear(self) -> None:
        """The next character is farther by the margin: the name is given, and the next is told."""
        decision = one(at(10), self.GROUPS, Rule(0.5, margin=0.1))
        assert (decision.characters, decision.runner_up) == (("Akari",), "Beniko")
        assert decision.runner_up_distance == pytest.approx(apart(30), abs=1e-6)

    def test_inside(self) -> None:
        """The next character is almost as close: a person should look."""
        decision = one(at(19), self.GROUPS, Rule(0.5, margin=0.1))
        assert (decision.verdict, decision.characters) == (Verdict.REVIEW, ())
        assert decision.reason == "Beniko is almost as close"

    @pytest.mark.parametrize("margin", [0.0, 0.02])
    def test_tie(self, margin: float) -> None:
        """Two characters with the same picture as reference: no name is given, with any margin."""
        groups: Groups = [("Akari", False, at(0)), ("Beniko", False, at(0))]
        for ordered in (groups, groups[::-1]):
            assert one(at(7), ordered, Rule(0.5, margin=margin)).verdict is Verdict.REVIEW

    def test_no_other_character(self) -> None:
        """With one character there is no runner-up and nothing to be confused with."""
        decision = one(at(10), self.GROUPS[:1], Rule(0.5, margin=2.0))
        assert (decision.characters, decision.runner_up) == (("Akari",), None)

    def test_unknown_stays_unknown(self) -> None:
        """Two characters equally far beyond the threshold: unknown, not review."""
        assert one(at(20), self.GROUPS, Rule(0.01, margin=0.1)).verdict is Verdict.UNKNOWN


class TestNegatives:
    def test_nearest(self) -> None:
        """Nearest to a negative: unknown, however near a character is."""
        groups: Groups = [("Akari", False, at(0)), ("_not her", True, at(12))]
        decision = one(at(10), groups, Rule(0.5))
        assert (decision.verdict, decision.characters, decision.nearest) == (Verdict.UNKNOWN, (), "_not her")
        assert (decision.runner_up, decision.reason) == ("Akari", "nearest to the negatives in _not her")

    def test_farther(self) -> None:
        """A negative farther away costs nothing: neither the name nor the margin."""
        groups: Groups = [("Akari", False, at(0)), ("_not her", True, at(21))]
        decision = one(at(10), groups, Rule(0.5, margin=0.4))
        assert (decision.characters, decision.runner_up) == (("Akari",), None)

    @pytest.mark.parametrize("name", ["Akari", "akari", "明里"])
    def test_as_near(self, name: str) -> None:
        """One picture as reference and as negative: unknown, whichever folder comes first."""
        groups: Groups = [(name, False, at(0)), ("_not her", True, at(0))]
        for ordered in (groups, groups[::-1]):
            assert one(at(10), ordered, Rule(0.5)).verdict is Verdict.UNKNOWN

    def test_nothing_but_negatives(self) -> None:
        """A gallery without a character knows nobody."""
        decision = one(at(0), [("_not", True, at(0))], Rule(2.0))
        assert (decision.verdict, decision.runner_up) == (Verdict.UNKNOWN, None)


class TestMatch:
    GROUPS: Groups = [("near once", False, at(0, 90, 90, 90)), ("always there", False, at(30, 30, 30, 30))]  # noqa: RUF012

    @pytest.mark.parametrize(
        ("match", "name"),
        [
            ("centroid", "always there"),
            ("max", "near once"),
            ("mean", "always there"),
            ("top3", "always there"),
        ],
    )
    def test_chooses(self, match: Match, name: str) -> None:
        """The rule for several references decides who is nearest."""
        assert one(at(0), self.GROUPS, Rule(2.0, match=match)).characters == (name,)
