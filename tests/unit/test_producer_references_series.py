"""References in folders of folders: which folder is a character, and which a series of characters."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dataset.reserved_folders import is_negative
from model.dataset.scan import scan_folders
from producer.references import find_references
from producer.status import describe_references
from tests.unit.test_producer_references import labelled, pictures, refused


def plain_characters(folder: Path, above: str = "") -> list[str]:
    """The characters as one finds them walking from folder to folder."""
    found = []
    for child in (path for path in folder.iterdir() if path.is_dir()):
        name = above + child.name
        one = child.name.startswith("_not") or any(path.is_file() for path in child.iterdir())
        found += [name] if one else plain_characters(child, f"{name}/")
    return found


def test_series(tmp_path: Path) -> None:
    """A folder that holds only folders is a series, also in another one; each picture has one name."""
    pictures(tmp_path, "Fate/Akari/1.png", "Fate/Akari/old/2.png", "Fate/Ben/3.png", "A/B/桜 ひな/4.png", "Ben/5.png")
    found = find_references(tmp_path)
    assert labelled(found) == [
        ("A/B/桜 ひな", "A/B/桜 ひな/4.png"),
        ("Ben", "Ben/5.png"),
        ("Fate/Akari", "Fate/Akari/1.png"),
        ("Fate/Akari", "Fate/Akari/old/2.png"),
        ("Fate/Ben", "Fate/Ben/3.png"),
    ]
    (remark,) = found.remarks
    assert remark.startswith("Fate/Akari: 1 of its pictures are in subfolders")


def test_a_picture_beside_the_folders_makes_one_character(tmp_path: Path) -> None:
    """So with `Akari/1.png`, `Akari/front`; that a series could have been meant is said."""
    pictures(tmp_path, "Fate/cover.png", "Fate/Akari/1.png", "Fate/Ben/3.png", "Other/1.png")
    (tmp_path / "Other" / "notes").mkdir()
    found = find_references(tmp_path)
    assert found.characters == ["Fate", "Other"]
    assert [line.partition(":")[0] for line in found.remarks] == ["Fate"]


def test_a_note_beside_the_folders_makes_nothing(tmp_path: Path) -> None:
    """What is no picture does not make a series a character."""
    pictures(tmp_path, "Fate/Akari/1.png")
    (tmp_path / "Fate" / "notes.txt").write_text("later")
    assert find_references(tmp_path).characters == ["Fate/Akari"]


@pytest.mark.parametrize("empty", ["Fate/Ben", "Fate/Ben/deep", "Fate/_not"])
def test_empty_folder_in_a_series(empty: str, tmp_path: Path) -> None:
    """A folder without a picture is a mistake to be told there too, with its whole name."""
    pictures(tmp_path, "Fate/Akari/1.png")
    (tmp_path / empty).mkdir(parents=True)
    refused(tmp_path, f"no reference picture of '{'/'.join(empty.split('/')[:2])}'")


def test_negatives_in_a_series(tmp_path: Path) -> None:
    """A folder that begins with `_not` is one folder of negatives, whatever is in it, wherever it is."""
    pictures(tmp_path, "Fate/Akari/1.png", "Fate/_not chibi/a/2.png", "_not/a/3.png", "_not/b/4.png")
    found = find_references(tmp_path)
    assert found.characters == ["Fate/Akari", "Fate/_not chibi", "_not"] and found.remarks == []
    assert list(map(is_negative, found.characters)) == [False, True, True]


def test_folders_too_deep_for_names(tmp_path: Path) -> None:
    """Hundreds of folders in one another are no series of series of series."""
    pictures(tmp_path, "/".join("abcdefghijklm" * 20) + "/1.png")
    assert find_references(tmp_path).characters == ["a/b/c/d/e/f/g/h"]


def test_hidden_folders_in_a_series(tmp_path: Path) -> None:
    """They are no characters there either."""
    pictures(tmp_path, "Fate/Akari/1.png")
    (tmp_path / "Fate" / ".cache").mkdir()
    assert find_references(tmp_path).characters == ["Fate/Akari"]


@given(st.sets(st.lists(st.sampled_from(["a", "b", "_not x"]), min_size=1, max_size=4).map("/".join), max_size=6))
@settings(deadline=None, derandomize=True, max_examples=60)
def test_a_data_set_has_the_same_characters(folders: set[str]) -> None:
    """`reid` finds in such a folder the characters that `producer` finds, and they are those of a plain walk."""
    with tempfile.TemporaryDirectory() as root:
        folders.add("z")
        pictures(Path(root), *(f"{folder}/1.png" for folder in folders))
        found = find_references(root).characters
        assert found == sorted(plain_characters(Path(root)))
        named = {entry.characters for entry in scan_folders(Path(root)).entries}
        assert named == {(name,) for name in found if not is_negative(name)}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["Akari"], "1 character"),
        (["A/x", "A/y", "B/z", "Ben"], "4 characters of 2 series"),
        (["A/x", "A/_not chibi", "_not"], "1 character of 1 series, 2 folders of negatives"),
        (["Akari", "_not"], "1 character, 1 folder of negatives"),
    ],
)
def test_what_was_understood_is_said(names: list[str], said: str) -> None:
    """In the summary, in words."""
    assert describe_references(names) == said
