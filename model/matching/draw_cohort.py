"""Draw the cohort of a weights file, and fit its confidence on drawn characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.matching.calibration import calibrate, whitening_of
from model.matching.cohort import Cohort
from model.matching.confidence import KNOWN, features, fit
from model.matching.gallery import Gallery
from model.matching.rule import VERDICTS, Verdict, decide
from model.synthesis import Identity, draw
from store.head_views import HeadViews
from store.rule import Rule

__all__ = ["Embed", "Views", "draw_cohort"]

Views = tuple[NDArray[np.float32], HeadViews]
"""`(n, dim)` float32 vectors of whole pictures, unit length, and the heads in them."""

Embed = Callable[[list[Image.Image]], Views]
"""From pictures to their views."""

_FIRST_STRANGER = 1_600_000_000
_FIRST_KNOWN = 1_700_000_000
"""Seeds of characters that no training uses."""

_STRANGERS = 1000
_CHARACTERS, _PICTURES = 150, 6
_DRAWS = 20
_AT_ONCE = 64


def draw_cohort(embed: Embed, *, strangers: int = _STRANGERS, characters: int = _CHARACTERS) -> Cohort:
    """Draw strangers, one picture of each, and characters to fit the confidence on.

    Args:
        embed: The network.
        strangers: Vectors of the cohort.
        characters: Characters for the confidence, at least 16.
    """
    vectors, _ = _embedded(embed, ((_FIRST_STRANGER + number, 0) for number in range(strangers)))
    shown = ((_FIRST_KNOWN + number, picture) for number in range(characters) for picture in range(_PICTURES))
    return Cohort(vectors, _confidence(_embedded(embed, shown), Cohort(vectors, ())))


def _embedded(embed: Embed, pictures: Iterator[tuple[int, int]]) -> Views:
    parts, waiting = [], []
    for seed, number in pictures:
        waiting.append(draw(Identity.from_seed(seed), number))
        if len(waiting) == _AT_ONCE:
            parts.append(embed(waiting))
            waiting = []
    if waiting:
        parts.append(embed(waiting))
    return np.concatenate([vectors for vectors, _ in parts]), HeadViews.joined([heads for _, heads in parts])


def _confidence(pictures: Views, cohort: Cohort) -> tuple[float, ...]:
    """Fit on galleries of one to four references a character and of few to many characters.

    Args:
        pictures: `_PICTURES` of each character, side by side.
        cohort: The strangers.
    """
    random = np.random.default_rng(0)
    size = len(pictures[0]) // _PICTURES
    draws = []
    for number in range(_DRAWS):
        references = 1 + number % 4
        known = np.sort(random.permutation(size)[: size * 3 // 4 if number % 3 else 8])
        rows = np.argsort(random.random((size, _PICTURES)), axis=1) + _PICTURES * np.arange(size)[:, None]
        draws.append(_one_draw(pictures, rows[:, :references], rows[:, references:], known, cohort))
    told, right, weights = zip(*draws, strict=True)
    return fit(np.concatenate(told), np.concatenate(right), np.concatenate(weights))


def _one_draw(
    pictures: Views, references: NDArray[np.int64], asked: NDArray[np.int64], known: NDArray[np.int64], cohort: Cohort
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Features, whether the name is right and a weight, of each picture that gets one.

    Args:
        pictures: All of them.
        references: `(c, k)` rows of each character's references.
        asked: `(c, l)` rows of its other pictures.
        known: The characters that have references, rising.
        cohort: The strangers.
    """
    vectors, heads = pictures
    rows, true = asked.ravel(), np.repeat(np.arange(len(asked)), asked.shape[1])
    gallery = Gallery.build(
        [(str(one), False, vectors[references[one]]) for one in known], [heads.take(references[one]) for one in known]
    )
    archive = vectors[rows], heads.take(rows)
    found = calibrate(gallery, Rule(), archive, cohort, fallback=0.5)
    whitening = whitening_of(found, vectors.shape[1])
    whole, own_heads = whitening.applied(*archive)
    decisions = decide(whole, gallery.whitened(whitening), Rule(found.threshold), heads=own_heads)
    near = decisions.nearest
    named = decisions.verdicts == VERDICTS.index(Verdict.ASSIGNED)
    right = known[near.characters] == true
    is_known = np.isin(true, known)
    weights = np.where(is_known, KNOWN / is_known.sum(), (1 - KNOWN) / (~is_known).sum())
    gaps = near.runner_up_distances - near.distances
    return features(near.distances, gaps, found.threshold, found.known_missed)[named], right[named], weights[named]
