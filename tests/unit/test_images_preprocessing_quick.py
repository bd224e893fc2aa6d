"""The quick way from a file to its square, against the plain way as its oracle: same picture, same refusals."""

from __future__ import annotations

import functools
import importlib.util
import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

import model.images.png
from model.errors import PictureError, UnreadablePicture
from model.images.decoding import Limits, decode
from model.images.preprocessing import Fit, Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS
from model.synthesis import Identity, draw
from tests.unit.jpeg_files import turned
from tests.unit.picture_files import chunk

UNFILTER = importlib.util.find_spec("model.images.unfilter") is not None
DRAWINGS = Path(__file__).parents[2].parent / "shared" / "data" / "cc0-illustrations"
SIDE = 96
CLEAR = ("RGBA", "one clear")
"""Modes below in which something is clear."""
PLAIN, QUICK = Preprocessing("pad", SIDE, major_version=1), Preprocessing("pad", SIDE, major_version=2)


@functools.cache
def picture(seed: int, size_px: int = 700, aspect: float = 0.77) -> Image.Image:
    """A drawn character with the grain of a scan, large enough for every reduction."""
    drawn = np.asarray(draw(Identity.from_seed(seed), seed, size_px=size_px, aspect=aspect)).astype(np.int16)
    grain = np.random.default_rng(seed).normal(0, 5, (*drawn.shape[:2], 1))
    return Image.fromarray((drawn + grain.astype(np.int16)).clip(0, 255).astype(np.uint8))


