"""A file manager as the interface: what a person does in the output, as the next pass understands it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from store.decision_log import DecisionLog
from store.journal import Journal
from store.mode import Mode
from store.run_pass import Pass
from tests.unit.dying import Died
from tests.unit.parts import DIMENSION
from tests.unit.sites import MODES, Site
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.trees import look, put
from workers.confirmed_files import confirmed_files
from workers.history import picture_history
from workers.undo_run import undo_run

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)

PICTURES: dict[str, NDArray[np.float32] | None] = {
    "a1.png": at(a=0.1),
    "a2.png": at(a=0.12),
    "a3.png": at(a=0.14),
    "far1.png": at(a=0.6, s=0.5),
    "far2.png": at(a=0.61, s=0.5),
    "far3.png": at(a=0.95, s=0.95),
    "s1.png": at(s=0.1),
    "s2.png": at(s=0.12),
}


@pytest.fixture
def site(quick_path: Path) -> Site:
    """The pictures as files that begin as PNGs do."""
    site = Site(quick_path)
    for name in PICTURES:
        site.add(name, PNG + name.encode())
    return site


@pytest.fixture(params=MODES)
def sorting(site: Site, request: pytest.FixtureRequest) -> Sorting:
    """The pictures, sorted once."""
    sorting = Sorting(site, PICTURES, replace(SPEC, mode=request.param))
    sorting.reduce()
    return sorting


def again(sorting: Sorting, number: int = 2, **changes: Any) -> dict[str, Any]:
    """Another pass; what it says of the work of a person."""
    sorting.begin_pass(number, replace(sorting.spec, **changes))
    by_hand = sorting.reduce(number)["by_hand"]
    assert isinstance(by_hand, dict)
    return {name: value for name, value in by_hand.items() if value}


def move(site: Site, old: str, new: str) -> None:
    """As a file manager does."""
    (site.output / new).parent.mkdir(parents=True, exist_ok=True)
    (site.output / old).rename(site.output / new)


def row(sorting: Sorting, name: str) -> tuple[str, str, str]:
    """Outcome, character and place in the report."""
    found = sorting.report()[name]
    return found["outcome"], found["character"], found["placed"]


def test_a_picture_that_was_moved_is_confirmed(sorting: Sorting) -> None:
    """Case 23: from nobody, from one to another, one deleted; kept, told, learnt, and heeded in each later pass."""
    site = sorting.site
    move(site, "_unknown/far1.png", "Akari/far1.png")
    move(site, "Akari/a1.png", "桜 ひな/a one.png")
    (site.output / "桜 ひな" / "s2.png").unlink()
    told = again(sorting)
    assert told == {"moved": 2, "taken_out": 1, "confirmed": 2, "rejected": 2}
    for number in (3, 4):
        assert row(sorting, "far1.png") == ("assigned", "Akari", "Akari/far1.png")
        assert row(sorting, "a1.png") == ("assigned", "桜 ひな", "桜 ひな/a one.png")
        assert sorting.report()["a1.png"]["reason"] == "by hand: 桜 ひな"
        assert row(sorting, "far2.png") == ("assigned", "Akari", "Akari/far2.png"), "near to what was confirmed"
        assert row(sorting, "s2.png")[1:] == ("", "")
        assert again(sorting, number) == {}, "each thing is understood once"


def test_a_folder_made_by_hand_is_a_character(sorting: Sorting) -> None:
    """With the pictures in it as its references; also in a folder whose name we would not give."""
    site = sorting.site
    move(site, "_unknown/far1.png", "Fate/M: io/far1.png")
    told = again(sorting)
    assert told == {"moved": 1, "confirmed": 1, "characters": ["Fate/M: io"]}
    assert row(sorting, "far1.png") == ("assigned", "Fate/M: io", "Fate/M: io/far1.png")
    assert row(sorting, "far2.png") == ("assigned", "Fate/M: io", "Fate/M: io/far2.png")


def test_a_folder_renamed_by_hand_renames_the_character(sorting: Sorting) -> None:
    """Nothing is confirmed or rejected; new pictures go there as well, and its references have the new name."""
    (sorting.site.output / "Akari").rename(sorting.site.output / "Rin")
    assert again(sorting) == {"renamed": {"Akari": "Rin"}}
    assert row(sorting, "a2.png") == ("assigned", "Rin", "Rin/a2.png")
    assert again(sorting, 3) == {} and not (sorting.site.output / "Akari").exists()
    assert [one.kind.value for one in DecisionLog(sorting.site.output).read()] == ["renamed"]


def test_a_picture_moved_aside_is_rejected(sorting: Sorting) -> None:
    """It is nobody's, and stays where the person put it as long as that is where it belongs."""
    move(sorting.site, "Akari/a1.png", "_unknown/a1.png")
    assert again(sorting) == {"moved": 1, "rejected": 1}
    assert row(sorting, "a1.png") == ("unknown", "", "_unknown/a1.png")


