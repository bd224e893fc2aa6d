"""Names for a person to read: every name has a text of its own, and the text leads back to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.readable_names import readable_name, readable_path
from tests.unit.rows import bytes_of_name

PIECES = st.sampled_from([b"\\", b"\\x", b"xff", b"ff", b"5c", b"\xff", b"!", b"/", b"a", "桜".encode(), b"\xe6\xa1"])
NAMES = st.lists(PIECES, min_size=1, max_size=8).map(b"".join) | st.binary(min_size=1, max_size=6)


@given(NAMES, st.just(b"") | NAMES)
def test_a_name_comes_back_from_its_text(path: bytes, member: bytes) -> None:
    """Whatever bytes it has: so no two names have one text."""
    assert bytes_of_name(readable_name(path, member)) == (path, member)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\\!")))
def test_an_ordinary_name_is_its_own_text(name: str) -> None:
    """Nothing is escaped that need not be."""
    assert readable_path(name.encode()) == name


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (b"\xff.png", r"\xff.png"),
        (rb"\xff.png", r"\x5cxff.png"),
        (rb"C:\art\a.png", r"C:\art\a.png"),
        (b"wow!/a.png", r"wow\x21/a.png"),
        ("桜!.png".encode(), "桜!.png"),
    ],
)
def test_how_names_look(path: bytes, text: str) -> None:
    """The bytes that are no UTF-8, and a name that spells them out, are told apart."""
    assert readable_path(path) == text
