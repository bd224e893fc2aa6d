"""From bytes to an upright RGB picture: every format is known by its content and turned as its EXIF says."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from model.errors import UnsupportedPicture
from model.images.decoding import SNIFF_BYTES, decode, picture_suffixes, sniff
from tests.unit.picture_files import (
    BLUE,
    FORMATS,
    GREEN,
    RED,
    WHITE,
    corners,
    encode,
    example,
    grey,
    near,
    need,
    pixels,
    quarters,
)

DRAWINGS = Path(__file__).parents[2].parent / "shared" / "data" / "cc0-illustrations"


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
