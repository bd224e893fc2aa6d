"""An output is tidied: what is no longer in the archive goes, the last copies of pictures never."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from producer.cli import app
from producer.errors import BadRequest
from store.errors import OutputGone
from store.mode import Mode
from tests.unit.sites import MODES, Site
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.trees import look, put
from workers.errors import NotReady, RootNotVisible
from workers.tidying import Tidied, tidy
from workers.undo_run import undo_run

PICTURES = {"a.png": at(a=0.1), "b.png": at(a=0.1, s=0.1), "book.cbz!/1.png": at(s=0.1), "far.png": at(a=0.5)}
PLACES = ["Akari/a.png", "_unknown/far.png", "桜 ひな/1.png"]
"""Of what the tests delete from the archive."""


@pytest.fixture
def site(quick_path: Path) -> Site:
    """The pictures as files."""
    site = Site(quick_path)
    for name in PICTURES:
        site.add(name)
    put(site.archive / "notes.txt")
    return site


def sorting(site: Site, mode: Mode, *names: str) -> Sorting:
    """A run over some of the pictures, reduced."""
    made = Sorting(site, {name: PICTURES[name.removeprefix("new/")] for name in names}, replace(SPEC, mode=mode))
    made.summary = made.reduce()  # type: ignore[attr-defined]
    return made


def shrunk(site: Site, mode: Mode) -> tuple[Sorting, Sorting]:
    """A run over all, and one over what is left when one file was renamed and three have gone."""
    first = sorting(site, mode, *PICTURES)
    assert first.summary["gone"] == first.summary["renamed"] == 0  # type: ignore[attr-defined]
    for gone in ("a.png", "far.png", "book.cbz"):
        (site.archive / gone).unlink(missing_ok=True)
    if mode != Mode.MOVE:
        put(site.archive / "new" / "b.png").unlink()
        (site.archive / "b.png").rename(site.archive / "new" / "b.png")
        site.digests["new/b.png"] = site.digests["b.png"]
    return first, sorting(site, mode, *(() if mode == Mode.MOVE else ["new/b.png"]))


@pytest.mark.parametrize("mode", MODES)
def test_last_copies_stay(site: Site, mode: Mode) -> None:
    """They are named; links that lead nowhere go, and come back by undo."""
    first, later = shrunk(site, mode)
    before = look(site.output)
    links = PLACES[:2] if mode == Mode.SYMLINK else []
    copies = {Mode.MOVE: [PLACES[2]], Mode.SYMLINK: [PLACES[2]]}.get(mode, PLACES)
    assert later.summary["gone"] == len(links + copies)  # type: ignore[attr-defined]
    planned = tidy(later.store, later.run, dry_run=True)
    assert (sorted(planned.removed), sorted(planned.last_copies)) == (links, copies)
    assert look(site.output) == before
    assert tidy(later.store, later.run) == planned and not planned.problems
    assert {place for place in PLACES if not os.path.lexists(site.output / place)} == set(links)
    assert tidy(later.store, later.run) == replace(planned, removed=[])
    undo_run(later.run)
    assert {place for place in PLACES if os.path.lexists(site.output / place)} == set(PLACES)
    assert len(undo_run(first.run).left) == len(copies)


@pytest.mark.parametrize("mode", [Mode.HARDLINK, Mode.COPY])
def test_last_copies_are_put_aside_on_demand(site: Site, mode: Mode) -> None:
    """With their bytes, into one folder that the report names. What comes back is placed again, and undo works."""
    _, later = shrunk(site, mode)
    before = site.placed()
    result = tidy(later.store, later.run, last_copies=True)
    assert sorted(result.set_aside) == PLACES and not (result.removed or result.last_copies or result.problems)
    assert set(site.placed()) == {"_review/b.png", "report.csv", "_removed/a.png", "_removed/1.png", "_removed/far.png"}
    assert site.placed()["_removed/far.png"] == b"far.png"
    assert later.report()[str(site.archive / "far.png")]["placed"] == "_removed/far.png"
    assert tidy(later.store, later.run, last_copies=True) == Tidied()
    site.add("far.png")
    again = sorting(site, mode, "new/b.png", "far.png")
    assert again.summary["gone"] == 0  # type: ignore[attr-defined]
    assert site.placed()["_unknown/far.png"] == b"far.png" and "_removed/far.png" not in site.placed()
    undo_run(again.run)
    undo_run(later.run)
    assert {**site.placed(), "report.csv": b""} == {**before, "report.csv": b""}


def test_only_what_is_gone_is_tidied(site: Site) -> None:
    """Not what a person has put there or taken away, nor pictures of another archive, nor what is unreadable now."""
    sorting(site, Mode.COPY, *PICTURES)
    put(site.output / "Akari" / "mine.png", b"mine")
    (site.output / "_unknown" / "far.png").rename(site.output / "Akari" / "far.png")
    other = Site(site.root / "other", site.root)
    other.add("x.png")
    sorted_too = Sorting(other, {"x.png": at(a=0.1)}, replace(SPEC, mode=Mode.COPY))
    sorted_too.reduce()
    shutil.rmtree(other.archive)
    for gone in ("a.png", "far.png"):
        (site.archive / gone).unlink()
    later = Sorting(site, {"b.png": None, "book.cbz!/1.png": None}, replace(SPEC, mode=Mode.COPY))
    assert later.reduce()["gone"] == 2
    before = {place for place in site.placed() if place != "report.csv"}
    assert tidy(later.store, later.run, last_copies=True).set_aside == ["Akari/a.png", "_unknown/far.png"]
    after = {place for place in site.placed() if place != "report.csv"}
    assert after == before - {"Akari/a.png"} | {"_removed/a.png"}


def test_when_nobody_can_tell_nothing_is_tidied(site: Site) -> None:
    """A run that is undone, an archive or an output that is not there."""
    later = sorting(site, Mode.COPY, *PICTURES)
    site.archive.rename(site.root / "elsewhere")
    with pytest.raises(RootNotVisible):
        tidy(later.store, later.run)
    (site.root / "elsewhere").rename(site.archive)
    site.output.rename(site.root / "elsewhere")
    with pytest.raises(OutputGone):
        tidy(later.store, later.run)
    (site.root / "elsewhere").rename(site.output)
    undo_run(later.run)
    with pytest.raises(NotReady):
        tidy(later.store, later.run)


def test_the_command_asks_names_and_counts(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """`producer tidy`: a plan that changes nothing, no deed without an answer, JSON for scripts."""
    monkeypatch.setenv("OSHIWAKE_STORE", str(site.root / "store"))
    first, later = shrunk(site, Mode.SYMLINK)
    shown = CliRunner().invoke(app, ["tidy", "--dry-run", later.run.id])
    assert shown.exit_code == 0 and "would be removed, the original is gone: Akari/a.png" in shown.stderr
    assert "it may be the last copy" in shown.stderr
    refused = CliRunner().invoke(app, ["tidy", later.run.id])
    assert isinstance(refused.exception, BadRequest) and os.path.lexists(site.output / "Akari" / "a.png")
    done = CliRunner().invoke(app, ["tidy", "--yes", "--last-copies", "--json", later.run.id])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["removed"] == ["Akari/a.png", "_unknown/far.png"] and found["set_aside"] == ["桜 ひな/1.png"]
    assert "nothing to tidy" in CliRunner().invoke(app, ["tidy", "--yes", later.run.id]).stderr
    undo_run(later.run)
    assert undo_run(first.run).reversed > 0
