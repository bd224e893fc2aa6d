"""The command line that was typed, to paste again."""

from __future__ import annotations

import shlex
import sys

from model.printable import printable

__all__ = ["typed_command"]


def typed_command(*more: str) -> str:
    """The words of this process as a shell takes them, with more that are not among them yet."""
    words = sys.argv[1:]
    return printable(shlex.join(["reid", *words, *(word for word in more if word not in words)]))
