"""Files without their end: what is there is read where it is nearly all, and what is missing is said."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from model.errors import UnreadablePicture
from model.images.decoding import Limits, decode
from model.images.preprocessing import Preprocessing
from model.synthesis import Identity, draw
from tests.unit.picture_files import encode

JPEGS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": "4:4:4"},
    "restarts": {"restart_marker_rows": 1},
    "grey": {"mode": "L"},
    "cmyk": {"mode": "CMYK"},
}
WAYS = [Preprocessing("pad", 64, major_version=1), Preprocessing("pad", 64)]


@functools.cache
def drawn() -> Image.Image:
    """A drawn character with the grain of a scan, so that all rows take about as many bytes."""
    picture = np.asarray(draw(Identity.from_seed(6), 6, size_px=400, aspect=0.8)).astype(int)
    grain = np.random.default_rng(6).normal(0, 6, picture.shape)
    return Image.fromarray((picture + grain).clip(0, 255).astype(np.uint8))


@functools.cache
def jpeg(kind: str) -> bytes:
    """The picture as a JPEG of that kind."""
    options = dict(JPEGS[kind])
    return encode(drawn().convert(str(options.pop("mode", "RGB"))), "JPEG", **options)


def noted(data: bytes) -> tuple[Image.Image, list[str]]:
    """The picture, and what was noted of it."""
    notes: list[str] = []
    return decode(data, limits=Limits(on_note=notes.append)), notes


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_only_its_end_marker_is_whole(kind: str) -> None:
    """The same pixels, nothing to note; also with half of the marker there."""
    whole = jpeg(kind)
    assert whole.endswith(b"\xff\xd9")
    for data in (whole[:-2], whole[:-1]):
        picture, notes = noted(data)
        assert picture.tobytes() == decode(whole).tobytes()
        assert notes == []
        for way in WAYS:
            assert np.abs(way.read(data).astype(int) - way.read(whole)).mean() < 2


@pytest.mark.parametrize("kind", ["baseline", "4:4:4", "grey", "cmyk"])
def test_a_jpeg_of_which_a_twentieth_is_missing_is_read_with_a_note(kind: str) -> None:
    """The note counts the rows; those above are as they were."""
    whole = jpeg(kind)
    picture, notes = noted(whole[: len(whole) * 95 // 100])
    assert len(notes) == 1 and notes[0].startswith("cut off: ") and notes[0].endswith("of 400 rows are missing")
    missing = int(notes[0].split()[2])
    assert 8 <= missing <= 40
    there = (0, 0, picture.width, picture.height - missing - 1)
    assert picture.crop(there).tobytes() == decode(whole).crop(there).tobytes()


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("percent", [10, 40, 50, 80])
def test_a_jpeg_of_which_more_is_missing_is_unreadable(kind: str, percent: int) -> None:
    """By both ways, with one reason; of a progressive one every scan must be there."""
    whole = jpeg(kind)
    for way in WAYS:
        with pytest.raises(UnreadablePicture, match="damaged jpeg: image file is truncated"):
            way.read(whole[: len(whole) * percent // 100])


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16"])
def test_a_png_of_which_a_twentieth_is_missing_is_read_with_a_note(mode: str) -> None:
    """In every mode: the rows that can be unpacked are there."""
    grey = np.asarray(drawn().convert("L")).astype(np.uint16) * 257
    image = Image.fromarray(grey) if mode == "I;16" else drawn().convert(mode)
    whole = encode(image, "PNG")
    picture, notes = noted(whole[: len(whole) * 96 // 100])
    assert len(notes) == 1 and "of 400 rows are missing" in notes[0]
    missing = int(notes[0].split()[2])
    there = (0, 0, picture.width, picture.height - missing)
    assert 0 < missing <= 40
    assert picture.crop((0, there[3], *picture.size)).getextrema() == ((255, 255),) * 3
    assert picture.crop(there).tobytes() == decode(whole).crop(there).tobytes()
    with pytest.raises(UnreadablePicture, match="damaged png"):
        decode(whole[: len(whole) * 80 // 100])


@pytest.mark.parametrize("kind", ["baseline", "progressive"])
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_wherever_it_is_cut_both_ways_agree(kind: str, data: st.DataObject) -> None:
    """A picture by both, or one reason by both; what is read is near the whole one."""
    whole = _small(kind)
    cut = whole[: data.draw(st.integers(3, len(whole)), label="cut at")]
    outcomes: list[NDArray[np.uint8] | str] = []
    for way in WAYS:
        try:
            outcomes.append(way.read(cut))
        except UnreadablePicture as error:
            outcomes.append(str(error))
    assert isinstance(outcomes[0], str) == isinstance(outcomes[1], str)
    if isinstance(outcomes[0], str):
        assert outcomes[0] == outcomes[1]
    else:
        assert np.abs(outcomes[0].astype(int) - WAYS[0].read(whole)).mean() < 16


@functools.cache
def _small(kind: str) -> bytes:
    return encode(drawn().resize((120, 150)), "JPEG", progressive=kind == "progressive")


def test_a_hole_in_the_middle_is_no_cut() -> None:
    """A PNG whose data are broken, with its end in place, is unreadable."""
    whole = encode(drawn(), "PNG")
    half = len(whole) // 2
    with pytest.raises(UnreadablePicture):
        decode(whole[:half] + bytes(300) + whole[half + 300 :])
