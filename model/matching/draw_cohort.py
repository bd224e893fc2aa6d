"""Draw the cohort of a weights file, and fit its confidence on drawn characters."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from model.matching.calibration import calibrate, whitening_of
from model.matching.cohort import Cohort
from model.matching.confidence import KNOWN, fit
from model.matching.gallery import Gallery
from model.matching.rule import VERDICTS, Verdict, decide
from model.matching.strangers import shares_within
from model.synthesis import Identity, draw
from store.head_views import HeadViews
from store.rule import Rule

__all__ = ["Embed", "draw_cohort"]

Embed = Callable[[list[Image.Image]], NDArray[np.float32]]
"""From pictures to `(n, dim)` float32 vectors of unit length."""

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
    vectors = _embedded(embed, ((_FIRST_STRANGER + number, 0) for number in range(strangers)))
    shown = ((_FIRST_KNOWN + number, picture) for number in range(characters) for picture in range(_PICTURES))
    known = _embedded(embed, shown).reshape(characters, _PICTURES, -1)
    return Cohort(vectors, _confidence(known, Cohort(vectors, (0.0, 0.0))))


def _embedded(embed: Embed, pictures: Iterator[tuple[int, int]]) -> NDArray[np.float32]:
    parts, waiting = [], []
    for seed, number in pictures:
        waiting.append(draw(Identity.from_seed(seed), number))
        if len(waiting) == _AT_ONCE:
            parts.append(embed(waiting))
            waiting = []
    return np.concatenate([*parts, embed(waiting)] if waiting else parts)


def _confidence(vectors: NDArray[np.float32], cohort: Cohort) -> tuple[float, float]:
    """Fit on galleries of one to four references a character and of few to many characters.

    Args:
        vectors: `(c, k, dim)`, `k` pictures of each character.
        cohort: The strangers.
    """
    random = np.random.default_rng(0)
    draws = []
    for number in range(_DRAWS):
        references = 1 + number % 4
        known = random.permutation(len(vectors))[: len(vectors) * 3 // 4 if number % 3 else 8]
        pictures = np.argsort(random.random(vectors.shape[:2]), axis=1)
        draws.append(_one_draw(np.take_along_axis(vectors, pictures[:, :, None], axis=1), known, references, cohort))
    shares, right, weights = zip(*draws, strict=True)
    return fit(np.concatenate(shares), np.concatenate(right), np.concatenate(weights))


def _one_draw(
    vectors: NDArray[np.float32], known: NDArray[np.int64], references: int, cohort: Cohort
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Share of strangers as near, whether the name is right and a weight, of each picture that gets one."""
    pictures = vectors[:, references:].reshape(-1, vectors.shape[2])
    true = np.repeat(np.arange(len(vectors)), vectors.shape[1] - references)
    none = HeadViews.none(len(pictures), vectors.shape[2])
    gallery = Gallery.build([(str(one), False, vectors[one, :references]) for one in known])
    found = calibrate(gallery, Rule(), (pictures, none), cohort, fallback=0.5)
    whitening = whitening_of(found, vectors.shape[2])
    whole, heads = whitening.applied(pictures, none)
    decisions = decide(whole, gallery.whitened(whitening), Rule(found.threshold), heads=heads)
    named = decisions.verdicts == VERDICTS.index(Verdict.ASSIGNED)
    right = known[decisions.nearest.characters] == true
    is_known = np.isin(true, known)
    weights = np.where(is_known, KNOWN / is_known.sum(), (1 - KNOWN) / (~is_known).sum())
    shares = shares_within(decisions.nearest.distances, np.array(found.strangers, np.float32))
    return shares[named], right[named], weights[named]
