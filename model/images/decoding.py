"""From the bytes of a file to an upright RGB picture.

The content tells the format, not the name. The network gets what a viewer shows: EXIF orientation is applied,
transparency is composed on white, and 16-bit, CMYK, palette and grey pictures keep their tones.
"""

from __future__ import annotations

import functools
import importlib
import io
from collections.abc import Callable
from dataclasses import dataclass

from PIL import ExifTags, Image, UnidentifiedImageError

from model.errors import UnreadablePicture, UnsupportedPicture
from model.images.animation import frame_that_shows_most
from model.images.bit_depth import eight_bits
from model.images.colour_profile import Conversion, conversion_to_srgb
from model.images.formats import NOT_SUPPORTED, SNIFF_BYTES, camera_raw, not_supported, picture_suffixes, sniff
from model.images.header_size import claimed_sizes, claimed_values
from model.images.pillow_guard import guarded
from model.images.png import quick_pixels
from model.images.progressive import needed_scans
from model.images.truncation import read_cut_off

__all__ = ["READING", "SNIFF_BYTES", "Limits", "Stored", "decode", "picture_suffixes", "read", "sniff"]

READING = 3
"""Raise this when some files give other pixels or another outcome than before: embeddings of an earlier revision are
not reused. 2: colour profiles, animations that fade in, grey of more than 8 bits, cut-off files. 3: progressive JPEGs
at 1/2 and 1/4."""

_MOST_VALUES = 1 << 20
"""Maximum of numbers in a TIFF's directory: two for each row, if each row is a strip, and some more."""

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
_PACKAGES = {
    "heic": "HEIC, which needs: pip install pillow-heif",
    "jxl": "JPEG XL, which needs: pip install pillow-jxl-plugin",
}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Limits:
    """Limits on the resources of one picture.

    Attributes:
        max_pixels: Pictures with a larger width times height are refused by their header, before memory is allocated.
        on_pixels: Called with width times height before memory is allocated; it may block until there is enough.
        on_note: Called with a remark for a person on a picture that was read nevertheless.
    """

    max_pixels: int = 200_000_000
    on_pixels: Callable[[int], None] | None = None
    on_note: Callable[[str], None] | None = None


@dataclass(frozen=True)
class Stored:
    """A decoded picture, before it is turned upright and composed on white.

    Attributes:
        image: Mode RGB or RGBX; RGBA if the file may hold transparency; CMYK if there is a conversion from it. Fully
            loaded; it may be the reader's own. Its size is that of the file divided by the requested factor, rounded
            up.
        size: Width and height in the file.
        turn: The transposition that turns it upright, or None.
        conversion: From the image's colours to sRGB, or None. It may follow the scaling.
        scaled: Whether the caller's `scaled` made the image, in mode RGB.
    """

    image: Image.Image
    size: tuple[int, int]
    turn: Image.Transpose | None
    conversion: Conversion | None = None
    scaled: bool = False


def decode(data: bytes, *, limits: Limits | None = None) -> Image.Image:
    """Decode a picture as a viewer shows it, in mode RGB: the plain way, every pixel by Pillow.

    Of an animation the first frame is taken, or another one if that is blank.

    Args:
        data: The whole content of the file.
        limits: Refuse what is larger than this.

    Raises:
        UnsupportedPicture: The content is no picture of a format that this installation reads.
        UnreadablePicture: The picture is damaged, empty or larger than the limits.
    """
    stored = read(data, limits=limits)
    image = stored.image if stored.conversion is None else stored.conversion(stored.image)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")  # a copy without an open file
    return image if stored.turn is None else image.transpose(stored.turn)