def test_a_picture_put_back_counts_again(sorting: Sorting) -> None:
    """From the wastebasket: confirmed."""
    place, aside = sorting.site.output / "Akari" / "a1.png", sorting.site.root / "wastebasket"
    place.rename(aside)
    assert again(sorting) == {"taken_out": 1, "rejected": 1}
    place.parent.mkdir(exist_ok=True)
    aside.rename(place)
    assert again(sorting, 3) == {"moved": 1, "confirmed": 1}
    assert row(sorting, "a1.png") == ("assigned", "Akari", "Akari/a1.png")


def test_a_copy_put_by_hand_is_confirmed_and_not_placed_twice(sorting: Sorting) -> None:
    """Neither in this pass nor in the next; the original of an undone run is in the archive."""
    site = sorting.site
    (site.output / "Mio").mkdir()
    shutil.copyfile(site.output / "_unknown" / "far3.png", site.output / "Mio" / "mine.png")
    assert again(sorting) == {"moved": 1, "confirmed": 1, "characters": ["Mio"]}
    for number in (3, 4):
        assert row(sorting, "far3.png")[:2] == ("assigned", "Mio")
        mine = {place for place, content in site.placed().items() if content == PNG + b"far3.png"}
        assert mine - {"_unknown/far3.png"} == {"Mio/mine.png"}
        assert again(sorting, number) == {}


def test_hand_moves_may_be_ignored(sorting: Sorting) -> None:
    """As before there was such a thing: left alone; the next pass understands them."""
    move(sorting.site, "_unknown/far1.png", "Akari/far1.png")
    assert again(sorting, ignore_hand_moves=True) == {}
    assert row(sorting, "far1.png") == ("unknown", "", "")
    assert again(sorting, 3) == {"moved": 1, "confirmed": 1}


@pytest.mark.parametrize("how", ["all", "folder", "mount point"])
def test_what_a_missing_disk_took_is_not_rejected(sorting: Sorting, how: str) -> None:
    """Nothing is decided, and the summary says so; back again, all is as before."""
    site = sorting.site
    lost = ["Akari", "桜 ひな", "_unknown"] if how == "all" else ["Akari"]
    for name in lost:
        (site.output / name).rename(site.root / name)
        if how != "folder":
            (site.output / name).mkdir()
    told = again(sorting)
    assert told.keys() == {"not_understood"} and "mounted" in told["not_understood"]
    for name in lost:
        if how != "folder":
            (site.output / name).rmdir()
        (site.root / name).rename(site.output / name)
    assert again(sorting, 3) == {} and row(sorting, "a1.png") == ("assigned", "Akari", "Akari/a1.png")


def _rewrite(path: Path) -> None:
    path.write_bytes(PNG + b"brighter")


def _replace(path: Path) -> None:
    path.with_suffix(".new").write_bytes(PNG + b"brighter")
    path.with_suffix(".new").rename(path)


@pytest.mark.parametrize("save", [_rewrite, _replace])
def test_a_picture_saved_by_an_editor_keeps_its_decisions(sorting: Sorting, save: Callable[[Path], None]) -> None:
    """It is neither gone nor moved; what was decided counts for the new bytes too, and they are never overwritten."""
    site = sorting.site
    move(site, "_unknown/far1.png", "Mio/far1.png")
    again(sorting)
    edited = site.output / "Mio" / "far1.png"
    if not edited.is_symlink() or save is _rewrite:
        save(edited)
        assert again(sorting, 3) == {"edited": 1}
        said = {(one.digest, one.character) for one in DecisionLog(site.output).read() if one.kind == "confirmed"}
        assert len(said) == 2 and {name for _, name in said} == {"Mio"}
        assert edited.read_bytes() == PNG + b"brighter"
        assert again(sorting, 4) == {} and edited.read_bytes() == PNG + b"brighter"


