"""Pictures with several heads: each shows one character at most, against a plain loop over heads."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.matching.gallery import Gallery
from model.matching.rule import Decision, Verdict, assign, decide
from model.matching.views import ViewDistances, view_distances
from store.head_views import HeadViews
from store.match import Match
from store.rule import Rule
from tests.unit.plain_rule import Plain, plain_rule
from tests.unit.unit_circle import apart, at
from tests.unit.unit_vectors import Floats, heads_of, unit

LIMIT = apart(30)


@dataclass(frozen=True)
class Shown:
    """A picture: the vector of the whole, and those of its heads."""

    whole: Floats
    heads: Floats


Character = tuple[str, bool, list[Shown]]


def far(one: Floats, others: list[Floats]) -> float:
    """Distance to the centroid of some vectors."""
    mean = np.sum(np.array(others, np.float64), axis=0)
    return 1 - float(one.astype(float) @ mean) / float(np.linalg.norm(mean))


def plain_views(picture: Shown, characters: list[Character]) -> list[list[tuple[float, str, bool]]]:
    """Of the whole, then of each head, the distance to each character."""
    found = []
    for view in [None, *picture.heads]:
        row = []
        for name, negative, references in characters:
            distance = far(picture.whole, [one.whole for one in references])
            heads = [one.heads[0] for one in references if len(one.heads)]
            if view is not None and heads:
                other = far(view, heads)
                distance = 0.75 * min(distance, other) + 0.25 * max(distance, other)
            row.append((distance, name, negative))
        found.append(row)
    return found


def plain_decision(picture: Shown, characters: list[Character], rule: Rule) -> tuple[Plain, frozenset[str], float]:
    """What a person would say of a picture, all characters that its heads show, and how near the call was."""
    views = plain_views(picture, characters)
    judged = [plain_rule(view, rule) for view in (views[1:] or views)]
    said = [plain for plain, _ in judged]
    order = [Verdict.ASSIGNED, Verdict.REVIEW, Verdict.UNKNOWN]
    best = min(said, key=lambda plain: (order.index(plain.verdict), plain.distance))
    rivals = [plain.distance - best.distance for plain in said if plain is not best and plain.verdict is best.verdict]
    shown = frozenset(name for plain in said for name in plain.characters)
    return best, shown, min([*rivals, *(call for _, call in judged)])


def joined(pictures: list[Shown]) -> tuple[Floats, HeadViews]:
    """The same as arrays; the first head of each is the surest."""
    counts = [len(one.heads) for one in pictures]
    scores = [0.9 - 0.1 * n for count in counts for n in range(count)]
    vectors = np.concatenate([np.empty((0, 3), np.float32), *(one.heads for one in pictures)])
    wholes = np.array([one.whole for one in pictures], np.float32).reshape(-1, 3)
    return wholes, heads_of(counts, vectors, scores)


def gallery_of(characters: list[Character]) -> Gallery:
    """A gallery of them."""
    parts = [joined(references) for *_, references in characters]
    groups = [(name, negative, wholes) for (name, negative, _), (wholes, _) in zip(characters, parts, strict=True)]
    return Gallery.build(groups, [heads for _, heads in parts])


@st.composite
def shown(draw: st.DrawFn, least: int, most: int) -> list[Shown]:
    """A few pictures in three dimensions with up to four heads each."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    counts = draw(st.lists(st.integers(0, 4), min_size=least, max_size=most))
    return [Shown(unit(random.normal(size=(1, 3)))[0], unit(random.normal(size=(count, 3)))) for count in counts]


characters = st.lists(st.tuples(st.booleans(), shown(1, 3)), min_size=1, max_size=4).map(
    lambda some: [(f"{'_not ' if negative else ''}{n}", negative, shown) for n, (negative, shown) in enumerate(some)]
)
rules = st.builds(
    Rule,
    threshold=st.sampled_from([0.1, 0.3, 0.8, 2.0]),
    margin=st.sampled_from([0.0, 0.02, 0.3]),
    band=st.sampled_from([0.0, 0.2]),
    multiple=st.booleans(),
)


@given(shown(0, 4), characters, rules)
@settings(deadline=None, derandomize=True, max_examples=300)
def test_equals_a_plain_loop_over_heads(pictures: list[Shown], known: list[Character], rule: Rule) -> None:
    """Verdict, names given and found, and the view that decides; calls too close for float32 aside."""
    gallery = gallery_of(known)
    wholes, heads = joined(pictures)
    for picture, decision in zip(pictures, assign(wholes, gallery, rule, heads), strict=True):
        best, found, closeness = plain_decision(picture, known, rule)
        if closeness > 1e-5:
            assert (decision.verdict, frozenset(decision.found)) == (best.verdict, found)
            assert decision.distance == pytest.approx(best.distance, abs=1e-5)
            assert set(decision.characters) == (found if rule.multiple else best.characters)


