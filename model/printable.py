"""Text for a terminal: what came out of a file name, a stored file or a message must not command it.

A terminal obeys escape sequences in whatever is printed: they clear the screen, set its title, hide or forge lines.
Characters that turn the direction of text make a name look like another. Each such character is shown as an escape.
"""

from __future__ import annotations

import json
import re

__all__ = ["json_text", "printable", "printable_lines"]

_COMMANDS = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters of both sets
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # without width; scripts and emoji need the joiners
    "\u2028\u2029"  # ends of lines
    "\ud800-\udfff"  # bytes of a file name that are no text
    "]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """The text in one line, with `\\x1b` and `\\u202e` in the place of what a terminal would obey; else unchanged."""
    return _COMMANDS.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines, which stay."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: object, indent: int | None = None) -> str:
    """A value as JSON that a terminal can show; whoever parses it gets exactly the value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # What JSON lets stand raw stands within strings alone; line ends between values are our own.
    return _COMMANDS.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    return _SHORT.get(letter) or (f"\\x{ord(letter):02x}" if letter <= "\xff" else f"\\u{ord(letter):04x}")
