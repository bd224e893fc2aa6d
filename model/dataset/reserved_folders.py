"""Folder names: characters, series, negatives and reserved names, in references, outputs and data sets."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "MOST_LEVELS",
    "NEGATIVE_PREFIX",
    "REMOVED",
    "REVIEW",
    "UNKNOWN",
    "characters_of",
    "is_negative",
    "names_character",
]

NEGATIVE_PREFIX = "_not"
"""Prefix of reference folders with negatives: pictures that the collector does not want."""

UNKNOWN = "_unknown"
REVIEW = "_review"
REMOVED = "_removed"
"""Where `producer tidy` puts the last copies of pictures that are no longer in the archive."""

MOST_LEVELS = 8
"""Maximum depth of folders that make a name; deeper pictures belong to the last of them."""


def names_character(folder: str) -> bool:
    """Whether a folder name is a character, so that its pictures can be used for training or evaluation."""
    return not folder.startswith((".", NEGATIVE_PREFIX)) and folder not in (UNKNOWN, REVIEW, REMOVED)


def is_negative(name: str) -> bool:
    """Whether a name, such as `_not` or `Series/_not chibi`, stands for negatives."""
    return any(part.startswith(NEGATIVE_PREFIX) for part in name.split("/"))


def characters_of(places: Sequence[tuple[str, ...]]) -> list[str]:
    """The character of each picture by its folders: `Akari`, or `Series/Akari`.

    A folder with a picture in it is a character, with everything below it. A folder with only folders is a series: each
    of them is a character or again a series. A folder of negatives counts as a character, whatever is in it.

    Args:
        places: The folders of each picture, the outermost first; at least one.
    """
    with_pictures = set(places)

    def names(place: tuple[str, ...], level: int) -> bool:
        negative = place[level - 1].startswith(NEGATIVE_PREFIX)
        return negative or level == MOST_LEVELS or place[:level] in with_pictures

    return ["/".join(place[: next(n for n in range(1, len(place) + 1) if names(place, n))]) for place in places]
