"""One file operation that a crash has left: finished or dropped."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from store.file_operation import Action, Image, Operation
from tests.unit.operation_site import PICTURE, PLACING, new_site, operation, temporary
from tests.unit.trees import look, put, unfinished
from workers.fileops.files import apply, recover


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """An archive with one picture, and an output folder with a folder X."""
    return new_site(tmp_path)


@pytest.mark.parametrize("action", [*PLACING, Action.RENAME, Action.FOLDER])
def test_finish_drops_what_had_not_begun(site: Path, action: Action) -> None:
    """Only the journal knew of it: nothing happened, nothing changes."""
    op = operation(site, action)
    before = look(site)
    assert recover(op) is None
    assert look(site) == before


@pytest.mark.parametrize("action", [*PLACING, Action.RENAME])
def test_finish_keeps_what_had_happened(site: Path, action: Action) -> None:
    """All was done but settling."""
    op = operation(site, action)
    apply(op)
    before = look(site)
    assert recover(op) == op
    assert look(site) == before


@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.MOVE])
def test_finish_clears_an_unfinished_copy_away(site: Path, action: Action) -> None:
    """Half a copy under the temporary name goes, and the operation did not happen."""
    op = operation(site, action)
    put(temporary(op), PICTURE[:10])
    assert recover(op) is None
    assert not unfinished(site)
    assert (site / "archive" / "a.png").read_bytes() == PICTURE


def test_finish_knows_a_hard_link_that_became_a_copy(site: Path) -> None:
    """A fallback copy that was published counts as a copy, and its temporary name goes."""
    op = operation(site, Action.HARDLINK)
    apply(replace(op, action=Action.COPY))
    os.link(site / "out" / "X" / "a.png", temporary(op))
    done = recover(op)
    assert done is not None and done.action is Action.COPY
    assert not unfinished(site)


def test_a_file_in_the_place_of_a_symbolic_link_is_a_person_s(site: Path) -> None:
    """A copy that a person saved under the name of a planned link does not become ours, so undo will not remove it."""
    put(site / "out" / "X" / "a.png", PICTURE)
    assert recover(operation(site, Action.SYMLINK)) is None


@pytest.mark.parametrize("linked", [True, False])
def test_finish_lets_the_original_of_a_move_go(site: Path, linked: bool) -> None:
    """The target is there and whole, linked or copied; the original was about to go."""
    op = operation(site, Action.MOVE)
    apply(replace(op, action=Action.HARDLINK if linked else Action.COPY))
    assert recover(op) == op
    assert not (site / "archive" / "a.png").exists()
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_finish_never_deletes_a_picture_that_took_the_original_s_place(site: Path) -> None:
    """Between the crash and the recovery a person saved a new version: it stays."""
    op = operation(site, Action.MOVE)
    apply(replace(op, action=Action.HARDLINK))
    (site / "archive" / "a.png").unlink()
    put(site / "archive" / "a.png", b"a newer version")
    recover(op)
    assert (site / "archive" / "a.png").read_bytes() == b"a newer version"
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_finish_of_a_move_of_a_file_edited_in_place(site: Path) -> None:
    """Linked, then edited through either name: the edit is kept, under one name."""
    op = operation(site, Action.MOVE)
    apply(replace(op, action=Action.HARDLINK))
    with open(site / "archive" / "a.png", "ab") as file:
        file.write(b" and more")
    done = recover(op)
    places = [path for path in (site / "archive" / "a.png", site / "out" / "X" / "a.png") if path.exists()]
    assert [path.read_bytes() for path in places] == [PICTURE + b" and more"]
    assert (done is None) is (places[0] == site / "archive" / "a.png")


@pytest.mark.parametrize("action", PLACING)
def test_finish_leaves_a_stranger_at_the_target_alone(site: Path, action: Action) -> None:
    """Something else took the name before the crash: the operation did not happen."""
    stranger = put(site / "out" / "X" / "a.png", b"someone else's")
    assert recover(operation(site, action)) is None
    assert stranger.read_bytes() == b"someone else's"
    assert (site / "archive" / "a.png").read_bytes() == PICTURE


def test_finish_completes_a_rename(site: Path) -> None:
    """Both names stood when the process died; the old one goes."""
    old = put(site / "out" / "X" / "old.png", PICTURE)
    op = operation(site, Action.RENAME, source=old)
    os.link(old, os.fsdecode(op.target))
    assert recover(op) == op
    assert not old.exists() and (site / "out" / "X" / "a.png").exists()


def test_finish_completes_a_rename_across_file_systems(site: Path, other_device: Path) -> None:
    """The copy was published when the process died; the old file goes, and its temporary name."""
    old = put(other_device / "old.png", PICTURE)
    op = operation(site, Action.RENAME, source=old)
    put(site / "out" / "X" / "a.png", PICTURE)
    os.link(site / "out" / "X" / "a.png", temporary(op))
    assert recover(op) == op
    assert not old.exists() and not unfinished(site)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE


def test_finish_drops_a_rename_to_a_name_that_was_taken(site: Path) -> None:
    """Another file bears the new name: both stay."""
    old = put(site / "out" / "X" / "old.png", PICTURE)
    put(site / "out" / "X" / "a.png", b"someone else's")
    before = look(site)
    assert recover(operation(site, Action.RENAME, source=old)) is None
    assert look(site) == before


def test_a_rename_across_file_systems_leaves_its_temporary_name_to_finish(site: Path, other_device: Path) -> None:
    """What a crash in the copying leaves is found by the journal's number, and cleared away."""
    old = put(other_device / "old.png", PICTURE)
    op = operation(site, Action.RENAME, source=old)
    put(temporary(op), PICTURE[:5])
    assert recover(op) is None
    assert not unfinished(site) and old.exists()
    apply(op)
    assert (site / "out" / "X" / "a.png").read_bytes() == PICTURE and not old.exists()


@pytest.mark.parametrize("gone", [True, False])
def test_finish_tells_whether_a_removal_happened(site: Path, gone: bool) -> None:
    """A removal happened if the target is gone."""
    apply(operation(site, Action.COPY))
    op = replace(operation(site, Action.REMOVE), placed=Action.COPY)
    if gone:
        (site / "out" / "X" / "a.png").unlink()
    assert recover(op) == (op if gone else None)


@pytest.mark.parametrize("kind", ["folder", "link to a folder"])
def test_finish_tells_whether_a_folder_was_made(site: Path, kind: str) -> None:
    """Only a folder itself counts."""
    place = site / "out" / "Y"
    place.mkdir() if kind == "folder" else place.symlink_to(site / "archive")
    op = Operation(Action.FOLDER, Image(b""), b"", bytes(place), id=3)
    assert recover(op) == (op if kind == "folder" else None)
