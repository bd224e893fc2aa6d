"""Reference pictures: from folders and from JSON, with every fault told in one line."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from producer.errors import BadRequest
from producer.references import References, find_references
from store.listing import Kind
from store.roots import Roots


def picture(path: Path) -> None:
    """Make a picture, and the folders on the way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    Image.new("RGB", (2, 2)).save(file, "PNG")
    path.write_bytes(file.getvalue())


def pictures(root: Path, *paths: str) -> None:
    """Make several."""
    for path in paths:
        picture(root / path)


def write(path: Path, value: object) -> Path:
    """Make a JSON file."""
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def labelled(found: References) -> list[tuple[str, str]]:
    """Name and file of each reference, as a person reads them."""
    return [(listed.label, listed.name) for listed in found.files]


def refused(source: Path, reason: str) -> None:
    """Assert that references are refused in one line with their place and a reason."""
    with pytest.raises(BadRequest) as caught:
        find_references(source)
    message = str(caught.value)
    assert str(source) in message
    assert reason in message
    assert "\n" not in message


class TestFolders:
    def test_a_folder_per_character(self, tmp_path: Path) -> None:
        """The name is the folder's, the pictures are all below it, in the order of a scan."""
        pictures(tmp_path, "Beniko/2.png", "Beniko/1.png", "Akari/more/x.png", "Akari/1.png")
        found = find_references(tmp_path)
        assert labelled(found) == [
            ("Akari", "Akari/1.png"),
            ("Akari", "Akari/more/x.png"),
            ("Beniko", "Beniko/1.png"),
            ("Beniko", "Beniko/2.png"),
        ]
        assert (found.characters, found.source) == (["Akari", "Beniko"], str(tmp_path))
        assert found.root == os.fsencode(tmp_path.resolve())

    def test_paths_lead_to_the_files(self, tmp_path: Path) -> None:
        """Root and path together open the file, and size and time are its own."""
        pictures(tmp_path, "Akari/x.png")
        (listed,) = (found := find_references(tmp_path)).files
        status = os.stat(os.path.join(found.root, listed.path))
        assert (listed.size, listed.mtime_ns, listed.kind) == (status.st_size, status.st_mtime_ns, Kind.PENDING)

    @pytest.mark.parametrize("name", ["桜 ひな", " Akari ", "a.b", "100%", "né", "_review", "A" * 255])
    def test_any_name(self, name: str, tmp_path: Path) -> None:
        """A folder's name is the character's name, letter by letter."""
        pictures(tmp_path, f"{name}/x.png")
        assert find_references(tmp_path).characters == [name]

    def test_name_that_is_no_text(self, tmp_path: Path) -> None:
        """A name that is no UTF-8 is shown escaped, and its pictures are found."""
        folder = os.path.join(os.fsencode(tmp_path), b"\xff")
        os.mkdir(folder)
        picture(Path(os.fsdecode(folder), "x.png"))
        found = find_references(tmp_path)
        assert found.characters == ["\\xff"]
        assert found.files[0].path == b"\xff/x.png"

    def test_negatives(self, tmp_path: Path) -> None:
        """Folders that begin with `_not` are listed like characters."""
        pictures(tmp_path, "Akari/x.png", "_not/y.png", "_not_her/z.png")
        assert find_references(tmp_path).characters == ["Akari", "_not", "_not_her"]

    def test_negatives_alone(self, tmp_path: Path) -> None:
        """Only negatives: there is nobody to look for."""
        pictures(tmp_path, "_not/y.png")
        refused(tmp_path, "no character")

    def test_hidden_folders_and_loose_files(self, tmp_path: Path) -> None:
        """Folders that begin with a dot are no characters, nor are files beside the folders."""
        pictures(tmp_path, "Akari/x.png", ".thumbnails/y.png", "loose.png")
        assert labelled(find_references(tmp_path)) == [("Akari", "Akari/x.png")]

    def test_other_files_are_passed_over(self, tmp_path: Path) -> None:
        """What is no picture by its content is left out, and a picture with an odd name is not."""
        pictures(tmp_path, "Akari/x.txt")
        for name in ("notes.txt", "Thumbs.db", "wrong.png", ".DS_Store"):
            (tmp_path / "Akari" / name).write_text("no picture")
        (tmp_path / "Akari" / "empty.png").touch()
        os.mkfifo(tmp_path / "Akari" / "pipe.png")
        (tmp_path / "Akari" / "gone.png").symlink_to("nowhere")
        assert labelled(find_references(tmp_path)) == [("Akari", "Akari/x.txt")]

    def test_damaged_picture_stays(self, tmp_path: Path) -> None:
        """What begins like a picture is listed, so that the run can say that it is damaged."""
        pictures(tmp_path, "Akari/x.png")
        (tmp_path / "Akari" / "y.png").write_bytes((tmp_path / "Akari" / "x.png").read_bytes()[:20])
        assert len(find_references(tmp_path).files) == 2

    def test_pictures_in_an_archive_file(self, tmp_path: Path) -> None:
        """Pictures in a .zip are references too."""
        pictures(tmp_path, "x.png")
        (tmp_path / "refs" / "Akari").mkdir(parents=True)
        with zipfile.ZipFile(tmp_path / "refs" / "Akari" / "a.zip", "w") as archive:
            archive.write(tmp_path / "x.png", "1.png")
        assert labelled(find_references(tmp_path / "refs")) == [("Akari", "Akari/a.zip!/1.png")]

    def test_folder_that_is_a_link(self, tmp_path: Path) -> None:
        """A character's folder may be a link, and so may the whole; each picture comes once."""
        pictures(tmp_path, "elsewhere/a/x.png")
        (tmp_path / "elsewhere" / "b").symlink_to("a")
        (tmp_path / "refs").mkdir()
        (tmp_path / "refs" / "Akari").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "link").symlink_to("refs")
        assert labelled(find_references(tmp_path / "link")) == [("Akari/a", "Akari/a/x.png")]

    @pytest.mark.parametrize("empty", ["Beniko", "_not"])
    def test_empty_folder(self, empty: str, tmp_path: Path) -> None:
        """A folder without a picture is a mistake to be told, with the folder's name."""
        pictures(tmp_path, "Akari/x.png")
        (tmp_path / empty).mkdir()
        (tmp_path / empty / "notes.txt").write_text("later")
        refused(tmp_path, f"no reference picture of '{empty}'")

    def test_no_folder_at_all(self, tmp_path: Path) -> None:
        """Pictures without a folder are nobody's."""
        pictures(tmp_path, "x.png")
        refused(tmp_path, "no character")

    def test_missing(self, tmp_path: Path) -> None:
        """References that do not exist are refused with what to give."""
        refused(tmp_path / "none", "give a folder with a folder per character, or a JSON file")


