"""Damaged and oversized pictures: refused with a reason, and before they take memory."""

from __future__ import annotations

import struct
import sys
import threading
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.errors import PictureError, UnreadablePicture
from model.images.decoding import Limits, decode
from tests.unit.picture_files import (
    FORMATS,
    encode,
    example,
    need,
    png,
)


class TestDamage:
    @pytest.mark.parametrize("name", FORMATS)
    def test_cut_off(self, name: str) -> None:
        """Half a file is unreadable, and the reason is one line that names the format."""
        need(name)
        noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8))
        data = encode(noise, FORMATS[name])
        with pytest.raises(UnreadablePicture, match=name) as caught:
            decode(data[: len(data) // 2])
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", FORMATS)
    def test_garbage_after_the_first_bytes(self, name: str) -> None:
        """A file that only begins like a picture is unreadable."""
        need(name)
        with pytest.raises(UnreadablePicture, match=name):
            decode(example(name)[:20] + b"\x5a" * 200)

    @pytest.mark.parametrize("name", FORMATS)
    @given(data=st.data())
    @settings(deadline=None, derandomize=True, max_examples=60)
    def test_any_damage(self, name: str, data: st.DataObject) -> None:
        """Wrong bytes, missing bytes, bytes too many: a picture or a PictureError, nothing else."""
        need(name)
        damaged = bytearray(example(name))
        for _ in range(data.draw(st.integers(0, 4), label="wrong bytes")):
            # Headers stand in front; half of the damage is done there.
            end = data.draw(st.sampled_from([min(64, len(damaged)), len(damaged)]))
            damaged[data.draw(st.integers(2, end - 1))] = data.draw(st.integers(0, 255))
        cut = data.draw(st.integers(0, len(damaged)), label="cut from")
        del damaged[cut : cut + data.draw(st.integers(0, 40), label="cut length")]
        damaged += data.draw(st.binary(max_size=20), label="added")
        try:
            picture = decode(bytes(damaged), limits=Limits(max_pixels=1_000_000))
        except PictureError as error:
            assert str(error) and "\n" not in str(error)
        else:
            assert picture.mode == "RGB"

    @given(
        st.sampled_from(
            [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP", b"II*\0", b"MM\0*", b"\xff\x0a"]
        ),
        st.binary(max_size=300),
    )
    @settings(deadline=None, derandomize=True, max_examples=300)
    def test_random_bytes(self, magic: bytes, rest: bytes) -> None:
        """Random bytes, with the first bytes of a format or without: a PictureError and nothing else."""
        for data in (rest, magic + rest):
            try:
                decode(data, limits=Limits(max_pixels=1_000_000))
            except PictureError as error:
                assert str(error) and "\n" not in str(error)

    def test_cause_is_kept(self) -> None:
        """The error of the reader stays chained to ours, for whoever looks for it."""
        data = example("png")
        with pytest.raises(UnreadablePicture) as caught:
            decode(data[: len(data) - 30])
        assert caught.value.__cause__ is not None

    def test_no_filter_is_left_behind_by_threads(self) -> None:
        """Threads that decode at once leave the process's filters of warnings as they were."""
        data = example("png")
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)  # so that threads meet in the middle of a picture
        try:
            with warnings.catch_warnings():
                before = list(warnings.filters)
                threads = [threading.Thread(target=lambda: [decode(data) for _ in range(150)]) for _ in range(4)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert list(warnings.filters) == before
        finally:
            sys.setswitchinterval(interval)

    def test_a_torn_jxl_is_told_in_words_of_ours(self) -> None:
        """Its decoder answers with advice to people who build decoders."""
        need("jxl")
        data = encode(Image.effect_noise((64, 64), 90).convert("RGB"), "JXL")
        with pytest.raises(UnreadablePicture, match=r"^damaged jxl: its decoder gives no reason$"):
            decode(data[: len(data) // 2])


def tiff_header(width: int, height: int) -> bytes:
    """A TIFF that says nothing but its size."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (278, height), (279, width * height)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)


def jpeg_header(width: int, height: int) -> bytes:
    """A JPEG up to its frame."""
    data = bytearray(encode(Image.new("L", (8, 8)), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def jxl_header(width: int, height: int) -> bytes:
    """A JPEG XL up to its size."""
    number = 0  # large; height of 18 bits; no ratio; width of 18 bits; the lowest bit first
    for value, length, at in ((2, 2, 1), (height - 1, 18, 3), (0, 3, 21), (2, 2, 24), (width - 1, 18, 26)):
        assert value < 1 << length
        number |= value << at
    return b"\xff\x0a" + number.to_bytes(6, "little") + bytes(30)


def jxl_box(width: int, height: int) -> bytes:
    """The same in a container."""
    stream = jxl_header(width, height)
    boxes = b"\0\0\0\x0cJXL \r\n\x87\n" + struct.pack(">I", 20) + b"ftypjxl \0\0\0\0jxl "
    return boxes + struct.pack(">I4sI", 12 + len(stream), b"jxlp", 0) + stream


HUGE: dict[str, Callable[[int, int], bytes]] = {
    "png": lambda width, height: png(width, height, 8, 2, b""),
    "gif": lambda width, height: (
        b"GIF89a"
        + struct.pack("<HH", width, height)
        + b"\0\0\0,"
        + struct.pack("<4HB", 0, 0, 1, 1, 0)
        + b"\2\2\x4c\1\0;"
    ),
    "bmp": lambda width, height: (
        b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)
    ),
    "tiff": tiff_header,
    "jpeg": jpeg_header,
    "jxl": jxl_header,
    "jxl-box": jxl_box,
}


class TestLimits:
    @pytest.mark.parametrize("kind", HUGE)
    def test_header_is_enough(self, kind: str) -> None:
        """A header of 30,000 x 30,000 pixels is refused by it, with the numbers in the reason."""
        need(kind.partition("-")[0])
        with pytest.raises(UnreadablePicture, match="30000 x 30000 pixels: more than the limit of 200,000,000 pixels"):
            decode(HUGE[kind](30_000, 30_000))

    def test_limit_is_inclusive(self) -> None:
        """Exactly as many pixels as allowed are read, one more is not."""
        data = example("png")
        assert decode(data, limits=Limits(48 * 32)).size == (48, 32)
        with pytest.raises(UnreadablePicture, match="48 x 32 pixels"):
            decode(data, limits=Limits(48 * 32 - 1))

    def test_limit_alone_decides(self) -> None:
        """A picture within the limit is read although Pillow by itself would refuse it; 1 bit each keeps this small."""
        width, height = 20_000, 9_000  # 180 million: beyond Pillow's own limit, within ours
        with pytest.raises(UnreadablePicture, match="truncated"):
            decode(png(width, height, 1, 0, b""))

    @pytest.mark.parametrize(
        "size", [(1, 1), (8, 8), (16, 24), (257, 300), (640, 480), (480, 640), (1920, 1080), (200, 100), (3000, 70)]
    )
    @pytest.mark.parametrize("container", [False, True])
    def test_size_of_jxl(self, size: tuple[int, int], container: bool) -> None:
        """The size of a JPEG XL is read from its header in each of the forms that the header may have."""
        need("jxl")
        data = encode(Image.new("RGB", size), "JXL", effort=1, use_container=container)
        assert decode(data, limits=Limits(size[0] * size[1])).size == size
        with pytest.raises(UnreadablePicture, match=f"{size[0]} x {size[1]} pixels"):
            decode(data, limits=Limits(size[0] * size[1] - 1))