@given(shown(0, 4), characters, st.integers(0, 15))
@settings(deadline=None, derandomize=True, max_examples=100)
def test_every_view_is_told(pictures: list[Shown], known: list[Character], mask: int) -> None:
    """The nearest and the next character of each view; the least distance to each character of views of nobody else."""
    counted = np.array([bool(mask >> n & 1) for n in range(len(pictures))], np.bool_)
    rule, gallery, closest = Rule(0.4), gallery_of(known), [math.inf] * len(known)
    wholes, heads = joined(pictures)
    decisions, calls = decide(wholes, gallery, rule, counted, heads), [1.0]
    assert np.diff(decisions.view_starts).tolist() == [1 + len(one.heads) for one in pictures]
    for n, picture in enumerate(pictures):
        for k, view in enumerate(plain_views(picture, known)):
            row = decisions.view_starts[n] + k
            assert decisions.views.distances[row] == pytest.approx(min(view)[0], abs=1e-5)
            others = sorted(d for d, name, no in view if not no and name != known[decisions.views.characters[row]][0])
            assert decisions.views.has_runner_up[row] == bool(others)
            if others:
                assert decisions.views.runner_up_distances[row] == pytest.approx(others[0], abs=1e-5)
            plain, call = plain_rule(view, rule)
            calls.append(call)
            if counted[n] and (k or not len(picture.heads)):
                for place, (distance, name, _) in enumerate(view):
                    if not plain.characters or name in plain.characters:
                        closest[place] = min(closest[place], distance)
    for place, (_, negative, _) in enumerate(known):
        if not negative and min(calls) > 1e-5:
            assert decisions.closest[place] == pytest.approx(closest[place], abs=1e-5)


@given(shown(0, 4), characters)
@settings(deadline=None, derandomize=True, max_examples=100)
def test_the_distance_of_a_picture_is_that_of_its_nearest_head(pictures: list[Shown], known: list[Character]) -> None:
    """`view_distances`, by which thresholds are set, and the distances of the views that decide agree."""
    gallery = gallery_of(known)
    found = ViewDistances.of(*joined(pictures), gallery, Match.CENTROID)
    every = view_distances(*joined(pictures), gallery, Match.CENTROID)
    assert found.pictures.tolist() == [n for n, one in enumerate(pictures) for _ in range(1 + len(one.heads))]
    for n, row in enumerate(every):
        own = found.deciding & (found.pictures == n)
        assert row == pytest.approx(found.distances[own].min(axis=0), abs=1e-6)


NAMES = ["Akari", "Beniko", "Chiyo", "_not her"]
KNOWN: list[Character] = [(name, name[0] == "_", [Shown(at(300)[0], at(90 * n))]) for n, name in enumerate(NAMES)]
"""Their heads are a quarter of a turn apart; their whole pictures are alike, and far from those that are asked for."""


def of(*degrees: float, multiple: bool = True) -> Decision:
    """The decision on a picture whose heads are at these angles."""
    picture = Shown(at(120)[0], at(*degrees) if degrees else np.empty((0, 2), np.float32))
    gallery = Gallery.build(
        [(name, no, references[0].whole[None]) for name, no, references in KNOWN],
        [heads_of([1], references[0].heads) for *_, references in KNOWN],
    )
    heads = heads_of([len(picture.heads)], picture.heads)
    # The whole is so far from everybody that three quarters of a head's distance and a quarter of 2 remain.
    (found,) = assign(picture.whole[None], gallery, Rule(0.5 + 0.75 * LIMIT, multiple=multiple), heads)
    return found


def test_two_heads_two_names() -> None:
    """Both names by `multiple`, else the surest; both are found either way, whatever is written down first."""
    for degrees in ((10, 95), (95, 10)):
        assert of(*degrees).characters == ("Akari", "Beniko")
        alone = of(*degrees, multiple=False)
        assert (alone.characters, alone.found, alone.nearest) == (("Beniko",), ("Akari", "Beniko"), "Beniko")


def test_two_heads_as_near_as_each_other() -> None:
    """Without `multiple` the head that the detector is surest of gives the name."""
    assert of(90, 0, multiple=False).characters == ("Beniko",)
    assert of(0, 90, multiple=False).characters == ("Akari",)


def test_heads_of_one_character() -> None:
    """Two heads of one character, and six of nobody: one name."""
    found = of(5, -5, 45, 45, 45, 45, 135, 225)
    assert found.characters == ("Akari",)
    assert found.distance == pytest.approx(0.5 + 0.75 * apart(5), abs=1e-6)


def test_a_negative_head_takes_no_name_from_another() -> None:
    """It gives none itself, however near it is."""
    assert of(270, 10).characters == of(270, 10, multiple=False).characters == ("Akari",)
    assert (of(270).verdict, of(270).reason) == (Verdict.UNKNOWN, "nearest to the negatives in _not her")


def test_a_head_between_two_characters() -> None:
    """It is doubtful where no other head gives a name."""
    wide = replace(Rule(2.0, multiple=True), margin=0.05)
    gallery = Gallery.build(
        [("Akari", False, at(0)), ("Beniko", False, at(90))], [heads_of([1], at(0)), heads_of([1], at(90))]
    )
    between, both = (assign(at(45), gallery, wide, heads_of([len(heads)], heads))[0] for heads in (at(45), at(45, 10)))
    assert (between.verdict, between.found) == (Verdict.REVIEW, ())
    assert (both.verdict, both.characters) == (Verdict.ASSIGNED, ("Akari",))


def test_without_heads_the_whole_picture_counts() -> None:
    """And shows one character."""
    (found,) = assign(
        at(10), Gallery.build([("Akari", False, at(0)), ("Beniko", False, at(40))]), Rule(2.0, multiple=True)
    )
    assert found.characters == found.found == ("Akari",)
