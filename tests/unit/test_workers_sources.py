"""From a listed file to its bytes, when it is not, or no longer, what the scan saw."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image as Pillow

from model.errors import PictureError, UnreadablePicture, UnsupportedPicture
from store.file_operation import Action, Image, Operation
from store.listing import Listed
from store.roots import Roots
from tests.unit.calls import recorded
from tests.unit.trees import put
from workers.archive_file import find_member, open_archive
from workers.fileops.copy import member_digest
from workers.sources import Sources, TransientFailure


def png(colour: str = "red") -> bytes:
    """A small picture's bytes."""
    data = io.BytesIO()
    Pillow.new("RGB", (9, 7), colour).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a part."""
    return tmp_path


@pytest.fixture
def sources(root: Path) -> Sources:
    """Opens the files below the root."""
    return Sources(bytes(root))


def listed(name: str, member: str = "") -> Listed:
    """A file as the scan lists it."""
    return Listed(os.fsencode(name), 1, 1, member.encode())


def book(root: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """An archive file with members."""
    path = root / "book.cbz"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_picture_s_bytes_are_read_whole(root: Path, sources: Sources) -> None:
    """Of a plain file and of a member of an archive file alike."""
    put(root / "a.png", png("red"))
    book(root, {"1.png": png("blue")})
    assert sources.read(listed("a.png")).picture == png("red")
    assert sources.read(listed("book.cbz", "1.png")).picture == png("blue")


def test_names_that_are_no_utf8_are_read(root: Path, sources: Sources) -> None:
    """The path is bytes, whatever they are."""
    (root / os.fsdecode(b"\xff\xfe.png")).write_bytes(png())
    assert sources.read(Listed(b"\xff\xfe.png", 1, 1)).picture == png()


def test_of_what_is_no_picture_only_the_beginning_is_read(root: Path, sources: Sources) -> None:
    """A film of any length costs nothing."""
    with put(root / "film.mkv", b"film").open("r+b") as file:
        file.truncate(1 << 29)
    with pytest.raises(UnsupportedPicture):
        sources.read(listed("film.mkv"))


@pytest.mark.parametrize(
    ("name", "content", "error", "reason"),
    [
        ("empty.png", b"", UnreadablePicture, "the file is empty"),
        ("text.png", b"not found", UnreadablePicture, "no picture inside, although its name ends in .png"),
        ("text.PNG", b"not found", UnreadablePicture, "ends in .png"),
        ("notes.txt", b"notes", UnsupportedPicture, "not a picture"),
        ("empty", b"", UnsupportedPicture, "not a picture"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_no_picture(
    root: Path, sources: Sources, name: str, content: bytes, error: type[PictureError], reason: str, zipped: bool
) -> None:
    """What claims by its name to be a picture deserves a person's attention; the rest does not."""
    book(root, {name: content}) if zipped else put(root / name, content)
    with pytest.raises(error, match=reason):
        sources.read(listed("book.cbz", name) if zipped else listed(name))


@pytest.mark.parametrize("member", ["", "1.png"])
def test_a_file_that_is_gone_may_come_back(sources: Sources, member: str) -> None:
    """A share that is not mounted here looks just so; it must not stay unreadable for ever."""
    with pytest.raises(TransientFailure, match="gone"):
        sources.read(listed("a.png", member))


def _folder(path: Path) -> None:
    path.mkdir()


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def _loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("member", ["", "1.png"])
@pytest.mark.parametrize("make", [_folder, _pipe, _socket, _loop])
def test_something_else_in_the_file_s_place(
    root: Path, sources: Sources, make: Callable[[Path], None], member: str
) -> None:
    """A folder, a pipe, a socket, a loop: an outcome that may pass, without hanging, and no descriptor stays open."""
    make(root / "x")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(TransientFailure):
        sources.read(listed("x", member))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission_may_pass(root: Path, sources: Sources) -> None:
    """A file that may not be read now is tried again in the next run."""
    put(root / "a.png", png(), mode=0)
    with pytest.raises(TransientFailure, match="permission"):
        sources.read(listed("a.png"))


