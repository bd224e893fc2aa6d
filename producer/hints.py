"""Commands in messages, so that they can be pasted as printed: with the `--store` that this command line was given."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

__all__ = ["pasteable", "use_store"]

_HINT = re.compile(r"`(producer (?!run|enqueue|worker|dashboard|metrics|similarity|demo|doctor)[a-z]+[^`]*)`")
"""A command in backticks that looks for a run in a store."""

_given = ""
"""What followed `--store`; a process has one command line."""


def use_store(store: str | Path | None) -> None:
    """Remember the store of this command line; one from the environment needs no mention."""
    global _given
    _given = "" if store is None or str(store) == os.environ.get("OSHIWAKE_STORE") else str(store)


def pasteable(text: str) -> str:
    """The text with `--store` in each of its commands, where one was given."""
    if not _given:
        return text
    return _HINT.sub(lambda hint: f"`{hint[1]} --store {shlex.quote(_given)}`", text)
