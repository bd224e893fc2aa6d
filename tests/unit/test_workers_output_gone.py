"""An output that is not there any more: no fresh one is made in silence, and nothing is lost."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store.errors import OutputGone
from store.journal import Journal
from tests.unit.dying import Died, Dying
from tests.unit.sites import MODES, Site
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.trees import look, put
from workers import output as outputs
from workers.errors import UndoRefused
from workers.output import need_output
from workers.undo_run import undo_run

PICTURES = {"a.png": at(a=0.1), "b.png": at(s=0.1)}


@pytest.fixture
def site(quick_path: Path) -> Site:
    """Two pictures."""
    site = Site(quick_path)
    for name in PICTURES:
        site.add(name)
    return site


def nothing_there(output: Path) -> None:
    """The folder was renamed, or lies on a share that is not mounted."""


def empty_folder(output: Path) -> None:
    """The place where the share is mounted stands there, empty."""
    output.mkdir()


def a_persons_folder(output: Path) -> None:
    """Something else stands there."""
    put(output / "Akari" / "mine.png", b"mine")


def another_output(output: Path) -> None:
    """Another sorted folder has been given that name."""
    with Journal(output):
        pass


NO_JOURNAL = [nothing_there, empty_folder, a_persons_folder]
INSTEAD = pytest.mark.parametrize("instead", [*NO_JOURNAL, another_output])


def refused(site: Site, sorting: Sorting, number: int, instead: Callable[[Path], None]) -> None:
    """Take the output away: the pass is refused and makes nothing; bring it back: the pass goes on."""
    away = site.output.rename(site.root / "away")
    instead(site.output)
    before = look(site.root)
    with pytest.raises(OutputGone, match=f"{site.output}.*producer resume {sorting.run.id}.*producer run"):
        sorting.reduce(number)
    after = look(site.root)
    assert {path: kept for path, kept in after.items() if not path.startswith("store")} == {
        path: kept for path, kept in before.items() if not path.startswith("store")
    }
    if instead is not another_output:
        with pytest.raises(OutputGone, match="bring that back"):
            need_output(sorting.run)
    with pytest.raises(UndoRefused, match=r"put (it )?back"):
        undo_run(sorting.run)
    if site.output.exists():
        site.output.rename(site.root / "instead")
    away.rename(site.output)
    need_output(sorting.run)
    assert sorting.reduce(number)["problem_count"] == 0


@INSTEAD
@pytest.mark.parametrize("mode", MODES)
def test_a_later_pass_wants_the_output_of_the_first(site: Site, mode: Any, instead: Callable[[Path], None]) -> None:
    """It is refused, as undo does; when the output is back, the pass is whole."""
    before = look(site.archive)
    sorting = Sorting(site, PICTURES, replace(SPEC, mode=mode))
    sorting.reduce()
    sorting.begin_pass(2, replace(SPEC, mode=mode, threshold=0.05))
    refused(site, sorting, 2, instead)
    assert site.placed().keys() == {"_unknown/a.png", "_unknown/b.png", "report.csv"}
    assert undo_run(sorting.run).left == [] and look(site.archive) == before


@INSTEAD
@pytest.mark.parametrize("mode", MODES)
def test_a_recovery_wants_the_output_of_the_dead(
    site: Site, monkeypatch: pytest.MonkeyPatch, mode: Any, instead: Callable[[Path], None]
) -> None:
    """A reducer died in the middle of its first pass: its successor does not begin anew elsewhere."""
    before = look(site.archive)
    sorting = Sorting(site, PICTURES, replace(SPEC, mode=mode))
    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(outputs, "Journal", Dying)
        sorting.reduce()
    refused(site, sorting, 1, instead)
    assert site.placed().keys() == {"Akari/a.png", "桜 ひな/b.png", "report.csv"}
    assert undo_run(sorting.run).left == [] and look(site.archive) == before and not site.output.exists()


@pytest.mark.parametrize("instead", NO_JOURNAL)
def test_a_pass_that_only_found_all_in_place_wants_it_too(site: Site, instead: Callable[[Path], None]) -> None:
    """What it tells of stands there, although another run has placed it."""
    Sorting(site, PICTURES).reduce()
    second = Sorting(site, PICTURES)
    second.reduce()
    second.begin_pass(2, SPEC)
    away = site.output.rename(site.root / "away")
    instead(site.output)
    with pytest.raises(OutputGone):
        second.reduce(2)
    assert not (site.output / ".oshiwake").exists() and away.exists()


@pytest.mark.parametrize("instead", NO_JOURNAL)
def test_a_later_run_wants_the_output_that_was_there_when_it_was_made(
    site: Site, instead: Callable[[Path], None]
) -> None:
    """The share of a run made by the producer is not mounted on the reducer's machine."""
    Sorting(site, PICTURES).reduce()
    later = Sorting(site, PICTURES)
    later.run.note_journal("")  # as `create_run` does
    site.output.rename(site.root / "away")
    instead(site.output)
    with pytest.raises(OutputGone, match="share that is not mounted"):
        later.reduce()
    assert not (site.output / ".oshiwake").exists()
    assert undo_run(later.run).reversed == 0, "it has placed nothing"
    for mark in ("undone", "cancelled"):
        later.run.mark(mark, on=False)
    assert later.reduce()["problem_count"] == 0, "undone, it begins a fresh output"


@pytest.mark.parametrize("made", [False, True])
def test_a_reducer_that_died_before_the_first_journal_is_continued(
    site: Site, monkeypatch: pytest.MonkeyPatch, made: bool
) -> None:
    """Between making the folder and its journal, or before both: the next one makes them, and undo takes them away."""
    sorting = Sorting(site, PICTURES)

    def die(*_: object, **__: object) -> Journal:
        if made:
            site.output.mkdir()
        raise Died

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(outputs, "Journal", die)
        sorting.reduce()
    assert sorting.reduce()["placed"] == {"hardlink": 2}
    undo_run(sorting.run)
    assert not site.output.exists()


def test_an_undone_run_makes_its_output_again(site: Site) -> None:
    """Also when the undo died at its very end."""
    sorting = Sorting(site, PICTURES)
    for dies in (False, True, False):
        sorting.run.pass_(1).reopen()
        sorting.run.mark("undone", on=False)
        assert sorting.reduce()["placed"] == {"hardlink": 2}
        if dies:
            with pytest.MonkeyPatch.context() as patch, pytest.raises(Died):
                patch.setattr(type(sorting.run), "note_journal", _die)
                undo_run(sorting.run)
            sorting.run.mark("emptied")  # where it died
        else:
            undo_run(sorting.run)
        assert not site.output.exists()


def _die(*_: object) -> None:
    raise Died


def test_a_message_that_comes_twice_makes_no_output(site: Site) -> None:
    """The pass is done; that its output is gone since is no reason for another one."""
    sorting = Sorting(site, PICTURES)
    first = sorting.reduce()
    away = site.output.rename(site.root / "away")
    assert sorting.reduce() == first
    assert not os.path.lexists(site.output) and away.exists()
