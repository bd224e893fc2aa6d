"""Text that would command a terminal."""

from __future__ import annotations

import unicodedata

HOSTILE = (
    "a\x1b[2J\x1b]0;title\x07\rb\nproducer: forged\x9b31m\u202egnp.exe\u2066[bold]x[/bold][link=http://h]:smile:\\"
)


def is_command(letter: str) -> bool:
    """Whether a terminal would do something else than show it."""
    category = unicodedata.category(letter)
    direction = unicodedata.bidirectional(letter) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    return category in ("Cc", "Cs", "Zl", "Zp") or direction
