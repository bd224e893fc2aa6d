"""From bytes to an RGB picture: every mode keeps its tones, and what is clear becomes white."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from model.images.decoding import decode
from tests.unit.picture_files import (
    BLACK,
    BLUE,
    FORMATS,
    GREEN,
    RED,
    WHITE,
    chunk,
    corners,
    encode,
    grey,
    near,
    need,
    pixels,
    png,
    quarters,
)


class TestTransparency:
    @pytest.mark.parametrize("pillow_format", ["PNG", "WEBP", "TIFF"])
    def test_rgba(self, pillow_format: str) -> None:
        """Clear pixels are white, whatever colour lies below; half clear ones are mixed with white."""
        image = Image.new("RGBA", (3, 1))
        for x, colour in enumerate([(0, 0, 0, 0), (0, 0, 0, 128), (255, 0, 0, 255)]):
            image.putpixel((x, 0), colour)
        found = pixels(encode(image, pillow_format, exact=True))
        assert near(found, [list(WHITE), [127, 127, 127], list(RED)], by=1)  # type: ignore[arg-type, list-item]

    @pytest.mark.parametrize("name", ["avif", "heic", "jxl"])
    def test_rgba_of_newer_formats(self, name: str) -> None:
        """The formats with a plug-in or a codec of their own carry transparency too."""
        need(name)
        image = Image.new("RGBA", (32, 32), (255, 0, 0, 255))
        image.paste((0, 0, 0, 0), (16, 0, 32, 32))
        picture = decode(encode(image, FORMATS[name]))
        assert near(corners(picture), [RED, WHITE, RED, WHITE])

    def test_grey_with_alpha(self) -> None:
        """LA: clear is white, half clear black is grey."""
        image = Image.new("LA", (3, 1))
        for x, tone in enumerate([(0, 0), (0, 128), (40, 255)]):
            image.putpixel((x, 0), tone)
        assert pixels(encode(image, "PNG")) == grey(255, 127, 40)

    def test_grey_with_premultiplied_alpha(self) -> None:
        """La, as a TIFF may hold it: half clear grey is mixed with white once."""
        values = np.array([[[0, 0], [64, 128], [40, 255]]], np.uint8)
        data = tiff_of(values, kind=1)
        assert Image.open(io.BytesIO(data)).mode == "La"
        assert near([tuple(one) for one in pixels(data)], [tuple(one) for one in grey(255, 191, 40)], by=1)

    def test_palette_with_alpha(self) -> None:
        """P with a tRNS chunk: an opacity for each entry of the palette."""
        palette = chunk(b"PLTE", bytes([*RED, *GREEN, *BLUE, 9, 9, 9])) + chunk(b"tRNS", b"\x00\x80")
        assert pixels(png(4, 1, 2, 3, b"\0\x1b", palette)) == [list(WHITE), [127, 255, 127], list(BLUE), [9, 9, 9]]

    def test_gif_with_a_clear_colour(self) -> None:
        """The clear entry of a GIF's palette is white."""
        image = Image.new("P", (2, 1))
        image.putpalette([*RED, *GREEN])
        image.putpixel((1, 0), 1)
        assert pixels(encode(image, "GIF", transparency=0)) == [list(WHITE), list(GREEN)]

    def test_clear_colour(self) -> None:
        """RGB with a tRNS chunk: one colour stands for clear."""
        rows = b"\0" + bytes([*RED, *GREEN, *BLUE])
        data = png(3, 1, 8, 2, rows, chunk(b"tRNS", struct.pack(">HHH", *GREEN)))
        assert pixels(data) == [list(RED), list(WHITE), list(BLUE)]

    def test_clear_tone(self) -> None:
        """L with a tRNS chunk: one tone stands for clear."""
        data = png(3, 1, 8, 0, b"\0\x00\x40\xff", chunk(b"tRNS", struct.pack(">H", 0)))
        assert pixels(data) == grey(255, 64, 255)

    def test_clear_deep_tone(self) -> None:
        """16-bit grey with a tRNS chunk: exactly that tone is clear, its neighbours are not."""
        rows = b"\0" + struct.pack(">HHHH", 1000, 1001, 32768, 65535)
        data = png(4, 1, 16, 0, rows, chunk(b"tRNS", struct.pack(">H", 1000)))
        assert pixels(data) == grey(255, 4, 128, 255)


