"""One file operation: done, finished after a crash, taken back; and what is never done."""

from __future__ import annotations

import errno
import os
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from store.operation import Action, Image, Operation
from tests.unit.trees import look, put, sha, unfinished
from workers.operations import finish, perform, stands_already
from workers.reversing import reverse
from workers.shifting import Failed, Taken

PICTURE = b"the only picture" * 100
TIME_NS = 1_234_567_890_123_456_789
PLACING = [Action.HARDLINK, Action.SYMLINK, Action.COPY, Action.MOVE]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An archive with one picture, and an output folder with a folder X."""
    put(tmp_path / "archive" / "a.png", PICTURE, mtime_ns=TIME_NS, mode=0o640)
    (tmp_path / "out" / "X").mkdir(parents=True)
    return tmp_path


def operation(site: Path, action: Action, *, source: Path | None = None, target: Path | None = None) -> Operation:
    """The placing of archive/a.png at out/X/a.png."""
    original = bytes(site / "archive" / "a.png")
    return Operation(
        action,
        Image(original),
        bytes(source) if source else original,
        bytes(target or site / "out" / "X" / "a.png"),
        sha(PICTURE),
        id=7,
    )


def temporary(op: Operation) -> Path:
    """Where the unfinished form of the target stands."""
    return Path(os.fsdecode(op.target)).parent / f".oshiwake-{op.id}.part"


def zipped(site: Path, name: str = "pages/1.png", content: bytes = PICTURE) -> Operation:
    """The extraction of a member of archive/book.cbz to out/X/1.png."""
    book = site / "archive" / "book.cbz"
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, (2011, 2, 3, 4, 5, 6)), content)
    target = bytes(site / "out" / "X" / "1.png")
    return Operation(Action.COPY, Image(bytes(book), name.encode()), bytes(book), target, sha(PICTURE), id=8)


# Doing


@pytest.mark.parametrize("action", PLACING)
def test_placing_gives_the_picture_with_its_time_and_permissions(site: Path, action: Action) -> None:
    """Whatever the action, the target shows the picture, its time and its permissions."""
    assert perform(operation(site, action)).action is action
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
        perform(operation(site, action, target=folder / action))
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
    with pytest.raises(Taken):
        perform(operation(site, action))
    assert look(site) == before


def test_a_copy_does_not_write_through_what_stands_at_its_temporary_name(site: Path) -> None:
    """A link put where the unfinished copy goes leads no byte elsewhere."""
    precious = put(site / "precious", b"precious")
    op = operation(site, Action.COPY)
    temporary(op).symlink_to(precious)
    perform(op)
    assert precious.read_bytes() == b"precious"
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE
    assert not unfinished(site)


def test_a_hard_link_becomes_a_copy_across_file_systems(site: Path, other_device: Path) -> None:
    """Where no hard link can be made, a copy is, and the operation says so."""
    done = perform(operation(site, Action.HARDLINK, target=other_device / "a.png"))
    assert done.action is Action.COPY
    assert (other_device / "a.png").read_bytes() == PICTURE
    assert (other_device / "a.png").stat().st_mtime_ns == TIME_NS
    reverse(done)
    assert not (other_device / "a.png").exists()


def test_a_move_across_file_systems_keeps_time_permissions_and_owner(site: Path, other_device: Path) -> None:
    """The moved picture is as the original was, and the original is gone."""
    original = site / "archive" / "a.png"
    if os.geteuid() == 0:
        os.chown(original, 1234, 2345)
    before = original.stat()
    op = perform(operation(site, Action.MOVE, target=other_device / "a.png"))
    after = (other_device / "a.png").stat()
    assert not original.exists()
    for status in (after, (reverse(op), original.stat())[1]):
        assert (status.st_mode, status.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
        assert (status.st_uid, status.st_gid) == (before.st_uid, before.st_gid)
    assert original.read_bytes() == PICTURE
    assert not list(other_device.iterdir())


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_a_file_changed_since_it_was_read_is_not_placed(site: Path, action: Action) -> None:
    """Neither moved nor copied under a character that another content was given."""
    put(site / "archive" / "a.png", b"painted over")
    before = look(site)
    with pytest.raises(Failed, match="changed since it was read"):
        perform(operation(site, action))
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
    with pytest.raises(Failed, match="Permission denied"):
        perform(op)
    assert Path(os.fsdecode(op.source)).read_bytes() == PICTURE
    assert not os.path.lexists(op.target) and not temporary(op).exists()


def test_a_move_takes_no_symbolic_link(site: Path) -> None:
    """A link is not a picture that could be moved; it stays, and what it leads to."""
    original = site / "archive" / "a.png"
    original.rename(site / "real.png")
    original.symlink_to(site / "real.png")
    with pytest.raises(Failed):
        perform(operation(site, Action.MOVE))
    assert original.is_symlink() and (site / "real.png").read_bytes() == PICTURE


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.COPY, Action.MOVE, Action.RENAME])
def test_a_source_that_is_gone_fails(site: Path, action: Action) -> None:
    """Nothing is made of nothing."""
    (site / "archive" / "a.png").unlink()
    with pytest.raises(Failed):
        perform(operation(site, action))
    assert not list((site / "out" / "X").iterdir())


def test_rename_gives_another_name(site: Path) -> None:
    """The file is the same one, under its new name only."""
    old = put(site / "out" / "X" / "old.png", PICTURE)
    inode = old.stat().st_ino
    perform(operation(site, Action.RENAME, source=old))
    assert not old.exists()
    assert (site / "out" / "X" / "a.png").stat().st_ino == inode


def test_rename_moves_a_symbolic_link_itself(site: Path, other_device: Path) -> None:
    """What is renamed is the link, not what it leads to, also across file systems."""
    link = site / "out" / "X" / "link.png"
    link.symlink_to(site / "archive" / "a.png")
    perform(operation(site, Action.RENAME, source=link, target=other_device / "b.png"))
    assert os.readlink(other_device / "b.png") == str(site / "archive" / "a.png")
    assert not link.is_symlink()


@pytest.mark.parametrize("placed", [Action.HARDLINK, Action.SYMLINK, Action.COPY])
def test_remove_takes_a_spare_away_and_reverse_makes_it_again(site: Path, placed: Action) -> None:
    """Taken away and made again, the place looks as before."""
    perform(operation(site, placed))
    before = look(site)
    op = perform(replace(operation(site, Action.REMOVE), placed=placed))
    assert not os.path.lexists(site / "out" / "X" / "a.png")
    reverse(op)
    assert look(site) == before


@pytest.mark.parametrize("placed", [Action.HARDLINK, Action.COPY])
def test_remove_refuses_the_last_copy(site: Path, placed: Action) -> None:
    """When the original is gone, its link or copy stays."""
    perform(operation(site, placed))
    (site / "archive" / "a.png").unlink()
    with pytest.raises(Failed, match="stays"):
        perform(replace(operation(site, Action.REMOVE), placed=placed))
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_a_folder_is_made_or_was_there(site: Path) -> None:
    """A folder that is there already is as good as made."""
    op = Operation(Action.FOLDER, Image(b""), b"", bytes(site / "out" / "Y"))
    perform(op)
    perform(op)
    assert (site / "out" / "Y").is_dir()


@pytest.mark.parametrize("kind", ["file", "link to a folder"])
def test_a_folder_is_not_what_merely_leads_to_one(site: Path, kind: str) -> None:
    """A link to a folder, or a file, is no place for pictures."""
    place = site / "out" / "Y"
    put(place) if kind == "file" else place.symlink_to(site / "archive")
    with pytest.raises(Taken):
        perform(Operation(Action.FOLDER, Image(b""), b"", bytes(place)))


def test_a_member_is_extracted_with_its_time(site: Path) -> None:
    """A page of a comic is copied out of it, bears the time that stands in it, and can be taken back."""
    op = zipped(site)
    perform(op)
    page = site / "out" / "X" / "1.png"
    first = page.stat().st_mtime_ns
    assert page.read_bytes() == PICTURE
    reverse(op)
    assert not page.exists()
    perform(op)
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
    with pytest.raises(Failed):
        perform(op)
    assert not list((site / "out" / "X").iterdir())


def break_zip(book: Path, damage: str) -> None:
    """Damage the compressed data, or the place where the archive file says that its member begins."""
    with zipfile.ZipFile(book, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("pages/1.png", PICTURE)
    data = bytearray(book.read_bytes())
    if damage == "bad data":
        start = 30 + len("pages/1.png")
        data[start : start + 8] = b"\xff" * 8
    else:
        directory = data.rindex(b"PK\x01\x02")
        data[directory + 42 : directory + 46] = (len(data) - 5).to_bytes(4, "little")
    book.write_bytes(data)


# Standing already


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK, Action.COPY])
def test_what_was_placed_stands_already(site: Path, action: Action) -> None:
    """What an action makes is known again; nothing, or something else, is not."""
    op = operation(site, action)
    assert not stands_already(op)
    perform(op)
    assert stands_already(op)
    target = site / "out" / "X" / "a.png"
    target.unlink()
    put(target, b"something else")
    assert not stands_already(op)


# Taking back


@pytest.mark.parametrize("action", PLACING)
def test_reverse_takes_back_and_may_be_repeated(site: Path, action: Action) -> None:
    """Everything is as before, times and permissions too; a second time changes nothing."""
    before = look(site)
    op = perform(operation(site, action))
    reverse(op)
    assert look(site) == before
    reverse(op)
    assert look(site) == before


def test_reverse_of_rename_gives_the_old_name_back(site: Path) -> None:
    """Also when the old folder has gone meanwhile, and when it is done twice."""
    old = put(site / "out" / "W" / "old.png", PICTURE)
    op = perform(operation(site, Action.RENAME, source=old))
    old.parent.rmdir()
    reverse(op)
    assert old.read_bytes() == PICTURE
    assert not (site / "out" / "X" / "a.png").exists()
    reverse(op)
    assert old.exists()


def test_reverse_of_move_makes_the_folder_again(site: Path) -> None:
    """The original goes home even where its folder was deleted."""
    op = perform(operation(site, Action.MOVE))
    (site / "archive").rmdir()
    reverse(op)
    assert (site / "archive" / "a.png").read_bytes() == PICTURE


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK, Action.COPY])
def test_reverse_refuses_what_someone_changed(site: Path, action: Action) -> None:
    """A file that is no longer what was placed stays as it is."""
    op = perform(operation(site, action))
    target = site / "out" / "X" / "a.png"
    target.unlink()
    put(target, b"edited by hand")
    with pytest.raises(Failed, match="stays"):
        reverse(op)
    assert target.read_bytes() == b"edited by hand"


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.COPY])
def test_reverse_refuses_the_last_copy(site: Path, action: Action) -> None:
    """When the original was deleted, what was placed is the picture, and stays."""
    op = perform(operation(site, action))
    (site / "archive" / "a.png").unlink()
    with pytest.raises(Failed, match="last copy"):
        reverse(op)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_reverse_refuses_the_copy_of_an_original_that_was_painted_over(site: Path) -> None:
    """The original bears other bytes now: the copy is the last of these, and stays."""
    op = perform(operation(site, Action.COPY))
    put(site / "archive" / "a.png", b"painted over")
    with pytest.raises(Failed, match="last copy"):
        reverse(op)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_reverse_refuses_the_page_of_a_book_that_lost_it(site: Path) -> None:
    """A page that its archive file no longer holds stays where it was extracted to."""
    op = perform(zipped(site))
    zipped(site, name="other.png")
    with pytest.raises(Failed, match="last copy"):
        reverse(op)
    assert (site / "out" / "X" / "1.png").read_bytes() == PICTURE


@pytest.mark.parametrize("action", [Action.MOVE, Action.RENAME])
def test_reverse_never_replaces_what_took_the_old_place(site: Path, action: Action) -> None:
    """Another file at the old place stays, and so does the one that would have gone there."""
    op = perform(operation(site, action))
    put(site / "archive" / "a.png", b"a newer picture")
    before = look(site)
    with pytest.raises(Failed, match="taken"):
        reverse(op)
    assert look(site) == before


@pytest.mark.parametrize("action", [Action.MOVE, Action.RENAME])
def test_reverse_tells_when_the_file_is_gone(site: Path, action: Action) -> None:
    """A moved file that someone took away cannot go home; that is said."""
    op = perform(operation(site, action))
    (site / "out" / "X" / "a.png").unlink()
    with pytest.raises(Failed, match="gone"):
        reverse(op)


def test_reverse_leaves_a_folder_that_is_used(site: Path) -> None:
    """A folder with something of a person's in it stays; an empty one goes, once."""
    op = perform(Operation(Action.FOLDER, Image(b""), b"", bytes(site / "out" / "Y")))
    mine = put(site / "out" / "Y" / "mine.txt")
    reverse(op)
    assert mine.exists()
    mine.unlink()
    reverse(op)
    reverse(op)
    assert not (site / "out" / "Y").exists()


