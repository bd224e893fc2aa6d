"""Colour profiles: a picture is what its file means, whatever its numbers mean in sRGB."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from model.errors import PictureError
from model.images.decoding import decode
from model.images.preprocessing import Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS
from model.synthesis import Identity, draw
from tests.unit.picture_files import encode, grey, near, need, pixels
from tests.unit.profile_files import PROPHOTO, as_stored, cmyk_profile, grey_profile, rgb_profile

WIDE = ((0.7, 0.3), (0.17, 0.78), (0.13, 0.05))
"""Primaries of a screen with more colours than sRGB."""

SIDE = 96
QUICK, PLAIN = Preprocessing("pad", SIDE), Preprocessing("pad", SIDE, major_version=1)
KINDS: dict[str, Callable[[Image.Image, bytes | None], bytes]] = {
    "png": lambda image, profile: encode(image, "PNG", icc_profile=profile),
    "png alpha": lambda image, profile: encode(_with_hole(image), "PNG", icc_profile=profile),
    "png palette": lambda image, profile: encode(image.quantize(256), "PNG", icc_profile=profile),
    "jpeg": lambda image, profile: encode(image, "JPEG", icc_profile=profile),
    "jpeg reduced": lambda image, profile: encode(image.resize((1200, 1560)), "JPEG", icc_profile=profile),
    "webp": lambda image, profile: encode(image, "WEBP", icc_profile=profile),
    "tiff": lambda image, profile: encode(image, "TIFF", icc_profile=profile),
    "avif": lambda image, profile: encode(image, "AVIF", icc_profile=profile),
    "heic": lambda image, profile: encode(image, "HEIF", icc_profile=profile),
}
"""Files of every format that carries a profile."""


def _with_hole(image: Image.Image) -> Image.Image:
    full = image.convert("RGBA")
    full.paste((0, 0, 0, 0), (0, 0, 60, 60))
    return full


@functools.cache
def drawn() -> Image.Image:
    """A drawn character."""
    return draw(Identity.from_seed(3), 3, size_px=390, aspect=0.77)


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    """The shipped weights."""
    return Embedder.load(DEFAULT_WEIGHTS, precision="fp32")


def distance(embedder: Embedder, one: bytes, other: bytes, way: Preprocessing = QUICK) -> float:
    """Cosine distance of two files."""
    first, second = embedder.embed(np.stack([way.read(one), way.read(other)]))
    return 1 - float(first @ second)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", [QUICK, PLAIN], ids=["v2", "v1"])
def test_the_same_picture_in_prophoto_is_near(embedder: Embedder, kind: str, way: Preprocessing) -> None:
    """Stored by other numbers that mean the same colours: below 0.005 away in every format, above 0.1 if not heard."""
    need(kind)
    plain, other = KINDS[kind](drawn(), None), as_stored(drawn())
    assert distance(embedder, plain, KINDS[kind](other, None), way) > 0.1
    assert distance(embedder, plain, KINDS[kind](other, rgb_profile()), way) < 0.005


def test_a_wide_gamut_of_gamma_1_8_is_near(embedder: Embedder) -> None:
    """Other primaries, the gamma of an old Macintosh."""
    plain, other = encode(drawn(), "PNG"), as_stored(drawn(), WIDE, 1.8)
    assert distance(embedder, plain, encode(other, "PNG")) > 0.03
    assert distance(embedder, plain, encode(other, "PNG", icc_profile=rgb_profile(WIDE, 1.8))) < 0.005


@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff"])
def test_colours_are_those_that_the_profile_means(kind: str) -> None:
    """Pixel by pixel, against a conversion that is computed here."""
    converted = np.asarray(decode(KINDS[kind](as_stored(drawn()), rgb_profile()))).astype(int)
    plain = np.asarray(decode(KINDS[kind](drawn(), None))).astype(int)
    assert np.abs(converted - plain).mean() < 2


@pytest.mark.parametrize("pillow_format", ["JPEG", "TIFF"])
def test_cmyk_is_what_the_press_makes_of_it(pillow_format: str) -> None:
    """Inks are less than pure: white stays white, full cyan and full magenta are what the profile says."""
    image = Image.new("CMYK", (48, 16))
    image.paste((255, 0, 0, 0), (16, 0, 32, 16))
    image.paste((0, 255, 0, 0), (32, 0, 48, 16))
    found = pixels(encode(image, pillow_format, icc_profile=cmyk_profile()))
    cyan, magenta = ([_srgb(v) for v in light] for light in ((0.25, 0.5, 0.75), (0.75, 0.2, 0.45)))
    wanted = [(255, 255, 255), tuple(cyan), tuple(magenta)]
    assert near([tuple(found[x]) for x in (4, 24, 44)], wanted, by=6)


@pytest.mark.parametrize("pillow_format", ["JPEG", "TIFF"])
def test_both_ways_read_cmyk_alike(pillow_format: str) -> None:
    """Reduced before it is converted, or after: the same to 3 of 255 in the mean."""
    data = encode(drawn().resize((900, 1170)).convert("CMYK"), pillow_format, icc_profile=cmyk_profile())
    assert np.abs(QUICK.read(data).astype(int) - PLAIN.read(data)).mean() < 3


def _srgb(linear: float) -> int:
    return round(255 * (1.055 * math.pow(linear, 1 / 2.4) - 0.055))


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_by_another_gamma(mode: str) -> None:
    """Grey that counts light: half of it is a light grey."""
    image = Image.new("LA", (3, 1))
    for x, tone in enumerate([(0, 255), (128, 255), (255, 255)]):
        image.putpixel((x, 0), tone)
    found = pixels(encode(image.convert(mode), "PNG", icc_profile=grey_profile(1.0)))
    assert near([tuple(one) for one in found], [tuple(one) for one in grey(0, 188, 255)], by=1)


def test_grey_by_another_gamma_on_the_quick_way() -> None:
    """Scaled first, converted then."""
    data = encode(Image.new("L", (400, 400), 128), "PNG", icc_profile=grey_profile(1.0))
    assert near([tuple(QUICK.read(data)[48, 48].tolist())], [(188, 188, 188)], by=1)


def test_what_another_decoder_gives_is_converted_too() -> None:
    """A decoder on a GPU gives the numbers of the file; they mean what the profile says."""
    asked = []

    def jpegs(data: bytes, target: tuple[int, int]) -> Image.Image:
        asked.append(target)
        return as_stored(drawn()).resize(target, Image.Resampling.BILINEAR, reducing_gap=2)

    data = KINDS["jpeg reduced"](as_stored(drawn()), rgb_profile())
    plain = KINDS["jpeg reduced"](drawn(), None)
    found = QUICK.read(data, jpegs=jpegs)
    assert asked and np.abs(found.astype(int) - QUICK.read(plain)).mean() < 3


def test_what_is_clear_stays_white() -> None:
    """Opacity is left as it is, on either way."""
    data = KINDS["png alpha"](as_stored(drawn()), rgb_profile())
    assert decode(data).getpixel((10, 10)) == (255, 255, 255)
    assert (QUICK.read(data)[2, 20] == 255).all()


@pytest.mark.parametrize("kind", KINDS)
def test_srgb_changes_nothing(kind: str) -> None:
    """Pictures that say sRGB, by whichever profile, give the very bytes that they give without."""
    need(kind)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for way in (QUICK, PLAIN):
        assert (way.read(KINDS[kind](drawn(), profile)) == way.read(KINDS[kind](drawn(), None))).all()


@pytest.mark.parametrize(
    "profile",
    [b"", b"no profile", bytes(4096), cmyk_profile(), grey_profile(1.0), rgb_profile()[:300], rgb_profile() * 20000],
    ids=["empty", "text", "zeros", "of a press", "of grey", "cut off", "too large"],
)
def test_a_profile_that_is_none_is_passed_over(profile: bytes) -> None:
    """Damaged, or of other colours than the picture: its numbers are read as sRGB."""
    plain = KINDS["tiff"](drawn(), None)
    assert (QUICK.read(KINDS["tiff"](drawn(), profile)) == QUICK.read(plain)).all()


def test_a_profile_in_several_parts() -> None:
    """A JPEG keeps a profile of more than 64 KB in parts, in any order."""
    profile = cmyk_profile()
    padded = bytearray(profile + bytes(150_000))
    padded[:4] = len(padded).to_bytes(4, "big")
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    found = pixels(encode(image, "JPEG", icc_profile=bytes(padded)))
    assert near([tuple(found[4])], [tuple(pixels(encode(image, "JPEG", icc_profile=profile))[4])], by=1)
    assert not near([tuple(found[4])], [(0, 255, 255)])


@given(st.data())
@settings(deadline=None, max_examples=150)
def test_a_hostile_profile_harms_nobody(data: st.DataObject) -> None:
    """Whatever is wrong with a profile, there is a picture, of the same size."""
    kind, mode = data.draw(st.sampled_from([(rgb_profile, "RGB"), (cmyk_profile, "CMYK"), (_grey, "L")]))
    profile = bytearray(kind())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, min(len(profile), 900) - 1))
        profile[at : at + 4] = data.draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"A"]))
    try:
        picture = decode(encode(Image.new(mode, (20, 10)), "TIFF", icc_profile=bytes(profile)))
    except PictureError as error:
        raise AssertionError(f"refused: {error}") from error
    assert (picture.mode, picture.size) == ("RGB", (20, 10))


def _grey() -> bytes:
    return grey_profile(1.0)


def test_the_profile_that_tests_write_is_the_one_they_mean() -> None:
    """littlecms finds in it the primaries of ProPhoto."""
    import io

    profile = ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile())).profile
    assert profile.red_primary is not None
    assert np.allclose(profile.red_primary[1][:2], PROPHOTO[0], atol=0.01)
