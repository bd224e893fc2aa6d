"""Layers and drawing of ornaments."""

from __future__ import annotations

from model.synthesis.accessories import TRINKETS
from model.synthesis.animal_parts import GROWN
from model.synthesis.face_marks import MARKS
from model.synthesis.hats import HATS
from model.synthesis.pen import Pen
from model.synthesis.worn_ornament import Worn

__all__ = ["BEHIND", "COVERING", "ON_BODY", "ON_FACE", "draw_ornament"]

BEHIND = frozenset({"wings", "tail"})
"""Kinds that are drawn first, behind the body."""

ON_BODY = frozenset({"choker", "scarf"})
"""Kinds that follow the body, not the head."""

ON_FACE = frozenset(MARKS)
"""Kinds under the fringe."""

COVERING = frozenset(HATS)
"""Kinds that cover the top of the head."""

_MAKERS = GROWN | HATS | MARKS | TRINKETS


def draw_ornament(pen: Pen, worn: Worn) -> None:
    """Draw one ornament; kinds that only change another part, such as pointed ears, draw nothing here."""
    maker = _MAKERS.get(worn.ornament.kind)
    if maker is not None:
        maker(pen, worn)
