"""One file operation taken back, and what is never taken back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.file_operation import Action, Image, Operation
from tests.unit.operation_site import PICTURE, PLACING, TIME_NS, new_site, operation, zipped
from tests.unit.trees import look, put, sha
from workers.fileops.files import apply, undo
from workers.fileops.operation import OperationFailed


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An archive with one picture, and an output folder with a folder X."""
    return new_site(tmp_path)


@pytest.mark.parametrize("action", PLACING)
def test_reverse_takes_back_and_may_be_repeated(site: Path, action: Action) -> None:
    """Everything is as before, times and permissions too; a second time changes nothing."""
    before = look(site)
    op = apply(operation(site, action))
    undo(op)
    assert look(site) == before
    undo(op)
    assert look(site) == before


def test_reverse_of_rename_gives_the_old_name_back(site: Path) -> None:
    """Also when the old folder has gone meanwhile, and when it is done twice."""
    old = put(site / "out" / "W" / "old.png", PICTURE)
    op = apply(operation(site, Action.RENAME, source=old))
    old.parent.rmdir()
    undo(op)
    assert old.read_bytes() == PICTURE
    assert not (site / "out" / "X" / "a.png").exists()
    undo(op)
    assert old.exists()


def test_reverse_of_move_makes_the_folder_again(site: Path) -> None:
    """The original goes home even where its folder was deleted."""
    op = apply(operation(site, Action.MOVE))
    (site / "archive").rmdir()
    undo(op)
    assert (site / "archive" / "a.png").read_bytes() == PICTURE


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK, Action.COPY])
def test_reverse_refuses_what_someone_changed(site: Path, action: Action) -> None:
    """A file that is no longer what was placed stays as it is."""
    op = apply(operation(site, action))
    target = site / "out" / "X" / "a.png"
    target.unlink()
    put(target, b"edited by hand")
    with pytest.raises(OperationFailed, match="stays"):
        undo(op)
    assert target.read_bytes() == b"edited by hand"


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.COPY])
def test_reverse_refuses_the_last_copy(site: Path, action: Action) -> None:
    """When the original was deleted, what was placed is the picture, and stays."""
    op = apply(operation(site, action))
    (site / "archive" / "a.png").unlink()
    with pytest.raises(OperationFailed, match="last copy"):
        undo(op)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_reverse_refuses_the_copy_of_an_original_that_was_painted_over(site: Path) -> None:
    """The original bears other bytes now: the copy is the last of these, and stays."""
    op = apply(operation(site, Action.COPY))
    put(site / "archive" / "a.png", b"painted over")
    with pytest.raises(OperationFailed, match="last copy"):
        undo(op)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_reverse_refuses_the_page_of_a_book_that_lost_it(site: Path) -> None:
    """A page that its archive file no longer holds stays where it was extracted to."""
    op = apply(zipped(site))
    zipped(site, name="other.png")
    with pytest.raises(OperationFailed, match="last copy"):
        undo(op)
    assert (site / "out" / "X" / "1.png").read_bytes() == PICTURE


@pytest.mark.parametrize("action", [Action.MOVE, Action.RENAME])
def test_reverse_never_replaces_what_took_the_old_place(site: Path, action: Action) -> None:
    """Another file at the old place stays, and so does the one that would have gone there."""
    op = apply(operation(site, action))
    put(site / "archive" / "a.png", b"a newer picture")
    before = look(site)
    with pytest.raises(OperationFailed, match="taken"):
        undo(op)
    assert look(site) == before


@pytest.mark.parametrize("action", [Action.MOVE, Action.RENAME])
def test_reverse_tells_when_the_file_is_gone(site: Path, action: Action) -> None:
    """A moved file that someone took away cannot go home; that is said."""
    op = apply(operation(site, action))
    (site / "out" / "X" / "a.png").unlink()
    with pytest.raises(OperationFailed, match="gone"):
        undo(op)


def test_reverse_leaves_a_folder_that_is_used(site: Path) -> None:
    """A folder with something of a person's in it stays; an empty one goes, once."""
    op = apply(Operation(Action.FOLDER, Image(b""), b"", bytes(site / "out" / "Y")))
    mine = put(site / "out" / "Y" / "mine.txt")
    undo(op)
    assert mine.exists()
    mine.unlink()
    undo(op)
    undo(op)
    assert not (site / "out" / "Y").exists()


def test_reverse_of_a_move_across_file_systems_after_a_crash(site: Path, other_device: Path) -> None:
    """An undo that died between publishing the copy and letting the moved file go is completed by the next."""
    before = look(site)
    op = apply(operation(site, Action.MOVE, target=other_device / "a.png"))
    home = put(site / "archive" / "a.png", PICTURE, mtime_ns=TIME_NS, mode=0o640)
    os.link(home, home.parent / f".oshiwake-{op.id}.part")
    undo(op)
    assert look(site) == before
    assert not list(other_device.iterdir())


def test_an_undo_after_a_crash_writes_into_no_other_picture(site: Path, other_device: Path) -> None:
    """The temporary file that a crash left may be a picture's other name; the next picture must not go into it."""
    first = apply(operation(site, Action.MOVE, target=other_device / "a.png"))
    put(site / "archive" / "b.png", b"the second")
    second = Operation(
        Action.MOVE,
        Image(bytes(site / "archive" / "b.png")),
        bytes(site / "archive" / "b.png"),
        bytes(other_device / "b.png"),
        sha(b"the second"),
        id=6,
    )
    apply(second)
    home = put(site / "archive" / "a.png", PICTURE)
    for number in (0, first.id, second.id):
        os.link(home, home.parent / f".oshiwake-{number}.part")
    undo(second)
    assert home.read_bytes() == PICTURE
    assert (site / "archive" / "b.png").read_bytes() == b"the second"