def test_a_name_too_long_stays_unreadable(sources: Sources) -> None:
    """The file system will say the same next time."""
    with pytest.raises(UnreadablePicture) as caught:
        sources.read(listed("x" * 300))
    assert not isinstance(caught.value, TransientFailure)


def test_files_beyond_the_limit_are_refused(root: Path) -> None:
    """By their size, before they are read; in an archive file too."""
    big = png() + bytes(1000)
    put(root / "a.png", big)
    book(root, {"1.png": big})
    sources = Sources(bytes(root), max_bytes=len(big) - 1)
    for file in (listed("a.png"), listed("book.cbz", "1.png")):
        with pytest.raises(UnreadablePicture, match="limit"):
            sources.read(file)
    sources = Sources(bytes(root), max_bytes=len(big))
    assert sources.read(listed("a.png")).picture == sources.read(listed("book.cbz", "1.png")).picture == big


def _patch(path: Path, at: bytes, offset: int, value: bytes) -> None:
    """Overwrite bytes of an archive file, counted from the last occurrence of a mark."""
    data = bytearray(path.read_bytes())
    start = data.rindex(at) + offset
    data[start : start + len(value)] = value
    path.write_bytes(data)


def _encrypted(path: Path) -> None:
    _patch(path, b"PK\x01\x02", 8, b"\x01\x00")


def _says_less(path: Path) -> None:
    _patch(path, b"PK\x01\x02", 24, (70).to_bytes(4, "little"))


def _unknown_compression(path: Path) -> None:
    _patch(path, b"PK\x01\x02", 10, (97).to_bytes(2, "little"))


def _begins_nowhere(path: Path) -> None:
    _patch(path, b"PK\x01\x02", 42, (len(path.read_bytes()) - 5).to_bytes(4, "little"))


def _data_destroyed(path: Path) -> None:
    _patch(path, b"PK\x03\x04", 36, b"\xff" * 20)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def _member_gone(path: Path) -> None:
    book(path.parent, {"2.png": png()})


@pytest.mark.parametrize(
    "damage",
    [_encrypted, _says_less, _unknown_compression, _begins_nowhere, _data_destroyed, _cut, _member_gone],
)
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_file_is_an_outcome(
    root: Path, sources: Sources, damage: Callable[[Path], None], compression: int
) -> None:
    """Whatever is wrong in it, the one picture is unreadable and the others go on."""
    path = book(root, {"1.png": png() + bytes(range(256)) * 4}, compression)
    damage(path)
    with pytest.raises(UnreadablePicture) as caught:
        sources.read(listed("book.cbz", "1.png"))
    assert str(caught.value) and not isinstance(caught.value, TransientFailure)
    put(root / "a.png", png())
    assert sources.read(listed("a.png")).picture == png()


def test_a_member_that_lies_about_its_size_costs_no_more_than_it_says(root: Path, sources: Sources) -> None:
    """An entry that unpacks to more than it says is cut off there and refused."""
    path = book(root, {"1.png": png() + bytes(50_000_000)})
    _says_less(path)
    with pytest.raises(UnreadablePicture):
        sources.read(listed("book.cbz", "1.png"))


def test_names_in_an_archive_file_lead_nowhere(root: Path, sources: Sources) -> None:
    """A member named like a path outside is only the member's name."""
    names = ["../../etc/1.png", "/etc/2.png"]
    book(root, {name: png() for name in names})
    for name in names:
        assert sources.read(listed("book.cbz", name)).picture == png()


