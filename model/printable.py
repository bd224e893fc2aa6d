"""Escapes text for a terminal: file names, stored files and messages are not trusted.

Escape sequences clear the screen, set its title, and hide or forge lines. Characters that change the direction of text
make one name look like another. Each such character is printed as an escape.
"""

from __future__ import annotations

import json
import re

__all__ = ["json_text", "printable", "printable_lines"]

_COMMANDS = re.compile(
    "["
    "\x00-\x1f\x7f-\x9f"  # control characters of both sets
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction
    "\u200b\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb"  # zero width; not the joiners, which scripts and emoji need
    "\u2028\u2029"  # line ends
    "\ud800-\udfff"  # undecodable bytes of a file name
    "]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """The text in one line, with escapes such as `\\x1b` and `\\u202e` for those characters."""
    return _COMMANDS.sub(_escaped, text)


def printable_lines(text: str) -> str:
    """The same for a text of several lines."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: object, indent: int | None = None) -> str:
    """A value as JSON that is safe to print and parses to exactly the value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Such characters occur only inside strings; line ends between values are our own.
    return _COMMANDS.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)


def _escaped(match: re.Match[str]) -> str:
    letter = match[0]
    return _SHORT.get(letter) or (f"\\x{ord(letter):02x}" if letter <= "\xff" else f"\\u{ord(letter):04x}")
