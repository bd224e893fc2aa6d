"""Hands and soft shading: what they keep of a drawing and what they change."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from model.synthesis import Identity, draw
from model.synthesis.hair_shading import with_strands
from model.synthesis.rendering import COLOURED, GREY, rendered
from model.synthesis.shading import modelled
from model.synthesis.style_variation import redrawn


def drawing(seed: int, size_px: int = 96) -> Image.Image:
    """A gentle drawing."""
    return draw(Identity.from_seed(seed), 3, size_px, "gentle")


def colourfulness(picture: Image.Image) -> float:
    """Mean difference of the largest and smallest of red, green and blue."""
    pixels = np.asarray(picture, float)
    return float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


@pytest.mark.parametrize("name", [*COLOURED, *GREY])
@pytest.mark.parametrize("size", [(8, 31), (96, 96)])
def test_every_hand_draws(name: str, size: tuple[int, int]) -> None:
    """Each hand gives a new picture of the same size that still shows something, the same from the same numbers."""
    picture = drawing(1).resize(size)
    before = picture.tobytes()
    for seed in range(5):
        found = rendered(picture, name, random.Random(seed))
        assert (found.mode, found.size) == ("RGB", size)
        assert found.tobytes() == rendered(picture, name, random.Random(seed)).tobytes()
        assert min(size) < 96 or np.asarray(found).std() > 2.0
        assert found.tobytes() != before
    assert picture.tobytes() == before


@pytest.mark.parametrize("name", sorted(set(GREY) - {"toned"}))
def test_grey_hands_have_no_colour(name: str) -> None:
    """A grey hand leaves no colour."""
    assert all(colourfulness(rendered(drawing(seed), name, random.Random(seed))) == 0 for seed in range(5))


@pytest.mark.parametrize("name", COLOURED)
def test_coloured_hands_keep_colours(name: str) -> None:
    """A coloured hand keeps most of a drawing's colour, and its light and dark places."""
    for seed in range(5):
        before = drawing(seed)
        after = rendered(before, name, random.Random(seed))
        assert colourfulness(after) > 0.3 * colourfulness(before)
        light = [np.asarray(one.convert("L").resize((12, 12)), float).ravel() for one in (before, after)]
        assert np.corrcoef(light)[0, 1] > 0.7


@pytest.mark.parametrize("name", [*COLOURED, *GREY])
def test_hands_know_no_pixel(name: str) -> None:
    """A large picture by a hand, made small, has about the tones of the small one."""
    large, small = (rendered(drawing(2, side), name, random.Random(4)).convert("L") for side in (192, 96))
    tones = [np.asarray(one.resize((16, 16), Image.Resampling.BOX), float) for one in (large, small)]
    assert np.abs(tones[0] - tones[1]).mean() < 30


def test_soft_shading() -> None:
    """Shading keeps the figure's shape, changes its tones smoothly, and does so differently for each seed."""
    figure = Image.new("RGBA", (80, 120), (40, 30, 44, 0))
    figure.paste((200, 120, 90, 255), (20, 20, 60, 110))
    found = [modelled(figure, random.Random(seed)) for seed in range(6)]
    assert len({one.tobytes() for one in found}) == 6
    for one in found:
        assert one.getchannel("A").tobytes() == figure.getchannel("A").tobytes()
        inner = np.asarray(one.convert("RGB"), float)[30:100, 30:50]
        assert inner.std(axis=(0, 1)).max() > 0.5
        assert np.abs(np.diff(inner, axis=0)).max() < 40


def test_strands() -> None:
    """Strands change what has the colour of the hair and nothing else, and are no flat colour any more."""
    colours = Identity.from_seed(3).colours
    figure = Image.new("RGBA", (90, 120), (40, 30, 44, 0))
    figure.paste((*colours.hair, 255), (20, 10, 70, 90))
    figure.paste((7, 250, 130, 255), (20, 90, 70, 115))
    for seed in range(5):
        found = with_strands(figure, colours, (20.0, 10.0, 70.0, 60.0), random.Random(seed))
        assert found.getchannel("A").tobytes() == figure.getchannel("A").tobytes()
        assert found.crop((0, 90, 90, 120)).tobytes() == figure.crop((0, 90, 90, 120)).tobytes()
        hair = np.asarray(found.convert("RGB"), float)[10:90, 20:70]
        assert hair.std(axis=(0, 1)).max() > 3
        assert np.abs(hair.mean(axis=(0, 1)) - colours.hair).max() < 60
    bald = Image.new("RGBA", (30, 30), (7, 250, 130, 255))
    assert with_strands(bald, colours, (0.0, 0.0, 30.0, 30.0), random.Random(1)).tobytes() == bald.tobytes()


def test_freer_proportions() -> None:
    """More freedom than one illustrator's draws some characters with smaller eyes and longer legs than any other."""
    identity = Identity.from_seed(5)

    def least_eyes(freedom: float) -> float:
        seen = [redrawn(identity, random.Random(seed), freedom) for seed in range(200)]
        return min(one.eyes.height for one in seen) / identity.eyes.height

    assert least_eyes(1.4) < 0.65 < least_eyes(1.0)
