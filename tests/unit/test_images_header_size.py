"""What a header claims, against what the file holds."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.errors import PictureError, UnreadablePicture
from model.images.decoding import Limits, decode
from model.images.header_size import claimed_sizes
from model.images.jxl import jxl_size
from tests.unit.picture_files import FORMATS, encode, example, need

SIZES = [(1, 1), (48, 32), (257, 300), (1000, 77), (70, 2100)]
OPTIONS: dict[str, list[dict[str, object]]] = {
    "jpeg": [{}, {"progressive": True}, {"exif": b"Exif\0\0" + bytes(50), "icc_profile": bytes(70_000)}],
    "webp": [{"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}],
    "tiff": [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}],
    "avif": [{}, {"speed": 10}, {"subsampling": "4:4:4"}],
    "jxl": [{"effort": 1}, {"effort": 1, "use_container": True}, {"effort": 1, "lossless": True}],
}


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", SIZES)
def test_the_size_is_that_of_the_picture(name: str, size: tuple[int, int]) -> None:
    """In every format and each form that its header may have, before Pillow has seen it."""
    need(name)
    for options in OPTIONS.get(name, [{}]):
        claims = claimed_sizes(encode(Image.new("RGB", size, "red"), FORMATS[name], **options), name)
        # What is coded in a HEIC is even, and at least 64 x 64; it is cropped when it is shown.
        coded = tuple(max(64, side + side % 2) for side in size) if name == "heic" else size
        assert claims and set(claims) == {coded}


@pytest.mark.parametrize("name", ["webp", "avif", "png", "jxl", "heic"])
def test_opacity_is_no_larger(name: str) -> None:
    """The part of a picture that holds it has the same size."""
    need(name)
    claims = claimed_sizes(encode(Image.new("RGBA", (80, 90), (1, 2, 3, 4)), FORMATS[name]), name)
    assert set(claims) == {(80, 90)}


@pytest.mark.parametrize("name", ["png", "gif", "webp", "avif"])
def test_an_animation_has_the_size_of_its_frames(name: str) -> None:
    """Of an AVIF each frame says it."""
    frames = [Image.new("RGB", (80, 90), (n * 20, 0, 0)) for n in range(5)]
    data = encode(frames[0], FORMATS[name], save_all=True, append_images=frames[1:])
    assert set(claimed_sizes(data, name)) == {(80, 90)}


@pytest.mark.parametrize("name", ["avif", "heic"])
def test_a_container_that_lies_about_what_is_coded(name: str) -> None:
    """It says 64 x 64, the coded picture is larger than the limit: refused before it is decoded."""
    need(name)
    data = encode(Image.new("RGB", (2000, 1504), "red"), FORMATS[name])
    said = struct.pack(">II", 2000, 1504)
    assert data.count(said) == 1
    lying = data.replace(said, struct.pack(">II", 64, 64))
    with pytest.raises(UnreadablePicture, match="2000 x 1504 pixels" if name == "avif" else "2000x1504"):
        decode(lying, limits=Limits(max_pixels=1_000_000))


class _Bits:
    """Numbers as JPEG XL writes them, the lowest bit first."""

    def __init__(self) -> None:
        self._value, self._length = 0, 0

    def put(self, *pairs: tuple[int, int]) -> None:
        for value, length in pairs:
            self._value |= value << self._length
            self._length += length

    def codestream(self) -> bytes:
        return b"\xff\x0a" + self._value.to_bytes(self._length // 8 + 1, "little") + bytes(40)


@pytest.mark.parametrize("animated", [False, True])
@pytest.mark.parametrize("preview", [False, True])
@pytest.mark.parametrize(("extra", "times"), [(0, 1), (1, 1), (3, 1), (17, 15), (4096, 4094)])
def test_channels_of_a_jxl_count(extra: int, times: int, preview: bool, animated: bool) -> None:
    """4096 channels of a thousand by a thousand are four gigabytes; what stands in front of their number is passed."""
    bits = _Bits()
    bits.put((0, 1), (2, 2), (999, 18), (0, 3), (2, 2), (999, 18), (0, 1), (1, 1), (0, 3), (0, 1), (preview, 1))
    if preview:
        bits.put((1, 1), (2, 2), (3, 5), (0, 3), (3, 2), (7, 9))
    bits.put((animated, 1))
    if animated:
        bits.put((0, 2), (3, 2), (900, 10), (1, 2), (5, 3), (1, 1))
    bits.put((0, 1), (3, 2), (11, 6), (1, 1))
    bits.put(*([(extra, 2)] if extra < 2 else [(2, 2), (extra - 2, 4)] if extra < 18 else [(3, 2), (extra - 1, 12)]))
    data = bits.codestream()
    assert jxl_size(data) == (1000, 1000 * times)
    if times > 200:
        with pytest.raises(UnreadablePicture, match="more than the limit"):
            decode(data)


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_damage_is_no_error(name: str, data: st.DataObject) -> None:
    """Whatever stands in the file: some sizes, or none."""
    need(name)
    damaged = bytearray(example(name))
    for _ in range(data.draw(st.integers(0, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    del damaged[data.draw(st.integers(0, len(damaged))) :]
    assert all(min(size) > 0 for size in claimed_sizes(bytes(damaged), name))
    try:
        decode(bytes(damaged), limits=Limits(max_pixels=1_000_000))
    except PictureError:
        pass
