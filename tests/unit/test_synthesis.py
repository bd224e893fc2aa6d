"""Drawn characters: the same from the same integers, different from different ones."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.synthesis import Identity, contact_sheet, draw
from model.synthesis.costume import in_costume
from model.synthesis.scene import draw_scene

_SEEDS = st.integers(min_value=-(2**63), max_value=2**63)


def _digest(seed: int, picture: int) -> str:
    return hashlib.sha256(draw(Identity.from_seed(seed), picture, 96).tobytes()).hexdigest()


@settings(max_examples=40, deadline=None)
@given(seed=_SEEDS, picture=_SEEDS)
def test_same_integers_same_bytes(seed: int, picture: int) -> None:
    """A picture depends on the identity's and the picture's seed alone."""
    first = draw(Identity.from_seed(seed), picture, 48)
    assert first.tobytes() == draw(Identity.from_seed(seed), picture, 48).tobytes()


def test_other_integers_other_pictures() -> None:
    """Neither two pictures of a character nor two characters come out equal."""
    digests = {_digest(seed, picture) for seed in range(6) for picture in range(6)}
    assert len(digests) == 36


@settings(max_examples=40, deadline=None)
@given(
    size_px=st.integers(min_value=24, max_value=160),
    aspect=st.floats(min_value=0.5, max_value=2.0),
    variety=st.sampled_from(["full", "gentle", "wide"]),
    seed=_SEEDS,
)
def test_size_and_mode(size_px: int, aspect: float, variety: str, seed: int) -> None:
    """A picture is RGB, as high as asked for and as wide as the aspect says."""
    picture = draw(Identity.from_seed(seed), 1, size_px, variety, aspect)  # type: ignore[arg-type]
    assert picture.mode == "RGB"
    assert picture.size == (round(size_px * aspect), size_px)


def test_many_seeds_draw() -> None:
    """Three hundred characters draw without a fault, and no picture is blank."""
    for seed in range(300):
        picture = draw(Identity.from_seed(seed), seed, 48)
        assert np.asarray(picture).std() > 2.0


@pytest.mark.parametrize("size_px", [96, 512, 1024])
def test_same_picture_at_every_size(size_px: int) -> None:
    """Coordinates know no pixel: a large picture scaled down looks like the small one."""
    identity = Identity.from_seed(12)
    large = draw(identity, 4, size_px, "gentle").resize((64, 64))
    small = draw(identity, 4, 64, "gentle")
    difference = np.abs(np.asarray(large, dtype=float) - np.asarray(small, dtype=float)).mean()
    assert difference < 14.0


@given(scheme=_SEEDS, first=_SEEDS, second=_SEEDS)
def test_a_scheme_is_shared(scheme: int, first: int, second: int) -> None:
    """All identities of one scheme have its colours, whatever their seed."""
    one, other = Identity.from_seed(first, scheme=scheme), Identity.from_seed(second, scheme=scheme)
    assert one.colours == other.colours
    assert [outfit.cloth for outfit in one.outfits] == [outfit.cloth for outfit in other.outfits]


def test_a_scheme_leaves_shapes_alone() -> None:
    """A scheme changes colours only: shapes and ornaments follow the seed."""
    plain, schemed = Identity.from_seed(7), Identity.from_seed(7, scheme=3)
    assert plain.hair == schemed.hair
    assert plain.ornaments == schemed.ornaments
    assert plain.colours != schemed.colours
    assert Identity.from_seed(8, scheme=3).hair != schemed.hair


def test_pictures_of_a_character_are_alike() -> None:
    """By colour alone, pictures of a character are nearer to each other than to others' on the average."""
    means = np.stack([[_mean(seed, picture) for picture in range(6)] for seed in range(30)])  # (30, 6, 3)
    within = np.linalg.norm(means[:, :, None] - means[:, None], axis=-1).mean()
    flat = means.reshape(-1, 3)
    between = np.linalg.norm(flat[:, None] - flat[None], axis=-1).mean()
    assert within < between


def _mean(seed: int, picture: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    pixels = np.asarray(draw(Identity.from_seed(seed), picture, 32, "gentle"), dtype=float)
    mean: np.ndarray[tuple[int], np.dtype[np.float64]] = pixels[8:24, 8:24].mean(axis=(0, 1))
    return mean


def test_identity_is_a_value() -> None:
    """Identities are frozen values: equal from equal seeds, and they keep their seed."""
    assert Identity.from_seed(3) == Identity.from_seed(3)
    assert Identity.from_seed(3).seed == 3
    assert len(Identity.from_seed(3).outfits) > 1


@given(seed=_SEEDS)
def test_costumes(seed: int) -> None:
    """A costume changes clothes and what can be taken off; hair, colours, eyes and build stay."""
    identity = Identity.from_seed(seed)
    dressed = in_costume(identity, random.Random(1))
    assert (dressed.hair, dressed.eyes, dressed.build) == (identity.hair, identity.eyes, identity.build)
    assert dressed.colours == identity.colours
    assert set(dressed.ornaments) <= set(identity.ornaments)
    assert set(dressed.outfits).isdisjoint(identity.outfits)
    assert dressed != in_costume(identity, random.Random(2))


@settings(max_examples=30, deadline=None)
@given(seed=_SEEDS, picture=_SEEDS)
def test_where_the_head_is(seed: int, picture: int) -> None:
    """A scene is the picture of `draw`, and its head lies in the picture, at the same place in every size."""
    identity = Identity.from_seed(seed)
    scene = draw_scene(identity, picture, 64)
    assert scene.picture.tobytes() == draw(identity, picture, 64).tobytes()
    if scene.head is not None:
        left, top, right, bottom = scene.head
        assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1
        larger = draw_scene(identity, picture, 128).head
        assert larger is not None
        assert np.allclose(scene.head, larger, atol=0.03)


def test_contact_sheet() -> None:
    """A contact sheet has a row per identity and a column per picture."""
    identities = [Identity.from_seed(seed) for seed in range(3)]
    sheet = contact_sheet(identities, pictures=4, size_px=40)
    assert sheet.size == (160, 120)
    assert sheet.crop((40, 80, 80, 120)).tobytes() == draw(identities[2], 1, 40).tobytes()


def test_what_cannot_be_drawn_is_refused() -> None:
    """Sizes that leave no picture, unknown varieties and empty sheets raise ValueError."""
    identity = Identity.from_seed(0)
    with pytest.raises(ValueError, match="too small"):
        draw(identity, 0, 4)
    with pytest.raises(ValueError, match="too small"):
        draw(identity, 0, 64, aspect=0.01)
    with pytest.raises(ValueError, match="variety"):
        draw(identity, 0, 64, "wild")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])
