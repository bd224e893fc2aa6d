"""Reductions that come too late: of runs undone or cancelled, and of passes that another has taken the place of."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from store.journal import Journal
from store.mode import Mode
from store.run import Mark, Run
from tests.unit.sites import Site
from tests.unit.sorting import SPEC, Sorting, at
from workers.assigning import assign_part
from workers.errors import PassOver
from workers.reducing import reduce_run
from workers.undo_run import undo_run

PICTURES = {f"{n}.png": at(a=0.1) if n % 2 else at(s=0.2) for n in range(9)}


@pytest.fixture
def sorting(quick_path: Path) -> Sorting:
    """A run of nine pictures in three chunks, each placed by itself."""
    site = Site(quick_path)
    for name in PICTURES:
        site.add(name)
    return Sorting(site, PICTURES, replace(SPEC, mode=Mode.COPY))


@pytest.mark.parametrize("mark", ["undone", "cancelled"])
def test_a_late_reduction_makes_nothing(sorting: Sorting, mark: Mark) -> None:
    """No output folder, no placed file, no summary; nor is anything assigned for it."""
    sorting.run.mark(mark)
    with pytest.raises(PassOver, match=mark):
        sorting.reduce()
    with pytest.raises(PassOver, match=mark):
        assign_part(sorting.store, sorting.run, 1, 0, 1)
    assert not sorting.site.output.exists() and sorting.run.pass_(1).summary is None
    assert not sorting.run.pass_(1).decided_path(0).exists()


def test_what_is_delivered_after_an_undo_sorts_nothing(sorting: Sorting) -> None:
    """Of a run that was done, and of one that was not done yet, which counts as cancelled too."""
    undo_run(sorting.run)
    assert sorting.run.marked("cancelled")
    with pytest.raises(PassOver):
        sorting.reduce()
    for mark in ("cancelled", "undone"):
        sorting.run.mark(mark, on=False)
    sorting.reduce()
    undo_run(sorting.run)
    with pytest.raises(PassOver):
        sorting.reduce()
    assert not sorting.site.output.exists() and not sorting.run.marked("cancelled")


@pytest.mark.parametrize("done", [False, True])
def test_an_earlier_pass_does_not_come_back(sorting: Sorting, done: bool) -> None:
    """Its message is delivered when a later pass was begun, or is done."""
    sorting.reduce()
    sorting.run.pass_(1).reopen()
    sorting.begin_pass(2, replace(SPEC, mode=Mode.COPY, threshold=0.15))
    if done:
        sorting.reduce(2)
    before = sorting.site.placed()
    with pytest.raises(PassOver, match="pass 2 has taken its place"):
        sorting.reduce(1)
    assert sorting.site.placed() == before
    sorting.reduce(2)
    assert any(name.startswith("_unknown") for name in sorting.site.placed())


def under_way(sorting: Sorting, then: Callable[[], None]) -> Future[object]:
    """Begin to reduce in a thread; `then` is called there when the first chunk is placed."""

    def progress(done: int, total: int) -> None:
        if done == 1:
            then()

    return ThreadPoolExecutor(1).submit(lambda: reduce_run(sorting.store, sorting.run, 1, wait_s=20, progress=progress))


def test_a_reduction_under_way_stops_when_its_run_is_cancelled(sorting: Sorting) -> None:
    """At the next chunk; a resume places the others."""
    reduction = under_way(sorting, lambda: sorting.run.mark("cancelled"))
    with pytest.raises(PassOver, match="cancelled"):
        reduction.result()
    assert len(sorting.site.placed()) == 3 and sorting.run.pass_(1).summary is None
    sorting.run.mark("cancelled", on=False)
    sorting.reduce()
    assert len(sorting.site.placed()) == len(PICTURES) + 1  # and the report


def test_an_undo_stops_the_reduction_under_way(sorting: Sorting) -> None:
    """It has it stop, waits for that, and takes back what was placed."""
    begun = threading.Event()

    def wait_for_the_undo() -> None:
        begun.set()
        while not sorting.run.marked("cancelled"):
            pass

    reduction = under_way(sorting, wait_for_the_undo)
    assert begun.wait(60)
    result = undo_run(sorting.run)
    with pytest.raises(PassOver):
        reduction.result()
    assert result.reversed == 3 and not result.left and not sorting.site.output.exists()


def test_an_undo_between_look_and_lock_leaves_no_output_folder(sorting: Sorting) -> None:
    """A reducer waits for the journal when the run is undone and the output folder goes."""
    waiting = threading.Event()
    with Journal(sorting.site.output) as journal, ThreadPoolExecutor(1) as pool:
        reduction = pool.submit(_reduce_told, sorting, waiting)
        assert waiting.wait(60)
        sorting.run.mark("undone")
        journal.remove()
        gone = False
        with contextlib.suppress(OSError):  # the reducer may have made a journal there meanwhile
            (sorting.site.output / ".oshiwake").rmdir()
            sorting.site.output.rmdir()
            gone = True
        with pytest.raises(PassOver, match="undone"):
            reduction.result()
    assert not (gone and sorting.site.output.exists())
    assert not [path for path in sorting.site.output.rglob("*") if path.is_file()]


def _reduce_told(sorting: Sorting, waiting: threading.Event) -> object:
    """Reduce, and tell when the last look at the run before the journal is over."""
    looks = 0
    over = Run.over

    def told(run: Run, number: int) -> str | None:
        nonlocal looks
        looks += 1
        result = over(run, number)
        if looks == 2:
            waiting.set()
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "over", told)
        return reduce_run(sorting.store, sorting.run, 1, wait_s=20)
