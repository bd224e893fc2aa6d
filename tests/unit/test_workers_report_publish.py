"""OUT/report.csv: it tells of all that stands in the output, and never takes the place of what a person has saved."""

from __future__ import annotations

import contextlib
import csv
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.assignments import FinalOutcome
from store.journal import Journal
from store.location import Location
from store.mode import Mode
from tests.unit.dying import Died
from tests.unit.rows import Assigned, assignments, bytes_of_name
from tests.unit.sites import MODES, Site
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.trees import put, unfinished
from workers.output import recover
from workers.report.publish import publish, withdraw
from workers.report.writer import ReportWriter
from workers.undo_run import undo_run

RUN = "20261123-0412"
NAMES = ["a.png", "b.png", "one/a.png", "book.cbz!/1.png", os.fsdecode(b"\xff.png"), r"\xff.png", "=a | b.png"]


@pytest.fixture
def site(quick_path: Path) -> Site:
    """Two pictures."""
    site = Site(quick_path)
    site.add("a.png")
    site.add("one/b.png")
    return site


def rows(site: Site) -> list[dict[str, str]]:
    """The rows of OUT/report.csv."""
    with (site.output / "report.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_where_moved_pictures_came_from_stays_known(site: Site) -> None:
    """The daily run of --mode move finds nothing new: its report tells all the same where each picture came from."""
    move = replace(SPEC, mode=Mode.MOVE)
    Sorting(site, {"a.png": at(a=0.1), "one/b.png": at(a=0.9)}, move).reduce()
    site.add("c.png")
    later = Sorting(site, {"c.png": at(s=0.1)}, move)
    later.reduce()
    own, *others = rows(site)
    assert (own["path"], own["outcome"], own["placed"]) == ("c.png", "assigned", "桜 ひな/c.png")
    told = [(row["path"], row["outcome"], row["character"], row["placed"], row["digest"]) for row in others]
    assert told == [
        (str(site.archive / "a.png"), "earlier", "Akari", "Akari/a.png", site.digests["a.png"].hex()),
        (str(site.archive / "one/b.png"), "earlier", "", "_unknown/b.png", site.digests["one/b.png"].hex()),
    ]
    assert later.run.pass_(1).summary["files"] == 1  # type: ignore[index]
    again = Sorting(site, {}, move)
    again.reduce()
    assert [row["placed"] for row in rows(site)] == ["Akari/a.png", "桜 ひな/c.png", "_unknown/b.png"]
    assert {row["reason"] for row in rows(site)} >= {f"placed by run {later.run.id}"}


def test_a_picture_that_a_person_took_out_keeps_its_origin(site: Site) -> None:
    """Its row has no place any more, but says where the picture with that digest came from."""
    move = replace(SPEC, mode=Mode.MOVE)
    Sorting(site, {"a.png": at(a=0.1)}, move).reduce()
    (site.output / "Akari" / "a.png").rename(site.output / "best.png")
    Sorting(site, {}, move).reduce()
    (row,) = rows(site)
    assert (row["path"], row["placed"]) == (str(site.archive / "a.png"), "")
    assert row["digest"] == site.digests["a.png"].hex()


def test_the_report_follows_an_undo_of_an_earlier_run(site: Site) -> None:
    """What that run had placed is gone from the report of the later one, which stays."""
    other = Site(site.root / "other", site.root)
    other.add("c.png")
    first, second = Sorting(site, {"a.png": at(a=0.1)}), Sorting(other, {"c.png": at(a=0.1)})
    assert site.output == other.output
    first.reduce()
    second.reduce()
    assert [row["path"] for row in rows(site)] == ["c.png", str(site.archive / "a.png")]
    undo_run(first.run)
    assert [row["path"] for row in rows(site)] == ["c.png"]
    undo_run(second.run)
    assert not site.output.exists()


WANTS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.1, 0.9]), max_size=5)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(MODES), WANTS, st.booleans()), min_size=1, max_size=4))
def test_every_file_in_the_output_is_told_of_once(runs: list[tuple[str, dict[str, float], bool]]) -> None:
    """Whatever runs came before, in whatever modes; and after each undo too."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        site = Site(Path(folder))
        done = []
        for number, (mode, wants, multiple) in enumerate(runs):
            for name in wants:
                if not (site.archive / name.partition("!/")[0]).exists():
                    site.add(name, b"%d " % number + os.fsencode(name))
            pictures = {name: at(a=distance, s=distance) for name, distance in wants.items()}
            spec = replace(SPEC, mode=mode, multiple=multiple)  # type: ignore[arg-type]
            done.append(Sorting(site, {name: pictures[name] for name in pictures if name in site.digests}, spec))
            done[-1].reduce()
            _check(site)
        for sorting in reversed(done):
            undo_run(sorting.run)
            if (site.output / "report.csv").exists():
                _check(site)


def _check(site: Site) -> None:
    standing = {os.fsencode(name) for name in site.placed()} - {b"report.csv"}
    told = [os.fsencode(place) for row in rows(site) for place in _places(row["placed"], standing)]
    assert sorted(told) == sorted(standing)


def _places(cell: str, standing: set[bytes]) -> list[str]:
    """The places in a cell; a name may hold the separator itself."""
    whole = bytes_of_name(cell)[0] if cell else b""
    if whole in standing or not cell:
        return [os.fsdecode(whole)] if cell else []
    first, _, rest = cell.partition(" | ")
    while bytes_of_name(first)[0] not in standing:
        more, _, rest = rest.partition(" | ")
        first = f"{first} | {more}"
    return [os.fsdecode(bytes_of_name(first)[0]), *_places(rest, standing)]


@pytest.fixture
def journal(quick_path: Path) -> Iterator[Journal]:
    """The journal of an output folder with a report of ours."""
    with Journal(quick_path / "out") as journal:
        publish(journal, journal.folder.parent, written(journal, "before"))
        yield journal


def written(journal: Journal, name: str, run: str = RUN) -> Location:
    """A pass's report about a file."""
    report = ReportWriter(journal.folder, run, 1)
    report.write(assignments([Assigned(name, FinalOutcome.UNKNOWN)]))
    report.close()
    return report.path


