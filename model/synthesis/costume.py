"""Costumes: clothes that a character wears in one picture only."""

from __future__ import annotations

import random
from dataclasses import replace

from model.synthesis.identity import Identity
from model.synthesis.outfit import Outfit
from model.synthesis.palette import Cloth

__all__ = ["in_costume"]

_TAKEN_OFF = frozenset(
    {"band", "head_ribbon", "hair_clip", "flower", "tiara", "headphones", "goggles", "choker", "earrings", "glasses"}
)
"""Ornaments that belong to clothes more than to a character."""


def in_costume(identity: Identity, rng: random.Random) -> Identity:
    """The character in new clothes of any colours, sometimes without the ornaments that can be taken off.

    Hair, eyes, build and all that has grown stay.
    """
    masculine = identity.outfits[0].bottom == "trousers"
    costume = Outfit.draw(rng, Cloth.draw(rng, rng.random()), masculine)
    kept = tuple(one for one in identity.ornaments if one.kind not in _TAKEN_OFF or rng.random() < 0.5)
    return replace(identity, outfits=(costume,) * len(identity.outfits), ornaments=kept)
