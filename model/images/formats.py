"""Recognises formats by the first bytes of a file: those that can be read, and those that can only be named."""

from __future__ import annotations

import os
import re
import struct

__all__ = ["NOT_SUPPORTED", "SNIFF_BYTES", "camera_raw", "not_supported", "picture_suffixes", "sniff"]

SNIFF_BYTES = 64
"""How many leading bytes of a file `sniff` needs."""

NOT_SUPPORTED = "not supported: "
"""Prefix of a reason that names a kind of picture that this installation cannot read."""

_SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .apng .webp .gif .bmp .dib .tif .tiff .avif .heic .heif .jxl".split())
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # lengths of the headers that follow the 14 bytes of "BM…"


def picture_suffixes() -> frozenset[str]:
    """Lower-case file name suffixes of pictures, with the dot."""
    return _SUFFIXES


def sniff(head: bytes) -> str | None:
    """The picture format of a file by its first `SNIFF_BYTES` bytes, or None.

    One of: jpeg, png (apng too), webp, gif, bmp, tiff, avif, heic, jxl.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "tiff"
    if head.startswith(b"BM") and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADERS:
        return "bmp"
    if head.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")):
        return "jxl"
    if head[4:8] == b"ftyp":
        return _sniff_brands(head)
    return None


def _sniff_brands(head: bytes) -> str | None:
    """AVIF and HEIC share one container; the brands in its first box tell them apart."""
    length = min(struct.unpack_from(">I", head)[0], len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, length - 3, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return "avif"
    if any(brand in _HEIC_BRANDS for brand in brands):
        return "heic"
    return None


_OTHERS: tuple[tuple[bytes, str], ...] = (
    (rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?(<!DOCTYPE svg|<svg)", "SVG"),
    (rb"8BPS\x00[\x01\x02]", "Photoshop (PSD)"),
    (rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51\x00", "JPEG 2000"),
    (rb"\x00\x00[\x01\x02]\x00[^\x00]\x00...\x00", "icon (ICO)"),
    (rb"P[1-6]\s+(\d|#)|P7\nWIDTH|P[Ff]\n", "PPM"),
    (rb"qoif", "QOI"),
    (rb"DDS \x7c\x00\x00\x00", "DDS"),
    (rb"\x76\x2f\x31\x01", "OpenEXR"),
    (rb"%!PS-Adobe|\xc5\xd0\xd3\xc6", "EPS"),
    (rb"%PDF-", "PDF"),
    (rb"gimp xcf", "GIMP (XCF)"),
    (rb"CSFCHUNK", "Clip Studio"),
    (rb"AT&TFORM", "DjVu"),
    (rb"(II\xbc\x01)", "JPEG XR"),
    (rb"II[RU][OS\x00]|MMOR", "camera raw"),
    (rb"FUJIFILMCCD-RAW", "camera raw (RAF)"),
    (rb"FOVb", "camera raw (X3F)"),
    (rb"....ftypcrx ", "camera raw (CR3)"),
    (rb"....ftyp|\x1a\x45\xdf\xa3|RIFF....AVI |FLV\x01|....(moov|mdat|wide)", "video"),
    (rb"\x00\x00\x01\xba|\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),
)
"""Patterns of the first bytes, with the name of the kind."""

_OTHER_SUFFIXES = {
    ".svg": "SVG",
    ".tga": "TGA",
    ".kra": "Krita (KRA)",
    ".ora": "OpenRaster (ORA)",
    ".sai": "PaintTool SAI",
    ".sai2": "PaintTool SAI",
    ".procreate": "Procreate",
    ".mdp": "MediBang (MDP)",
}
"""Kinds without a signature in their first bytes, by suffix."""

_OTHER_KINDS = tuple((re.compile(pattern, re.DOTALL), kind) for pattern, kind in _OTHERS)


def not_supported(head: bytes, name: bytes = b"") -> str | None:
    """The kind of picture or film of a file that `sniff` does not know, as a reason; None for any other file.

    Args:
        head: The first `SNIFF_BYTES` bytes.
        name: The file's name, for kinds without a signature.
    """
    if not head or sniff(head) is not None:
        return None
    kind = next((kind for pattern, kind in _OTHER_KINDS if pattern.match(head)), None)
    if kind is None:
        kind = _OTHER_SUFFIXES.get(os.path.splitext(name)[1].lower().decode("ascii", "replace"))
    return kind and NOT_SUPPORTED + kind


_MAKERS = ((b"NIKON", "NEF"), (b"SONY", "ARW"), (b"PENTAX", "PEF"), (b"SAMSUNG", "SRW"), (b"Hasselblad", "3FR"))
_DNG_VERSION = (b"\x12\xc6", b"\xc6\x12")  # its tag number, little and big endian


def camera_raw(data: bytes) -> str | None:
    """The reason for a TIFF that could not be read, if it is a camera's raw file; else None.

    Most raw files begin with a small picture that is read like any TIFF; this is for the others.
    """
    if data[8:10] == b"CR":
        return f"{NOT_SUPPORTED}camera raw (CR2)"
    if data[:4] not in (b"II*\0", b"MM\0*") or len(data) < 8:
        return None
    order = "<" if data[:1] == b"I" else ">"
    start = int(struct.unpack_from(f"{order}I", data, 4)[0])
    tags = data[start + 2 : start + 2 + 12 * 64]
    numbers = {tags[at : at + 2] for at in range(0, len(tags), 12)}
    if _DNG_VERSION[order == ">"] in numbers:
        return f"{NOT_SUPPORTED}camera raw (DNG)"
    if struct.pack(f"{order}H", 330) not in numbers:  # SubIFDs, one with the raw picture
        return None
    kind = next((kind for maker, kind in _MAKERS if maker in data[: 1 << 16]), None)
    return kind and f"{NOT_SUPPORTED}camera raw ({kind})"
