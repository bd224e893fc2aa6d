"""Progressive JPEGs without the scans that a scale does not need, against the whole file as the oracle."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from model.errors import PictureError
from model.images.crops import crop
from model.images.preprocessing import Preprocessing
from model.images.progressive import needed_scans
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS
from tests.unit.jpeg_files import encode, picture, turned
from tests.unit.progressive_files import FRAME, SCAN, Segment, in_bands, joined, segments

FACTORS = (2, 4, 8)
SUBSAMPLINGS = {
    "4:4:4": [(1, 1)] * 3,
    "4:2:2": [(2, 1), (1, 1), (1, 1)],
    "4:2:0": [(2, 2), (1, 1), (1, 1)],
    "4:1:1": [(4, 1), (1, 1), (1, 1)],
    "4:1:0": [(4, 2), (1, 1), (1, 1)],
    "4:4:0": [(1, 2), (1, 1), (1, 1)],
    "colours that differ": [(2, 2), (2, 1), (1, 2)],
    "brightness halved": [(1, 1), (2, 2), (1, 1)],
    "grey": [(1, 1)],
    "grey of four": [(2, 2)],
}


def at(data: bytes, factor: int, mode: str = "") -> Image.Image:
    """A JPEG, decoded at a fraction of its size; in mode YCbCr its planes are as the file has them."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.draft(mode, (image.width // factor, image.height // factor))
        image.load()
        return image


def progressive(size: tuple[int, int] | None = None, seed: int = 1, **options: Any) -> bytes:
    """A drawn picture with grain as a progressive JPEG."""
    image = picture(seed).convert(options.pop("mode", "RGB"))
    return encode(image if size is None else image.resize(size), progressive=True, **options)


def without(data: bytes, factor: int) -> bytes:
    """The file without the scans that a scale does not need; some must be left out."""
    needed = needed_scans(data, factor)
    assert needed is not None
    return needed


@given(
    size=st.tuples(st.integers(8, 300), st.integers(8, 300)),
    quality=st.integers(1, 100),
    subsampling=st.sampled_from(["4:4:4", "4:2:2", "4:2:0", None]),
    restarts=st.sampled_from([{}, {"restart_marker_rows": 1}, {"restart_marker_blocks": 5}]),
)
@settings(deadline=None, max_examples=60)
def test_at_an_eighth_the_pixels_are_the_same(
    size: tuple[int, int], quality: int, subsampling: str | None, restarts: dict[str, int]
) -> None:
    """Pillow's scans: means, two bands, and two more bits. Without blocks that are smoothed."""
    options = {"mode": "L"} if subsampling is None else {"subsampling": subsampling}
    data = progressive(size, quality=quality, **options, **restarts)  # type: ignore[arg-type]
    small = without(data, 8)
    assert at(small, 8).tobytes() == at(data, 8).tobytes()


@pytest.mark.parametrize("name", SUBSAMPLINGS)
@given(size=st.tuples(st.integers(8, 150), st.integers(8, 150)), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=6)
def test_at_an_eighth_any_sampling_factors_are_the_same(name: str, size: tuple[int, int], seed: int) -> None:
    """Also of scans without a second visit; there nothing can be left out at the other scales."""
    data = in_bands(size, SUBSAMPLINGS[name], seed)
    small = without(data, 8)
    assert at(small, 8).tobytes() == at(data, 8).tobytes()
    assert needed_scans(data, 4) is None and needed_scans(data, 2) is None


def test_a_run_of_blocks_longer_than_a_code_says() -> None:
    """More than 32,767 blocks of brightness."""
    data = progressive((2048, 1100), quality=30)
    assert at(without(data, 8), 8).tobytes() == at(data, 8).tobytes()


