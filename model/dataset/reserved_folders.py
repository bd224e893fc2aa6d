"""Folders that are named after characters, in references, in an output and in a data set, and those beside them."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["MOST_LEVELS", "NEGATIVE_PREFIX", "REVIEW", "UNKNOWN", "characters_of", "is_negative", "names_character"]

NEGATIVE_PREFIX = "_not"
"""A reference folder whose name begins so holds what the collector does not want."""

UNKNOWN = "_unknown"
REVIEW = "_review"

MOST_LEVELS = 8
"""Folders in one another that make a name; what lies deeper belongs to the last of them."""


def names_character(folder: str) -> bool:
    """Whether the pictures in a folder of this name show one character, so that they can teach or measure."""
    return not folder.startswith((".", NEGATIVE_PREFIX)) and folder not in (UNKNOWN, REVIEW)


def is_negative(name: str) -> bool:
    """Whether a name, `Series/_not chibi` too, stands for what the collector does not want."""
    return any(part.startswith(NEGATIVE_PREFIX) for part in name.split("/"))


def characters_of(places: Sequence[tuple[str, ...]]) -> list[str]:
    """The character that each picture shows, by where the pictures lie: `Akari`, or `Series/Akari`.

    A folder with a picture in it is a character, with all that lies below it. One that holds only folders is a series:
    each of them is a character of it, or again a series. A folder of negatives is one, whatever is in it.

    Args:
        places: For each picture the folders that it lies in, the outermost first; one at least.
    """
    with_pictures = set(places)

    def names(place: tuple[str, ...], level: int) -> bool:
        negative = place[level - 1].startswith(NEGATIVE_PREFIX)
        return negative or level == MOST_LEVELS or place[:level] in with_pictures

    return ["/".join(place[: next(n for n in range(1, len(place) + 1) if names(place, n))]) for place in places]
