"""One picture of a character: camera, style, background, company, light and finish, all by the picture's seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal, get_args

from PIL import Image

from model.synthesis import background, post_processing
from model.synthesis.costume import in_costume
from model.synthesis.figure import draw_figure
from model.synthesis.hair_shading import with_strands
from model.synthesis.head_box import Box, visible_box
from model.synthesis.identity import Identity
from model.synthesis.occlusion import occlude
from model.synthesis.palette import Scheme, seeded, vivid
from model.synthesis.pen import Frame, Ink, Pen
from model.synthesis.pose import Pose
from model.synthesis.rendering import COLOURED, GREY, rendered
from model.synthesis.shading import modelled
from model.synthesis.shapes import weighted
from model.synthesis.style_variation import redrawn

__all__ = ["Scene", "Style", "Variety", "draw", "draw_scene", "drawing_style", "finished"]

Variety = Literal["full", "gentle", "wide"]
"""Everything varied, or only what a clean collection would hold, or everything by more hands."""

_FINER = 2
_LEAST_HEAD_PX = 7.0


@dataclass(frozen=True)
class Style:
    """A way of drawing: the pen's ink, and what is done afterwards."""

    name: str
    ink: Ink


@dataclass(frozen=True)
class Scene:
    """A picture and where the character's head is in it.

    Attributes:
        picture: Mode RGB.
        head: Left, top, right and bottom as fractions of the picture, 0..1; None where too little of it is to be seen.
    """

    picture: Image.Image
    head: Box | None


def draw(
    identity: Identity, picture_seed: int, size_px: int = 128, variety: Variety = "full", aspect: float = 1.0
) -> Image.Image:
    """Draw one picture of a character, the same bytes every time: the picture of `draw_scene`."""
    return draw_scene(identity, picture_seed, size_px, variety, aspect).picture


def draw_scene(
    identity: Identity,
    picture_seed: int,
    size_px: int = 128,
    variety: Variety = "full",
    aspect: float = 1.0,
    *,
    room: int | None = None,
    costume: bool = False,
) -> Scene:
    """Draw one picture of a character, the same bytes every time, and say where the head is.

    Args:
        identity: The character.
        picture_seed: Any integer: pose, view, style, background, light and the rest.
        size_px: Height of the picture.
        variety: `gentle` leaves out monochrome, pixel art, sketches, heavy occlusion and other characters; `wide` adds
            soft shading, freer proportions, and hands such as watercolour, pencil, ink and screentone to `full`.
        aspect: Width divided by height.
        room: The background follows this seed alone, so that pictures of other characters may have the same.
        costume: The character wears clothes that no other picture shows.

    Returns:
        An RGB picture of `round(size_px * aspect)` by `size_px` pixels, and the head.

    Raises:
        ValueError: The size or aspect leaves no picture, or the variety is unknown.
    """
    width = round(size_px * aspect)
    if size_px < 8 or width < 8:
        raise ValueError(f"a picture of {width} by {size_px} pixels is too small: each side needs 8")
    if variety not in get_args(Variety):
        raise ValueError(f"variety {variety!r} is not one of {', '.join(get_args(Variety))}")
    rng = seeded("picture", identity.seed, picture_seed)
    full, wide = variety != "gentle", variety == "wide"
    style = drawing_style(rng, full)
    kinds = background.KINDS if full else background.GENTLE
    if room is None:
        picture = background.draw_background(rng, (width, size_px), kinds, identity.colours.emblem[0])
    else:
        walls = seeded("room", room)
        picture = background.draw_background(walls, (width, size_px), kinds, vivid(walls.random(), 0.7, 0.85))
    if costume:
        identity = in_costume(identity, seeded("costume", identity.seed, picture_seed))
    if style.name == "sketch" and rng.random() < 0.8:
        picture.paste(vivid(rng.random(), 0.03, rng.uniform(0.9, 1.0)), (0, 0, width, size_px))
    seen = redrawn(identity, rng, (1.4 if wide else 1.0) if full else 0.35)
    layer = Image.new("RGBA", (width * _FINER, size_px * _FINER), (40, 30, 44, 0))
    pen = Pen(layer, _camera(rng, layer.size, seen, full), style.ink)
    if full and rng.random() < 0.08:
        _company(pen, rng)
    pose = Pose.draw(rng, len(identity.outfits), len(identity.ornaments), 1.0 if full else 0.75)
    outline = draw_figure(pen, seen, pose)
    if full and rng.random() < 0.12:
        occlude(pen, seen.colours.skin, rng)
    drawn = layer.reduce(_FINER)
    box = (outline[:, 0].min(), outline[:, 1].min(), outline[:, 0].max(), outline[:, 1].max())
    if wide and style.name != "sketch":
        drawn = _painted(drawn, seen.colours, box, rng)
    picture.paste(drawn, (0, 0), drawn)
    if wide:
        picture = _by_hand(picture, rng, style)
    return Scene(finished(picture, rng, style, full), visible_box(box, layer.size, _LEAST_HEAD_PX * _FINER))


