"""Numbers with nouns, for a person to read: `1 file`, `2 files`."""

from __future__ import annotations

__all__ = ["counted", "noun"]


def noun(number: int, one: str, several: str = "") -> str:
    """The singular for 1, else the plural, which is `one` with an s unless it is given."""
    return one if number == 1 else several or f"{one}s"


def counted(number: int, one: str, several: str = "") -> str:
    """The number, with commas between thousands, and its noun."""
    return f"{number:,} {noun(number, one, several)}"
