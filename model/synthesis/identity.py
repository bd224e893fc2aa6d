"""The identity of a character: all that is the same in its pictures, from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

from model.synthesis.ornament import Ornament, core_ornaments
from model.synthesis.outfit import Outfit
from model.synthesis.palette import Scheme, seeded
from model.synthesis.shapes import Build, Eyes, Hair

__all__ = ["Identity"]


@dataclass(frozen=True)
class Identity:
    """A character.

    Attributes:
        seed: What the character was made from.
        colours: Hair, eyes, skin, cloth and emblem colours.
        hair: Shape of the hair.
        eyes: Shape of the eyes and brows.
        build: Shape of face and body.
        ornaments: Ears, horns, halo, glasses, ribbons and the like that most pictures show.
        outfits: What the character may wear, several.
    """

    seed: int
    colours: Scheme
    hair: Hair
    eyes: Eyes
    build: Build
    ornaments: tuple[Ornament, ...]
    outfits: tuple[Outfit, ...]

    @classmethod
    def from_seed(cls, seed: int, scheme: int | None = None) -> Identity:
        """The character of a seed.

        Args:
            seed: Any integer; neighbouring seeds give unrelated characters.
            scheme: Use this colour scheme, which other identities may share; shapes and
                ornaments still follow the seed. By default the colours follow the seed too.
        """
        colours = Scheme.draw(seeded("colours", seed) if scheme is None else seeded("scheme", scheme))
        rng: random.Random = seeded("identity", seed)
        masculine = rng.random() < 0.3
        build = Build.draw(rng, masculine)
        return cls(
            seed=seed,
            colours=colours,
            hair=Hair.draw(rng, masculine),
            eyes=Eyes.draw(rng, masculine),
            build=build,
            ornaments=core_ornaments(rng),
            outfits=tuple(Outfit.draw(rng, cloth, masculine) for cloth in colours.wardrobe),
        )
