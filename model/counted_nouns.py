"""Numbers with nouns and units, for a person to read: `1 file`, `2 files`, `3 min 20 s`."""

from __future__ import annotations

__all__ = ["counted", "duration", "noun"]


def noun(number: int, one: str, several: str = "") -> str:
    """The singular for 1, else the plural, which is `one` with an s unless it is given."""
    return one if number == 1 else several or f"{one}s"


def counted(number: int, one: str, several: str = "") -> str:
    """The number, with commas between thousands, and its noun."""
    return f"{number:,} {noun(number, one, several)}"


def duration(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
