"""The scan of archive files: every member exactly once, damaged ones told."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.file_identity import identity_of_file, identity_of_member
from store.listing import Kind, Listed
from tests.unit.scanned import make_zip, names, scan


class TestArchiveFiles:
    @pytest.mark.parametrize("suffix", [".zip", ".cbz", ".ZIP", ".Cbz"])
    def test_members(self, suffix: str, tmp_path: Path) -> None:
        """The files inside are listed with the size and time of the archive file; that itself is not."""
        path = tmp_path / f"book{suffix}"
        make_zip(path, "1.png", "folder/", "folder/2.png", "桜/三.png")
        status = path.stat()
        own = identity_of_file(status.st_ino, status.st_size, status.st_mtime_ns)
        file = os.fsencode(path.name), status.st_size, status.st_mtime_ns
        assert scan(tmp_path) == [
            Listed(*file, member=member, identity=identity_of_member(own, member))
            for member in map(str.encode, ("1.png", "folder/2.png", "桜/三.png"))
        ]

    def test_same_name_twice(self, tmp_path: Path) -> None:
        """Entries of one name are all listed, each under a name of its own."""
        with pytest.warns(UserWarning, match="Duplicate"):
            make_zip(tmp_path / "a.zip", "x.png", "d/x.png", "x.png", "x (2).png", "x.png")
        assert names(tmp_path) == [
            "a.zip!/d/x.png",
            "a.zip!/x (2).png",
            "a.zip!/x (3).png",
            "a.zip!/x (4).png",
            "a.zip!/x.png",
        ]

    @pytest.mark.parametrize("members", [(), ("folder/",)])
    def test_nothing_inside(self, members: tuple[str, ...], tmp_path: Path) -> None:
        """An archive file without a file inside is accounted for itself."""
        make_zip(tmp_path / "a.zip", *members)
        (listed,) = scan(tmp_path)
        assert (listed.name, listed.kind, listed.reason) == (
            "a.zip",
            Kind.UNSUPPORTED,
            "an archive file with no file inside",
        )

    @pytest.mark.parametrize("content", [b"", b"no archive", b"PK\3\4" + bytes(100), b"PK\5\6" + b"\xff" * 18])
    def test_broken(self, content: bytes, tmp_path: Path) -> None:
        """A broken archive file is one unreadable row."""
        (tmp_path / "a.zip").write_bytes(content)
        (listed,) = scan(tmp_path)
        assert (listed.name, listed.kind) == ("a.zip", Kind.UNREADABLE)
        assert listed.reason.startswith("archive file cannot be opened: ")

    def test_entry_without_a_name(self, tmp_path: Path) -> None:
        """An entry without a name cannot be asked for and does not end the scan; nor does one that begins with NUL."""
        make_zip(tmp_path / "a.zip", "x", "y")
        content = (tmp_path / "a.zip").read_bytes()
        at = content.rindex(b"PK\1\2")  # the directory's entry for y: its name is the byte 46 after
        (tmp_path / "a.zip").write_bytes(content[: at + 46] + b"\0" + content[at + 47 :])
        assert names(tmp_path) == ["a.zip!/x"]

    def test_names_that_lead_out(self, tmp_path: Path) -> None:
        """Names with `..` or absolute ones are names, no paths: they are listed and nothing is looked up by them."""
        make_zip(tmp_path / "a.zip", "../x", "/etc/passwd", "a/../../y")
        assert [listed.member for listed in scan(tmp_path)] == [b"../x", b"/etc/passwd", b"a/../../y"]

    def test_name_in_an_old_encoding(self, tmp_path: Path) -> None:
        """A Japanese name without the mark of UTF-8 is listed as it was meant."""
        make_zip(tmp_path / "a.zip", "xxxx.png")
        content = (tmp_path / "a.zip").read_bytes().replace(b"xxxx", "表絵".encode("shift_jis"))
        (tmp_path / "a.zip").write_bytes(content)
        assert names(tmp_path) == ["a.zip!/表絵.png"]

    def test_backslashes(self, tmp_path: Path) -> None:
        """A backslash separates folders, and a name that ends in one is a folder's."""
        make_zip(tmp_path / "a.zip", "..\\..\\win.png", "folder\\", "folder\\1.png")
        assert names(tmp_path) == ["a.zip!/../../win.png", "a.zip!/folder/1.png"]

    def test_archive_file_with_an_odd_name(self, tmp_path: Path) -> None:
        """The archive file's own name may be no UTF-8."""
        make_zip(tmp_path / "a.zip", "x")
        os.rename(os.fsencode(tmp_path / "a.zip"), os.path.join(os.fsencode(tmp_path), b"\xff.zip"))
        (listed,) = scan(tmp_path)
        assert (listed.path, listed.member) == (b"\xff.zip", b"x")

    @given(st.data())
    @settings(deadline=None, derandomize=True, max_examples=300)
    def test_any_damage(self, data: st.DataObject) -> None:
        """Wrong or missing bytes in an archive file never end the scan; it is accounted for by a row at least."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "a.zip")
            make_zip(path, "a", "b/c", "絵.png")
            content = bytearray(path.read_bytes())
            directory = content.index(b"PK\1\2")
            for _ in range(data.draw(st.integers(1, 4))):
                content[data.draw(st.integers(directory, len(content) - 1))] = data.draw(st.integers(0, 255))
            cut = data.draw(st.integers(0, len(content)))
            del content[cut : cut + data.draw(st.integers(0, 5))]
            path.write_bytes(content)
            found = scan(Path(folder))
            assert found
            assert {listed.path for listed in found} == {b"a.zip"}
            assert len({listed.member for listed in found}) == len(found)
