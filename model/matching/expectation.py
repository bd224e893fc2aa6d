"""What a threshold is expected to do, in plain words."""

from __future__ import annotations

__all__ = ["expectation"]


def expectation(threshold: float, strangers: float | None, missed: float | None, right: float | None = None) -> str:
    """`threshold 0.21: about 1 of 10 strangers gets a name; about 3 of 10 known pictures stay unknown`.

    Args:
        threshold: The largest distance that gives a name.
        strangers: Share of the pictures of characters without references that get a name, or None.
        missed: Share of the pictures of characters with references that get none, or None.
        right: Share of the names that are right, or None.

    Returns:
        The sentence; empty where no share is known.
    """
    parts = [
        _part(strangers, "strangers", "gets a name", "get a name"),
        _part(missed, "known pictures", "stays unknown", "stay unknown"),
        _part(right, "names", "is right", "are right"),
    ]
    told = "; ".join(filter(None, parts))
    return f"threshold {threshold:.2f}: {told}" if told else ""


def _part(share: float | None, nouns: str, one: str, several: str) -> str:
    if share is None:
        return ""
    of = 10 if 0.05 <= share <= 0.95 else 100
    number = round(share * of)
    if number in (0, of):
        return f"{'nearly all' if number else 'hardly any'} {nouns} {several}"
    return f"about {number} of {of} {nouns} {one if number == 1 else several}"
