"""One whole figure: every part of a character in the right order, from back to front."""

from __future__ import annotations

import numpy as np

from model.synthesis.body import draw_arm, draw_body, draw_cape, draw_legs
from model.synthesis.clothes import Figure
from model.synthesis.curve import Points, closed, points
from model.synthesis.face import draw_brows, draw_ears, draw_features, draw_skin, face_outline
from model.synthesis.fringe import Fringe, dome, draw_fringe
from model.synthesis.hair import draw_ahoge, draw_back, draw_cap, draw_locks
from model.synthesis.hats import CROWNS
from model.synthesis.identity import Identity
from model.synthesis.ornament import Ornament
from model.synthesis.ornaments import BEHIND, COVERING, ON_BODY, ON_FACE, draw_ornament
from model.synthesis.palette import darker
from model.synthesis.pen import Pen
from model.synthesis.pose import Arm, Pose
from model.synthesis.tails import draw_buns, draw_tails
from model.synthesis.worn_ornament import Worn

__all__ = ["draw_figure"]

_NECK_Y = 1.1
_HANGING = frozenset({"pony", "side", "half_up", "twin", "low_twin", "drills"})
_BEFORE_FACE = frozenset({"braid", "twin_braids", "bun_tails"})


def draw_figure(pen: Pen, identity: Identity, pose: Pose, *, from_behind: bool = False) -> Points:
    """Draw a character with the pen, whose frame is the upright body's with the head's middle as origin.

    Args:
        pen: Where, and in which style.
        identity: Who.
        pose: How the figure stands and looks.
        from_behind: Hair covers the face.

    Returns:
        `(n, 2)` points of the layer in pixels: the outline of skull, face and hat, without long hair and ears. They may
        lie beyond the layer.
    """
    outfit = identity.outfits[pose.outfit]
    colours, hair = identity.colours, identity.hair
    body = pen.on(pen.frame.moved(0.0, _NECK_Y, pose.lean).moved(0.0, -_NECK_Y))
    head = pen.on(
        body.frame.moved(0.0, _NECK_Y - 0.1, pose.roll).moved(0.0, 0.1 - _NECK_Y).turned(pose.yaw, pose.pitch)
    )
    figure = Figure(identity.build, colours, outfit, pose)
    worn = [Worn(one, colours, outfit.cloth, identity.eyes, hair.volume) for one in _shown(identity, pose)]
    sway = pose.sway - 0.8 * pose.roll

    for one in worn:
        if one.ornament.kind in BEHIND:
            draw_ornament(body, one)
    draw_cape(body, figure)
    draw_back(head, hair, colours, sway)
    if hair.tail in _HANGING:
        draw_tails(head, hair, colours, sway)
    if body.floor > figure.hem - 0.9:
        draw_legs(body, figure)
    arms = ((-1.0, pose.left), (1.0, pose.right))
    for side, arm in arms:
        if not _before(arm):
            draw_arm(body, figure, side, arm)
    draw_body(body, figure)
    for one in worn:
        if one.ornament.kind in ON_BODY:
            draw_ornament(body, one)
    if from_behind:
        _draw_head_from_behind(head, identity, worn, sway)
    else:
        _draw_head(head, identity, pose, worn, sway)
    for side, arm in arms:
        if _before(arm) and not from_behind:
            draw_arm(body, figure, side, arm)
    return _head_outline(head, identity, worn)


def _before(arm: Arm) -> bool:
    """Whether the forearm folds inwards, before the body."""
    return arm[1] < -1.0


def _draw_head(head: Pen, identity: Identity, pose: Pose, worn: list[Worn], sway: float) -> None:
    colours, hair, build = identity.colours, identity.hair, identity.build
    kinds = {one.ornament.kind for one in worn}
    hatted = bool(kinds & COVERING)
    fringe = Fringe.of(hair)
    draw_cap(head, hair, colours)
    draw_ears(head, colours.skin, 0.5 if "elf_ears" in kinds else 0.0)
    draw_skin(head, build, colours.skin, *fringe.shadow())
    draw_features(head, identity.eyes, colours, pose.expression)
    for one in worn:
        if one.ornament.kind in ON_FACE:
            draw_ornament(head, one)
    if hair.tail in _BEFORE_FACE:
        draw_tails(head, hair, colours, sway)
    draw_buns(head, hair, colours)
    draw_fringe(head, hair, fringe, colours)
    draw_locks(head, hair, colours, sway)
    draw_brows(head, identity.eyes, colours.hair, pose.expression)
    if not hatted:
        draw_ahoge(head, hair, colours, sway)
    for one in worn:
        if one.ornament.kind not in ON_FACE | ON_BODY | BEHIND:
            draw_ornament(head, one)


def _draw_head_from_behind(head: Pen, identity: Identity, worn: list[Worn], sway: float) -> None:
    colours, hair = identity.colours, identity.hair
    draw_cap(head, hair, colours)
    draw_ears(head, colours.skin, 0.0)
    head.fill(
        closed(points((-0.95, -0.6), (0.95, -0.6), (0.9, 0.7), (0.0, 0.95), (-0.9, 0.7))), darker(colours.hair, 0.1)
    )
    draw_cap(head, hair, colours)
    draw_back(head, hair, colours, sway)
    draw_buns(head, hair, colours)
    if hair.tail in _HANGING | _BEFORE_FACE:
        draw_tails(head, hair, colours, sway)
    for one in worn:
        if one.ornament.kind not in ON_FACE | ON_BODY | BEHIND:
            draw_ornament(head, one)


def _head_outline(head: Pen, identity: Identity, worn: list[Worn]) -> Points:
    skull = head.frame.pixels(dome(identity.hair, -np.pi, 0.0), -0.15)
    face = face_outline(identity.build)
    chin = head.frame.pixels(face, np.clip(face[:, 1] * 0.42, 0.05, 0.5))
    crowns = [CROWNS[one.ornament.kind] for one in worn if one.ornament.kind in CROWNS]
    hats = [head.frame.pixels(points((0.0, crown))) for crown in crowns]
    return np.concatenate([skull, chin, *hats])


def _shown(identity: Identity, pose: Pose) -> list[Ornament]:
    outfit = identity.outfits[pose.outfit]
    core = [one for one, shown in zip(identity.ornaments, pose.core, strict=True) if shown]
    own = {one.kind for one in core}
    return core + [one for one in outfit.ornaments if pose.spare and one.kind not in own]
