"""More folders than are held open at once: no operation loses the folder that it works in, nor does a recovery."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.file_operation import Action, Image, Operation
from store.journal import Journal
from tests.unit.dying import Died, DyingLater
from tests.unit.sites import MODES, Site
from tests.unit.trees import look, put, sha
from workers.errors import Unsettled
from workers.fileops.operation import OperationFailed
from workers.fileops.sandbox import Sandbox
from workers.output import recover
from workers.undo_run import undo_run

MANY = 150
"""Well above the number of folders held open."""


@pytest.fixture
def site(quick_path: Path) -> Site:
    """As many pictures as characters."""
    site = Site(quick_path)
    for n in range(MANY):
        site.add(f"{n}.png")
    return site


APART = {f"{n}.png": [f"Character {n}"] for n in range(MANY)}
TOGETHER = {f"{n}.png": ["_unknown"] for n in range(MANY)}


def places(wants: dict[str, list[str]]) -> dict[str, bytes]:
    """What must stand in the output."""
    return {f"{folder}/{name}": name.encode() for name, (folder,) in wants.items()}


@pytest.mark.parametrize("mode", MODES)
def test_pictures_of_many_characters_go_to_their_folders_and_back(site: Site, mode: str) -> None:
    """From one folder into many and from many into one, none stays behind; undo takes all of it back."""
    before = look(site.archive)
    run = site.run()
    for wants in (TOGETHER, APART, TOGETHER):
        stands, tally = site.place(run, mode, wants, batch=MANY)  # type: ignore[arg-type]
        assert tally.problems == []
        assert site.placed() == places(wants)
        assert stands == {name: [f"{folder}/{name}"] for name, (folder,) in wants.items()}
    assert undo_run(run).left == []
    assert look(site.archive) == before and not site.output.exists()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("done", [0, 65, 200, 2 * MANY - 1])
def test_a_recovery_over_many_folders(site: Site, mode: str, done: int) -> None:
    """A process that died anywhere in a batch of renames left nothing that its successor takes for done wrongly."""
    run = site.run()
    site.place(run, mode, TOGETHER, batch=MANY)  # type: ignore[arg-type]
    with DyingLater(site.output, done) as journal, pytest.raises(Died):
        site.place_with(journal, run, mode, APART, batch=MANY)  # type: ignore[arg-type]
    with Journal(site.output) as journal:
        recover(journal)
        for name, (folder,) in APART.items():
            (placement,) = journal.placements(Image(bytes(site.archive / name)))
            assert os.path.lexists(placement.target), f"{folder} is not where the journal says"
    site.place(run, mode, APART, batch=MANY)  # type: ignore[arg-type]
    assert site.placed() == places(APART)
    assert undo_run(run).left == []


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30), st.integers(0, 4))
def test_renames_in_any_order_through_few_open_folders(
    tmp_path_factory: pytest.TempPathFactory, renames: Sequence[tuple[int, int]], held: int
) -> None:
    """A picture that is passed on from folder to folder arrives wherever its last rename says."""
    output = tmp_path_factory.mktemp("out")
    for n in range(6):
        (output / str(n)).mkdir()
    path = put(output / str(renames[0][0]) / "0.png", b"one")
    with Sandbox(output, open_folders=held) as fence:
        for number, (_, to) in enumerate(renames, 1):
            target = output / str(to) / f"{number}.png"
            op = Operation(Action.RENAME, Image(b"/a.png"), bytes(path), bytes(target), sha(b"one"), id=number)
            assert fence.apply(op) == op and fence.recover(op) == op
            path = target
    assert [found.read_bytes() for found in output.rglob("*.png")] == [b"one"] and path.exists()


@pytest.fixture
def moved(tmp_path: Path) -> tuple[Sandbox, Operation, Path]:
    """A move whose process died; its source is gone."""
    (tmp_path / "out" / "X").mkdir(parents=True)
    (tmp_path / "archive").mkdir()
    target = tmp_path / "out" / "X" / "a.png"
    source = bytes(tmp_path / "archive" / "a.png")
    return (
        Sandbox(tmp_path / "out"),
        Operation(Action.MOVE, Image(source), source, bytes(target), sha(b"one"), id=3),
        target,
    )


@pytest.mark.parametrize("action", [Action.MOVE, Action.RENAME])
def test_a_move_is_done_when_its_target_has_the_bytes(moved: tuple[Sandbox, Operation, Path], action: Action) -> None:
    """That the source is gone says nothing: something else may stand at the target."""
    fence, op, target = moved
    source = op.source if action is Action.MOVE else bytes(target.parent / "old.png")
    op = Operation(action, op.image, source, op.target, op.digest, id=3)
    put(target, b"someone else's")
    with fence:
        assert fence.recover(op) is None
        assert target.read_bytes() == b"someone else's"
        put(target, b"one")
        assert fence.recover(op) == op


def test_what_cannot_be_reached_is_not_settled(moved: tuple[Sandbox, Operation, Path]) -> None:
    """The system does not say whether the original is there: the journal keeps what it planned, the file is named."""
    fence, op, target = moved
    put(target, b"one")
    unreachable = os.path.dirname(op.source) + b"/" + b"a" * 300
    with fence, pytest.raises(Unsettled, match="aaa: File name too long"):
        fence.recover(Operation(Action.MOVE, op.image, unreachable, op.target, op.digest, id=3))
    assert target.read_bytes() == b"one"


def test_an_operation_is_refused_where_a_folder_cannot_be_opened(moved: tuple[Sandbox, Operation, Path]) -> None:
    """The reason names the folder as a person knows it."""
    fence, op, target = moved
    target.parent.rmdir()
    put(target.parent, b"a file")
    with fence, pytest.raises(OperationFailed, match=f"{target.parent}: Not a directory"):
        fence.apply(op)
    with fence:
        assert fence.recover(op) is None
