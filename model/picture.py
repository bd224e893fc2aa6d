"""From the bytes of a file to an upright RGB picture.

The format is told by content, never by name. What a person sees in a viewer is what the network gets: EXIF orientation
is applied, transparency is composed on white, and 16-bit, CMYK, palette and grey pictures keep their tones.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import struct
import threading
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from model.errors import UnreadablePicture, UnsupportedPicture
from model.jxl import jxl_size
from model.png import quick_pixels

__all__ = ["SNIFF_BYTES", "Limits", "Stored", "decode", "picture_suffixes", "read", "sniff"]

SNIFF_BYTES = 64
"""How many leading bytes of a file `sniff` wants to see."""

_FORMATS = {
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
_PLUGINS = {"heic": ("pillow_heif", "register_heif_opener"), "jxl": ("pillow_jxl", None)}
_SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .apng .webp .gif .bmp .dib .tif .tiff .avif .heic .heif .jxl".split())
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = None  # `Limits` decides; Pillow's own fixed limit would refuse below it


@dataclass(frozen=True)
class Limits:
    """What a single picture may ask of the machine.

    Attributes:
        max_pixels: Width times height above which a picture is refused by its header, before any memory is taken.
        on_pixels: Told width times height before any memory is taken; it may wait until there is enough.
    """

    max_pixels: int = 200_000_000
    on_pixels: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Stored:
    """A picture as its file holds it, before it is turned and before what is clear becomes white.

    Attributes:
        image: Mode RGB or RGBX, or RGBA where the file may hold transparency. All its pixels are there; it may be the
            reader's own. Its size is that of the file divided by what the reader was asked for, rounded up.
        size: Width and height in the file.
        turn: What brings it upright; None where it is.
        scaled: The image is what the caller's own `scaled` made, in mode RGB.
    """

    image: Image.Image
    size: tuple[int, int]
    turn: Image.Transpose | None
    scaled: bool = False


def picture_suffixes() -> frozenset[str]:
    """The lower-case file name endings that claim to be a picture, each with its dot."""
    return _SUFFIXES


def sniff(head: bytes) -> str | None:
    """Name the picture format that the first `SNIFF_BYTES` bytes show, or None.

    The names are those of the README: jpeg, png (apng too), webp, gif, bmp, tiff, avif, heic, jxl.
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


_BMP_HEADERS = (12, 16, 40, 52, 56, 64, 108, 124)  # lengths of the headers that follow the 14 bytes of "BM…"


def _sniff_brands(head: bytes) -> str | None:
    """AVIF and HEIC share one container; the brands in its first box tell them apart."""
    length = min(struct.unpack_from(">I", head)[0], len(head))
    brands = [head[8:12], *(head[i : i + 4] for i in range(16, length - 3, 4))]
    if any(brand in _AVIF_BRANDS for brand in brands):
        return "avif"
    if any(brand in _HEIC_BRANDS for brand in brands):
        return "heic"
    return None


def decode(data: bytes, *, limits: Limits | None = None) -> Image.Image:
    """Read a picture's bytes as what a viewer would show, in mode RGB: the plain way, every pixel through Pillow.

    Of an animation the first frame is read.

    Args:
        data: The whole content of the file.
        limits: Refuse what is larger than this.

    Raises:
        UnsupportedPicture: The content is no picture of a format that this installation reads.
        UnreadablePicture: The picture is damaged, empty or larger than the limits.
    """
    stored = read(data, limits=limits)
    image = stored.image
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")  # a picture of its own, with no file behind it
    return image if stored.turn is None else image.transpose(stored.turn)


