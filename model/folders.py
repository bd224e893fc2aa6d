"""Folders that stand beside those named after characters, in references and in an output."""

__all__ = ["NEGATIVE_PREFIX", "REVIEW", "UNKNOWN", "names_character"]

NEGATIVE_PREFIX = "_not"
"""A reference folder whose name begins so holds what the collector does not want."""

UNKNOWN = "_unknown"
REVIEW = "_review"


def names_character(folder: str) -> bool:
    """Whether the pictures in a folder of this name show one character, so that they can teach or measure."""
    return not folder.startswith((".", NEGATIVE_PREFIX)) and folder not in (UNKNOWN, REVIEW)
