"""Kinds that are not read are named: a person learns what was left out."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.errors import UnreadablePicture, UnsupportedPicture
from model.images.decoding import decode
from model.images.formats import NOT_SUPPORTED, SNIFF_BYTES, not_supported, sniff
from store.listing import Listed
from tests.unit.hostile_pictures import tiff
from tests.unit.picture_files import FORMATS, PLUGINS, encode, example, need, quarters
from tests.unit.trees import put
from workers.sources import Sources

OTHERS = {
    "a.svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
    "declared.svg": (b"<?xml version='1.0' encoding='UTF-8'?>\n<svg width='1'/>", "SVG"),
    "long.svg": (b"<?xml version='1.0'?>" + b"<!-- " + b"comment " * 20 + b"--><svg/>", "SVG"),
    "a.psd": (b"8BPS\0\1" + bytes(20), "Photoshop (PSD)"),
    "a.jp2": (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "JPEG 2000"),
    "a.ico": (b"\0\0\1\0\1\0\x10\x10\0\0\1\0\x20\0", "icon (ICO)"),
    "a.ppm": (b"P6 1 1 255\n\0\0\0", "PPM"),
    "a.qoi": (b"qoif" + bytes(20), "QOI"),
    "a.eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "EPS"),
    "a.pdf": (b"%PDF-1.7\n", "PDF"),
    "a.xcf": (b"gimp xcf v011\0", "GIMP (XCF)"),
    "a.clip": (b"CSFCHUNK" + bytes(20), "Clip Studio"),
    "a.tga": (bytes([0, 0, 2, 0, 0, 0, 0, 0]) + bytes(20), "TGA"),
    "a.kra": (b"PK\3\4" + bytes(20), "Krita (KRA)"),
    "a.cr3": (b"\0\0\0\x18ftypcrx " + bytes(20), "camera raw (CR3)"),
    "a.raf": (b"FUJIFILMCCD-RAW 0201", "camera raw (RAF)"),
    "a.mp4": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "video"),
    "a.webm": (b"\x1a\x45\xdf\xa3" + bytes(20), "video"),
    "misnamed.png": (b"8BPS\0\1" + bytes(20), "Photoshop (PSD)"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_kinds_are_named(tmp_path: Path, name: str) -> None:
    """By content, or by name where the content shows nothing; the reason names the kind."""
    content, kind = OTHERS[name]
    put(tmp_path / name, content)
    with pytest.raises(UnsupportedPicture, match=NOT_SUPPORTED) as caught:
        Sources(bytes(tmp_path)).read(Listed(name.encode(), 1, 1))
    assert str(caught.value) == NOT_SUPPORTED + kind


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_read_is_no_other_kind(name: str) -> None:
    """No pattern matches a picture that is read."""
    need(name)
    assert not_supported(example(name)[:SNIFF_BYTES], b"a." + name.encode()) is None


@pytest.mark.parametrize("content", [b"", b"notes", b"P6 is how it begins", b"PK\3\4", b"\x7fELF", bytes(64)])
def test_what_is_no_picture_has_no_kind(content: bytes) -> None:
    """Texts, programs and archives are no pictures that were left out."""
    assert not_supported(content, b"notes.txt") is None


@given(st.binary(max_size=80), st.binary(max_size=20))
@settings(deadline=None)
def test_any_bytes_and_any_name(head: bytes, name: bytes) -> None:
    """Naming never fails."""
    reason = not_supported(head, name)
    assert reason is None or reason.startswith(NOT_SUPPORTED)


def raw(maker: bytes, *more: tuple[int, int, int, int, bool]) -> bytes:
    """The beginning of what a camera writes: compressed in a way of its own, with other directories."""
    name = (271, 2, len(maker) + 1, 0, True)
    tags = [(256, 4, 1, 16, False), (257, 4, 1, 16, False), (259, 3, 1, 34713, False), name, *more]
    return tiff(tags, maker + bytes(200))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(100), "CR2"),
        (raw(b"NIKON CORPORATION", (330, 4, 1, 0, False)), "NEF"),
        (raw(b"SONY", (330, 4, 1, 0, False)), "ARW"),
        (raw(b"any", (50706, 1, 4, 1, False)), "DNG"),
    ],
    ids=["CR2", "NEF", "ARW", "DNG"],
)
def test_camera_raw_is_no_damaged_tiff(data: bytes, kind: str) -> None:
    """A TIFF in which a camera keeps what its sensor saw."""
    assert sniff(data[:SNIFF_BYTES]) == "tiff"
    with pytest.raises(UnsupportedPicture, match=rf"^not supported: camera raw \({kind}\)$"):
        decode(data)


def test_a_damaged_tiff_of_a_camera_s_maker_is_damaged() -> None:
    """A scanner's TIFF names its maker too."""
    data = raw(b"NIKON")
    with pytest.raises(UnreadablePicture, match="damaged tiff"):
        decode(data)
    with pytest.raises(UnreadablePicture, match="damaged tiff"):
        decode(encode(quarters(), "TIFF")[:200])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_directory_elsewhere_harms_nobody(order: str) -> None:
    """The place of the directory is what the file says, which may be nowhere."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    big = head[:2] + (b"+\0" if order == "<" else b"\0+") + struct.pack(order + "HHQ", 8, 0, (1 << 64) - 16)
    for start in (head + struct.pack(order + "I", 0xFFFFFFF0), big):
        with pytest.raises(UnreadablePicture, match="damaged tiff"):
            decode(start + bytes(50))


@pytest.mark.parametrize("name", PLUGINS)
def test_heic_and_jxl_come_with_the_program(name: str) -> None:
    """Both are among what is always installed, and are imported by the first such picture alone."""
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    package = {"heic": "pillow-heif", "jxl": "pillow-jxl-plugin"}[name]
    assert any(requirement.startswith(package) for requirement in project["dependencies"])
