"""Pictures with several heads, one or none, and where each head is: what the detector of heads learns from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PIL import Image

from model.synthesis import background
from model.synthesis.figure import draw_figure
from model.synthesis.head_box import Box, visible_box
from model.synthesis.identity import Identity
from model.synthesis.occlusion import occlude
from model.synthesis.ornaments import draw_ornament
from model.synthesis.palette import seeded
from model.synthesis.pen import Frame, Ink, Pen
from model.synthesis.pose import Pose
from model.synthesis.scene import drawing_style, finished
from model.synthesis.style_variation import redrawn
from model.synthesis.worn_ornament import Worn

__all__ = ["Crowd", "draw_crowd"]

_FINER = 2
_LEAST_PX = 7.0


@dataclass(frozen=True)
class Crowd:
    """A picture and its heads.

    Attributes:
        picture: Mode RGB.
        heads: Left, top, right and bottom of each head as fractions of the picture, 0..1: what the frame shows of it.
    """

    picture: Image.Image
    heads: tuple[Box, ...]


def draw_crowd(seed: int, size: tuple[int, int], textures: Sequence[Image.Image] = ()) -> Crowd:
    """Draw a picture with no head, one, or several, the same bytes every time.

    Args:
        seed: Any integer.
        size: Width and height in pixels, at least 32 each.
        textures: Pictures without any head, of which a part may stand behind the figures.
    """
    rng = seeded("crowd", seed)
    style = drawing_style(rng, True)
    width, height = size
    picture = _behind(rng, size, textures)
    layer = Image.new("RGBA", (width * _FINER, height * _FINER), (40, 30, 44, 0))
    heads: list[tuple[Box, float]] = []
    for frame in _frames(rng, layer.size):
        identity = redrawn(Identity.from_seed(rng.getrandbits(40)), rng, 1.0)
        pen = Pen(layer, frame, style.ink)
        pose = Pose.draw(rng, len(identity.outfits), len(identity.ornaments))
        if rng.random() < 0.12:
            pose = replace(pose, yaw=rng.choice((-1.0, 1.0)) * rng.uniform(0.85, 1.15))
        outline = draw_figure(pen, identity, pose, from_behind=rng.random() < 0.08)
        found = (outline[:, 0].min(), outline[:, 1].min(), outline[:, 0].max(), outline[:, 1].max())
        heads = [one for one in heads if not _hides(found, one[0])]
        heads.append((found, found[2] - found[0]))
        if rng.random() < 0.1:
            occlude(pen, identity.colours.skin, rng)
    if rng.random() < 0.35:
        _clutter(layer, rng, style.ink)
    drawn = layer.reduce(_FINER)
    picture.paste(drawn, (0, 0), drawn)
    shown = [visible_box(box, layer.size, _LEAST_PX * _FINER) for box, _ in heads]
    return Crowd(finished(picture, rng, style), tuple(box for box in shown if box is not None))


def _hides(front: Box, back: Box) -> bool:
    """Whether a head in front covers most of another one."""
    wide = min(front[2], back[2]) - max(front[0], back[0])
    high = min(front[3], back[3]) - max(front[1], back[1])
    return wide > 0 and high > 0 and wide * high > 0.5 * (back[2] - back[0]) * (back[3] - back[1])


def _behind(rng: random.Random, size: tuple[int, int], textures: Sequence[Image.Image]) -> Image.Image:
    if textures and rng.random() < 0.35:
        texture = rng.choice(textures)
        scale = max(size[0] / texture.width, size[1] / texture.height) * rng.uniform(1.0, 2.5)
        wide, high = min(texture.width, round(size[0] / scale)), min(texture.height, round(size[1] / scale))
        x, y = rng.randint(0, texture.width - wide), rng.randint(0, texture.height - high)
        return texture.resize(size, Image.Resampling.BILINEAR, (x, y, x + wide, y + high)).convert("RGB")
    theme = Identity.from_seed(rng.getrandbits(40)).colours.emblem[0]
    return background.draw_background(rng, size, background.KINDS, theme)


def _frames(rng: random.Random, size: tuple[int, int]) -> list[Frame]:
    """Where the figures stand, from back to front."""
    width, height = size
    short = min(size)
    kind = rng.choices(
        ("none", "huge", "face", "bust", "half", "far", "pair", "group"), (6, 10, 16, 18, 16, 12, 10, 12)
    )[0]
    ranges = {"huge": (0.5, 1.3), "face": (0.3, 0.52), "bust": (0.18, 0.32), "half": (0.1, 0.19), "far": (0.03, 0.1)}
    if kind == "none":
        return []
    if kind == "pair":
        low, high, count = 0.1, 0.26, 2
    elif kind == "group":
        low, high, count = 0.035, 0.16, rng.randint(3, 5)
    else:
        (low, high), count = ranges[kind], 1
    base = short * rng.uniform(low, high)
    frames = []
    for number in range(count):
        scale = base * (rng.uniform(0.7, 1.3) if count > 1 else 1.0)
        drift = 0.3 if kind == "huge" else 0.1
        x = width * ((number + 0.5 + rng.uniform(-0.25, 0.25)) / count if count > 1 else rng.uniform(0.12, 0.88))
        y = height * rng.uniform(0.15, 0.75)
        if kind == "huge":
            x, y = width * rng.uniform(0.5 - drift, 0.5 + drift), height * rng.uniform(0.5 - drift, 0.5 + drift)
        elif kind in ("face", "bust") and rng.random() < 0.6:
            x, y = width * rng.gauss(0.5, 0.1), height * rng.gauss(0.42, 0.1)
        tilt = rng.gauss(0.0, 0.3) if rng.random() < 0.35 else 0.0
        if rng.random() < 0.05:
            tilt = rng.uniform(-3.1, 3.1)  # lying, falling, upside down
        frames.append(Frame.at(x, y, scale, tilt, mirrored=rng.random() < 0.5))
    rng.shuffle(frames)
    return frames


def _clutter(layer: Image.Image, rng: random.Random, ink: Ink) -> None:
    """Draw what is no head and looks a little like one: ornaments by themselves, badges, gems."""
    for _ in range(rng.randint(1, 4)):
        identity = Identity.from_seed(rng.getrandbits(40))
        scale = min(layer.size) * rng.uniform(0.03, 0.15)
        frame = Frame.at(rng.random() * layer.width, rng.random() * layer.height, scale, rng.uniform(-0.6, 0.6))
        pen = Pen(layer, frame, ink)
        if rng.random() < 0.5 and identity.ornaments:
            outfit = identity.outfits[0]
            one = Worn(rng.choice(identity.ornaments), identity.colours, outfit.cloth, identity.eyes, 0.1)
            draw_ornament(pen, one)
        else:
            occlude_badge(pen, identity, rng)


def occlude_badge(pen: Pen, identity: Identity, rng: random.Random) -> None:
    """Draw a badge: rings, discs and dots of the colours of a character."""
    from model.synthesis.curve import ellipse

    tones = [identity.colours.hair, identity.colours.jewel, *identity.colours.emblem[:2], identity.colours.skin]
    r = 1.0
    for _ in range(rng.randint(2, 4)):
        pen.fill(ellipse(0.0, 0.0, r, r * rng.uniform(0.8, 1.2)), rng.choice(tones))
        r *= rng.uniform(0.5, 0.85)
    for _ in range(rng.randint(0, 4)):
        pen.fill(
            ellipse(rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6), 0.12, rng.uniform(0.08, 0.3)), rng.choice(tones)
        )
