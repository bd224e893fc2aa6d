"""From bytes to an upright RGB picture: every format, every mode, every kind of damage."""

from __future__ import annotations

import functools
import importlib.util
import io
import json
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from model.errors import PictureError, UnreadablePicture, UnsupportedPicture
from model.picture import SNIFF_BYTES, Limits, decode, picture_suffixes, sniff

DRAWINGS = Path(__file__).parents[2].parent / "shared" / "data" / "cc0-illustrations"
WHITE, BLACK, RED, GREEN, BLUE = (255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)
LOSSLESS = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}, "AVIF": {"quality": 95}, "HEIF": {"quality": 95}}
FORMATS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "gif": "GIF",
    "bmp": "BMP",
    "tiff": "TIFF",
    "avif": "AVIF",
    "heic": "HEIF",
    "jxl": "JXL",
}
PLUGINS = {"heic": "pillow_heif", "jxl": "pillow_jxl"}


def need(name: str) -> None:
    """Skip the test where the plug-in of a format is not installed; else make Pillow able to write the format."""
    if name not in PLUGINS:
        return
    if importlib.util.find_spec(PLUGINS[name]) is None:
        pytest.skip(f"{PLUGINS[name]} is not installed")
    module = importlib.import_module(PLUGINS[name])
    if name == "heic":
        module.register_heif_opener()


def encode(image: Image.Image, pillow_format: str, **options: object) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, pillow_format, **{**LOSSLESS.get(pillow_format, {}), **options})
    return file.getvalue()


@functools.cache
def quarters() -> Image.Image:
    """48 x 32 pixels, a colour per quarter: every turn and flip of it differs."""
    image = Image.new("RGB", (48, 32), WHITE)
    image.paste(RED, (0, 0, 24, 16))
    image.paste(GREEN, (24, 0, 48, 16))
    image.paste(BLUE, (0, 16, 24, 32))
    return image


