"""Names of files for a person to read: bytes as text, and no two names alike.

What is no UTF-8 is written `\\xNN`. So that no other name looks the same, a name that holds such a text itself, or a
`!/` as between an archive file and its member, has its backslashes and that `!` written so too. Nearly every name is
its own text.
"""

from __future__ import annotations

import re

__all__ = ["ODD_NAME", "readable_name", "readable_path"]

ODD_NAME = r"\\x[0-9a-f]{2}|!/"
"""What no path shows that is its own text: a regular expression, for Python and Arrow alike."""

_ODD = re.compile(ODD_NAME)


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
