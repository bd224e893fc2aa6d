"""Illustrated characters drawn by our own code: for demonstrations, for tests, and to train on.

An identity is a character, made from one integer; `draw` makes any number of different pictures of it. Nothing is
stored, and the same integers give the same bytes.
"""

from model.synthesis.contact_sheet import contact_sheet
from model.synthesis.identity import Identity
from model.synthesis.scene import draw

__all__ = ["Identity", "contact_sheet", "draw"]