def test_reverse_of_a_move_across_file_systems_after_a_crash(site: Path, other_device: Path) -> None:
    """An undo that died between publishing the copy and letting the moved file go is completed by the next."""
    before = look(site)
    op = perform(operation(site, Action.MOVE, target=other_device / "a.png"))
    home = put(site / "archive" / "a.png", PICTURE, mtime_ns=TIME_NS, mode=0o640)
    os.link(home, home.parent / f".oshiwake-{op.id}.part")
    reverse(op)
    assert look(site) == before
    assert not list(other_device.iterdir())


def test_an_undo_after_a_crash_writes_into_no_other_picture(site: Path, other_device: Path) -> None:
    """The temporary file that a crash left may be a picture's other name; the next picture must not go into it."""
    first = perform(operation(site, Action.MOVE, target=other_device / "a.png"))
    put(site / "archive" / "b.png", b"the second")
    second = Operation(
        Action.MOVE,
        Image(bytes(site / "archive" / "b.png")),
        bytes(site / "archive" / "b.png"),
        bytes(other_device / "b.png"),
        sha(b"the second"),
        id=6,
    )
    perform(second)
    home = put(site / "archive" / "a.png", PICTURE)
    for number in (0, first.id, second.id):
        os.link(home, home.parent / f".oshiwake-{number}.part")
    reverse(second)
    assert home.read_bytes() == PICTURE
    assert (site / "archive" / "b.png").read_bytes() == b"the second"


