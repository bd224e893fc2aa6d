"""Names of files for a person to read: bytes as text, and no two names alike.

What is no UTF-8 is written `\\xNN`. So that no other name looks the same, a name that holds such a text itself, or a
`!/` as between an archive file and its member, has its backslashes and that `!` written so too. Nearly every name is
its own text.
"""

from __future__ import annotations

import re

__all__ = ["ODD_NAME", "bytes_of_name", "readable_name", "readable_path"]

ODD_NAME = r"\\x[0-9a-f]{2}|!/"
"""What no path shows that is its own text: a regular expression, for Python and Arrow alike."""

_ODD = re.compile(ODD_NAME)
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


def readable_path(path: bytes) -> str:
    """A path as text; another path gives another text."""
    try:
        text = path.decode()
        if not _ODD.search(text):
            return text
    except UnicodeDecodeError:
        pass
    return path.replace(b"\\", rb"\x5c").replace(b"!/", rb"\x21/").decode("utf-8", "backslashreplace")


def readable_name(path: bytes, member: bytes) -> str:
    """A file as text: `folder/file.png`, or `book.cbz!/page.png` for a member of an archive file."""
    return f"{readable_path(path)}!/{readable_path(member)}" if member else readable_path(path)


def bytes_of_name(text: str) -> tuple[bytes, bytes]:
    """The path and the member, or no member, of which `readable_name` made a text."""
    path, _, member = text.partition("!/")
    return _bytes(path), _bytes(member)


def _bytes(text: str) -> bytes:
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), text.encode())