def test_entries_of_one_name_are_all_read(root: Path, sources: Sources) -> None:
    """Each under the name by which it is listed; the last one under the name that all bear, as when it is unpacked."""
    with zipfile.ZipFile(root / "book.cbz", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for colour in ("red", "green", "blue"):
            archive.writestr("1.png", png(colour))
    found = [sources.read(listed("book.cbz", name)).picture for name in ("1 (2).png", "1 (3).png", "1.png")]
    assert found == [png("red"), png("green"), png("blue")]


def test_names_of_an_earlier_program_are_read(root: Path, sources: Sources) -> None:
    """A listing or a journal may hold a name in an old encoding as it was misread then."""
    path = book(root, {"xxxx.png": png()})
    path.write_bytes(path.read_bytes().replace(b"xxxx", "表絵".encode("shift_jis")))
    for name in ("表絵.png", "表絵.png".encode("shift_jis").decode("cp437")):
        assert sources.read(listed("book.cbz", name)).picture == png()


def test_the_directory_of_an_archive_file_is_read_once(
    root: Path, sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its members are asked for one by one, by many threads and tasks; nothing is held open in between."""
    opened: list[tuple[object, ...]] = []
    of_class = zipfile.ZipFile.__init__
    monkeypatch.setattr(zipfile.ZipFile, "__init__", recorded(of_class, opened))
    names = [f"{n}.png" for n in range(50)]
    with monkeypatch.context() as plain:
        plain.setattr(zipfile.ZipFile, "__init__", of_class)
        path = book(root, {name: png() for name in names})
    before = len(os.listdir("/proc/self/fd"))
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda name: sources.read(listed("book.cbz", name)).picture, names)) == {png()}
    for name in names:
        member = Operation(Action.COPY, Image(bytes(path), name.encode()), bytes(path), b"")
        assert member_digest(member) == hashlib.sha256(png()).digest()
    assert len(opened) == 1
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("in_place", [False, True])
def test_an_archive_file_that_changes_is_read_anew(root: Path, sources: Sources, in_place: bool) -> None:
    """Whether another file takes its place or it is written into, also while it is being read."""
    path = book(root, {"1.png": png("red"), "2.png": png("red")})
    with open_archive(bytes(path)) as before:
        assert sources.read(listed("book.cbz", "1.png")).picture == png("red")
        if in_place:
            with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
                archive.writestr("1.png", png("blue"))
        else:
            path.rename(root / "old.cbz")
            book(root, {"1.png": png("blue"), "2.png": png("red")})
        assert sources.read(listed("book.cbz", "1.png")).picture == png("blue")
        assert before.read(find_member(before, b"2.png")) == png("red")
    assert sources.read(listed("book.cbz", "1.png")).picture == png("blue")


def test_many_archive_files_need_few_descriptors(root: Path, sources: Sources) -> None:
    """However many archive files a chunk touches, few of them are open at once."""
    for n in range(40):
        book(root, {"1.png": png()}).rename(root / f"{n}.cbz")
    before = len(os.listdir("/proc/self/fd"))
    for n in range(40):
        assert sources.read(listed(f"{n}.cbz", "1.png")).picture == png()
    assert len(os.listdir("/proc/self/fd")) - before <= 16


def test_a_machine_with_roots_reads_nothing_outside(tmp_path: Path) -> None:
    """A link is followed where its end lies in a root, its own or another; a listing cannot name its way out."""
    secret = put(tmp_path / "secret" / "x.png", png("red"))
    near = put(tmp_path / "more" / "near.png", png("blue"))
    art = tmp_path / "art"
    put(art / "in.png", png("green"))
    (art / "near.png").symlink_to(near)
    (art / "far.png").symlink_to(secret)
    (art / "folder").symlink_to(secret.parent)
    (art / "far.cbz").symlink_to(book(tmp_path / "secret", {"1.png": png()}))
    roots = Roots({"art": str(art), "more": str(tmp_path / "more")})
    confined = Sources(bytes(art), storage=roots.storage(bytes(art)))
    free = Sources(bytes(art))
    assert confined.read(listed("near.png")).picture == free.read(listed("near.png")).picture == png("blue")
    assert confined.read(listed("in.png")).picture == png("green")
    for far in (listed("far.png"), listed("folder/x.png"), listed("far.cbz", "1.png")):
        assert free.read(far).picture == png()
        with pytest.raises(TransientFailure, match="leads out of this machine's roots"):
            confined.read(far)
    for name in ("../secret/x.png", str(secret), "a/../../secret/x.png"):
        for sources in (confined, free):
            with pytest.raises(UnreadablePicture, match="leads out of the folder"):
                sources.read(listed(name))