# After a crash


@pytest.mark.parametrize("action", [*PLACING, Action.RENAME, Action.FOLDER])
def test_finish_drops_what_had_not_begun(site: Path, action: Action) -> None:
    """Only the journal knew of it: nothing happened, nothing changes."""
    op = operation(site, action)
    before = look(site)
    assert finish(op) is None
    assert look(site) == before


@pytest.mark.parametrize("action", [*PLACING, Action.RENAME])
def test_finish_keeps_what_had_happened(site: Path, action: Action) -> None:
    """All was done but settling."""
    op = operation(site, action)
    perform(op)
    before = look(site)
    assert finish(op) == op
    assert look(site) == before


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.MOVE])
def test_finish_clears_an_unfinished_copy_away(site: Path, action: Action) -> None:
    """Half a copy under the temporary name goes, and the operation did not happen."""
    op = operation(site, action)
    put(temporary(op), PICTURE[:10])
    assert finish(op) is None
    assert not unfinished(site)
    assert (site / "archive" / "a.png").read_bytes() == PICTURE


def test_finish_knows_a_hard_link_that_became_a_copy(site: Path) -> None:
    """A fallback copy that was published counts as a copy, and its temporary name goes."""
    op = operation(site, Action.HARDLINK)
    perform(replace(op, action=Action.COPY))
    os.link(site / "out" / "X" / "a.png", temporary(op))
    done = finish(op)
    assert done is not None and done.action is Action.COPY
    assert not unfinished(site)