@functools.cache
def example(name: str) -> bytes:
    """A file of that format, drawn once."""
    return encode(quarters(), FORMATS[name])


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours near the four corners: top left, top right, bottom left, bottom right."""
    right, bottom = image.width - 5, image.height - 5
    return [image.getpixel(place) for place in ((4, 4), (right, 4), (4, bottom), (right, bottom))]  # type: ignore[misc]


def near(found: list[tuple[int, ...]], wanted: list[tuple[int, ...]], by: int = 12) -> bool:
    """Whether colours agree but for the losses of a format."""
    return bool(np.abs(np.subtract(found, wanted, dtype=int)).max() <= by)


def pixels(data: bytes) -> list[list[int]]:
    """The first row of a decoded picture, whose mode must be RGB."""
    picture = decode(data)
    assert picture.mode == "RGB"
    return np.asarray(picture)[0].tolist()


def grey(*tones: int) -> list[list[int]]:
    """A row of grey pixels."""
    return [[tone] * 3 for tone in tones]


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG by hand, for the kinds that Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class TestFormats:
    @pytest.mark.parametrize("name", FORMATS)
    def test_reads_format(self, name: str) -> None:
        """Every format gives the drawn quarters, in mode RGB and the drawn size."""
        need(name)
        picture = decode(example(name))
        assert (picture.mode, picture.size) == ("RGB", (48, 32))
        assert near(corners(picture), [RED, GREEN, BLUE, WHITE])

    @pytest.mark.parametrize("name", FORMATS)
    def test_sniffs_format(self, name: str) -> None:
        """The first bytes alone name the format."""
        need(name)
        assert sniff(example(name)[:SNIFF_BYTES]) == name

    @pytest.mark.parametrize("name", FORMATS)
    def test_result_is_a_picture_of_its_own(self, name: str) -> None:
        """What is returned holds no open file and can be changed, scaled and read again."""
        need(name)
        picture = decode(example(name))
        assert type(picture) is Image.Image
        picture.putpixel((0, 0), (1, 2, 3))
        assert picture.resize((48, 32), Image.Resampling.NEAREST).getpixel((0, 0)) == (1, 2, 3)

    @pytest.mark.parametrize(
        ("pillow_format", "wanted"),
        [("PNG", "png"), ("GIF", "gif"), ("WEBP", "webp"), ("AVIF", "avif"), ("TIFF", "tiff")],
    )
    def test_first_frame(self, pillow_format: str, wanted: str) -> None:
        """Of an animation, or a TIFF of many pages, the first frame is read."""
        others = [Image.new("RGB", (48, 32), BLUE), Image.new("RGB", (48, 32), GREEN)]
        data = encode(quarters(), pillow_format, save_all=True, append_images=others)
        assert Image.open(io.BytesIO(data)).n_frames == 3  # type: ignore[attr-defined]
        assert sniff(data[:SNIFF_BYTES]) == wanted
        assert near(corners(decode(data)), [RED, GREEN, BLUE, WHITE])

    def test_apng_default_image_is_the_first_frame(self) -> None:
        """An APNG whose default image is no part of the animation shows as in a program that knows PNG only."""
        frames = [Image.new("RGB", (48, 32), BLUE), Image.new("RGB", (48, 32), GREEN)]
        data = encode(quarters(), "PNG", save_all=True, append_images=frames, default_image=True)
        assert decode(data).size == (48, 32)

    def test_two_pictures_in_one_jpeg(self) -> None:
        """An MPO, as 3D cameras write it, is a JPEG of which the first picture is read."""
        data = encode(quarters(), "MPO", save_all=True, append_images=[Image.new("RGB", (48, 32))])
        assert near(corners(decode(data)), [RED, GREEN, BLUE, WHITE])

    def test_progressive_jpeg(self) -> None:
        """A progressive JPEG is read like any other."""
        assert near(corners(decode(encode(quarters(), "JPEG", progressive=True))), [RED, GREEN, BLUE, WHITE])

    @pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
    def test_tiff_compressions(self, compression: str) -> None:
        """A TIFF is read whatever its compression."""
        options = {"quality": 95} if compression == "jpeg" else {}
        data = encode(quarters(), "TIFF", compression=compression, **options)
        assert near(corners(decode(data)), [RED, GREEN, BLUE, WHITE])

    def test_big_tiff(self) -> None:
        """A BigTIFF is a TIFF."""
        data = encode(quarters(), "TIFF", big_tiff=True)
        assert data[2:4] == b"+\0"
        assert corners(decode(data)) == [RED, GREEN, BLUE, WHITE]

    @pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
    def test_bmp_modes(self, mode: str) -> None:
        """A BMP of any depth is read."""
        data = encode(ImageOps.grayscale(quarters()).convert(mode), "BMP")
        assert sniff(data[:SNIFF_BYTES]) == "bmp"
        assert near(corners(decode(data))[3:], [WHITE])

    def test_lossless_formats_keep_every_pixel(self) -> None:
        """What a lossless format holds comes out bit by bit."""
        noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (31, 17, 3), dtype=np.uint8))
        for pillow_format in ("PNG", "BMP", "TIFF", "WEBP"):
            assert decode(encode(noise, pillow_format, exact=True)).tobytes() == noise.tobytes()

    def test_suffixes_are_lower_case_with_a_dot(self) -> None:
        """The endings are such as `os.path.splitext` gives in lower case."""
        assert {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".jxl"} <= (
            picture_suffixes()
        )
        assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in picture_suffixes())


class TestNoPicture:
    def test_empty(self) -> None:
        """An empty file is said to be empty."""
        with pytest.raises(UnsupportedPicture, match="empty"):
            decode(b"")

    @pytest.mark.parametrize(
        "data",
        [
            b"hello",
            b"BM is how this text begins, and it goes on for a while",
            b"%PDF-1.7\n",
            b"PK\3\4rest of a zip",
            b"RIFF\0\0\0\0WAVEfmt ",
            b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"8BPS\0\1",
            b"\0\0\1\0\1\0\x10\x10",
            b"P6 1 1 255\n\0\0\0",
        ],
        ids=["text", "bm-text", "pdf", "zip", "wav", "mp4", "svg", "psd", "ico", "ppm"],
    )
    def test_other_content(self, data: bytes) -> None:
        """What shows no picture format is unsupported, whatever else it is."""
        assert sniff(data[:SNIFF_BYTES]) is None
        with pytest.raises(UnsupportedPicture):
            decode(data)

    @given(st.binary(max_size=80))
    @settings(deadline=None, derandomize=True)
    def test_sniff_takes_any_bytes(self, head: bytes) -> None:
        """Sniffing never fails, however few the bytes."""
        assert sniff(head) is None or sniff(head) in FORMATS


class TestOrientation:
    TURNED: ClassVar = {
        1: [RED, GREEN, BLUE, WHITE],
        2: [GREEN, RED, WHITE, BLUE],
        3: [WHITE, BLUE, GREEN, RED],
        4: [BLUE, WHITE, RED, GREEN],
        5: [RED, BLUE, GREEN, WHITE],
        6: [BLUE, RED, WHITE, GREEN],
        7: [WHITE, GREEN, BLUE, RED],
        8: [GREEN, WHITE, RED, BLUE],
    }
    """What a viewer shows in the corners, from the table of the EXIF specification."""

    @staticmethod
    def tagged(orientation: object, pillow_format: str) -> bytes:
        """The quarters with an EXIF orientation."""
        exif = Image.Exif()
        exif[0x0112] = orientation
        return encode(quarters(), pillow_format, exif=exif.tobytes())

    @pytest.mark.parametrize("orientation", TURNED)
    @pytest.mark.parametrize("pillow_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
    def test_applied(self, pillow_format: str, orientation: int) -> None:
        """All eight orientations come out upright, in every format that carries EXIF."""
        picture = decode(self.tagged(orientation, pillow_format))
        assert picture.size == ((48, 32) if orientation < 5 else (32, 48))
        assert near(corners(picture), self.TURNED[orientation])

    @pytest.mark.parametrize("orientation", TURNED)
    def test_applied_once_to_heic(self, orientation: int) -> None:
        """A HEIC is turned by the decoder and not a second time by its EXIF block."""
        need("heic")
        picture = decode(self.tagged(orientation, "HEIF"))
        assert near(corners(picture), self.TURNED[orientation])

    def test_exif_of_a_jxl_is_overridden(self) -> None:
        """JPEG XL: the orientation in the codestream holds, and the decoder has applied it; EXIF's is to be ignored."""
        need("jxl")
        picture = decode(self.tagged(6, "JXL"))
        assert near(corners(picture), self.TURNED[1])

    def test_of_a_jpeg_inside_a_jxl(self, tmp_path: Path) -> None:
        """A JPEG packed in a JPEG XL without loss comes back as a JPEG, whose orientation is still to be applied."""
        need("jxl")
        (tmp_path / "a.jpg").write_bytes(self.tagged(6, "JPEG"))
        with Image.open(tmp_path / "a.jpg") as image:
            file = io.BytesIO()
            image.save(file, "JXL", lossless_jpeg=True)
        picture = decode(file.getvalue())
        assert picture.size == (32, 48)
        assert near(corners(picture), self.TURNED[6])

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_out_of_range(self, orientation: int) -> None:
        """An orientation that does not exist means none."""
        assert near(corners(decode(self.tagged(orientation, "JPEG"))), self.TURNED[1])

    def test_of_deep_grey(self) -> None:
        """A 16-bit picture is turned too."""
        exif = Image.Exif()
        exif[0x0112] = 3
        data = encode(Image.fromarray(np.array([[0, 65535]], np.uint16)), "PNG", exif=exif)
        assert pixels(data) == grey(255, 0)

    def test_beside_a_broken_entry(self) -> None:
        """An EXIF block that could not be written back is read for its orientation all the same."""
        entries = [(0x010E, 2, 200, 60_000), (0x0112, 3, 1, 6 << 16)]  # a description out of the block; the orientation
        block = b"MM\0*\0\0\0\x08" + struct.pack(">H", 2)
        block += b"".join(struct.pack(">HHII", *entry) for entry in entries) + bytes(4)
        data = encode(quarters(), "JPEG", exif=b"Exif\0\0" + block)
        assert near(corners(decode(data)), self.TURNED[6])

    @given(st.binary(max_size=120), st.sampled_from(["JPEG", "PNG", "WEBP"]))
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_damaged_exif_means_none(self, garbage: bytes, pillow_format: str) -> None:
        """Whatever stands in the EXIF block, the picture is read."""
        picture = decode(encode(quarters(), pillow_format, exif=b"Exif\0\0" + garbage))
        assert sorted(picture.size) == [32, 48]

    @given(st.data())
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_scratched_exif_means_none(self, data: st.DataObject) -> None:
        """An EXIF block with a few wrong bytes costs at most the orientation."""
        exif = Image.Exif()
        exif[0x0112], exif[0x010E], exif[0x011A] = 6, "description", 72.0
        exif.get_ifd(0x8769)[0x9286] = b"comment"
        block = bytearray(exif.tobytes())
        for _ in range(data.draw(st.integers(1, 4))):
            block[data.draw(st.integers(6, len(block) - 1))] = data.draw(st.integers(0, 255))
        picture = decode(encode(quarters(), "JPEG", exif=bytes(block)))
        assert sorted(picture.size) == [32, 48]


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
        """A 16-bit JPEG XL keeps its tones."""
        need("jxl")
        found = pixels(encode(Image.fromarray(np.repeat(self.TONES, 9, 1).astype(np.uint16)), "JXL", lossless=True))
        assert found[::9] == self.WANTED

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
        with pytest.raises(UnreadablePicture, match=r"^damaged jxl: its decoder tells no reason$"):
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

    def test_no_memory_is_taken(self, tmp_path: Path) -> None:
        """A picture beyond the limit, whole and in every format, is refused in the memory that its bytes take."""
        large = Image.new("L", (9000, 9000))
        names = [name for name in FORMATS if name not in PLUGINS or importlib.util.find_spec(PLUGINS[name])]
        for name in names:
            need(name)
            image = large if name == "jxl" else large.crop((0, 0, 3000, 3000))
            options = {"jxl": {"effort": 1}, "avif": {"speed": 10}, "webp": {"method": 0}}.get(name, {})
            (tmp_path / name).write_bytes(encode(image, FORMATS[name], **options))
        program = (
            "import json, resource, sys; from pathlib import Path; from model.picture import Limits, decode\n"
            "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
            "grown = {}\n"
            "for path in sorted(Path(sys.argv[1]).iterdir()):\n"
            "    data = path.read_bytes(); decode_before = peak()\n"
            "    for limit in (1, 1_000_000):\n"
            "        try: decode(data, limits=Limits(limit))\n"
            "        except Exception as error: assert 'more than the limit' in str(error), (path, error)\n"
            "        else: raise SystemExit(f'{path} was read')\n"
            "    grown[path.name] = peak() - decode_before\n"
            "print(json.dumps(grown))\n"
        )
        command = [sys.executable, "-c", program, str(tmp_path)]
        grown = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert set(grown) == set(names)
        assert max(grown.values()) < 40_000, grown  # KiB; the JPEG XL alone would take 80 MB

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


@pytest.mark.skipif(
    not DRAWINGS.is_dir(), reason="the drawings lie beside the project on the developers' machines only"
)
def test_real_drawings() -> None:
    """Real drawings come out as a plain Pillow read on white gives them."""
    paths = sorted(DRAWINGS.iterdir(), key=lambda path: path.stat().st_size)[::14]
    for path in paths:
        with Image.open(path) as image:
            plain = ImageOps.exif_transpose(image).convert("RGBA")
        white = Image.new("RGBA", plain.size, "white")
        assert decode(path.read_bytes()).tobytes() == Image.alpha_composite(white, plain).convert("RGB").tobytes(), path
    assert paths
