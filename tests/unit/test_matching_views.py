"""Distances of pictures with heads, and of each reference to the others, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.matching.gallery import Gallery
from model.matching.leave_one_out import leave_one_out
from model.matching.views import view_distances
from store.head_views import HeadViews
from store.match import Match
from tests.unit.unit_vectors import Floats, heads_of, unit

Picture = tuple[Floats, list[tuple[float, Floats]]]
"""The vector of the whole, and the scores and vectors of the heads."""


def plain(query: Floats, references: list[Floats], match: Match) -> float:
    """Distance of one view to a character with these views."""
    distances = sorted(1 - float(query.astype(float) @ one.astype(float)) for one in references)
    if match == Match.CENTROID:
        mean = np.sum(np.array(references, np.float64), axis=0)
        return 1 - float(query.astype(float) @ mean) / float(np.linalg.norm(mean))
    chosen = distances[: {"max": 1, "mean": len(distances), "top3": 3}[match]]
    return math.fsum(chosen) / len(chosen)


def plain_views(picture: Picture, character: list[Picture], match: Match) -> float:
    """Distance of a picture to a character: of the wholes, and of a head to the surest; the smaller counts more."""
    whole = plain(picture[0], [one for one, _ in character], match)
    heads = [max(some, key=lambda head: head[0])[1] for _, some in character if some]
    if not heads or not picture[1]:
        return whole
    head = min(plain(vector, heads, match) for _, vector in picture[1])
    return 0.75 * min(whole, head) + 0.25 * max(whole, head)


@st.composite
def some_pictures(draw: st.DrawFn, least: int) -> list[Picture]:
    """Up to five pictures in eight dimensions with up to two heads each."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    counts = draw(st.lists(st.integers(0, 2), min_size=least, max_size=5))
    common = random.normal(size=8)

    def vectors(count: int) -> list[Floats]:
        return list(unit(random.normal(size=(count, 8)) + common)) if count else []

    def scores(count: int) -> list[float]:
        return [float(score) for score in random.choice([0.25, 0.5, 0.75], count)]

    return [(vectors(1)[0], list(zip(scores(count), vectors(count), strict=True))) for count in counts]


def views(pictures: list[Picture]) -> tuple[Floats, HeadViews]:
    """The same as arrays."""
    wholes = np.array([whole for whole, _ in pictures], np.float32).reshape(len(pictures), 8)
    heads = [head for _, some in pictures for head in some]
    vectors = np.array([vector for _, vector in heads], np.float32).reshape(-1, 8)
    return wholes, heads_of([len(some) for _, some in pictures], vectors, [score for score, _ in heads])


def gallery_of(groups: list[list[Picture]]) -> Gallery:
    """A gallery of these characters."""
    found = [views(group) for group in groups]
    return Gallery.build(
        [(str(n), False, wholes) for n, (wholes, _) in enumerate(found)], [heads for _, heads in found]
    )


groups = st.lists(some_pictures(1), min_size=1, max_size=4)
matches = st.sampled_from(list(Match))


@given(some_pictures(0), groups, matches)
@settings(deadline=None, derandomize=True)
def test_views_equal_plain_loops(pictures: list[Picture], characters: list[list[Picture]], match: Match) -> None:
    """Every distance is that of the plain loops, in its place."""
    found = view_distances(*views(pictures), gallery_of(characters), match)
    assert found.shape == (len(pictures), len(characters)) and found.dtype == np.float32
    for row, picture in zip(found, pictures, strict=True):
        assert row == pytest.approx([plain_views(picture, one, match) for one in characters], abs=1e-5)


@given(some_pictures(1), groups, matches)
@settings(deadline=None, derandomize=True, max_examples=30)
def test_without_heads(pictures: list[Picture], characters: list[list[Picture]], match: Match) -> None:
    """Without heads on either side everything is as for whole pictures, to the last bit."""
    wholes, heads = views(pictures)
    gallery = gallery_of(characters)
    alone = Gallery(gallery.names, gallery.negative, gallery.starts, gallery.embeddings)
    expected = gallery.whole.distances(wholes, match)
    assert (view_distances(wholes, None, gallery, match) == expected).all()
    assert (view_distances(wholes, heads, alone, match) == expected).all()


@given(groups, matches)
@settings(deadline=None, derandomize=True)
def test_leave_one_out_equals_plain_loops(characters: list[list[Picture]], match: Match) -> None:
    """Each reference against the rest of its character, and against the nearest of the others."""
    found = leave_one_out(gallery_of(characters), match)
    row = 0
    for n, character in enumerate(characters):
        for k, picture in enumerate(character):
            rest = character[:k] + character[k + 1 :]
            own = plain_views(picture, rest, match) if rest else math.inf
            others = [plain_views(picture, one, match) for one in characters[:n] + characters[n + 1 :]]
            assert found.own[row] == pytest.approx(own, abs=1e-5)
            assert found.other[row] == pytest.approx(min(others, default=math.inf), abs=1e-5)
            if others:
                nearest = characters[found.nearest_other[row]]
                assert plain_views(picture, nearest, match) == pytest.approx(min(others), abs=1e-5)
            row += 1


def test_positives() -> None:
    """A gallery without its negatives keeps the references of the others, with their heads."""
    wholes = unit(np.eye(8)[:5])
    parts = [heads_of([1, 0], wholes[:1]), heads_of([2], wholes[1:3]), heads_of([1, 0], wholes[3:4])]
    gallery = Gallery.build([("a", False, wholes[:2]), ("_not", True, wholes[2:3]), ("b", False, wholes[3:])], parts)
    found = gallery.positives()
    assert (found.names, found.negative, found.starts.tolist()) == (("a", "b"), (False, False), [0, 2])
    assert (found.embeddings == wholes[[0, 1, 3, 4]]).all()
    assert (found.heads.vectors == wholes[[0, 3]]).all()
    assert found.positives() is found
    assert len(Gallery.build([("_not", True, wholes)]).positives()) == 0