@given(quality=st.integers(70, 100), subsampling=st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]))
@settings(deadline=None, max_examples=10)
def test_at_other_scales_colours_lose_nothing(quality: int, subsampling: str) -> None:
    """Brightness loses less than the grain of the picture, which is 4 in the mean."""
    data = progressive(quality=quality, subsampling=subsampling)
    for factor in (2, 4):
        whole, small = (at(content, factor, "YCbCr").split() for content in (data, without(data, factor)))
        assert [plane.tobytes() for plane in whole[1:]] == [plane.tobytes() for plane in small[1:]]
        assert 0 < np.abs(np.asarray(whole[0]).astype(int) - np.asarray(small[0])).mean() < 3


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The shipped weights."""
    return Embedder.load(DEFAULT_WEIGHTS)


@pytest.mark.parametrize("factor", [2, 4])
def test_at_other_scales_embeddings_are_near(factor: int, embedder: Embedder) -> None:
    """Of the picture and of pieces as large as heads, in any quality: what v2 promises, here against the whole file."""
    squares: list[tuple[NDArray[np.uint8], ...]] = []
    left_out = 0
    for n, quality in enumerate((10, 30, 50, 60, 70, 80, 90, 95)):
        data = progressive((230 * factor, 300 * factor), seed=n, quality=quality)
        needed = needed_scans(data, factor)
        left_out += needed is not None
        both = [np.asarray(at(content, factor)) for content in (data, needed or data)]
        way = Preprocessing("pad", embedder.info.preprocessing.size_px)
        squares.append(tuple(way(Image.fromarray(pixels)) for pixels in both))
        for box in ((0.2, 0.1, 0.7, 0.5), (0.3, 0.3, 0.6, 0.55)):
            squares.append(tuple(crop(pixels, box, way.size_px) for pixels in both))
    assert left_out >= 4
    vectors = [embedder.embed(np.stack(side)) for side in zip(*squares, strict=True)]
    cosines = np.einsum("nd,nd->n", *vectors)
    assert cosines.mean() >= 0.999 and cosines.min() >= 0.995, cosines


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("name", ["turned", "profile", "two pictures"])
def test_what_a_file_says_beside_its_scans_is_heard(name: str) -> None:
    """Orientation, colour profile, and a second picture behind the first one."""
    options: dict[str, Any] = {"turned": {"exif": turned(6)}, "profile": {"icc_profile": srgb()}}.get(name, {})
    data = progressive(**options)
    if name == "two pictures":
        file = io.BytesIO()
        picture(1).save(file, "MPO", save_all=True, append_images=[picture(2)], progressive=True)
        data = file.getvalue()
    without(data, 4)
    for side in (24, 48):
        plain, quick = (Preprocessing("pad", side, major_version=version).read(data) for version in (1, 2))
        assert np.abs(plain.astype(int) - quick).mean() <= 2


@functools.cache
def parts() -> list[Segment]:
    """The segments of a small picture: four tables and a frame, then scans with their tables."""
    return list(segments(progressive((240, 180), quality=60)))


def edited(marker: int, which: int, edit: Callable[[bytearray], object]) -> bytes:
    """The small picture with another body in one of the segments of a kind."""
    found = parts().copy()
    n = [n for n, part in enumerate(found) if part.marker == marker][which]
    body = bytearray(found[n].body)
    edit(body)
    found[n] = Segment(marker, bytes(body), found[n].data)
    return joined(found)


def scans_in_order(*numbers: int) -> bytes:
    """The small picture with some of its scans, each behind the tables that stand in front of it."""
    groups: list[list[Segment]] = [[]]
    for part in parts():
        groups[-1].append(part)
        if part.marker == SCAN:
            groups.append([])
    return joined([part for n in numbers for part in groups[n]])


def put(at: int, value: int) -> Callable[[bytearray], object]:
    return lambda body: body.__setitem__(at, value)


WHOLE = tuple(range(10))
ODD: dict[str, Callable[[], bytes]] = {
    "baseline": lambda: encode(picture(1).resize((240, 180))),
    "CMYK": lambda: progressive((240, 180), mode="CMYK"),
    "arithmetic codes": lambda: joined(
        [Segment(0xCA if p.marker == FRAME else p.marker, p.body, p.data) for p in parts()]
    ),
    "12 bits": lambda: edited(FRAME, 0, put(0, 12)),
    "no height": lambda: edited(FRAME, 0, lambda body: body.__setitem__(slice(1, 3), b"\0\0")),
    "five samples": lambda: edited(FRAME, 0, put(7, 0x51)),
    "other numbers": lambda: edited(FRAME, 0, put(6, 0x52)),
    "a frame too short": lambda: edited(FRAME, 0, lambda body: body.pop()),
    "no table of steps": lambda: edited(FRAME, 0, put(8, 3)),
    "two frames": lambda: joined([q for p in parts() for q in ([p, p] if p.marker == FRAME else [p])]),
    "RGB": lambda: joined([Segment(0xEE, b"Adobe\0\x64\0\0\0\0\0"), *parts()]),
    "steps of 16 bits": lambda: joined([Segment(0xDB, b"\x10" + bytes([0, 9] * 64)), *parts()]),
    "steps twice": lambda: joined([*parts()[:-1], next(p for p in parts() if p.marker == 0xDB), parts()[-1]]),
    "an unknown marker": lambda: joined([Segment(0xF7, b"abc"), *parts()]),
    "a long restart interval": lambda: joined([Segment(0xDD, b"\0\0\0"), *parts()]),
    "very many comments": lambda: joined([Segment(0xFE, b"")] * 1000 + parts()),
    "no end": lambda: joined(parts())[:-2],
    "cut off in the last scan": lambda: joined(parts())[:-40],
    "the last scan missing": lambda: scans_in_order(*WHOLE[:-1]),
    "a band missing": lambda: scans_in_order(0, 1, 2, 3, 5, 6, 7, 8, 9),
    "the means last": lambda: scans_in_order(1, 0, *WHOLE[2:]),
    "a scan twice": lambda: scans_in_order(0, 1, 1, *WHOLE[2:]),
    "a bit before its turn": lambda: scans_in_order(*WHOLE[:5], 9, *WHOLE[5:9]),
    "a band that ends before it begins": lambda: edited(SCAN, 1, put(-2, 0)),
    "a band beyond the last": lambda: edited(SCAN, 4, put(-2, 64)),
    "two bits at once": lambda: edited(SCAN, 5, put(-1, 0x20)),
    "fourteen bits to come": lambda: edited(SCAN, 1, put(-1, 0x0E)),
    "a component of none": lambda: edited(SCAN, 1, put(1, 9)),
    "a component twice": lambda: edited(SCAN, 0, put(3, 1)),
    "no component": lambda: edited(SCAN, 9, lambda body: body.__setitem__(slice(0, 3), b"\0")),
    "no table of codes": lambda: edited(SCAN, 9, put(2, 3)),
    "a scan header too long": lambda: edited(SCAN, 9, lambda body: body.append(0)),
    "codes that are none": lambda: edited(0xC4, -1, put(1, 3)),
    "a fill byte": lambda: b"\xff".join([joined(parts())[:-2], b"\xff\xd9"]),
    "a marker in a scan": lambda: joined(
        [*parts()[:-1], Segment(SCAN, parts()[-1].body, b"\xff\1" + parts()[-1].data)]
    ),
}


def test_the_small_picture_is_usual() -> None:
    """So that each odd file is odd for its own reason."""
    assert len([part for part in parts() if part.marker == SCAN]) == len(WHOLE)
    assert scans_in_order(*WHOLE) == joined(parts()) == progressive((240, 180), quality=60)
    for factor in FACTORS:
        without(joined(parts()), factor)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_is_read_whole(name: str) -> None:
    """Nothing is left out, and both ways have one outcome."""
    data = ODD[name]()
    assert [needed_scans(data, factor) for factor in FACTORS] == [None] * len(FACTORS)
    assert_one_outcome(data)


@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_a_file_with_wrong_headers_has_one_outcome(data: st.DataObject) -> None:
    """Whatever is wrong in a header, or missing or twice: both ways read it, or refuse it for one reason."""
    found = parts().copy()
    for _ in range(data.draw(st.integers(1, 2))):
        n = data.draw(st.integers(0, len(found) - 1), label="segment")
        kind = data.draw(st.sampled_from(["byte", "byte", "byte", "gone", "twice", "cut", "swapped"]))
        part = found[n]
        if kind == "byte" and part.body:
            at_byte = data.draw(st.integers(0, min(len(part.body), 20) - 1), label="at")
            value = data.draw(st.integers(0, 255), label="value")
            found[n] = Segment(part.marker, part.body[:at_byte] + bytes([value]) + part.body[at_byte + 1 :], part.data)
        elif kind == "cut":
            found[n] = Segment(part.marker, part.body[:-1], part.data)
        else:
            found[n : n + 1] = {"gone": [], "twice": [part, part]}.get(kind, [part])
        if kind == "swapped" and n:
            found[n - 1], found[n] = found[n], found[n - 1]
    assert_one_outcome(joined(found))


def assert_one_outcome(data: bytes) -> None:
    """A square by both ways, or one reason."""
    outcomes: list[str | None] = []
    for version in (1, 2):
        try:
            Preprocessing("pad", 11, major_version=1 if version == 1 else 2).read(data)
            outcomes.append(None)
        except PictureError as error:
            outcomes.append(f"{type(error).__name__}: {error}")
    assert outcomes[0] == outcomes[1]
