"""What a scan passes over: nothing that a person would miss, and everything of it counted."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from producer.errors import BadRequest
from producer.exclusion import Exclusion, PassedOver
from producer.scan import scan
from tests.unit.scanned import fill, make_zip, scanned

SYSTEM_FOLDERS = [
    "@eaDir",
    "#recycle",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    ".Trash-1000",
    ".Trashes",
    ".thumbnails",
    "__MACOSX",
    "@Recycle",
]
SYSTEM_FILES = ["._a.png", "Thumbs.db", ".DS_Store", "desktop.ini", "THUMBS.DB"]


class TestByDefault:
    @pytest.mark.parametrize("hidden", [False, True])
    def test_a_system_s_own(self, tmp_path: Path, hidden: bool) -> None:
        """Thumbnails, recycle bins and the notes of file managers, at any depth, hidden ones wanted or not."""
        fill(tmp_path, "a.png", "d/b.png")
        fill(tmp_path, *(f"{top}{folder}/x.png" for folder in SYSTEM_FOLDERS for top in ("", "d/")))
        fill(tmp_path, *(f"{top}{name}" for name in SYSTEM_FILES for top in ("", "d/")))
        expected = PassedOver(2 * len(SYSTEM_FOLDERS), 2 * len(SYSTEM_FILES))
        assert scanned(tmp_path, hidden=hidden) == (["a.png", "d/b.png"], expected)

    def test_hidden(self, tmp_path: Path) -> None:
        """Files and folders whose names begin with a dot, unless they are wanted."""
        fill(tmp_path, ".a.png", ".d/b.png", "c.png", "d/.e.png")
        assert scanned(tmp_path) == (["c.png"], PassedOver(1, 2))
        assert scanned(tmp_path, hidden=True) == ([".a.png", ".d/b.png", "c.png", "d/.e.png"], PassedOver())

    def test_names_that_are_only_alike(self, tmp_path: Path) -> None:
        """A person's own names are not a system's."""
        own = ["#recycled/1", "@eaDirectory/1", "Recycle/1", "Thumbs.db.png", "_a.png", "a._b.png", "a.part.png", "…/x"]
        fill(tmp_path, *own)
        assert scanned(tmp_path) == (sorted(own, key=lambda name: name.encode().split(b"/")), PassedOver())

    def test_a_hidden_archive(self, tmp_path: Path) -> None:
        """The folder that was asked for is scanned, whatever its name."""
        fill(tmp_path, ".art/@eaDir/a.png", ".art/b.png")
        assert scanned(tmp_path / ".art") == (["b.png"], PassedOver(1, 0))
        assert scanned(tmp_path / ".art" / "@eaDir") == (["a.png"], PassedOver())

    @pytest.mark.parametrize(
        "name", ["a.png.part", "a.png.crdownload", "a.PNG.PART", "a.png.tmp", "a.partial", "a.opdownload", "a.png.!qB"]
    )
    def test_still_being_written(self, tmp_path: Path, name: str) -> None:
        """A name under which a program writes; the finished file beside it is seen."""
        fill(tmp_path, name, "a.png", "b.png", "part/c.png", "folder.part/d.png")
        assert scanned(tmp_path) == (["a.png", "b.png", "folder.part/d.png", "part/c.png"], PassedOver(0, 1, 1))

    def test_aria2_writes_under_the_file_s_own_name(self, tmp_path: Path) -> None:
        """While its notes are beside it, the file is not whole."""
        fill(tmp_path, "A.zip", "A.zip.aria2", "d/A.zip.png", "e/b.png", "e/b.png.ARIA2")
        assert scanned(tmp_path) == (["d/A.zip.png"], PassedOver(0, 4, 4))

    def test_in_an_archive_file(self, tmp_path: Path) -> None:
        """The same names inside; an archive file of nothing else is accounted for by what is in it."""
        make_zip(tmp_path / "a.zip", "__MACOSX/._1.png", "1.png", "d/.DS_Store", "d/2.png", ".h/3.png", "4.part")
        make_zip(tmp_path / "b.zip", "Thumbs.db")
        assert scanned(tmp_path) == (["a.zip!/1.png", "a.zip!/4.part", "a.zip!/d/2.png"], PassedOver(0, 4))

    def test_links(self, tmp_path: Path) -> None:
        """A link is passed over by its own name, one that leads nowhere too."""
        fill(tmp_path, "in/a", "out/x")
        (tmp_path / "in" / "@eaDir").symlink_to(tmp_path / "out")
        (tmp_path / "in" / ".loop").symlink_to(".loop")
        (tmp_path / "in" / "b").symlink_to(tmp_path / "out" / "x")
        assert scanned(tmp_path / "in") == (["a", "b"], PassedOver(1, 1))

    def test_a_second_scan_counts_anew(self, tmp_path: Path) -> None:
        """What is passed over is that of the last scan."""
        fill(tmp_path, ".a", "b")
        twice = scan(bytes(tmp_path))
        assert len(list(twice)) == len(list(twice)) == twice.passed.files == 1


FILES = ["2019/a.PSD", "2019/draft 1/b.png", "a.psd", "raw/c.png", "x/raw/d.png", "x/raw.png", "絵/下書き/e.png"]


class TestPatterns:
    @pytest.mark.parametrize(
        ("pattern", "gone"),
        [
            ("*.psd", ["2019/a.PSD", "a.psd"]),
            ("raw", ["raw/c.png", "x/raw/d.png"]),
            ("raw/", ["raw/c.png", "x/raw/d.png"]),
            ("/raw", ["raw/c.png"]),
            ("x/raw", ["x/raw/d.png"]),
            ("raw/*", ["raw/c.png"]),
            ("**/raw/**", ["raw/c.png", "x/raw/d.png"]),
            ("**/*.png", [name for name in FILES if name.endswith("png")]),
            ("2019/**/b.png", ["2019/draft 1/b.png"]),
            ("x/*", ["x/raw/d.png", "x/raw.png"]),
            ("x/r??.png", ["x/raw.png"]),
            ("[a-b].psd", ["2019/a.PSD", "a.psd"]),
            ("*.psd/", []),
            ("下書き", ["絵/下書き/e.png"]),
            ("絵/**", ["絵/下書き/e.png"]),
            (unicodedata.normalize("NFD", "下書き"), ["絵/下書き/e.png"]),
            ("2019", ["2019/a.PSD", "2019/draft 1/b.png"]),
            ("019", []),
        ],
    )
    def test_what_fits(self, tmp_path: Path, pattern: str, gone: list[str]) -> None:
        """As in .gitignore, in folders and in archive files alike, without regard to case."""
        fill(tmp_path / "tree", *FILES)
        (tmp_path / "zip").mkdir()
        make_zip(tmp_path / "zip" / "a.zip", *FILES)
        found, _ = scanned(tmp_path / "tree", pattern)
        assert set(found) == set(FILES) - set(gone)
        inside, passed = scanned(tmp_path / "zip", f"a.zip/{pattern}" if "/" in pattern.strip("/") else pattern)
        if not pattern.startswith("/"):
            assert {name.removeprefix("a.zip!/") for name in inside} == set(FILES) - set(gone)
            assert passed.files == len(gone)

    def test_several(self, tmp_path: Path) -> None:
        """Each is enough; an archive file may be meant whole; names that are no text are compared too."""
        fill(tmp_path, "a", "b", "c")
        make_zip(tmp_path / "d.zip", "1", "2")
        with open(os.path.join(bytes(tmp_path), b"\xff.psd"), "wb"):
            pass
        assert scanned(tmp_path, "a", "b", "*.psd", "d.zip") == (["c"], PassedOver(0, 4))

    @pytest.mark.parametrize("pattern", ["", "/", "a/../b", "./a", "a//b", "//"])
    def test_that_fit_nothing(self, pattern: str) -> None:
        """A clear error before anything is made."""
        with pytest.raises(BadRequest, match=r"--exclude .* matches nothing"):
            Exclusion([pattern]).check()


def test_many_stars_and_a_deep_path_take_no_time() -> None:
    """Six pairs of stars and sixty folders took minutes for each file."""
    path = "/".join(["a"] * 500).encode()
    exclusion = Exclusion(["**/a/" * 20 + "b", "**/" * 20 + "b"])
    assert not exclusion.fits_path(path, False)
    assert exclusion.fits_path(path + b"/b", False)