class Moments:
    """Lets something happen before or after the n-th call that gives, takes or changes the name report.csv."""

    def __init__(self, patch: pytest.MonkeyPatch, happens: dict[int, Callable[[], None]]) -> None:
        self.passed = 0
        self._happens = happens
        for name in ("link", "rename", "replace", "unlink"):
            patch.setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, function: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            if not any("report" in os.fsdecode(arg) for arg in args if isinstance(arg, (str, bytes, os.PathLike))):
                return function(*args, **options)
            self._pass()
            result = function(*args, **options)
            self._pass()
            return result

        return call

    def _pass(self) -> None:
        self.passed += 1
        self._happens.get(self.passed, lambda: None)()


def die() -> None:
    """The process ends here."""
    raise Died


def saves(path: Path, then: Callable[[], None] = lambda: None) -> Callable[[], None]:
    """A person saves a file under a name, as editors do: written beside it, then renamed over it."""
    rename = os.replace

    def save() -> None:
        beside = put(path.parent.parent / "editor", b"my remarks")
        rename(beside, path)
        then()

    return save


def remarks(output: Path) -> int:
    """How many files with the person's words there are for a person to see."""
    return sum(path.read_bytes() == b"my remarks" for path in output.glob("report*.csv"))


PUBLISH, WITHDRAW = "publish", "withdraw"


@pytest.mark.parametrize("what", [PUBLISH, WITHDRAW])
@pytest.mark.parametrize("dies_after", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("saved_at", range(1, 7))
def test_a_report_saved_at_any_moment_stays(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, what: str, dies_after: int | None, saved_at: int
) -> None:
    """Whenever a person saves report.csv while it is replaced or taken away, and whenever the process dies then."""
    output = Path(str(journal.folder.parent))
    report = written(journal, "after")
    happens = {saved_at: saves(output / "report.csv")}
    if dies_after == 0:
        happens[saved_at] = saves(output / "report.csv", then=die)
    elif dies_after is not None:
        happens[saved_at + dies_after] = die
    with monkeypatch.context() as patch, contextlib.suppress(Died):
        moments = Moments(patch, happens)
        publish(journal, output, report) if what == PUBLISH else withdraw(journal, output, RUN)
    if moments.passed < saved_at:
        happens[saved_at] = lambda: None
        assert not remarks(output)
        return
    recover(journal)
    assert remarks(output) == 1
    assert not unfinished(output / "report.csv") and not list(output.glob(".oshiwake-*"))
    publish(journal, output, report) if what == PUBLISH else withdraw(journal, output, RUN)
    assert remarks(output) == 1 and not list(output.glob(".oshiwake-*"))


@pytest.mark.parametrize("dies_at", range(1, 9))
def test_a_report_whose_writer_dies_is_written_again(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    """At any moment: afterwards there is one report, and nothing beside it."""
    output = Path(str(journal.folder.parent))
    report = written(journal, "after")
    with monkeypatch.context() as patch, contextlib.suppress(Died):
        Moments(patch, {dies_at: die})
        publish(journal, output, report)
    recover(journal)
    assert publish(journal, output, report) == output / "report.csv"
    assert [path.name for path in output.iterdir() if path.name != ".oshiwake"] == ["report.csv"]
    assert "after" in (output / "report.csv").read_text()
