"""The distance of a pair: what cannot be read is told in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from model.errors import UnreadablePicture
from workers.similarity import distance_between


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture."""
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8), "red").save(path)
    return path


def test_a_picture_is_at_no_distance_from_itself(picture: Path, small_weights: Path) -> None:
    """The same file twice."""
    assert distance_between(picture, picture, small_weights) == pytest.approx(0.0, abs=1e-6)


def test_a_pipe_is_refused_at_once(tmp_path: Path, picture: Path, small_weights: Path) -> None:
    """Nobody will ever write into it; it must not be waited for."""
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadablePicture, match="not a regular file"):
        distance_between(tmp_path / "pipe.png", picture, small_weights)


def test_a_folder_is_refused(tmp_path: Path, picture: Path, small_weights: Path) -> None:
    """So is what is missing."""
    for path in (tmp_path, tmp_path / "missing.png"):
        with pytest.raises(UnreadablePicture, match=path.name):
            distance_between(picture, path, small_weights)