def read(
    data: bytes,
    *,
    limits: Limits | None = None,
    shrink: Callable[[tuple[int, int]], int] | None = None,
    scaled: Callable[[tuple[int, int]], Image.Image | None] | None = None,
) -> Stored:
    """Read a picture's bytes as the file holds them.

    Args:
        data: The whole content of the file.
        limits: Refuse what is larger than this.
        shrink: Told width and height, says by which of 1, 2, 4 and 8 a reader may divide them where its format offers
            that. Given at all, it also allows the quick readers, which give the same pixels as Pillow.
        scaled: Told width and height of a JPEG that `shrink` would divide, may give the picture in its place, as small
            as the caller wants it, or None.

    Raises:
        UnsupportedPicture: The content is no picture of a format that this installation reads.
        UnreadablePicture: The picture is damaged, empty or larger than the limits.
    """
    name = sniff(data[:SNIFF_BYTES])
    if name is None:
        raise UnsupportedPicture("not a picture of a known format" if data else "the file is empty")
    _need_plugin(name)
    # Pillow's readers meet broken files with errors of many types (struct, index, zlib, even SyntaxError); whatever the
    # type, it is this one file that cannot be read.
    limits = limits or Limits()
    try:
        if name == "jxl" and (size := jxl_size(data)):
            _check_size(*size, limits)
        with _silence, Image.open(io.BytesIO(data), formats=[_FORMATS[name]]) as image:
            size = image.size
            _check_size(*size, limits)
            if shrink is not None and name == "png" and (pixels := quick_pixels(data, image)) is not None:
                # Pillow's own getexif for PNG would read all pixels first, to find a block behind them; there is none.
                return Stored(pixels, size, _turn(Image.Image.getexif(image)))
            if shrink is not None and name == "jpeg" and (factor := shrink(size)) > 1:
                if scaled is not None and (small := scaled(size)) is not None:
                    return Stored(small, size, _turn_of(image), scaled=True)
                _shrink(image, factor)
            image.load()
            return Stored(_to_colours(image), size, _turn_of(image))
    except (UnreadablePicture, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UnreadablePicture(f"damaged {name}: its header cannot be read") from error
    except Exception as error:
        raise UnreadablePicture(f"damaged {name}: {_reason(name, error)}") from error


def _shrink(image: Image.Image, factor: int) -> None:
    """Have a JPEG decoded at a fraction of its size; its decoder then leaves out the frequencies that would be lost."""
    width, height = image.size
    if min(width, height) >= factor:
        image.draft("", (width // factor, height // factor))


def _reason(name: str, error: Exception) -> str:
    """The decoder's own words, on one line."""
    if name == "jxl" and "Generic Error" in str(error):
        return "its decoder tells no reason"  # but how to build another one
    return " ".join(str(error).split()) or type(error).__name__


@functools.cache
def _need_plugin(name: str) -> None:
    if name not in _PLUGINS:
        return
    module, register = _PLUGINS[name]
    try:
        plugin = importlib.import_module(module)
    except ImportError as error:
        raise UnsupportedPicture(f"{name} pictures need: pip install 'oshiwake[formats]'") from error
    if register:
        getattr(plugin, register)()


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise UnreadablePicture(f"{width} x {height} pixels: more than the limit of {limits.max_pixels:,} pixels")
    if width < 1 or height < 1:
        raise UnreadablePicture("it has no pixels")
    if limits.on_pixels is not None:
        limits.on_pixels(width * height)


class _Silence:
    """No warnings while any thread decodes.

    The filters belong to the whole process: the first thread to come sets them, the last to go puts them back. With
    `warnings.catch_warnings` in each thread, one would put back what another is still using, or had set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = contextlib.ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._filters.enter_context(warnings.catch_warnings(action="ignore"))
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.close()


_silence = _Silence()


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """What the EXIF orientation asks for; a damaged EXIF block asks for nothing, as in every viewer."""
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return None  # the decoder has turned it by the codestream's orientation, which overrides EXIF's
    try:
        return _turn(image.getexif())
    except Exception:  # as with broken pixels, the types are many
        return None


def _turn(exif: Image.Exif) -> Image.Transpose | None:
    return _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))


def _to_colours(image: Image.Image) -> Image.Image:
    """Bring any of Pillow's modes to RGB, or RGBA where there is transparency."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)  # which would copy it


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale a deep grey picture to 8 bits; Pillow's own conversion clips instead.

    Integers are 16 bits wide in every format we read (Pillow widens some to 32). Floats are taken as 0..1 when no value
    exceeds 1, as 0..255 or 0..65535 otherwise.
    """
    values = np.asarray(image).astype(np.float32)
    if image.mode == "F":
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        top = float(values.max())
        full = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else 65535.0
    else:
        full = 65535.0
    tones = np.clip(values * (255.0 / full) + 0.5, 0, 255).astype(np.uint8)
    if image.format == "TIFF" and image.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0:  # type: ignore[attr-defined]
        tones = 255 - tones  # white is zero; Pillow turns the tones of shallow ones alone
    grey = Image.fromarray(tones, mode="L")
    clear = image.info.get("transparency")  # one value that stands for no ink
    if isinstance(clear, int):
        grey.putalpha(Image.fromarray(values != clear).convert("L"))
    return grey