def drawing_style(rng: random.Random, full: bool) -> Style:
    width = rng.uniform(0.004, 0.012)
    phase = rng.uniform(0.0, 6.28)
    names = ("cel", "flat", "painterly", "monochrome", "sketch", "pixel")
    name = rng.choices(names, (46, 15, 24, 5, 5, 5) if full else (60, 12, 28, 0, 0, 0))[0]
    wobble = rng.choice((0.0, 0.0, rng.uniform(0.01, 0.035)))
    shadow, strands = rng.choice((-1.0, 1.0)), rng.random()
    if name == "flat":
        lined = rng.random() < 0.6
        return Style(
            name, Ink(width if lined else 0.0, True, True, False, rng.random() < 0.5, wobble, phase, shadow, strands)
        )
    if name == "painterly":
        return Style(name, Ink(rng.choice((0.0, 0.004, 0.006)), True, True, True, True, wobble, phase, shadow, strands))
    if name == "sketch":
        return Style(
            name,
            Ink(rng.uniform(0.004, 0.009), False, False, False, False, rng.uniform(0.01, 0.05), phase, shadow, strands),
        )
    return Style(name, Ink(width, rng.random() < 0.75, True, True, rng.random() < 0.9, wobble, phase, shadow, strands))


def _camera(rng: random.Random, size: tuple[int, int], identity: Identity, full: bool) -> Frame:
    """Choose how near the figure is and where it stands."""
    width, height = size
    tall = 4.4 + identity.build.torso + identity.build.legs
    crop = rng.choices(
        ("close", "face", "bust", "half", "full", "far"), (6, 28, 34, 14, 13, 5) if full else (0, 16, 40, 22, 20, 2)
    )[0]
    short = min(height, width * 1.25)
    if crop == "close":
        scale, y = short * rng.uniform(0.52, 0.68), height * rng.uniform(0.32, 0.52)
    elif crop == "face":
        scale, y = short * rng.uniform(0.36, 0.52), height * rng.uniform(0.42, 0.56)
    elif crop == "bust":
        scale, y = short * rng.uniform(0.22, 0.33), height * rng.uniform(0.36, 0.5)
    elif crop == "half":
        scale, y = short * rng.uniform(0.13, 0.19), height * rng.uniform(0.25, 0.36)
    else:
        share = rng.uniform(0.82, 0.97) if crop == "full" else rng.uniform(0.5, 0.8)
        scale = min(height * share / tall, width * 0.3)
        y = scale * 1.9 + (height - scale * tall) * rng.uniform(0.2, 0.8)
    drift = {"close": 0.12, "face": 0.06, "bust": 0.09, "half": 0.12, "full": 0.1, "far": 0.22}[crop]
    x = width * (0.5 + rng.uniform(-drift, drift))
    tilt = rng.gauss(0.0, 0.14) if rng.random() < 0.4 and crop in ("close", "face", "bust", "half") else 0.0
    return Frame.at(x, y, scale, tilt if full else tilt * 0.4, mirrored=rng.random() < 0.15)


def _company(pen: Pen, rng: random.Random) -> None:
    """Draw another character behind the main one."""
    other = Identity.from_seed(rng.getrandbits(40))
    side = rng.choice((-1.0, 1.0))
    frame = pen.frame.moved(side * rng.uniform(1.9, 2.8), rng.uniform(-0.5, 0.4))
    draw_figure(pen.on(frame), other, Pose.draw(rng, len(other.outfits), len(other.ornaments)))


def _painted(figure: Image.Image, colours: Scheme, head_finer: Box, rng: random.Random) -> Image.Image:
    """The figure with strands in its hair and in soft light, each sometimes."""
    left, top, right, bottom = (length / _FINER for length in head_finer)
    if rng.random() < 0.65:
        figure = with_strands(figure, colours, (left, top, right, bottom), rng)
    return modelled(figure, rng) if rng.random() < 0.5 else figure


def _by_hand(picture: Image.Image, rng: random.Random, style: Style) -> Image.Image:
    """Sometimes the picture by another hand than the pen's."""
    kind = rng.random()
    if kind < 0.35 and style.name not in ("sketch", "monochrome", "pixel"):
        return rendered(picture, weighted(rng, COLOURED), rng)
    return rendered(picture, weighted(rng, GREY), rng) if kind > 0.85 else picture


def finished(picture: Image.Image, rng: random.Random, style: Style, full: bool = True) -> Image.Image:
    """Apply light, style and the marks of saving."""
    picture = post_processing.Light.draw(rng, 1.0 if full else 0.45).shine(picture)
    if style.name == "painterly":
        picture = post_processing.bloom(picture, rng.uniform(0.012, 0.03), rng.uniform(0.25, 0.5))
        if full and rng.random() < 0.4:
            picture = post_processing.grain(picture, rng)
    elif style.name == "pixel":
        picture = post_processing.pixelate(picture, rng)
    if style.name == "monochrome":
        picture = post_processing.monochrome(picture, rng)
    if full and rng.random() < 0.08:
        post_processing.add_text(picture, rng)
    if full and rng.random() < 0.14:
        post_processing.add_frame(picture, rng)
    if full and rng.random() < 0.08:
        picture = post_processing.soften(picture, rng.uniform(0.002, 0.007))
    if full and rng.random() < 0.3:
        picture = post_processing.compress(picture, rng)
    return picture