def test_undo_takes_back_what_was_understood(sorting: Sorting) -> None:
    """Of two runs the later: its decisions are gone, the files stay, and the next pass understands them anew."""
    site = sorting.site
    move(site, "_unknown/far1.png", "Mio/far1.png")
    (site.output / "桜 ひな" / "s2.png").unlink()
    before = {place: content for place, content in site.placed().items() if place != "report.csv"}
    pictures = {} if sorting.spec.mode == Mode.MOVE else PICTURES
    later = Sorting(site, pictures, sorting.spec)
    assert later.reduce()["by_hand"]["confirmed"] == 1
    undone = undo_run(later.run)
    assert undone.left == [] and DecisionLog(site.output).read() == []
    assert {place: content for place, content in site.placed().items() if place != "report.csv"} == before
    assert Sorting(site, pictures, sorting.spec).reduce()["by_hand"]["confirmed"] == 1


@pytest.mark.parametrize("understood", [False, True])
@pytest.mark.parametrize("dies", [False, True])
def test_undo_names_what_a_person_put_elsewhere(sorting: Sorting, understood: bool, dies: bool) -> None:
    """A moved original comes back to the archive from wherever it is; a link or a copy stays, and is named."""
    site = sorting.site
    before = {name: site.digests[name] for name in PICTURES}
    move(site, "_unknown/far1.png", "Mio/far1.png")
    if understood:
        again(sorting)
        move(site, "Mio/far1.png", "Akari/x.png")
    place = "Akari/x.png" if understood else "Mio/far1.png"
    if dies:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Died):
            patch.setattr(Journal, "forget", _die_later(1))
            undo_run(sorting.run)
    undone = undo_run(sorting.run)
    assert undone.left == []
    assert DecisionLog(site.output).read() == []
    if sorting.spec.mode == Mode.MOVE:
        assert undone.by_hand == [] and not any(path.is_file() for path in site.output.rglob("*"))
    else:
        assert [line.split(" (")[0] for line in undone.by_hand] == [place] or dies
        assert [path for path in site.output.rglob("*") if not path.is_dir()] == [site.output / place]
    assert {name: site.digests[name] for name in PICTURES} == before
    assert {path.name for path in site.archive.iterdir()} == set(PICTURES)


def _die_later(calls: int) -> Callable[..., None]:
    left = iter(range(calls))
    forget = Journal.forget

    def dying(*args: Any, **more: Any) -> None:
        if next(left, None) is None:
            raise Died
        forget(*args, **more)

    return dying


@pytest.mark.parametrize("step", ["note_hand", "decisions"])
def test_a_pass_that_dies_while_it_understands_begins_again(sorting: Sorting, step: str) -> None:
    """Before and after the journal has it: the same is told, and decided once."""
    site = sorting.site
    move(site, "_unknown/far1.png", "Mio/far1.png")
    move(site, "Akari/a1.png", "桜 ひな/a1.png")
    sorting.begin_pass(2, sorting.spec)
    name, kind = ("note_hand", Journal) if step == "note_hand" else ("note_decisions", Pass)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Died):
        patch.setattr(kind, name, _die)
        sorting.reduce(2)
    by_hand = sorting.reduce(2)["by_hand"]
    assert (by_hand["confirmed"], by_hand["rejected"], by_hand["characters"]) == (2, 1, ["Mio"])
    assert len(DecisionLog(site.output).read()) == 3


def _die(*_: Any, **__: Any) -> None:
    raise Died


def test_a_picture_has_a_history(sorting: Sorting) -> None:
    """The same from the archive and from the output: placed by a run, moved by hand, and what that meant."""
    site = sorting.site
    move(site, "Akari/a1.png", "Mio/mine.png")
    again(sorting)
    events = picture_history(site.output, str(site.output / "Mio" / "mine.png"))
    assert sorted((event.by, event.what) for event in events) == [
        (sorting.run.id, "found moved by hand from Akari/a1.png to Mio/mine.png"),
        (sorting.run.id, f"placed as Akari/a1.png ({sorting.spec.mode}) from {site.archive}/a1.png"),
        ("you", "confirmed Mio (hand)"),
        ("you", "rejected Akari (hand)"),
    ]
    assert picture_history(site.output, str(site.archive / "a1.png")) == events
    assert picture_history(site.output, str(site.archive / "nowhere.png")) == []
    expected = {"Mio": [str(site.output / "Mio" / "mine.png")]}
    assert confirmed_files(site.output) == expected


def test_own_files_and_hidden_ones_are_nobodys_pictures(site: Site) -> None:
    """Notes, thumbnails and reports change nothing."""
    sorting = Sorting(site, PICTURES)
    sorting.reduce()
    put(site.output / "Akari" / "notes.txt")
    put(site.output / "Akari" / ".thumbnails" / "a1.png", PNG)
    put(site.output / "top.png", PNG + b"top")
    before = look(site.output / "Akari")
    assert again(sorting) == {} and look(site.output / "Akari") == before
    assert os.path.exists(site.output / "top.png") and DIMENSION == 4
