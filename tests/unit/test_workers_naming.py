"""Folder names that every file system takes, and numbered file names."""

from __future__ import annotations

import hashlib
import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.naming import OWN_FOLDERS, file_name, folder_names, numbered, safe_name

ODD = ["con", "CON", "nul.txt", "lpt1", "..", ".", ".hidden", "", " ", "a/b", "a\\b", "a:b", "桜 ひな", "é", "e\u0301"]
PIECES = st.sampled_from(
    [*ODD, "_unknown", "_REVIEW", "ß", "SS", "ﬁ", "fi", "Ａ", "a", "A", "~", "\ud800", "\x00", "か\u3099"]
)
NAMES = st.one_of(PIECES, st.text(max_size=12), st.lists(PIECES, max_size=4).map("".join), st.text("あx.", min_size=60))


def seen(name: str) -> str:
    """How the least attentive of file systems sees a name: blind for case and Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


@given(st.lists(NAMES, max_size=12))
@example(["a", "A", "ａ"])
@example(["_unknown", "_review", "_Unknown", "unnamed", "", "."])
@example(["x" * 300, "x" * 301, "x" * 302])
def test_folders_are_distinct_and_safe(names: list[str]) -> None:
    """Each character has a folder of its own, whatever the names and the file system."""
    folders = folder_names(names)
    assert set(folders) == set(names)
    assert len({seen(folder) for folder in folders.values()}) == len(folders)
    for folder in (part for way in folders.values() for part in way.split("/")):
        assert 0 < len(folder.encode()) <= 255
        assert not re.search(r'[\x00-\x1f\x7f/\\:*?"<>|]', folder)
        assert not folder.startswith((".", " ")) and not folder.endswith((".", " "))
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", folder)
        assert seen(folder) not in {seen(own) for own in OWN_FOLDERS}
        assert unicodedata.is_normalized("NFC", folder)


@given(st.lists(NAMES, max_size=8), st.randoms())
def test_the_order_of_the_names_does_not_matter(names: list[str], random: st.DataObject) -> None:
    """The same characters have the same folders in every run."""
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert folder_names(shuffled) == folder_names(names)


@pytest.mark.parametrize("name", ["桜 ひな", "Dahlia", "a b", "x~y", "日本語・キャラ", "_other"])
def test_a_name_that_is_safe_is_its_own_folder(name: str) -> None:
    """A person finds the character under its very name."""
    assert folder_names([name, "another"])[name] == name


@given(st.lists(NAMES, max_size=6), NAMES)
def test_a_safe_name_keeps_its_folder_when_another_joins(names: list[str], other: str) -> None:
    """The character that is first by name, and its own folder, is not driven out by one that is not."""
    safe = [name for name in names if safe_name(name) == name]
    if safe_name(other) != other:
        before, after = folder_names(names), folder_names([*names, other])
        assert {name: before[name] for name in safe} == {name: after[name] for name in safe}


def test_a_character_named_like_another_s_substitute() -> None:
    """Even the name that a clash would give may be a character's own."""
    digest = hashlib.sha256(b"a").hexdigest()
    names = ["A", "a", f"a~{digest[:8]}", f"A~{digest[:8]}"]
    assert len({seen(folder) for folder in folder_names(names).values()}) == 4


@given(st.binary(min_size=1, max_size=255), st.integers(1, 100_000))
@example(b"x" * 251 + b".png", 2)
@example("あ".encode() * 84 + b".a", 3)
@example(b"\xff" * 255, 17)
@example(b"." * 255, 2)
def test_numbered_names_fit(name: bytes, n: int) -> None:
    """No more than 255 bytes, and the first is the name itself."""
    assert 0 < len(numbered(name, n)) <= 255
    assert numbered(name, 1) == name


@given(st.binary(min_size=1, max_size=255), st.sets(st.integers(1, 100_000), min_size=2, max_size=2))
def test_numbered_names_differ(name: bytes, numbers: set[int]) -> None:
    """Two files of one name never get the same one."""
    one, other = numbers
    assert numbered(name, one) != numbered(name, other)


def test_a_number_stands_before_the_suffix() -> None:
    """As a file manager would do it, and cut at a character's border."""
    assert numbered(b"a.png", 2) == b"a (2).png"
    assert numbered(b"no suffix", 3) == b"no suffix (3)"
    assert numbered(b".hidden", 2) == b".hidden (2)"
    assert numbered(b"1. a sentence, not a suffix at all", 2) == b"1. a sentence, not a suffix at all (2)"
    long = numbered("あ".encode() * 83 + b".png", 12)
    assert long.decode() == "あ" * 82 + " (12).png"


@given(st.binary(min_size=1, max_size=600).filter(lambda path: not path.endswith(b"/")))
@example(b"pages/" + b"x" * 300 + b".png")
@example(b"pages/..")
@example(b".oshiwake-12.part")
def test_file_names_are_fit_for_a_folder(path: bytes) -> None:
    """Whatever an archive file calls its members, the placed file has a name, and never that of an unfinished one."""
    name = file_name(path)
    assert 0 < len(name) <= 255 and b"/" not in name
    assert name not in (b".", b"..") and not name.startswith(b".oshiwake-")


def test_an_ordinary_file_name_is_kept() -> None:
    """The name below the archive's folders, byte for byte."""
    assert file_name(b"/archive/x/\xff a.png") == b"\xff a.png"
    assert file_name(b"pages/" + b"x" * 300 + b".png") == b"x" * 251 + b".png"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Fate/Akari", "Fate/Akari"),
        ("A/B/桜 ひな", "A/B/桜 ひな"),
        ("Fate/../../etc", "Fate/unnamed/unnamed/etc"),
        ("/etc/passwd", "etc/passwd"),
        ("Fate//Akari/", "Fate/Akari"),
        ("con/a:b", "_con/a_b"),
        (".oshiwake/journal", "_.oshiwake/journal"),
        ("_unknown/Akari", "_unknown_Akari"),
        ("_REVIEW/Akari", "_REVIEW_Akari"),
        ("a/" * 9 + "b", "a_a_a_a_a_a_a_a_a_b"),
        ("/", "_"),
    ],
)
def test_a_series_is_a_folder_with_folders(name: str, folder: str) -> None:
    """Each part of the way is safe, the first is none of ours, and there are not many."""
    assert folder_names([name])[name] == folder


def test_characters_of_one_name_in_two_series() -> None:
    """Each has its own folder; where only case differs, one is marked in its series."""
    names = ["A/Mei", "B/Mei", "A/mei", "Mei"]
    folders = folder_names(names)
    assert folders["B/Mei"] == "B/Mei" and folders["Mei"] == "Mei" and folders["A/Mei"] == "A/Mei"
    assert folders["A/mei"].startswith("A/mei~")