def clear(image: Image.Image) -> Image.Image:
    """The picture with a soft hole in it."""
    values = np.asarray(image.convert("RGBA")).copy()
    values[:, :, 3] = np.linspace(0, 255, values.shape[1]).astype(np.uint8)
    values[: values.shape[0] // 3, :, 3] = 255
    return Image.fromarray(values)


def encode(image: Image.Image, pillow_format: str, **options: object) -> bytes:
    """The bytes of a picture file."""
    file = io.BytesIO()
    image.save(file, pillow_format, **options)
    return file.getvalue()


@functools.cache
def files() -> dict[str, bytes]:
    """Every format, mode and orientation, by a name."""
    return dict(named_files())


def named_files() -> Iterator[tuple[str, bytes]]:
    for orientation in range(1, 9):
        for pillow_format in ("JPEG", "PNG", "WEBP", "TIFF"):
            data = encode(picture(orientation), pillow_format, exif=turned(orientation))
            yield f"{pillow_format} orientation {orientation}", data
    for subsampling in ("4:4:4", "4:2:2", "4:2:0", "4:1:1"):
        yield f"JPEG {subsampling}", encode(picture(9), "JPEG", subsampling=subsampling, quality=70)
    yield "JPEG progressive", encode(picture(10), "JPEG", progressive=True)
    yield "JPEG MPO", encode(picture(11), "MPO", save_all=True, append_images=[picture(12)])
    for mode in ("L", "CMYK"):
        yield f"JPEG {mode}", encode(picture(12).convert(mode), "JPEG")
    for mode in ("1", "L", "P", "LA"):
        yield f"PNG {mode}", encode(picture(13).convert(mode), "PNG")
    deep = np.asarray(picture(13).convert("L")).astype(np.uint16) * 257
    yield "PNG 16 bits", encode(Image.fromarray(deep), "PNG")
    for pillow_format in ("PNG", "WEBP", "TIFF", "AVIF"):
        yield f"{pillow_format} alpha", encode(clear(picture(14)), pillow_format)
        yield f"{pillow_format} alpha, turned", encode(clear(picture(15)), pillow_format, exif=turned(6))
    for pillow_format in ("GIF", "BMP", "AVIF"):
        yield pillow_format, encode(picture(16), pillow_format)
    for aspect in (0.2, 1.0, 3.0):
        yield f"JPEG aspect {aspect}", encode(picture(17, 500, aspect), "JPEG", quality=90)
    for name, size in (("just above", 2 * SIDE * 8 + 1), ("just below", 2 * SIDE * 8 - 1), ("small", 60)):
        yield f"JPEG {name}", encode(picture(18).resize((size // 2, size)), "JPEG", quality=90)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The shipped weights."""
    return Embedder.load(DEFAULT_WEIGHTS)


def test_embeddings_of_both_ways_are_near(embedder: Embedder) -> None:
    """All formats, modes and orientations: cosine at least 0.999 in the mean and 0.995 at the lowest."""
    named = files()
    cosines = cosines_of(embedder, list(named.values()))
    worst = sorted(zip(cosines, named, strict=True))[:3]
    assert cosines.mean() >= 0.999, worst
    assert cosines.min() >= 0.995, worst


def test_embeddings_of_drawings_are_near(embedder: Embedder) -> None:
    """Drawings as their author published them: the same bounds."""
    paths = sorted(DRAWINGS.glob("*.png"))[:12]
    if not paths:
        pytest.skip(f"{DRAWINGS} is not there")
    as_jpeg = [encode(decode(path.read_bytes()), "JPEG", quality=85) for path in paths[:6]]
    cosines = cosines_of(embedder, [path.read_bytes() for path in paths] + as_jpeg)
    assert cosines.mean() >= 0.999 and cosines.min() >= 0.995


def cosines_of(embedder: Embedder, contents: list[bytes]) -> NDArray[np.float32]:
    """Cosine of the embedding by the plain way and the quick way, for each file."""
    vectors = [embedder.embed(np.stack([way.read(data) for data in contents])) for way in (PLAIN, QUICK)]
    return np.einsum("nd,nd->n", *vectors)  # type: ignore[no-any-return]


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_pixels_of_both_ways_are_near(fit: Fit) -> None:
    """A pixel of the square differs by 2 of 255 in the mean at most, in every format, and stands where it stood."""
    plain, quick = Preprocessing(fit, SIDE, major_version=1), Preprocessing(fit, SIDE, major_version=2)
    for name, data in files().items():
        difference = np.abs(plain.read(data).astype(int) - quick.read(data))
        assert difference.mean() <= 2, name


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "opaque", "one clear"])
def test_a_quick_png_is_the_same_to_the_last_bit(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the quick reader and without it, the square is equal, whatever filters the file uses."""
    noise = np.random.default_rng(3).integers(0, 256, (310, 255, 4), dtype=np.uint8)
    noise[:, 128:] = noise[:, :127].repeat(1, axis=1)[:, : 255 - 128]
    for image in (Image.fromarray(noise), clear(picture(1))):
        data = encode(in_mode(image, mode), "PNG", exif=turned(8))
        with Image.open(io.BytesIO(data)) as header:
            quick = model.images.png.quick_pixels(data, header)
            assert not UNFILTER or (quick is not None and (quick.mode == "RGBA") == (mode in CLEAR))
        assert_same_without_the_quick_reader(QUICK, data, monkeypatch)


@given(
    width=st.integers(1, 500),
    height=st.integers(1, 500),
    side=st.integers(10, 40),
    fit=st.sampled_from(["pad", "stretch"]),
    mode=st.sampled_from(["L", "RGB", "RGBA", "opaque", "one clear"]),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_quick_png_of_any_size_is_the_same_to_the_last_bit(
    monkeypatch: pytest.MonkeyPatch, width: int, height: int, side: int, fit: Fit, mode: str
) -> None:
    """Also where blocks are cut off at the edges, differ along both sides, or do not come about at all."""
    noise = np.random.default_rng(width * height).integers(0, 256, (height, width, 4), dtype=np.uint8)
    data = encode(in_mode(Image.fromarray(noise), mode), "PNG")
    assert_same_without_the_quick_reader(Preprocessing(fit, side), data, monkeypatch)


@pytest.mark.skipif(not UNFILTER, reason="the project was installed without a C compiler")
@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    kind=st.sampled_from([(0, 1), (2, 3), (6, 4)]),
    data=st.data(),
)
@settings(max_examples=300)
def test_every_filter_is_undone(size: tuple[int, int], kind: tuple[int, int], data: st.DataObject) -> None:
    """Whatever the filters of the rows have left, the pixels are Pillow's; Pillow refuses an unknown filter."""
    (width, height), (colour, channels) = size, kind
    raw = np.random.default_rng(data.draw(st.integers(0, 999))).integers(
        0, 256, (height, 1 + width * channels), np.uint8
    )
    raw[:, 1:] //= data.draw(st.sampled_from([1, 16, 255]), label="grain")  # near ties are where a predictor errs
    raw[:, 0] = data.draw(st.lists(st.integers(0, 4), min_size=height, max_size=height), label="filters")
    file = png_of(size, colour, raw.tobytes())
    with Image.open(io.BytesIO(file)) as image:
        quick = model.images.png.quick_pixels(file, image)
        assert quick is not None
        assert (
            np.asarray(quick)[:, :, :channels] == np.asarray(image.convert("RGB") if channels == 1 else image)
        ).all()
        raw[data.draw(st.integers(0, height - 1), label="bad row"), 0] = data.draw(
            st.integers(5, 255), label="bad filter"
        )
        assert model.images.png.quick_pixels(png_of(size, colour, raw.tobytes()), image) is None


@pytest.mark.parametrize(
    ("raw", "split"),
    [(39, False), (41, False), (4 * (1 << 26), False), (40, True)],
    ids=["too short", "too long", "far too long", "in two places"],
)
def test_a_png_with_other_data_than_its_header_says(raw: int, split: bool) -> None:
    """Both ways come to the same, and the quick one does not take the memory that the data would fill."""
    file = png_of((3, 4), 2, bytes(raw), split=split)
    tracemalloc.start()
    try:
        quick = outcome(QUICK, file, Limits())
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(quick, outcome(PLAIN, file, Limits()))


HEAD = struct.pack(">IIBBBBB", 3, 4, 8, 0, 0, 0, 0)
ODD = {
    "another header in front": lambda: odd(front=chunk(b"IHDR", HEAD)),
    "another header behind": lambda: odd(behind=chunk(b"IHDR", HEAD)),
    "what looks like a header first": lambda: odd(first=chunk(b"prVt", HEAD)),
    "an empty chunk behind": lambda: odd(behind=chunk(b"gAMA", b"")),
    "a broken profile behind": lambda: odd(behind=chunk(b"iCCP", b"x\0\7abc")),
    "a window that is too large": lambda: odd(packed=b"\x88\x1c" + zlib.compress(bytes(16))[2:]),
    "an unknown filter method": lambda: odd(head=HEAD[:11] + b"\1" + HEAD[12:]),
    "garbage behind the data": lambda: odd(packed=zlib.compress(bytes(16)) + b"more"),
    "the time behind": lambda: odd(behind=chunk(b"tIME", b"1234567")),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_png_has_one_outcome(name: str) -> None:
    """The same pixels, or the same reason, as Pillow alone."""
    np.testing.assert_array_equal(outcome(QUICK, ODD[name](), Limits()), outcome(PLAIN, ODD[name](), Limits()))


def odd(
    *, first: bytes = b"", head: bytes = HEAD, front: bytes = b"", packed: bytes = b"", behind: bytes = b""
) -> bytes:
    """A grey PNG of 3 x 4 pixels; the header that counts says a palette of two colours where another is in front."""
    if first or front:
        front += chunk(b"IHDR", head[:9] + b"\3" + head[10:]) + chunk(b"PLTE", b"\x10\x20\x30\xff\x80\0")
    parts = (chunk(b"IHDR", head) if not first else b"", front, chunk(b"IDAT", packed or zlib.compress(bytes(16))))
    return b"\x89PNG\r\n\x1a\n" + first + b"".join(parts) + behind + chunk(b"IEND", b"")


def png_of(size: tuple[int, int], colour: int, raw: bytes, *, split: bool = False) -> bytes:
    """A PNG with 8 bits a channel of such rows, each behind the number of its filter."""
    head = struct.pack(">IIBBBBB", *size, 8, colour, 0, 0, 0)
    packed = zlib.compress(raw)
    parts = [packed[:9], packed[9:]] if split else [packed]
    body = chunk(b"tIME", b"1234567").join(chunk(b"IDAT", part) for part in parts)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


def in_mode(image: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode of Pillow's, or with an opacity that is full everywhere, or everywhere but in one pixel."""
    if mode not in ("opaque", "one clear"):
        return image.convert(mode)
    full = image.convert("RGB").convert("RGBA")
    if mode == "one clear":
        full.putpixel((full.width // 2, full.height // 2), (0, 0, 0, 0))
    return full


def assert_same_without_the_quick_reader(way: Preprocessing, data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow alone makes the same square."""
    with_it = way.read(data)
    with monkeypatch.context() as context:
        context.setattr(model.images.png, "unfilter", None)
        assert (way.read(data) == with_it).all()


def test_what_a_png_says_behind_its_pixels_is_heard() -> None:
    """An EXIF block after the pixels turns the picture; a clear colour is white; both as in the plain way."""
    whole = encode(picture(2), "PNG")
    exif = chunk(b"eXIf", turned(6).removeprefix(b"Exif\0\0"))
    end = whole.index(b"IEND") - 4
    behind = whole[:end] + exif + whole[end:]
    assert np.abs(QUICK.read(behind).astype(int) - PLAIN.read(behind)).mean() <= 2
    assert not (QUICK.read(behind) == QUICK.read(whole)).all()
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="3"/>')
    for data in (encode(picture(3), "PNG", pnginfo=text), encode(picture(3), "PNG", transparency=(255, 255, 255))):
        assert np.abs(QUICK.read(data).astype(int) - PLAIN.read(data)).mean() <= 2


@functools.cache
def whole(name: str) -> bytes:
    """A small file to damage, large enough to be reduced."""
    small = picture(4).resize((240, 180))
    return {
        "jpeg": lambda: encode(small, "JPEG", quality=60),
        "progressive": lambda: encode(small, "JPEG", quality=60, progressive=True),
        "png": lambda: encode(small, "PNG"),
        "alpha": lambda: encode(clear(small), "PNG", exif=turned(5)),
        "webp": lambda: encode(small, "WEBP"),
    }[name]()


@pytest.mark.parametrize("name", ["jpeg", "progressive", "png", "alpha", "webp"])
@given(data=st.data())
@settings(max_examples=60)
def test_a_broken_file_has_one_outcome(name: str, data: st.DataObject) -> None:
    """Whatever is wrong with a file, both ways read it, or refuse it for the same reason."""
    damaged = bytearray(whole(name))
    for _ in range(data.draw(st.integers(0, 3), label="wrong bytes")):
        end = data.draw(st.sampled_from([64, len(damaged)]))
        damaged[data.draw(st.integers(2, end - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(2, len(damaged)), label="cut from")
    del damaged[cut : cut + data.draw(st.sampled_from([0, 1, 30, len(damaged)]), label="cut length")]
    limits = Limits(max_pixels=1_000_000)
    quick, plain = (outcome(Preprocessing("pad", 16, major_version=f), bytes(damaged), limits) for f in (2, 1))
    assert type(quick) is type(plain)
    if isinstance(plain, str):
        assert quick == plain


def outcome(way: Preprocessing, data: bytes, limits: Limits) -> str | NDArray[np.uint8]:
    """The square, or the reason why there is none."""
    try:
        return way.read(data, limits=limits)
    except PictureError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize("name", ["jpeg", "png", "webp"])
def test_limits_hold_on_the_quick_way(name: str) -> None:
    """A picture larger than the limits is refused by the size in its file, not by what would be left after reducing."""
    with pytest.raises(UnreadablePicture, match=r"240 x 180 pixels: more than the limit of 43,199 pixels"):
        Preprocessing("pad", 16).read(whole(name), limits=Limits(max_pixels=240 * 180 - 1))
    assert Preprocessing("pad", 16).read(whole(name), limits=Limits(max_pixels=240 * 180)).shape == (16, 16, 3)


def test_the_first_family_stays_as_it_was() -> None:
    """Weights that name `v1` get the square of Pillow's pixels, all of them decoded, scaled in one step."""
    data = encode(picture(5), "JPEG")
    width = round(picture(5).width * SIDE / picture(5).height)
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB").resize((width, SIDE), Image.Resampling.BILINEAR)
    left = (SIDE - width) // 2
    square = Preprocessing.from_version(f"v1-pad-{SIDE}").read(data)
    assert (square[:, left : left + width] == np.asarray(small)).all()