@pytest.mark.parametrize("linked", [True, False])
def test_finish_lets_the_original_of_a_move_go(site: Path, linked: bool) -> None:
    """The target is there and whole, linked or copied; the original was about to go."""
    op = operation(site, Action.MOVE)
    perform(replace(op, action=Action.HARDLINK if linked else Action.COPY))
    assert finish(op) == op
    assert not (site / "archive" / "a.png").exists()
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_finish_never_deletes_a_picture_that_took_the_original_s_place(site: Path) -> None:
    """Between the crash and the recovery a person saved a new version: it stays."""
    op = operation(site, Action.MOVE)
    perform(replace(op, action=Action.HARDLINK))
    (site / "archive" / "a.png").unlink()
    put(site / "archive" / "a.png", b"a newer version")
    finish(op)
    assert (site / "archive" / "a.png").read_bytes() == b"a newer version"
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_finish_of_a_move_of_a_file_edited_in_place(site: Path) -> None:
    """Linked, then edited through either name: the edit is kept, under one name."""
    op = operation(site, Action.MOVE)
    perform(replace(op, action=Action.HARDLINK))
    with open(site / "archive" / "a.png", "ab") as file:
        file.write(b" and more")
    done = finish(op)
    places = [path for path in (site / "archive" / "a.png", site / "out" / "X" / "a.png") if path.exists()]
    assert [path.read_bytes() for path in places] == [PICTURE + b" and more"]
    assert (done is None) is (places[0] == site / "archive" / "a.png")


