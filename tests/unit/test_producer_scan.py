"""The scan: every file exactly once, in a fixed order, whatever stands in the tree."""

from __future__ import annotations

import itertools
import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producer.exclusion import Exclusion
from producer.scan import scan as scan_of
from store.file_identity import identity_of_file
from store.listing import Kind, Listed
from store.roots import Roots
from tests.unit.scanned import fill, forbid, make_zip, names, scan

# Names that sort differently as text, as paths and as bytes; ends of names that matter; bytes that are no UTF-8.
name_parts = st.sampled_from([b"a", b"b", b"A", b".", b"-", b" ", b"/", b"\xff", "絵".encode(), b"0", b"~", b"\n"])
file_names = st.lists(name_parts.filter(lambda part: part != b"/"), min_size=1, max_size=4).map(b"".join)
tree_paths = st.lists(
    st.lists(file_names.filter(lambda name: name not in (b".", b"..")), min_size=1, max_size=4), max_size=25
)


class TestOrder:
    @given(tree_paths)
    @settings(deadline=None, derandomize=True, max_examples=150)
    def test_any_tree(self, paths: list[list[bytes]]) -> None:
        """Every file once, in the order of the sort key, which is strict; another scan gives the same."""
        with tempfile.TemporaryDirectory() as folder:
            root = os.fsencode(os.path.realpath(folder))
            made = set()
            for parts in paths:
                try:
                    os.makedirs(os.path.join(root, *parts[:-1]), exist_ok=True)
                    with open(os.path.join(root, *parts), "xb") as file:
                        made.add((b"/".join(parts), file.write(b"x" * len(parts))))
                except OSError:
                    continue  # a file stands where this path needs a folder, or the reverse
            everything = Exclusion(include_hidden=True)
            found = scan(root, exclusion=everything)
            assert {(listed.path, listed.size) for listed in found} == made
            assert len(found) == len(made)
            keys = [listed.sort_key for listed in found]
            assert all(before < after for before, after in itertools.pairwise(keys))
            assert scan(root, exclusion=everything) == found
            assert list(scan_of(root, exclusion=everything)) == found

    def test_one_object_scans_twice(self, tmp_path: Path) -> None:
        """A scan may be begun again, and the second is as whole as the first."""
        fill(tmp_path / "in", "x")
        fill(tmp_path / "out", "y")
        (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
        twice = scan_of(os.fsencode(tmp_path / "in"))
        assert [listed.name for listed in twice] == [listed.name for listed in twice] == ["link/y", "x"]

    def test_folders_stand_among_files(self, tmp_path: Path) -> None:
        """`a/b` comes before `a.b` and after nothing: by the name of the folder, not by the path as text."""
        fill(tmp_path, "a/b", "a.b", "a-b", "B/x", "b/z", "b/y/1", "c")
        assert names(tmp_path) == ["B/x", "a/b", "a-b", "a.b", "b/y/1", "b/z", "c"]

    def test_members_stand_at_their_archive_file(self, tmp_path: Path) -> None:
        """What is inside an archive file comes where that file is, in the order of names."""
        fill(tmp_path, "a", "c")
        make_zip(tmp_path / "b.cbz", "2/page", "10", "2.png")
        found = scan(tmp_path)
        assert [listed.name for listed in found] == ["a", "b.cbz!/10", "b.cbz!/2.png", "b.cbz!/2/page", "c"]
        assert sorted(found, key=lambda listed: listed.sort_key) == found

    def test_streams(self, tmp_path: Path) -> None:
        """The first file is given before the rest of the tree is looked at."""
        fill(tmp_path, "a/1", "b/1")
        files = iter(scan_of(os.fsencode(tmp_path)))
        assert next(files).name == "a/1"
        fill(tmp_path, "b/2")
        assert [listed.name for listed in files] == ["b/1", "b/2"]

    def test_empty_tree(self, tmp_path: Path) -> None:
        """A tree of empty folders holds nothing."""
        (tmp_path / "a" / "b").mkdir(parents=True)
        assert scan(tmp_path) == []

    def test_very_deep_tree(self, tmp_path: Path) -> None:
        """Folders six hundred deep are walked to the end."""
        here = os.open(tmp_path, os.O_RDONLY)
        depth = 600
        for _ in range(depth):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        try:
            assert [listed.path for listed in scan(tmp_path)] == [b"d/" * depth + b"x"]
        finally:  # no library function takes away so deep a tree
            os.unlink("x", dir_fd=here)
            for _ in range(depth):
                above = os.open("..", os.O_RDONLY, dir_fd=here)
                os.close(here)
                os.rmdir("d", dir_fd=above)
                here = above
            os.close(here)

    def test_path_too_long_to_open(self, tmp_path: Path) -> None:
        """A folder whose path is longer than the system opens is said to be unreadable; the rest is listed."""
        here = os.open(tmp_path, os.O_RDONLY)
        name = "n" * 250
        for _ in range(17):
            os.mkdir(name, dir_fd=here)
            below = os.open(name, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        fill(tmp_path, "z")
        deep, last = scan(tmp_path)
        assert (deep.kind, last.name) == (Kind.UNREADABLE, "z")
        assert "too long" in deep.reason


class TestFiles:
    def test_size_and_time(self, tmp_path: Path) -> None:
        """A plain file waits to be read, with its size and its time to the nanosecond."""
        fill(tmp_path, "x")
        os.utime(tmp_path / "x", ns=(0, 1_700_000_000_123_456_789))
        identity = identity_of_file((tmp_path / "x").stat().st_ino, 1, 1_700_000_000_123_456_789)
        assert scan(tmp_path) == [Listed(b"x", 1, 1_700_000_000_123_456_789, identity=identity)]

    def test_empty_file(self, tmp_path: Path) -> None:
        """An empty file is a file."""
        (tmp_path / "x.png").touch()
        assert [(listed.path, listed.size, listed.to_read) for listed in scan(tmp_path)] == [(b"x.png", 0, True)]

    def test_names_that_are_no_text(self, tmp_path: Path) -> None:
        """Any bytes may be a name; they are kept as they are, and shown escaped."""
        odd = b"\xff\xfe \n\x1b[31m"
        with open(os.path.join(os.fsencode(tmp_path), odd), "wb"):
            pass
        (listed,) = scan(tmp_path)
        assert listed.path == odd
        assert listed.name.encode()

    def test_longest_name(self, tmp_path: Path) -> None:
        """A name of 255 bytes is a name."""
        name = "絵" * 85
        fill(tmp_path, name)
        assert names(tmp_path) == [name]

    def test_pipe_and_socket(self, tmp_path: Path) -> None:
        """What is no regular file is unsupported, and is not waited for, even when it is called .zip."""
        os.mkfifo(tmp_path / "pipe")
        os.mkfifo(tmp_path / "pipe.zip")
        (tmp_path / "to-pipe").symlink_to("pipe")
        with tempfile.TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{short}/socket")
            found = scan(tmp_path) + scan(Path(short))
        assert [listed.name for listed in found] == ["pipe", "pipe.zip", "to-pipe", "socket"]
        assert {(listed.kind, listed.reason) for listed in found} == {(Kind.UNSUPPORTED, "not a regular file")}

    def test_folder_named_like_a_picture(self, tmp_path: Path) -> None:
        """A folder is a folder, whatever its name ends in."""
        fill(tmp_path, "x.png/y", "b.zip/z")
        assert names(tmp_path) == ["b.zip/z", "x.png/y"]

    def test_folder_without_permission(self, tmp_path: Path) -> None:
        """A folder that may not be listed is one unreadable row with the reason; the rest is listed."""
        fill(tmp_path, "a/x", "b/x", "c")
        try:
            forbid(tmp_path / "a", 0)
            found = scan(tmp_path)
        finally:
            (tmp_path / "a").chmod(0o700)
        assert [(listed.name, listed.kind) for listed in found] == [
            ("a", Kind.UNREADABLE),
            ("b/x", Kind.PENDING),
            ("c", Kind.PENDING),
        ]
        assert found[0].reason == "folder cannot be listed: permission denied"

    def test_folder_that_may_be_listed_only(self, tmp_path: Path) -> None:
        """Files whose size may not be asked are unreadable, one row each."""
        fill(tmp_path, "a/x", "a/y")
        try:
            forbid(tmp_path / "a", 0o400)
            found = scan(tmp_path)
        finally:
            (tmp_path / "a").chmod(0o700)
        assert [(listed.name, listed.kind) for listed in found] == [("a/x", Kind.UNREADABLE), ("a/y", Kind.UNREADABLE)]

    def test_missing_root(self, tmp_path: Path) -> None:
        """A tree that is gone is one unreadable row, not an error in the middle."""
        (listed,) = scan(tmp_path / "none")
        assert (listed.path, listed.kind) == (b".", Kind.UNREADABLE)

    def test_folder_vanishes(self, tmp_path: Path) -> None:
        """A folder taken away during the scan is an unreadable row; the scan goes on."""
        fill(tmp_path, "a/x", "b/x", "c")
        files = iter(scan_of(os.fsencode(tmp_path)))
        next(files)
        (tmp_path / "b" / "x").unlink()
        (tmp_path / "b").rmdir()
        gone, last = files
        assert (gone.path, gone.kind, last.path) == (b"b", Kind.UNREADABLE, b"c")


class TestLinks:
    def test_to_a_file(self, tmp_path: Path) -> None:
        """A link to a file is a file with the size of what it leads to, inside the tree and outside."""
        fill(tmp_path, "in/x", "out/longer")
        (tmp_path / "in" / "a").symlink_to("x")
        (tmp_path / "in" / "b").symlink_to(tmp_path / "out" / "longer")
        assert [(listed.name, listed.size) for listed in scan(tmp_path / "in")] == [("a", 4), ("b", 10), ("x", 4)]

    def test_to_a_folder_inside(self, tmp_path: Path) -> None:
        """A folder inside is listed at its own place only."""
        fill(tmp_path, "a/x")
        (tmp_path / "b").symlink_to("a")
        (tmp_path / "a" / "c").symlink_to("../a")
        assert names(tmp_path) == ["a/x"]

    def test_to_a_folder_outside(self, tmp_path: Path) -> None:
        """A folder outside is entered once, by the first link to it."""
        fill(tmp_path, "in/x", "out/y", "out/d/z")
        (tmp_path / "in" / "a").symlink_to(tmp_path / "out")
        (tmp_path / "in" / "b").symlink_to(tmp_path / "out")
        assert names(tmp_path / "in") == ["a/d/z", "a/y", "x"]

    @pytest.mark.parametrize(("first", "second"), [("out", "out/d"), ("out/d", "out")])
    def test_to_a_folder_and_one_in_it(self, first: str, second: str, tmp_path: Path) -> None:
        """Two links outside, one below the other: every file once, whichever comes first."""
        fill(tmp_path, "in/x", "out/y", "out/d/z")
        (tmp_path / "in" / "a").symlink_to(tmp_path / first)
        (tmp_path / "in" / "b").symlink_to(tmp_path / second)
        found = names(tmp_path / "in")
        assert sorted(name.rpartition("/")[2] for name in found) == ["x", "y", "z"]

    def test_to_the_folder_above(self, tmp_path: Path) -> None:
        """A link to a folder that holds the tree: what is beside the tree is listed, the tree itself not again."""
        fill(tmp_path, "in/x", "in/d/y", "beside/z")
        (tmp_path / "in" / "up").symlink_to(tmp_path)
        assert names(tmp_path / "in") == ["d/y", "up/beside/z", "x"]

    def test_back_into_the_tree(self, tmp_path: Path) -> None:
        """A link outside that leads back is not followed."""
        fill(tmp_path, "in/x", "out/y")
        (tmp_path / "in" / "a").symlink_to(tmp_path / "out")
        (tmp_path / "out" / "back").symlink_to(tmp_path / "in")
        assert names(tmp_path / "in") == ["a/y", "x"]

    def test_loop_outside(self, tmp_path: Path) -> None:
        """Loops outside end, and each file there is listed once."""
        fill(tmp_path, "in/x", "out/d/y")
        (tmp_path / "in" / "a").symlink_to(tmp_path / "out")
        (tmp_path / "out" / "d" / "self").symlink_to(tmp_path / "out" / "d")
        (tmp_path / "out" / "top").symlink_to(tmp_path / "out")
        assert names(tmp_path / "in") == ["a/d/y", "x"]

    def test_that_lead_nowhere(self, tmp_path: Path) -> None:
        """A broken link and a link to itself are unreadable rows with the reason."""
        (tmp_path / "gone").symlink_to("nowhere")
        (tmp_path / "self").symlink_to("self")
        found = scan(tmp_path)
        assert [(listed.name, listed.kind) for listed in found] == [
            ("gone", Kind.UNREADABLE),
            ("self", Kind.UNREADABLE),
        ]
        assert all(listed.reason.startswith("a symbolic link that leads nowhere: ") for listed in found)

    def test_to_an_archive_file(self, tmp_path: Path) -> None:
        """A link to an archive file shows what is inside, by the name of the link."""
        make_zip(tmp_path / "book", "page")
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "b.zip").symlink_to(tmp_path / "book")
        assert names(tmp_path / "in") == ["b.zip!/page"]

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=8))
    @settings(deadline=None, derandomize=True, max_examples=100)
    def test_any_links(self, links: list[tuple[int, int]]) -> None:
        """Whatever links lead where between folders inside and outside: it ends, and every file comes at most once."""
        with tempfile.TemporaryDirectory() as folder:
            top = Path(os.path.realpath(folder))
            places = [top / path for path in ("in", "in/a", "in/a/b", "out", "out/c", "out/c/d")]
            fill(top, *(f"{place.relative_to(top)}/file" for place in places))
            for number, (here, there) in enumerate(links):
                (places[here] / f"link{number}").symlink_to([*places, top, top / "out/.."][there])
            found = scan(top / "in")
            real = [os.path.realpath(os.path.join(os.fsencode(top / "in"), listed.path)) for listed in found]
            assert len(set(real)) == len(real)
            assert {os.fsencode(place / "file") for place in places[:3]} <= set(real)
            assert [listed.sort_key for listed in found] == sorted(listed.sort_key for listed in found)


