"""The one place where text is printed for a person."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from model.printable import printable

__all__ = ["Terminal"]


class Terminal(Console):
    """A console that shows every text as letters: nothing in it moves the cursor, and `:smile:` in a name stays."""

    def __init__(self, **options: Any) -> None:
        """As `rich.console.Console`."""
        super().__init__(emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Every text that is printed, alone or in a table, comes through here."""
        return super().render_str(printable(text), **options)
