"""Console output for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from model.printable import printable

__all__ = ["Terminal"]


class Terminal(Console):
    """A console that escapes control characters and does not replace `:smile:` in a name."""

    def __init__(self, **options: Any) -> None:
        """As `rich.console.Console`."""
        super().__init__(emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """All printed text passes through here."""
        return super().render_str(printable(text), **options)
