"""The square around a head: the head in its middle, white beyond the edges of the picture."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from model.images.crops import HEAD_MARGIN, crop
from model.images.preprocessing import Preprocessing, thumbnail_size

SIZE = 32
SIDES = st.integers(40, 300)
"""A few pixels of a picture that is enlarged differ by the filter."""
FRACTIONS = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).filter(lambda ends: ends[1] - ends[0] > 0.02)


@given(SIDES, SIDES, FRACTIONS, FRACTIONS)
def test_the_plain_way_gives_the_same(width: int, height: int, across: list[float], down: list[float]) -> None:
    """A picture on a white table, cut out pixel by pixel and scaled."""
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 200, height))
    picture = np.stack([x, y, (x + y) / 2], axis=-1).astype(np.uint8)
    found = crop(picture, (across[0], down[0], across[1], down[1]), SIZE)
    assert found.shape == (SIZE, SIZE, 3)
    wanted = plain(picture, (across[0], down[0], across[1], down[1]))
    # Edges may move by half a pixel of the square; nothing else differs.
    assert np.median(np.abs(found.astype(int) - wanted)) <= 6


def plain(picture: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Every pixel of the square by itself: the mean colour of the 9 points of a grid in it, white beyond the edges."""
    height, width = picture.shape[:2]
    side = max(1.0, HEAD_MARGIN * max((box[2] - box[0]) * width, (box[3] - box[1]) * height))
    middle = (box[0] + box[2]) * width / 2, (box[1] + box[3]) * height / 2
    steps = (np.arange(SIZE * 3) + 0.5) / (SIZE * 3) - 0.5
    columns = np.floor(middle[0] + side * steps).astype(int)
    rows = np.floor(middle[1] + side * steps).astype(int)
    points = np.full((len(rows), len(columns), 3), 255.0)
    inside = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    points[inside] = picture[np.ix_(rows[(rows >= 0) & (rows < height)], columns[(columns >= 0) & (columns < width)])]
    return points.reshape(SIZE, 3, SIZE, 3, 3).mean(axis=(1, 3))  # type: ignore[no-any-return]


def test_a_head_at_the_edge_has_white_beyond_it() -> None:
    """Its middle stays in the middle."""
    picture = np.zeros((100, 100, 3), np.uint8)
    found = crop(picture, (0.0, 0.0, 0.2, 0.2), SIZE)
    beyond = round(SIZE * (HEAD_MARGIN - 1) / 2 / HEAD_MARGIN)
    assert (found[:beyond] == 255).all() and (found[:, :beyond] == 255).all()
    assert (found[beyond + 1 :, beyond + 1 :] == 0).all()


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_thumbnails(width: int, height: int) -> None:
    """Never larger than the picture, of its shape, and with enough pixels along both sides where it has them."""
    small = thumbnail_size((width, height))
    factor = round(max(width, height) / max(small))
    assert small == (-(-width // factor), -(-height // factor)) and factor in (1, 2, 4, 8, 16, 32)
    assert max(small) >= min(448, max(width, height)) and max(small) <= 7168
    if max(width, height) <= 16 * min(width, height):
        assert min(small) >= min(224, min(width, height))
        assert factor == 16 or max(small) < 896 or min(small) < 448
    else:
        assert max(small) >= min(3584, max(width, height))


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.integers(10, 1024))
def test_thumbnails_for_large_squares(width: int, height: int, side: int) -> None:
    """A picture that has the pixels for a square keeps them; up to 224 px the size of the square changes nothing."""
    small = thumbnail_size((width, height), side)
    if side <= 224:
        assert small == thumbnail_size((width, height))
    elif max(width, height) <= 7 * min(width, height):
        assert min(small) >= min(side, min(width, height)) and max(small) >= min(2 * side, max(width, height))
        assert max(small) < 4 * side or min(small) < 2 * side


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
@pytest.mark.parametrize("size", [(1920, 1081), (700, 500), (90, 60), (300, 5000)])
def test_a_thumbnail_looks_like_its_picture(suffix: str, size: tuple[int, int]) -> None:
    """By both ways of reading, also when the file says that it is turned."""
    x, y = np.meshgrid(np.linspace(0, 255, size[0]), np.linspace(0, 255, size[1]))
    picture = Image.fromarray(np.stack([x, y, 255 - x], axis=-1).astype(np.uint8))
    exif = Image.Exif()
    exif[274] = 6
    content = io.BytesIO()
    picture.save(content, {"jpg": "JPEG"}.get(suffix, suffix.upper()), quality=95, exif=exif)
    quick = Preprocessing().read_thumbnail(content.getvalue())
    plain = Preprocessing(major_version=1).read_thumbnail(content.getvalue())
    assert quick.shape[1::-1] == thumbnail_size((size[1], size[0])) and quick.dtype == np.uint8
    assert quick.shape == plain.shape and np.abs(quick.astype(int) - plain).mean() < 3