@pytest.mark.parametrize("action", PLACING)
def test_finish_leaves_a_stranger_at_the_target_alone(site: Path, action: Action) -> None:
    """Something else took the name before the crash: the operation did not happen."""
    stranger = put(site / "out" / "X" / "a.png", b"someone else's")
    assert finish(operation(site, action)) is None
    assert stranger.read_bytes() == b"someone else's"
    assert (site / "archive" / "a.png").read_bytes() == PICTURE


def test_finish_completes_a_rename(site: Path) -> None:
    """Both names stood when the process died; the old one goes."""
    old = put(site / "out" / "X" / "old.png", PICTURE)
    op = operation(site, Action.RENAME, source=old)
    os.link(old, os.fsdecode(op.target))
    assert finish(op) == op
    assert not old.exists() and (site / "out" / "X" / "a.png").exists()


def test_finish_completes_a_rename_across_file_systems(site: Path, other_device: Path) -> None:
    """The copy was published when the process died; the old file goes, and its temporary name."""
    old = put(other_device / "old.png", PICTURE)
    op = operation(site, Action.RENAME, source=old)
    put(site / "out" / "X" / "a.png", PICTURE)
    os.link(site / "out" / "X" / "a.png", temporary(op))
    assert finish(op) == op
    assert not old.exists() and not unfinished(site)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_finish_drops_a_rename_to_a_name_that_was_taken(site: Path) -> None:
    """Another file bears the new name: both stay."""
    old = put(site / "out" / "X" / "old.png", PICTURE)
    put(site / "out" / "X" / "a.png", b"someone else's")
    before = look(site)
    assert finish(operation(site, Action.RENAME, source=old)) is None
    assert look(site) == before


def test_a_rename_across_file_systems_leaves_its_temporary_name_to_finish(site: Path, other_device: Path) -> None:
    """What a crash in the copying leaves is found by the journal's number, and cleared away."""
    old = put(other_device / "old.png", PICTURE)
    op = operation(site, Action.RENAME, source=old)
    put(temporary(op), PICTURE[:5])
    assert finish(op) is None
    assert not unfinished(site) and old.exists()
    perform(op)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE and not old.exists()


@pytest.mark.parametrize("gone", [True, False])
def test_finish_tells_whether_a_removal_happened(site: Path, gone: bool) -> None:
    """A removal happened if the target is gone."""
    perform(operation(site, Action.COPY))
    op = replace(operation(site, Action.REMOVE), placed=Action.COPY)
    if gone:
        (site / "out" / "X" / "a.png").unlink()
    assert finish(op) == (op if gone else None)


@pytest.mark.parametrize("kind", ["folder", "link to a folder"])
def test_finish_tells_whether_a_folder_was_made(site: Path, kind: str) -> None:
    """Only a folder itself counts."""
    place = site / "out" / "Y"
    place.mkdir() if kind == "folder" else place.symlink_to(site / "archive")
    op = Operation(Action.FOLDER, Image(b""), b"", bytes(place), id=3)
    assert finish(op) == (op if kind == "folder" else None)