class TestExcluded:
    def test_folder_inside(self, tmp_path: Path) -> None:
        """An excluded folder inside the tree is not entered; one with a similar name is."""
        fill(tmp_path, "out/x", "out.d/x", "output/x", "z")
        assert names(tmp_path, tmp_path / "out") == ["out.d/x", "output/x", "z"]

    def test_through_links(self, tmp_path: Path) -> None:
        """No link leads into an excluded folder, or to a folder in it."""
        fill(tmp_path, "in/x", "out/y", "out/Akari/z")
        (tmp_path / "in" / "a").symlink_to(tmp_path / "out")
        (tmp_path / "in" / "b").symlink_to(tmp_path / "out" / "Akari")
        (tmp_path / "in" / "c").symlink_to(tmp_path)
        assert names(tmp_path / "in", tmp_path / "out") == ["x"]

    def test_named_through_a_link(self, tmp_path: Path) -> None:
        """An excluded folder may be named by a link to it."""
        fill(tmp_path, "in/x", "in/out/y")
        (tmp_path / "elsewhere").symlink_to(tmp_path / "in" / "out")
        assert names(tmp_path / "in", tmp_path / "elsewhere") == ["x"]

    def test_that_does_not_exist(self, tmp_path: Path) -> None:
        """An excluded folder need not be there, and a file may have its name."""
        fill(tmp_path, "x", "out")
        assert names(tmp_path, tmp_path / "none", tmp_path / "out") == ["out", "x"]


def test_links_out_of_the_roots_are_listed_and_not_followed(tmp_path: Path) -> None:
    """Folders and files alike; what is linked from another root is part of the archive."""
    fill(tmp_path, "art/1.png", "more/2.png", "secret/3.png")
    for name in ("more", "secret"):
        (tmp_path / "art" / name).symlink_to(tmp_path / name)
    (tmp_path / "art" / "far.png").symlink_to(tmp_path / "secret" / "3.png")
    roots = Roots({"art": str(tmp_path / "art"), "more": str(tmp_path / "more")})
    found = {
        listed.name: listed.kind for listed in scan_of(bytes(tmp_path / "art"), storage=roots.storage(bytes(tmp_path)))
    }
    refused = Kind.UNREADABLE
    assert found == {"1.png": Kind.PENDING, "more/2.png": Kind.PENDING, "far.png": refused, "secret": refused}
    assert len(scan(tmp_path / "art")) == 4
