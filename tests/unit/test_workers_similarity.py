"""The distance of a pair: what cannot be read is told in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from model.errors import UnreadablePicture
from model.synthesis import Identity, draw
from workers.similarity import similarity


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture."""
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def test_a_picture_is_at_no_distance_from_itself(picture: Path, small_weights: Path) -> None:
    """The same file twice."""
    assert similarity(picture, picture, small_weights).distance == pytest.approx(0.0, abs=1e-6)


def test_a_pipe_is_refused_at_once(tmp_path: Path, picture: Path, small_weights: Path) -> None:
    """Nobody will ever write into it; it must not be waited for."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadablePicture, match="not a regular file"):
        similarity(tmp_path / "pipe.png", picture, small_weights)


def test_a_folder_is_refused(tmp_path: Path, picture: Path, small_weights: Path) -> None:
    """So is what is missing."""
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(UnreadablePicture, match=path.name):
            similarity(picture, path, small_weights)


def test_heads_count(tmp_path: Path, small_weights: Path) -> None:
    """The same head in two pictures brings them together, whichever is named first; of one picture the whole is it."""
    figure = draw(Identity.from_seed(2), 203, size_px=256, variety="gentle")
    one, other = Image.new("RGB", (512, 256), "red"), Image.new("RGB", (256, 512), "blue")
    for canvas, name in ((one, "one.png"), (other, "other.png")):
        canvas.paste(figure)
        canvas.save(tmp_path / name)
    paths = tmp_path / "one.png", tmp_path / "other.png"
    found = similarity(*paths, small_weights)
    assert found.heads and found == similarity(*paths[::-1], small_weights)
    assert not similarity(paths[0], paths[0], small_weights).heads
