"""Drawn crowds tell where their heads are."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from model.synthesis.crowd import draw_crowd
from model.synthesis.figure import draw_figure
from model.synthesis.identity import Identity
from model.synthesis.pen import Frame, Ink, Pen
from model.synthesis.pose import Pose


def test_the_same_seed_draws_the_same_crowd() -> None:
    """Pixels and boxes; another seed draws another one."""
    first, again, other = (draw_crowd(seed, (160, 120)) for seed in (5, 5, 6))
    assert first.heads == again.heads and first.picture.tobytes() == again.picture.tobytes()
    assert first.picture.size == (160, 120) and first.picture.tobytes() != other.picture.tobytes()


def test_crowds_have_no_head_one_or_several() -> None:
    """Of all sizes, each within its picture."""
    crowds = [draw_crowd(seed, (96, 96)) for seed in range(120)]
    counts = [len(crowd.heads) for crowd in crowds]
    assert {0, 1, 2, 3} <= set(counts)
    sizes = [box[2] - box[0] for crowd in crowds for box in crowd.heads]
    assert min(sizes) < 0.15 and max(sizes) == 1.0
    for crowd in crowds:
        for left, top, right, bottom in crowd.heads:
            assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1


@pytest.mark.parametrize("seed", range(12))
def test_the_outline_holds_the_head(seed: int) -> None:
    """What changes with the colour of eyes and skin above the neck is inside; the hair of the skull fills the box."""
    identity = replace(Identity.from_seed(seed), ornaments=())
    pose = replace(Pose.draw(random.Random(seed), 1, 0), outfit=0, spare=False, left=(0.16, 0.08), right=(0.16, 0.08))
    other = replace(identity, colours=replace(identity.colours, eyes=((255, 0, 255), (0, 255, 255))))
    frame = Frame.at(200, 150, 60, 0.3)
    drawn = []
    for one in (identity, other):
        layer = Image.new("RGBA", (400, 400))
        outline = draw_figure(Pen(layer, frame, Ink()), one, pose)
        drawn.append(np.asarray(layer).astype(int))
    low, high = outline.min(axis=0), outline.max(axis=0)
    rows, columns = np.nonzero((drawn[0] != drawn[1]).any(axis=2))
    if len(rows):  # eyes may be shut
        assert low[0] <= columns.min() and columns.max() <= high[0]
        assert low[1] <= rows.min() and rows.max() <= high[1]
    middle = drawn[0][int(low[1]) + 12 : int(high[1]) - 12, int((low[0] + high[0]) / 2), 3]
    assert (middle == 255).all()
    assert (high - low).min() > 100 and (high - low).max() < 240


def test_a_texture_stands_behind() -> None:
    """Some crowds have a part of it, none changes its heads for it."""
    texture = Image.fromarray(np.full((300, 200, 3), (255, 0, 255), np.uint8))
    shown = 0
    for seed in range(40):
        with_it, without = draw_crowd(seed, (64, 64), [texture]), draw_crowd(seed, (64, 64))
        pink = (np.abs(np.asarray(with_it.picture).astype(int) - (255, 0, 255)).sum(axis=2) < 90).mean()
        shown += pink > 0.3
        assert with_it.picture.size == without.picture.size
    assert shown >= 3
