"""Animations: the first frame, or where it is blank the one of a few that shows most."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from model.images.decoding import decode
from model.images.preprocessing import Preprocessing
from model.synthesis import Identity, draw
from tests.unit.picture_files import encode, quarters

OPTIONS: dict[str, dict[str, object]] = {"PNG": {}, "GIF": {}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}}
"""Formats of animations that Pillow writes."""


@functools.cache
def drawn() -> Image.Image:
    """A drawn character."""
    return draw(Identity.from_seed(5), 5, size_px=160, aspect=0.8)


def animation(pillow_format: str, frames: Sequence[Image.Image]) -> bytes:
    """The frames as one file."""
    first, *others = frames
    return encode(first, pillow_format, save_all=True, append_images=others, duration=40, **OPTIONS[pillow_format])


def faded(image: Image.Image, colour: str, steps: int = 9) -> list[Image.Image]:
    """From one colour to the picture."""
    blank = Image.new("RGB", image.size, colour)
    return [Image.blend(blank, image, step / (steps - 1)) for step in range(steps)]


def away(one: Image.Image, other: Image.Image) -> float:
    """Mean difference, of 255."""
    return float(np.abs(np.asarray(one).astype(int) - np.asarray(other)).mean())


@pytest.mark.parametrize("pillow_format", OPTIONS)
@pytest.mark.parametrize("colour", ["black", "white", "grey"])
def test_what_fades_in_is_seen(pillow_format: str, colour: str) -> None:
    """The first frame is of one colour, the last the picture: the picture is read, by both ways."""
    data = animation(pillow_format, faded(drawn(), colour))
    assert away(decode(data), drawn()) < 12
    still = encode(drawn(), "PNG")
    for major_version in (1, 2):
        way = Preprocessing("pad", 96, major_version=major_version)
        assert np.abs(way.read(data).astype(int) - way.read(still)).mean() < 12


@pytest.mark.parametrize("pillow_format", OPTIONS)
def test_what_fades_in_and_out_again_is_seen(pillow_format: str) -> None:
    """The last frame shows nothing either."""
    data = animation(pillow_format, faded(drawn(), "black") + faded(drawn(), "black")[::-1])
    assert away(decode(data), drawn()) < 60 < away(decode(data), Image.new("RGB", drawn().size))


@pytest.mark.parametrize("pillow_format", OPTIONS)
def test_a_first_frame_that_shows_something_is_kept(pillow_format: str) -> None:
    """Even where a later one shows more."""
    dim = ImageEnhance.Contrast(drawn()).enhance(0.6)
    data = animation(pillow_format, [dim, drawn(), quarters().resize(drawn().size)])
    assert away(decode(data), dim) < 6


@pytest.mark.parametrize("pillow_format", OPTIONS)
def test_a_few_lines_that_move_are_no_fade(pillow_format: str) -> None:
    """A small figure on white shows little in every frame: the first is kept."""
    frames = [Image.new("RGB", (120, 120), "white") for _ in range(4)]
    for number, frame in enumerate(frames):
        frame.paste("black", (10 + 20 * number, 10, 14 + 20 * number, 14 + number))
    assert away(decode(animation(pillow_format, frames)), frames[0]) < 0.5


@pytest.mark.parametrize("pillow_format", OPTIONS)
def test_frames_that_are_all_blank(pillow_format: str) -> None:
    """Nothing shows more than the first: it is read as ever."""
    blank = [Image.new("RGB", (40, 30), (n, 0, 0)) for n in (250, 252, 254)]
    assert away(decode(animation(pillow_format, blank)), blank[0]) < 6


def test_a_clear_first_frame_is_blank() -> None:
    """Clear is white, and shows nothing."""
    clear = Image.new("RGBA", drawn().size)
    data = animation("PNG", [clear, drawn().convert("RGBA")])
    assert away(decode(data), drawn()) < 1


def test_a_broken_end_costs_no_picture() -> None:
    """The frames in front of the damage are compared."""
    data = animation("GIF", faded(drawn(), "white"))
    assert decode(data[: len(data) * 2 // 3]).size == drawn().size


def test_pages_are_no_animation() -> None:
    """A TIFF's first page is blank because it is."""
    blank = Image.new("RGB", drawn().size, "white")
    data = encode(blank, "TIFF", save_all=True, append_images=[drawn().copy()])
    assert away(decode(data), blank) == 0


@pytest.mark.parametrize(("side", "found"), [(100, True), (2000, False)])
def test_of_large_frames_few_are_decoded(side: int, found: bool) -> None:
    """Frames 20 to 40 show something: of small ones they are reached, of large ones it would take too long."""
    blank, shown = Image.new("L", (side, side)), Image.linear_gradient("L").resize((side, side))
    data = _with_frames(blank, shown)
    assert (np.asarray(decode(data)).std() > 16) == found


def _with_frames(blank: Image.Image, shown: Image.Image) -> bytes:
    """A GIF of 20 blank frames and 20 others; a point that moves keeps them apart in the file."""
    frames = []
    for number in range(40):
        frame = (blank if number < 20 else shown).copy()
        frame.putpixel((number, 0), 255)
        frames.append(frame)
    first, *others = frames
    return encode(first, "GIF", save_all=True, append_images=others)
