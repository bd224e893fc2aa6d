"""Formats whose plug-in is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.unit.picture_files import example, need


def test_a_plugin_that_is_not_there_is_named(tmp_path: Path) -> None:
    """On a platform without wheels: the kind, and what to install."""
    need("heic")
    picture = tmp_path / "a.heic"
    picture.write_bytes(example("heic"))
    code = (
        "import pathlib, sys\n"
        "sys.modules['pillow_heif'] = None\n"
        "from model.errors import UnsupportedPicture\n"
        "from model.images.decoding import decode\n"
        "try:\n    decode(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "except UnsupportedPicture as error:\n    print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code, str(picture)], capture_output=True, text=True, check=True)
    assert said.stdout == "not supported: HEIC, which needs: pip install pillow-heif\n"