def tiff_of(values: np.ndarray, kind: int, photometric: int = 1, extra: bytes = b"") -> bytes:
    """A grey TIFF by hand: one strip, little-endian, of numbers of that kind (1 without sign, 2 with, 3 fractions)."""
    height, width = values.shape[:2]
    content = values.tobytes()
    channels = values.shape[2] if values.ndim == 3 else 1
    bits = (258, 3, 1, 8 * values.itemsize) if channels == 1 else (258, 3, 2, 0x00080008)
    tags = [(256, 4, 1, width), (257, 4, 1, height), bits, (259, 3, 1, 1), (262, 3, 1, photometric)]
    tags += [(273, 4, 1, 8), (277, 3, 1, channels), (278, 4, 1, height), (279, 4, 1, len(content))]
    tags += [(338, 3, 1, 1)] if channels == 2 else [(339, 3, 1, kind)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<I", 8 + len(content)) + content + struct.pack("<H", len(tags)) + entries + bytes(4)


class TestModes:
    TONES = np.array([[0, 257, 1000, 32768, 65535]])
    WANTED = grey(0, 1, 4, 128, 255)

    @pytest.mark.parametrize("pillow_format", ["PNG", "TIFF"])
    def test_deep_grey(self, pillow_format: str) -> None:
        """16-bit grey keeps its tones instead of being clipped at 255."""
        assert pixels(encode(Image.fromarray(self.TONES.astype(np.uint16)), pillow_format)) == self.WANTED

    @pytest.mark.parametrize("kind", [np.uint16, np.float32])
    def test_deep_grey_of_which_white_is_zero(self, kind: type) -> None:
        """A TIFF may count from white to black, as scanners do; it is no negative."""
        data = encode(Image.fromarray(self.TONES.astype(kind)), "TIFF")
        one = struct.pack("<HHIHH", 262, 3, 1, 1, 0)  # the tag PhotometricInterpretation
        assert data.count(one) == 1
        zero = data.replace(one, struct.pack("<HHIHH", 262, 3, 1, 0, 0))
        assert pixels(zero) == [[255 - tone for tone in colour] for colour in self.WANTED]

    def test_deep_grey_of_jxl(self) -> None:
        """A 16-bit JPEG XL keeps its tones; its encoder says that they are linear light, and so they are read."""
        need("jxl")
        found = pixels(encode(Image.fromarray(np.repeat(self.TONES, 9, 1).astype(np.uint16)), "JXL", lossless=True))
        assert found[::9] == grey(0, 13, 34, 188, 255)

    def test_big_endian_deep_grey(self) -> None:
        """16-bit grey with the high byte first, as a Macintosh writes TIFF."""
        strip = self.TONES.astype(">u2").tobytes()
        tags = [
            (256, 3, 5),
            (257, 3, 1),
            (258, 3, 16),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, 8),
            (278, 3, 1),
            (279, 4, 10),
        ]
        data = b"MM\0*" + struct.pack(">I", 18) + strip + struct.pack(">H", len(tags))
        for tag, kind, value in tags:
            data += struct.pack(">HHI", tag, kind, 1) + (
                struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
            )
        data += bytes(4)
        assert Image.open(io.BytesIO(data)).mode == "I;16B"
        assert pixels(data) == self.WANTED

    def test_wide_integers(self) -> None:
        """Mode I holds 16-bit tones."""
        assert pixels(encode(Image.fromarray(self.TONES.astype(np.int32)), "TIFF")) == self.WANTED

    @pytest.mark.parametrize("full", [1.0, 255.0, 65535.0])
    def test_floats(self, full: float) -> None:
        """Mode F: the range is told from the largest value."""
        values = np.array([[0, 0.25, 0.5, 1]], np.float32) * np.float32(full)
        assert pixels(encode(Image.fromarray(values), "TIFF")) == grey(0, 64, 128, 255)

    def test_signed_integers(self) -> None:
        """16 bits with a sign, as instruments write them: the lowest is black, the highest white."""
        values = np.array([[-32768, -16384, 0, 32767]], "<i2")
        assert pixels(tiff_of(values, kind=2)) == grey(0, 64, 128, 255)
        assert pixels(tiff_of(np.array([[0, 16384, 32767]], "<i2"), kind=2)) == grey(0, 64, 127)

    @pytest.mark.parametrize(
        ("values", "kind", "tones"),
        [
            ([0, 1 << 30, 1 << 31, (1 << 32) - 1], 1, (0, 64, 128, 255)),
            ([0, 1 << 29, 1 << 30, (1 << 31) - 1], 2, (0, 64, 128, 255)),
            ([0, 64, 128, 255], 1, (0, 64, 128, 255)),
            ([0, 16448, 32896, 65535], 2, (0, 64, 128, 255)),
            ([0, 250_000, 500_000, 1_000_000], 1, (0, 64, 128, 255)),
            ([-1000, -500, 0, 1000], 2, (0, 64, 128, 255)),
        ],
        ids=["32 bits", "31 bits", "8 bits", "16 bits", "a million", "both signs"],
    )
    def test_grey_of_32_bits(self, values: list[int], kind: int, tones: tuple[int, ...]) -> None:
        """Whatever range the numbers fill, with a sign or without: no tone is lost."""
        wide = np.repeat(np.array([values]), 400, axis=1).astype("<i4" if kind == 2 else "<u4")
        found = pixels(tiff_of(wide, kind=kind))[::400]
        assert near([tuple(one) for one in found], [tuple(one) for one in grey(*tones)], by=2)

    def test_one_hot_pixel_darkens_nothing(self) -> None:
        """Numbers with a fraction that go above white, as light is measured: the tones below keep apart."""
        values = np.repeat(np.linspace(0, 1, 256, dtype=np.float32)[None], 40, axis=0)
        values[0, 0] = 1500
        found = np.asarray(decode(encode(Image.fromarray(values), "TIFF")))[1, :, 0]
        assert np.abs(found.astype(int) - np.arange(256)).max() <= 3

    def test_floats_around_zero(self) -> None:
        """Where many lie below zero, as in angles, the lowest is black."""
        values = np.repeat(np.linspace(-3, 3, 256, dtype=np.float32)[None], 40, axis=0)
        found = np.asarray(decode(encode(Image.fromarray(values), "TIFF")))[1, :, 0]
        assert np.abs(found.astype(int) - np.arange(256)).max() <= 4

    def test_floats_that_are_none(self) -> None:
        """NaN, infinities and negative values are black and do not spoil the others."""
        values = np.array([[np.nan, np.inf, -np.inf, -3, 1]], np.float32)
        assert pixels(encode(Image.fromarray(values), "TIFF")) == grey(0, 0, 0, 0, 255)

    @pytest.mark.parametrize("pillow_format", ["PNG", "TIFF", "BMP", "GIF"])
    def test_one_bit(self, pillow_format: str) -> None:
        """A 1-bit picture is black and white."""
        image = Image.new("1", (2, 1))
        image.putpixel((1, 0), 1)
        assert pixels(encode(image, pillow_format)) == grey(0, 255)

    def test_fax(self) -> None:
        """A fax (group 4, white is zero) is not turned into its negative."""
        image = Image.new("1", (16, 2), 1)
        image.putpixel((1, 0), 0)
        assert pixels(encode(image, "TIFF", compression="group4"))[:3] == grey(255, 0, 255)

    @pytest.mark.parametrize("pillow_format", ["PNG", "TIFF", "BMP", "GIF"])
    def test_palette(self, pillow_format: str) -> None:
        """Palette numbers become their colours."""
        image = Image.new("P", (2, 1))
        image.putpalette([1, 2, 3, 200, 100, 50])
        image.putpixel((1, 0), 1)
        assert pixels(encode(image, pillow_format)) == [[1, 2, 3], [200, 100, 50]]

    @pytest.mark.parametrize("pillow_format", ["JPEG", "TIFF"])
    def test_cmyk(self, pillow_format: str) -> None:
        """CMYK is no negative: no ink is white, cyan is cyan, black ink is black."""
        image = Image.new("CMYK", (48, 16))
        image.paste((255, 0, 0, 0), (16, 0, 32, 16))
        image.paste((0, 0, 0, 255), (32, 0, 48, 16))
        found = pixels(encode(image, pillow_format))
        assert near([tuple(found[x]) for x in (4, 24, 44)], [WHITE, (0, 255, 255), BLACK])

    def test_ycbcr(self) -> None:
        """A TIFF in YCbCr shows its colours."""
        found = decode(encode(quarters().convert("YCbCr"), "TIFF"))
        assert near(corners(found), [RED, GREEN, BLUE, WHITE], by=4)

    def test_lab(self) -> None:
        """A TIFF in LAB shows its colours."""
        image = Image.new("LAB", (2, 1), (255, 128, 128))
        image.putpixel((0, 0), (0, 128, 128))
        assert near([tuple(colour) for colour in pixels(encode(image, "TIFF"))], [BLACK, WHITE], by=4)

    def test_sixteen_bits_a_channel(self) -> None:
        """A colour PNG of 16 bits a channel keeps its colours."""
        rows = b"\0" + struct.pack(">6H", 65535, 0, 0, 0, 32768, 257)
        assert pixels(png(2, 1, 16, 2, rows)) == [[255, 0, 0], [0, 128, 1]]
