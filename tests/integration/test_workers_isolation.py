"""A picture tried in a process of its own."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from model.errors import UnreadablePicture
from model.images.decoding import Limits
from model.images.preprocessing import Preprocessing
from tests.conftest import PLUGINS
from workers.isolation import decode_isolated


def _png(ending: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "png")
    return buffer.getvalue() + ending


@pytest.mark.parametrize(
    ("ending", "reason", "limit_s"),
    [
        (b"!crash!!", r"ends the process \(SIGSEGV\)", 60),
        (b"!hang!!!", "longer than 3 s", 3),
        (b"!eat!!!!", "4 GiB of memory", 60),
    ],
)
def test_what_kills_hangs_or_starves_its_process_is_named(
    monkeypatch: pytest.MonkeyPatch, ending: bytes, reason: str, limit_s: float
) -> None:
    """The process dies alone; here it is a picture that cannot be read, with the reason."""
    monkeypatch.setenv("PYTHONPATH", str(PLUGINS))
    with pytest.raises(UnreadablePicture, match=reason):
        decode_isolated(_png(ending), Preprocessing(), thumbnail=True, limits=Limits(), limit_s=limit_s)


@pytest.mark.parametrize("data", [_png(), _png()[:30], b"no picture"])
def test_a_picture_that_harms_nobody_passes(data: bytes) -> None:
    """Whole or damaged, it is left to the pipeline to read."""
    for thumbnail in (False, True):
        decode_isolated(data, Preprocessing(), thumbnail=thumbnail, limits=Limits(), limit_s=30)
