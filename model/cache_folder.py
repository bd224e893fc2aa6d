"""Where what can be fetched or measured again is kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """`$XDG_CACHE_HOME/oshiwake`, by default `~/.cache/oshiwake`; it may not exist.

    Raises:
        RuntimeError: There is no home directory.
    """
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG base directory specification: ignore a relative path.
    home = Path(cache) if cache.startswith("/") else Path.home() / ".cache"
    return home / "oshiwake"
