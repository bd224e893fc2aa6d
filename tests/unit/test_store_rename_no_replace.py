"""Giving a file a name: whatever bears it already, or takes it at the last moment, stays."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from store import rename_no_replace as renaming
from store.file_operation import Action
from store.files import new_file
from store.rename_no_replace import rename_no_replace
from tests.unit.operation_site import PICTURE, new_site, operation
from tests.unit.trees import put, unfinished
from workers.fileops.files import apply
from workers.fileops.operation import TargetExists


@pytest.fixture
def _no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without hard links, such as exFAT."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)


@pytest.fixture
def _no_exclusive_renames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system, or a kernel, that cannot refuse a rename because the name is taken."""
    monkeypatch.setattr(renaming, "renameat2", lambda source, target: errno.EINVAL)


def appear_before_renaming(monkeypatch: pytest.MonkeyPatch, target: Path) -> None:
    """A person's file takes the name at the very last moment: right before the kernel is asked to rename."""

    def then(function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            put(target, b"mine")
            return function(*args)

        return call

    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, then(getattr(os, name)))
    monkeypatch.setattr(renaming, "renameat2", then(renaming.renameat2))


@pytest.mark.usefixtures("_no_links")
@pytest.mark.parametrize("action", [Action.COPY, Action.HARDLINK, Action.MOVE, Action.RENAME])
def test_a_file_that_appears_between_look_and_rename_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    """Without hard links too: the picture is not placed over it, and stays where it was."""
    site = new_site(tmp_path)
    op = operation(site, action)
    appear_before_renaming(monkeypatch, Path(os.fsdecode(op.target)))
    with pytest.raises(TargetExists):
        apply(op)
    assert (site / "out" / "X" / "a.png").read_bytes() == b"mine"
    assert (site / "archive" / "a.png").read_bytes() == PICTURE and not unfinished(site)


@pytest.mark.usefixtures("_no_links")
def test_a_new_file_of_the_store_replaces_none_that_appears_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writers without hard links: the second is refused, the first one's file stays, nothing else is left."""
    target = tmp_path / "00001.parquet"
    appear_before_renaming(monkeypatch, target)
    with pytest.raises(FileExistsError), new_file(target, replace=False) as temporary:
        temporary.write_bytes(b"of the second")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


ABILITIES = pytest.mark.parametrize(
    "lacks", [(), ("_no_links",), ("_no_links", "_no_exclusive_renames")], ids=["links", "no links", "neither"]
)


@ABILITIES
def test_a_file_gets_its_name(tmp_path: Path, request: pytest.FixtureRequest, lacks: tuple[str, ...]) -> None:
    """And has no other one then, whatever the file system can do."""
    for fixture in lacks:
        request.getfixturevalue(fixture)
    source = put(tmp_path / ".part", b"new")
    rename_no_replace(bytes(source), bytes(tmp_path / "a"))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a", b"new")]


@ABILITIES
@pytest.mark.parametrize("kind", ["file", "folder", "dangling link"])
def test_a_name_that_is_taken_is_not_given(
    tmp_path: Path, request: pytest.FixtureRequest, lacks: tuple[str, ...], kind: str
) -> None:
    """Both stay as they are."""
    for fixture in lacks:
        request.getfixturevalue(fixture)
    source, target = put(tmp_path / ".part", b"new"), tmp_path / "a"
    if kind == "file":
        put(target, b"mine")
    else:
        target.mkdir() if kind == "folder" else target.symlink_to("nowhere")
    before = target.lstat()
    with pytest.raises(FileExistsError):
        rename_no_replace(bytes(source), bytes(target))
    assert source.read_bytes() == b"new" and os.path.samestat(target.lstat(), before)
    assert not target.is_file() or target.read_bytes() == b"mine"


@ABILITIES
def test_what_cannot_be_renamed_is_an_error(
    tmp_path: Path, request: pytest.FixtureRequest, lacks: tuple[str, ...]
) -> None:
    """A source, or a folder, that is not there."""
    for fixture in lacks:
        request.getfixturevalue(fixture)
    with pytest.raises(FileNotFoundError):
        rename_no_replace(bytes(tmp_path / "gone"), bytes(tmp_path / "a"))
    source = put(tmp_path / ".part", b"new")
    with pytest.raises(FileNotFoundError):
        rename_no_replace(bytes(source), bytes(tmp_path / "no folder" / "a"))
