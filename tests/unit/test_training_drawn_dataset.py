"""Drawn characters as training data: what they share, and what is seen of them."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from model.synthesis import Identity, draw
from model.synthesis.scene import draw_scene
from model.training.config import DataConfig
from model.training.dataset import DrawnDataset


def drawn(**values: float) -> DrawnDataset:
    """Drawn characters of which nothing is shared but what is said."""
    return DrawnDataset(0, DataConfig.model_validate({"schemes_shared": 0.0} | values), 32)


def test_drawn_source_shares_schemes_by_block() -> None:
    """Neighbours of a block have one colour scheme where it is shared, and the same picture comes twice."""
    shared, own = drawn(schemes_shared=1.0), drawn()
    assert len({shared.identity(label).colours for label in range(4)}) == 1
    assert shared.identity(4).colours != shared.identity(3).colours
    assert len({own.identity(label).colours for label in range(4)}) == 4
    assert own.load(3, 5).tobytes() == draw(Identity.from_seed(3), 5, size_px=32).tobytes()


def test_drawn_source_shares_clothes_by_block() -> None:
    """Neighbours of a block wear the same clothes where those are uniforms, and keep their hair and colours."""
    uniformed = drawn(uniforms=1.0)
    block = [uniformed.identity(label) for label in range(4)]
    assert len({one.outfits for one in block}) == 1
    assert uniformed.identity(4).outfits != block[0].outfits
    assert [(one.hair, one.colours) for one in block] == [
        (Identity.from_seed(seed).hair, Identity.from_seed(seed).colours) for seed in range(4)
    ]
    assert len({drawn().identity(label).outfits for label in range(4)}) == 4


def test_drawn_source_shares_rooms_by_block() -> None:
    """Where rooms are shared, a picture has another one in its block whose corner has nearly the same colour."""

    def apart(source: DrawnDataset) -> float:
        pixels = [np.asarray(source.load(label, picture))[0, 0] for label in range(4) for picture in range(20)]
        corners = np.array(pixels, float)
        distances = np.linalg.norm(corners[:, None] - corners, axis=2) + 999 * np.eye(len(corners))
        return float(np.median(distances.min(axis=1)))

    shared, own = drawn(rooms=1.0, gentle=1.0), drawn(gentle=1.0)
    assert shared.identity(0) == own.identity(0)
    assert apart(shared) < 0.8 * apart(own)


def test_drawn_source_shows_heads() -> None:
    """Where heads are asked for, a figure far away is cut down to its head: its face fills the square."""
    heads, whole = drawn(heads=1.0, gentle=1.0), drawn(gentle=1.0)
    far = next(picture for picture in range(99) if 0.2 < _head_height(whole, picture) < 0.3)
    assert heads.load(0, far).size == (32, 32)
    assert heads.load(0, far).tobytes() != whole.load(0, far).tobytes()
    assert heads.load(0, far).tobytes() == heads.load(0, far).tobytes()
    near = next(picture for picture in range(99) if _head_height(whole, picture) > 0.85)
    assert heads.load(0, near).size == (48, 48), "a picture that is a head stays whole"


def _head_height(source: DrawnDataset, picture: int) -> float:
    head = draw_scene(source.identity(0), picture, 64, "gentle").head
    return 0.0 if head is None else head[3] - head[1]


def test_drawn_source_mixes_varieties() -> None:
    """Shares of gentle and wide pictures are kept, and the rest is of the full variety."""
    source = drawn(gentle=0.3, wide=0.5)
    found = {"gentle": 0, "wide": 0, "full": 0}
    for picture in range(60):
        loaded = source.load(0, picture).tobytes()
        for name in found:
            found[name] += loaded == draw(Identity.from_seed(0), picture, 32, name).tobytes()  # type: ignore[arg-type]
    assert 10 <= found["gentle"] <= 26
    assert 20 <= found["wide"] <= 40
    assert found["full"] >= 4
    with pytest.raises(ValidationError):
        DataConfig(gentle=0.6, wide=0.5)


def test_measuring_sees_whole_pictures() -> None:
    """Characters for measuring are whole and in their own clothes, whatever is trained on."""
    mix = DataConfig(schemes_shared=0.0, heads=1.0, costumes=1.0, uniforms=1.0, rooms=1.0)
    measured = DrawnDataset.for_measuring(mix, 32, 400)
    assert measured.load(1, 5).tobytes() == draw(Identity.from_seed(401), 5, size_px=32).tobytes()
    assert DrawnDataset.for_training(mix, 32).load(1, 5).tobytes() != draw(Identity.from_seed(1), 5, 32).tobytes()
