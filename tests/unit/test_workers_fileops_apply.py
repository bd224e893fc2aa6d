"""One file operation: done, and what is never done."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from store.file_operation import Action, Image, Operation
from tests.unit.operation_site import PICTURE, PLACING, TIME_NS, break_zip, new_site, operation, temporary, zipped
from tests.unit.trees import look, put, unfinished
from workers.fileops.copy import Copy
from workers.fileops.files import apply, stands_already, undo
from workers.fileops.link import HardLink
from workers.fileops.operation import OperationFailed, PlacedFile, TargetExists


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An archive with one picture, and an output folder with a folder X."""
    return new_site(tmp_path)


@pytest.mark.parametrize("action", PLACING)
def test_placing_gives_the_picture_with_its_time_and_permissions(site: Path, action: Action) -> None:
    """Whatever the action, the target shows the picture, its time and its permissions."""
    assert apply(operation(site, action)).action is action
    target = site / "out" / "X" / "a.png"
    assert target.read_bytes() == PICTURE
    assert target.stat().st_mtime_ns == TIME_NS
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert (site / "archive" / "a.png").exists() is (action is not Action.MOVE)
    assert not unfinished(site)


def test_each_action_makes_what_its_name_says(site: Path) -> None:
    """A hard link shares the file, a symbolic link names the original, a copy is a file of its own."""
    original, folder = site / "archive" / "a.png", site / "out" / "X"
    for action in (Action.HARDLINK, Action.SYMLINK, Action.COPY):
        apply(operation(site, action, target=folder / action))
    assert (folder / "hardlink").samefile(original) and not (folder / "hardlink").is_symlink()
    assert os.readlink(folder / "symlink") == str(original)
    assert not (folder / "copy").samefile(original)


@pytest.mark.parametrize("kind", ["file", "dangling link", "folder"])
@pytest.mark.parametrize("action", [*PLACING, Action.RENAME])
def test_an_existing_target_is_never_replaced(site: Path, action: Action, kind: str) -> None:
    """Whatever stands at the target, also a link to nowhere, stays, and the original with it."""
    target = site / "out" / "X" / "a.png"
    if kind == "file":
        put(target, b"someone else's")
    elif kind == "folder":
        target.mkdir()
    else:
        target.symlink_to(site / "nowhere")
    before = look(site)
    with pytest.raises(TargetExists):
        apply(operation(site, action))
    assert look(site) == before


def test_a_copy_does_not_write_through_what_stands_at_its_temporary_name(site: Path) -> None:
    """A link put where the unfinished copy goes leads no byte elsewhere."""
    precious = put(site / "precious", b"precious")
    op = operation(site, Action.COPY)
    temporary(op).symlink_to(precious)
    apply(op)
    assert precious.read_bytes() == b"precious"
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE
    assert not unfinished(site)


def test_a_hard_link_becomes_a_copy_across_file_systems(site: Path, other_device: Path) -> None:
    """Where no hard link can be made, a copy is, and the operation says so."""
    done = apply(operation(site, Action.HARDLINK, target=other_device / "a.png"))
    assert done.action is Action.COPY
    assert (other_device / "a.png").read_bytes() == PICTURE
    assert (other_device / "a.png").stat().st_mtime_ns == TIME_NS
    undo(done)
    assert not (other_device / "a.png").exists()


def test_a_move_across_file_systems_keeps_time_permissions_and_owner(site: Path, other_device: Path) -> None:
    """The moved picture is as the original was, and the original is gone."""
    original = site / "archive" / "a.png"
    if os.geteuid() == 0:
        os.chown(original, 1234, 2345)
    before = original.stat()
    op = apply(operation(site, Action.MOVE, target=other_device / "a.png"))
    after = (other_device / "a.png").stat()
    assert not original.exists()
    undo(op)
    for status in (after, original.stat()):
        assert (status.st_mode, status.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
        assert (status.st_uid, status.st_gid) == (before.st_uid, before.st_gid)
    assert original.read_bytes() == PICTURE
    assert not list(other_device.iterdir())


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_a_file_changed_since_it_was_read_is_not_placed(site: Path, action: Action) -> None:
    """Neither moved nor copied under a character that another content was given."""
    put(site / "archive" / "a.png", b"painted over")
    before = look(site)
    with pytest.raises(OperationFailed, match="changed since it was read"):
        apply(operation(site, action))
    assert look(site) == before


@pytest.mark.parametrize("action", [Action.MOVE, Action.RENAME])
@pytest.mark.parametrize("far", [False, True])
def test_what_may_not_leave_its_folder_stays_there_alone(
    site: Path, other_device: Path, monkeypatch: pytest.MonkeyPatch, action: Action, far: bool
) -> None:
    """An archive that may only be read: the file is not left standing in both places."""
    op = operation(site, action, target=other_device / "a.png" if far else None)
    unlink = os.unlink

    def guarded(path: bytes, **options: object) -> None:
        if path == op.source:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", guarded)
    with pytest.raises(OperationFailed, match="Permission denied"):
        apply(op)
    assert Path(os.fsdecode(op.source)).read_bytes() == PICTURE
    assert not os.path.lexists(op.target) and not temporary(op).exists()


def test_a_move_takes_no_symbolic_link(site: Path) -> None:
    """A link is not a picture that could be moved; it stays, and what it leads to."""
    original = site / "archive" / "a.png"
    original.rename(site / "real.png")
    original.symlink_to(site / "real.png")
    with pytest.raises(OperationFailed):
        apply(operation(site, Action.MOVE))
    assert original.is_symlink() and (site / "real.png").read_bytes() == PICTURE


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.COPY, Action.MOVE, Action.RENAME])
def test_a_source_that_is_gone_fails(site: Path, action: Action) -> None:
    """Nothing is made of nothing."""
    (site / "archive" / "a.png").unlink()
    with pytest.raises(OperationFailed):
        apply(operation(site, action))
    assert not list((site / "out" / "X").iterdir())