class TestJson:
    def test_folder_and_list(self, tmp_path: Path) -> None:
        """A name stands for a folder or for a list of files, relative to the JSON file or absolute."""
        pictures(tmp_path, "a/1.png", "a/deep/2.png", "b/x.png", "c/y.png")
        file = write(tmp_path / "refs.json", {"Akari": "a", "Beniko": ["b/x.png", str(tmp_path / "c" / "y.png")]})
        found = find_references(file)
        at = str(tmp_path).lstrip("/")
        assert labelled(found) == [
            ("Akari", f"{at}/a/1.png"),
            ("Akari", f"{at}/a/deep/2.png"),
            ("Beniko", f"{at}/b/x.png"),
            ("Beniko", f"{at}/c/y.png"),
        ]
        assert (found.root, found.source) == (b"/", str(file))
        assert all(os.path.exists(os.path.join(found.root, listed.path)) for listed in found.files)

    def test_list_of_folders(self, tmp_path: Path) -> None:
        """A list may hold folders too."""
        pictures(tmp_path, "a/1.png", "b/2.png")
        assert len(find_references(write(tmp_path / "r.json", {"Akari": ["a", "b"]})).files) == 2

    def test_relative_to_the_working_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As in the seed tool, a path may be relative to where one stands; beside the file goes first."""
        pictures(tmp_path, "here/a/1.png", "here/b/1.png", "json/b/2.png")
        monkeypatch.chdir(tmp_path / "here")
        found = find_references(write(tmp_path / "json" / "r.json", {"Akari": "a", "Beniko": "b"}))
        assert [name.split("/")[-3:] for _, name in labelled(found)] == [["here", "a", "1.png"], ["json", "b", "2.png"]]

    @pytest.mark.parametrize("name", ["Fate/Akari", "桜 ひな", "..", "a\nb", "_not her", "\\", " "])
    def test_any_name(self, name: str, tmp_path: Path) -> None:
        """A name may be any text with slashes, spaces or Japanese in it."""
        pictures(tmp_path, "a/1.png", "b/2.png")
        found = find_references(write(tmp_path / "r.json", {"Beniko": "b", name: "a"}))
        assert found.characters == sorted(["Beniko", name])

    def test_name_that_is_no_text(self, tmp_path: Path) -> None:
        """Half a character in a name is shown escaped: the name can be written everywhere."""
        pictures(tmp_path, "a/1.png")
        (tmp_path / "r.json").write_text('{"\\ud800": "a"}')
        (name,) = find_references(tmp_path / "r.json").characters
        assert name.encode() == b"\\ud800"

    def test_byte_order_mark(self, tmp_path: Path) -> None:
        """A JSON file that Notepad has saved is read."""
        pictures(tmp_path, "絵/1.png")
        (tmp_path / "r.json").write_text('{"桜": "絵"}', encoding="utf-8-sig")
        assert find_references(tmp_path / "r.json").characters == ["桜"]

    def test_file_under_two_names(self, tmp_path: Path) -> None:
        """A picture that shows two characters stands under both; one named twice for a character stands once."""
        pictures(tmp_path, "a/1.png")
        found = find_references(write(tmp_path / "r.json", {"B": ["a/1.png", "a", "a/../a/1.png"], "A": ["a/1.png"]}))
        assert [label for label, _ in labelled(found)] == ["A", "B"]

    def test_file_that_is_a_link(self, tmp_path: Path) -> None:
        """A link is followed to the picture."""
        pictures(tmp_path, "a/1.png")
        (tmp_path / "link.png").symlink_to("a/1.png")
        ((_, name),) = labelled(find_references(write(tmp_path / "r.json", {"A": ["link.png"]})))
        assert name.endswith("a/1.png")

    @pytest.mark.parametrize(
        "text", ["", "{", "null", "[]", "{}", '"a"', "3", '{"a": "b"', "[" * 100_000, "{'a': 'b'}", "\0", "\ufeff"]
    )
    def test_no_such_json(self, text: str, tmp_path: Path) -> None:
        """What is no JSON, or not an object with names, is refused with the file's name."""
        (tmp_path / "r.json").write_text(text)
        refused(tmp_path / "r.json", "")

    def test_other_encoding(self, tmp_path: Path) -> None:
        """A file that is no UTF-8 is refused."""
        (tmp_path / "r.json").write_bytes('{"桜": "a"}'.encode("shift_jis"))
        refused(tmp_path / "r.json", "cannot be read as JSON")

    @pytest.mark.parametrize("entry", [None, 3, {}, [3], [["a"]], [None], True])
    def test_entry_of_another_kind(self, entry: object, tmp_path: Path) -> None:
        """An entry that is neither a folder nor a list is refused with its name."""
        refused(write(tmp_path / "r.json", {"Akari": entry}), "'Akari' must be a folder or a list of files")

    @pytest.mark.parametrize("path", ["none", "none/x.png", "x" * 300, "a\0b", "\ud800", "pipe", "loop", "a.png/b"])
    def test_path_that_leads_nowhere(self, path: str, tmp_path: Path) -> None:
        """A path that does not exist, or cannot, is refused with the name it stands for."""
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "loop").symlink_to("loop")
        pictures(tmp_path, "a.png")
        (tmp_path / "r.json").write_text(json.dumps({"Akari": ["a.png", path]}))
        refused(tmp_path / "r.json", "'Akari' names ")

    @pytest.mark.parametrize("value", [{"": "a"}, {"Akari": ""}, {"Akari": ["a", ""]}])
    def test_empty_text(self, value: object, tmp_path: Path) -> None:
        """An empty name or path is a mistake, not the folder of the file."""
        pictures(tmp_path, "a/1.png")
        refused(write(tmp_path / "r.json", value), "is empty")

    @pytest.mark.parametrize("entry", [[], "empty", ["notes.txt"]])
    def test_character_without_a_picture(self, entry: object, tmp_path: Path) -> None:
        """A name without a picture is refused."""
        pictures(tmp_path, "a/1.png")
        (tmp_path / "empty").mkdir()
        (tmp_path / "notes.txt").write_text("later")
        refused(write(tmp_path / "r.json", {"Akari": "a", "Beniko": entry}), "no reference picture of 'Beniko'")

    def test_a_name_that_stands_twice(self, tmp_path: Path) -> None:
        """JSON would let the last one win, and the pictures of the first would be lost in silence."""
        pictures(tmp_path, "a/1.png", "b/1.png")
        (tmp_path / "r.json").write_text('{"Akari": "a", "Akari": "b"}')
        refused(tmp_path / "r.json", "the name 'Akari' occurs twice")

    def test_a_character_and_a_series_of_one_name(self, tmp_path: Path) -> None:
        """The pictures of one would lie among the folders of the other."""
        pictures(tmp_path, "a/1.png", "b/2.png")
        refused(
            write(tmp_path / "r.json", {"Fate": "a", "Fate/Akari": "b"}), "'Fate' is both a character and the series of"
        )

    def test_negatives_alone(self, tmp_path: Path) -> None:
        """Only negatives: there is nobody to look for."""
        pictures(tmp_path, "a/1.png")
        refused(write(tmp_path / "r.json", {"_not": "a"}), "no character")

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        )
    )
    @settings(deadline=None, derandomize=True, max_examples=200)
    def test_any_json(self, tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
        """Whatever JSON it is: references or one clear error."""
        folder = tmp_path_factory.getbasetemp() / "any-json"
        folder.mkdir(exist_ok=True)
        (folder / "r.json").write_text(json.dumps(value))
        try:
            find_references(folder / "r.json")
        except BadRequest as error:
            assert str(folder) in str(error)


class TestRoots:
    """Machines that have the same folders in other places."""

    def test_a_file_names_pictures_below_one_root(self, tmp_path: Path) -> None:
        """Paths are kept below that root, not below a file system that only this machine has."""
        pictures(tmp_path, "art/a/1.png", "art/2.png", "elsewhere/3.png")
        roots = Roots({"art": str(tmp_path / "art"), "more": str(tmp_path / "elsewhere")})
        found = find_references(write(tmp_path / "art" / "r.json", {"Akari": "a", "Beniko": "2.png"}), roots)
        assert found.root == bytes(tmp_path / "art")
        assert labelled(found) == [("Beniko", "2.png"), ("Akari", "a/1.png")]
        both = write(tmp_path / "art" / "r.json", {"Akari": "a", "Beniko": str(tmp_path / "elsewhere")})
        with pytest.raises(BadRequest, match="must all be in one of OSHIWAKE_ROOTS"):
            find_references(both, roots)

    def test_references_outside_the_roots(self, tmp_path: Path) -> None:
        """Workers would refuse them one by one; so they are refused here."""
        pictures(tmp_path, "art/x.png", "refs/Akari/1.png")
        with pytest.raises(BadRequest, match="in none of OSHIWAKE_ROOTS"):
            find_references(tmp_path / "refs", Roots({"art": str(tmp_path / "art")}))
