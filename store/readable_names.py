"""File names as text for a person: a reversible mapping from bytes.

Bytes that are not UTF-8 become `\\xNN`. To keep the mapping reversible, a name that contains such a text, or a `!/` as
between an archive file and its member, has its backslashes and that `!` escaped too. Most names are unchanged.
"""

from __future__ import annotations

import re

__all__ = ["ODD_NAME", "readable_name", "readable_path"]

ODD_NAME = r"\\x[0-9a-f]{2}|!/"
"""Regular expression for paths that need escapes, for Python and Arrow."""

_ODD = re.compile(ODD_NAME)


def readable_path(path: bytes) -> str:
    """A path as text; different paths give different texts."""
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