def test_rename_gives_another_name(site: Path) -> None:
    """The file is the same one, under its new name only."""
    old = put(site / "out" / "X" / "old.png", PICTURE)
    inode = old.stat().st_ino
    apply(operation(site, Action.RENAME, source=old))
    assert not old.exists()
    assert (site / "out" / "X" / "a.png").stat().st_ino == inode


def test_rename_moves_a_symbolic_link_itself(site: Path, other_device: Path) -> None:
    """What is renamed is the link, not what it leads to, also across file systems."""
    link = site / "out" / "X" / "link.png"
    link.symlink_to(site / "archive" / "a.png")
    apply(operation(site, Action.RENAME, source=link, target=other_device / "b.png"))
    assert os.readlink(other_device / "b.png") == str(site / "archive" / "a.png")
    assert not link.is_symlink()


@pytest.mark.parametrize("placed", [Action.HARDLINK, Action.SYMLINK, Action.COPY])
def test_remove_takes_a_spare_away_and_reverse_makes_it_again(site: Path, placed: Action) -> None:
    """Taken away and made again, the place looks as before."""
    apply(operation(site, placed))
    before = look(site)
    op = apply(replace(operation(site, Action.REMOVE), placed=placed))
    assert not os.path.lexists(site / "out" / "X" / "a.png")
    undo(op)
    assert look(site) == before


@pytest.mark.parametrize("placed", [Action.HARDLINK, Action.COPY])
def test_remove_refuses_the_last_copy(site: Path, placed: Action) -> None:
    """When the original is gone, its link or copy stays."""
    apply(operation(site, placed))
    (site / "archive" / "a.png").unlink()
    with pytest.raises(OperationFailed, match="stays"):
        apply(replace(operation(site, Action.REMOVE), placed=placed))
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


@pytest.mark.parametrize("placed", [Action.HARDLINK, Action.COPY])
def test_remove_leaves_what_a_person_saves_while_it_is_compared(
    site: Path, monkeypatch: pytest.MonkeyPatch, placed: Action
) -> None:
    """Reading the original takes its time; another file that stands there afterwards stays."""
    apply(operation(site, placed))
    target = site / "out" / "X" / "a.png"
    made: type[PlacedFile] = HardLink if placed is Action.HARDLINK else Copy
    check = made.original_stands

    def save(self: PlacedFile) -> bool:
        os.replace(put(site / "editor", b"my version"), target)
        return check(self)

    monkeypatch.setattr(made, "original_stands", save)
    with pytest.raises(OperationFailed, match="stays"):
        apply(replace(operation(site, Action.REMOVE), placed=placed))
    assert target.read_bytes() == b"my version"


def test_a_folder_is_made_or_was_there(site: Path) -> None:
    """A folder that is there already is as good as made."""
    op = Operation(Action.FOLDER, Image(b""), b"", bytes(site / "out" / "Y"))
    apply(op)
    apply(op)
    assert (site / "out" / "Y").is_dir()


@pytest.mark.parametrize("kind", ["file", "link to a folder"])
def test_a_folder_is_not_what_merely_leads_to_one(site: Path, kind: str) -> None:
    """A link to a folder, or a file, is no place for pictures."""
    place = site / "out" / "Y"
    put(place) if kind == "file" else place.symlink_to(site / "archive")
    with pytest.raises(TargetExists):
        apply(Operation(Action.FOLDER, Image(b""), b"", bytes(place)))


def test_a_member_is_extracted_with_its_time(site: Path) -> None:
    """A page of a comic is copied out of it, bears the time that stands in it, and can be taken back."""
    op = zipped(site)
    apply(op)
    page = site / "out" / "X" / "1.png"
    first = page.stat().st_mtime_ns
    assert page.read_bytes() == PICTURE
    undo(op)
    assert not page.exists()
    apply(op)
    assert page.stat().st_mtime_ns == first


@pytest.mark.parametrize("damage", ["member gone", "other content", "no zip", "a pipe", "bad data", "bad header"])
def test_a_damaged_archive_file_fails_and_leaves_nothing(site: Path, damage: str) -> None:
    """Whatever is wrong with the archive file by now, it is this one operation that fails, and it does not hang."""
    op = zipped(site)
    book = site / "archive" / "book.cbz"
    if damage == "member gone":
        zipped(site, name="other.png")
    elif damage == "other content":
        zipped(site, content=b"another page")
    elif damage == "no zip":
        book.write_bytes(b"no zip")
    elif damage == "a pipe":
        book.unlink()
        os.mkfifo(book)
    else:
        break_zip(book, damage)
    with pytest.raises(OperationFailed):
        apply(op)
    assert not list((site / "out" / "X").iterdir())


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK, Action.COPY])
def test_what_was_placed_stands_already(site: Path, action: Action) -> None:
    """What an action makes is known again; nothing, or something else, is not."""
    op = operation(site, action)
    assert not stands_already(op)
    apply(op)
    assert stands_already(op)
    target = site / "out" / "X" / "a.png"
    target.unlink()
    put(target, b"something else")
    assert not stands_already(op)