def read(
    data: bytes,
    *,
    limits: Limits | None = None,
    shrink: Callable[[tuple[int, int]], int] | None = None,
    scaled: Callable[[tuple[int, int]], Image.Image | None] | None = None,
) -> Stored:
    """Decode a picture as the file holds it.

    Args:
        data: The whole content of the file.
        limits: Refuse what is larger than this.
        shrink: From width and height to the factor 1, 2, 4 or 8 by which a reader may divide them, if its format can.
            If given, the fast readers may be used, which give the same pixels as Pillow.
        scaled: From width and height of a JPEG that `shrink` would divide to the picture in the size that the caller
            wants, or None.

    Raises:
        UnsupportedPicture: The content is no picture of a format that this installation reads.
        UnreadablePicture: The picture is damaged, empty or larger than the limits.
    """
    name = sniff(data[:SNIFF_BYTES])
    if name is None:
        reason = not_supported(data[:SNIFF_BYTES]) or "not a picture of a known format"
        raise UnsupportedPicture(reason if data else "the file is empty")
    _need_plugin(name)
    limits = limits or Limits()
    _check_claims(data, name, limits)
    # Pillow's readers raise errors of many types for broken files (struct, index, zlib, even SyntaxError). Whatever the
    # type, only this file cannot be read.
    try:
        with guarded(limits.max_pixels):
            return _read(data, name, limits, shrink, scaled)
    except (UnreadablePicture, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise UnreadablePicture(f"a part of it has more pixels than the limit of {limits.max_pixels:,}") from error
    except Exception as error:
        if shrink is None and (stored := _read_cut_off(data, name, limits)) is not None:
            return stored
        if name == "tiff" and (raw := camera_raw(data)) is not None:
            raise UnsupportedPicture(raw) from error
        raise UnreadablePicture(f"damaged {name}: {_reason(name, error)}") from error


def _read(
    data: bytes,
    name: str,
    limits: Limits,
    shrink: Callable[[tuple[int, int]], int] | None,
    scaled: Callable[[tuple[int, int]], Image.Image | None] | None,
) -> Stored:
    with _opened(data, name) as image:
        size = image.size
        _check_size(*size, limits)
        conversion = conversion_to_srgb(image.info.get("icc_profile"), image.mode)
        if shrink is not None and name == "png" and (pixels := quick_pixels(data, image)) is not None:
            # Pillow's getexif for PNG would decode all pixels first, to find a block after them; there is none.
            return Stored(pixels, size, _turn(Image.Image.getexif(image)), conversion)
        if shrink is not None and name == "jpeg" and (factor := shrink(size)) > 1:
            if scaled is not None and (small := scaled(size)) is not None:
                return Stored(small, size, _turn_of(image), conversion, scaled=True)
            return Stored(_reduced(data, image, factor, conversion), size, _turn_of(image), conversion)
        image.load()
        turn = _turn_of(image)
        return Stored(_to_colours(frame_that_shows_most(image), conversion), size, turn, conversion)


def _opened(data: bytes, name: str) -> Image.Image:
    return Image.open(io.BytesIO(data), formats=[_FORMATS[name]])


def _read_cut_off(data: bytes, name: str, limits: Limits) -> Stored | None:
    """A cut-off file, if enough of it is there; the note says what is missing."""
    try:
        with guarded(limits.max_pixels):
            found = read_cut_off(data, name, lambda content: _opened(content, name))
            if found is None:
                return None
            image, missing = found
            conversion = conversion_to_srgb(image.info.get("icc_profile"), image.mode)
            colours, turn = _to_colours(image, conversion), _turn_of(image)
            if missing and name == "png":  # a JPEG decoder repeats the last colours
                colours.paste("white", (0, colours.height - missing, *colours.size))
    except MemoryError:
        raise
    except Exception:  # it was refused already
        return None
    if missing and limits.on_note is not None:
        limits.on_note(f"cut off: {missing} of {colours.height} rows are missing")
    return Stored(colours, image.size, turn, conversion)


def _reduced(data: bytes, image: Image.Image, factor: int, conversion: Conversion | None) -> Image.Image:
    """A JPEG, opened already, at a fraction of its size: the decoder skips the frequencies that scaling would lose."""
    width, height = image.size
    if min(width, height) >= factor:
        needed = needed_scans(data, factor)
        if needed is not None:
            image = _opened(needed, "jpeg")
        image.draft("", (width // factor, height // factor))
    image.load()
    return _to_colours(image, conversion)


def _reason(name: str, error: Exception) -> str:
    """The decoder's message in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "its header cannot be read"
    if name == "jxl" and "Generic Error" in str(error):
        return "its decoder gives no reason"  # the message only says how to build another Pillow
    return " ".join(str(error).split()) or type(error).__name__


@functools.cache
def _need_plugin(name: str) -> None:
    if name not in _PLUGINS:
        return
    module, register = _PLUGINS[name]
    try:
        plugin = importlib.import_module(module)
    except ImportError as error:
        raise UnsupportedPicture(NOT_SUPPORTED + _PACKAGES[name]) from error
    if register:
        getattr(plugin, register)()


def _check_claims(data: bytes, name: str, limits: Limits) -> None:
    """Compare the header with the limits, before a decoder allocates memory."""
    if claims := claimed_sizes(data, name):
        _check_size(*max(claims, key=lambda size: size[0] * size[1]), limits)
    if (values := claimed_values(data, name)) > _MOST_VALUES and camera_raw(data) is None:
        raise UnreadablePicture(f"damaged {name}: its directory claims {values:,} numbers")


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_pixels:
        raise UnreadablePicture(f"{width} x {height} pixels: more than the limit of {limits.max_pixels:,} pixels")
    if width < 1 or height < 1:
        raise UnreadablePicture("it has no pixels")
    if limits.on_pixels is not None:
        limits.on_pixels(width * height)


def _turn_of(image: Image.Image) -> Image.Transpose | None:
    """The transposition of the EXIF orientation; None if the EXIF block is damaged, as in viewers."""
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return None  # the decoder has applied the codestream's orientation, which overrides EXIF
    try:
        return _turn(image.getexif())
    except Exception:  # errors of many types, as for broken pixels
        return None


def _turn(exif: Image.Exif) -> Image.Transpose | None:
    return _TURNS.get(exif.get(ExifTags.Base.Orientation, 1))


def _to_colours(image: Image.Image, conversion: Conversion | None) -> Image.Image:
    """Convert any mode of Pillow to RGB, or RGBA if there is transparency; CMYK with a conversion stays CMYK."""
    if image.mode.startswith("I") or image.mode == "F":
        image = eight_bits(image)
    if conversion is not None and image.mode == conversion.mode == "CMYK":
        return image
    if image.mode == "La":
        image = image.convert("LA")  # Pillow converts it only by way of LA
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)  # convert would copy it
