"""The square of pixels that the network takes, and the name of the way it is made."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.errors import WeightsError
from model.images.preprocessing import Filter, Fit, Preprocessing

BLUE = (0, 0, 255)
sides = st.integers(10, 200)
fits: st.SearchStrategy[Fit] = st.sampled_from(["pad", "stretch"])
filters: st.SearchStrategy[Filter] = st.sampled_from(["bilinear", "bicubic"])


@given(fits, st.integers(10, 9999), st.sampled_from((1, 2)), filters)
@settings(deadline=None, derandomize=True)
def test_version_round_trip(fit: Fit, size_px: int, major_version: Literal[1, 2], filter_: Filter) -> None:
    """A version string names exactly one preprocessing, and leads back to it."""
    preprocessing = Preprocessing(fit, size_px, major_version, filter_)
    assert Preprocessing.from_version(preprocessing.version) == preprocessing


@pytest.mark.parametrize("size_px", [5, 0, -1, 10_000])
def test_a_side_that_no_version_can_name_is_refused(size_px: int) -> None:
    """What could be written and not read back is not made."""
    with pytest.raises(ValueError, match="10 to 9999"):
        Preprocessing("pad", size_px)


def test_version_is_readable() -> None:
    """The version is the short string that stands in weights files and in the documentation."""
    assert Preprocessing().version == "v2-pad-128"
    assert Preprocessing("stretch", 224, major_version=1).version == "v1-stretch-224"
    assert Preprocessing("pad", 448, filter="bicubic").version == "v2-pad-448-bicubic"


@given(fits, sides, sides, filters, st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_the_filter_is_the_one_that_is_named(fit: Fit, width: int, height: int, filter_: Filter, seed: int) -> None:
    """The plain way is Pillow's own resizing by that filter, the padding apart."""
    picture = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))
    found = Preprocessing(fit, 64, 1, filter_)(picture)
    scale = 64 / max(width, height)
    size = (64, 64) if fit == "stretch" else (max(1, round(width * scale)), max(1, round(height * scale)))
    wanted = np.asarray(picture.resize(size, Image.Resampling[filter_.upper()]))
    top, left = (64 - size[1]) // 2, (64 - size[0]) // 2
    np.testing.assert_array_equal(found[top : top + size[1], left : left + size[0]], wanted)


@pytest.mark.parametrize(
    "version",
    [
        "",
        "v3-pad-128",
        "v0-pad-128",
        "v1-crop-128",
        "v1-pad-",
        "v1-pad-0128",
        "v1-pad-128 ",
        "v2-pad-128-bilinear",
        "v2-pad-128-lanczos",
        "v1-pad-128\n",
        "v1-pad-٣٢",
    ],
)
def test_unknown_version_is_refused(version: str) -> None:
    """A version that this program does not know is refused by name."""
    with pytest.raises(WeightsError, match="unknown preprocessing version") as caught:
        Preprocessing.from_version(version)
    assert repr(version) in str(caught.value)


@given(fits, sides, st.integers(1, 300), st.integers(1, 300))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_shape_and_type(fit: Fit, size_px: int, width: int, height: int) -> None:
    """Whatever its shape, a picture becomes a square of that side, three bytes a pixel."""
    square = Preprocessing(fit, size_px)(Image.new("RGB", (width, height), BLUE))
    assert square.shape == (size_px, size_px, 3) and square.dtype == np.uint8


@given(st.integers(1, 300), st.integers(1, 300))
@settings(deadline=None, derandomize=True)
def test_stretch_fills_the_square(width: int, height: int) -> None:
    """Stretching leaves no background, and one colour stays that colour."""
    square = Preprocessing("stretch", 32)(Image.new("RGB", (width, height), BLUE))
    assert (square == BLUE).all()


@given(sides, st.integers(1, 300), st.integers(1, 300))
@settings(deadline=None, derandomize=True)
def test_pad_keeps_the_shape(size_px: int, width: int, height: int) -> None:
    """The picture reaches two opposite sides, keeps its proportions to a pixel, and stands in the middle of white."""
    square = Preprocessing("pad", size_px)(Image.new("RGB", (width, height), BLUE))
    inked = (square == BLUE).all(axis=2)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    tall, wide = len(rows), len(columns)
    assert max(tall, wide) == size_px
    assert inked.sum() == tall * wide  # a full rectangle
    assert (square[~inked] == 255).all()
    scale = size_px / max(width, height)
    assert abs(wide - max(1, width * scale)) <= 0.5
    assert abs(tall - max(1, height * scale)) <= 0.5
    assert abs(int(rows[0]) - (size_px - 1 - int(rows[-1]))) <= 1
    assert abs(int(columns[0]) - (size_px - 1 - int(columns[-1]))) <= 1


@pytest.mark.parametrize("size", [(10_000, 1), (1, 10_000)])
def test_a_line_stays_visible(size: tuple[int, int]) -> None:
    """The thinnest picture is still a pixel thick."""
    square = Preprocessing("pad", 32)(Image.new("RGB", size, BLUE))
    assert (square == BLUE).all(axis=2).sum() == 32


@pytest.mark.parametrize("major_version", [1, 2])
@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_own_size_is_untouched(fit: Fit, major_version: Literal[1, 2]) -> None:
    """A picture that is that square already keeps every byte."""
    pixels = np.random.default_rng(1).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    assert (Preprocessing(fit, 48, major_version)(Image.fromarray(pixels)) == pixels).all()


def test_shrinking_is_smooth() -> None:
    """A fine checkerboard becomes grey, not a pattern of what happened to be hit."""
    board = np.indices((256, 256)).sum(axis=0) % 2 * 255
    square = Preprocessing("stretch", 32)(Image.fromarray(np.repeat(board[..., None], 3, 2).astype(np.uint8)))
    assert np.abs(square.astype(int) - 127).max() <= 8


@given(fits)
@settings(deadline=None, derandomize=True, max_examples=4)
def test_red_stays_first(fit: Fit) -> None:
    """The last axis is red, green, blue, and the picture is not mirrored or turned."""
    image = Image.new("RGB", (64, 64), (10, 20, 30))
    image.paste((200, 150, 100), (0, 0, 32, 64))
    square = Preprocessing(fit, 16)(image)
    assert square[8, 2].tolist() == [200, 150, 100]
    assert square[8, 13].tolist() == [10, 20, 30]
