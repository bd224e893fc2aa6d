"""Reduce on files, without a queue: every file ends in exactly one outcome, placed and reported once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from store.assignments import FinalOutcome
from store.errors import JournalBusy
from store.journal import Journal
from store.mode import Mode
from tests.unit.parts import DIMENSION
from tests.unit.rows import bytes_of_name, read_assignments
from tests.unit.sites import Site
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.trees import folder_times, look, put, sha, unfinished
from workers.assigning import assign_part
from workers.errors import NotReady
from workers.reducing import reduce_run
from workers.undo_run import undo_run

PICTURES: dict[str, NDArray[np.float32] | None] = {
    "a.png": at(a=0.1),
    "b.png": at(s=0.1),
    "between.png": at(a=0.25, s=0.26),
    "book.cbz!/1.png": at(a=0.2),
    "broken.png": None,
    "far.png": at(a=0.5),
    "near an ad.png": at(n=0.1, a=0.28),
    "notes.txt": None,
    "same/a.png": at(a=0.1),
    "z/a.png": at(a=0.15),
}
PLACES = {
    "a.png": "Akari/a.png",
    "b.png": "桜 ひな/b.png",
    "between.png": "_review/between.png",
    "book.cbz!/1.png": "Akari/1.png",
    "far.png": "_unknown/far.png",
    "near an ad.png": "_unknown/near an ad.png",
    "z/a.png": "Akari/a (2).png",
}


@pytest.fixture
def site(quick_path: Path) -> Site:
    """The pictures as files; same/a.png has the bytes of a.png."""
    site = Site(quick_path)
    for name in PICTURES:
        site.add(name, b"a.png" if name == "same/a.png" else None)
    return site


def test_every_file_ends_in_one_outcome(site: Site) -> None:
    """The counts add up, the report has a row for each, and each stands where the report says."""
    sorting = Sorting(site, PICTURES)
    summary = sorting.reduce()
    assert summary["files"] == sum(summary["outcomes"].values()) == len(PICTURES)
    assert summary["outcomes"] == {
        "assigned": 4,
        "unknown": 2,
        "review": 1,
        "duplicate": 1,
        "unreadable": 1,
        "unsupported": 1,
    }
    assert summary["characters"] == {"Akari": 3, "桜 ひな": 1}
    assert summary["failed"] == ["broken.png: damaged"] and not summary["bad_references"]
    assert summary["placed"] == {"copy": 1, "hardlink": 6} and summary["problem_count"] == 0
    report = sorting.report()
    assert set(report) == set(PICTURES)
    assert {name: row["placed"] for name, row in report.items() if row["placed"]} == PLACES
    assert {name: report[name]["outcome"] for name in PICTURES} == sorting.outcomes()
    assert {f"{PLACES[name]}": site.digests[name] for name in PLACES} == {
        place: sha(content) for place, content in site.placed().items() if place != "report.csv"
    }
    assert not unfinished(site.root)


def test_the_report_gives_the_reasons(site: Site) -> None:
    """What a person needs to judge a row: distances, the next character, what it is a duplicate of, what failed."""
    sorting = Sorting(site, PICTURES)
    sorting.reduce()
    report = sorting.report()
    assert report["a.png"]["character"] == "Akari" and report["a.png"]["distance"] == "0.1000"
    assert report["a.png"]["digest"] == site.digests["a.png"].hex()
    assert report["between.png"]["runner_up"] == "桜 ひな" and report["between.png"]["runner_up_distance"] == "0.2600"
    assert "桜 ひな" in report["between.png"]["reason"] and not report["between.png"]["character"]
    assert report["same/a.png"]["reason"] == "same content as a.png" and not report["same/a.png"]["character"]
    assert "_not ads" in report["near an ad.png"]["reason"] and report["near an ad.png"]["nearest"] == "_not ads"
    assert report["broken.png"]["reason"] == "damaged" and report["notes.txt"]["reason"] == "no picture"


def test_the_report_gives_the_notes(site: Site) -> None:
    """What was noted when a picture was read follows the reason, or stands alone; kinds left out are counted."""
    notes = {"a.png": "cut off", "between.png": "cut off", "notes.txt": "not supported: SVG"}
    sorting = Sorting(site, PICTURES, notes=notes)
    summary = sorting.reduce()
    report = sorting.report()
    assert report["a.png"]["outcome"] == "assigned" and report["a.png"]["reason"] == "cut off"
    assert report["between.png"]["reason"].endswith("; cut off") and "桜 ひな" in report["between.png"]["reason"]
    assert report["b.png"]["reason"] == "" and report["broken.png"]["reason"] == "damaged"
    assert summary["unsupported_kinds"] == {"SVG": 1}


def test_a_second_reduce_is_nothing(site: Site) -> None:
    """The message that arrives twice gives the same summary, and touches no file."""
    sorting = Sorting(site, PICTURES)
    first = sorting.reduce()
    before = look(site.root)
    assert sorting.reduce() == first
    assert look(site.root) == before


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy", "move"])
def test_reducing_again_after_a_crash_changes_nothing(site: Site, mode: Any) -> None:
    """A reducer that died before its summary was written is repeated: the same layout, report and summary."""
    sorting = Sorting(site, PICTURES, replace(SPEC, mode=mode))
    first = sorting.reduce()
    before, report = site.placed(), sorting.report()
    sorting.run.pass_(1).reopen()
    again = sorting.reduce()
    assert site.placed() == before and sorting.report() == report
    assert again == first and first["placed"]


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy", "move"])
def test_another_pass_moves_on_and_undo_takes_both_back(site: Site, mode: Any) -> None:
    """With another threshold the pictures go to their new folders and the report follows; undo takes both back."""
    before = look(site.archive), folder_times(site.archive)
    sorting = Sorting(site, PICTURES, replace(SPEC, mode=mode))
    sorting.reduce()
    sorting.begin_pass(2, replace(SPEC, mode=mode, threshold=0.12))
    summary = sorting.reduce(2)
    assert summary["placed"] == {"rename": 3}
    assert sorting.report()["z/a.png"]["placed"] == "_unknown/a.png"
    assert sorting.report()["between.png"]["placed"] == "_unknown/between.png"
    assert {path.name for path in site.output.glob("*.csv")} == {"report.csv"}
    assert undo_run(sorting.run).left == []
    assert (look(site.archive), folder_times(site.archive)) == before and not site.output.exists()


HEADS = {
    "Akari": [at(a=0)],
    "桜 ひな": [at(s=0)],
    "_not ads": [at(n=0)],
    "between.png": [at(s=0.05), at(a=0.1), at(n=0)],
    "z/a.png": [at(a=0.3), at()],
}
"""Two characters and a negative in one picture, and somebody else beside Akari in another."""


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy", "move"])
def test_multiple_files_a_picture_under_each_character(site: Site, mode: Any) -> None:
    """That one of its heads shows."""
    before = look(site.archive)
    sorting = Sorting(site, PICTURES, replace(SPEC, multiple=True, mode=mode), heads=HEADS)
    summary = sorting.reduce()
    row = sorting.report()["between.png"]
    assert row["placed"] == "Akari/between.png | 桜 ひな/between.png"
    assert row["character"] == row["characters_found"] == "Akari | 桜 ひな"
    assert summary["outcomes"]["review"] == 0 and summary["problem_count"] == 0
    assert summary["characters"] == {"Akari": 4, "桜 ひな": 2}
    undo_run(sorting.run)
    assert look(site.archive) == before


def test_every_view_is_kept(site: Site) -> None:
    """Without `multiple` the surest name is given; all that were found, and every view with its box, are told."""
    sorting = Sorting(site, PICTURES, chunk=100, heads=HEADS)
    sorting.reduce()
    rows = {row.path: row for row in read_assignments(sorting.run.pass_(1).assignments_path(0))}
    row = rows["between.png"]
    assert (row.characters, row.characters_found) == (("桜 ひな",), ("Akari", "桜 ひな"))
    assert sorting.report()["between.png"]["placed"] == "桜 ひな/between.png"
    assert [view["left"] for view in row.views] == [None, 0, 1 / 16, 2 / 16]
    assert [(view["nearest"], view["runner_up"]) for view in row.views] == [
        ("Akari", "桜 ひな"),
        ("桜 ひな", "Akari"),
        ("Akari", "桜 ひな"),
        ("_not ads", "Akari"),
    ]
    # Three quarters of the smaller and a quarter of the larger of whole and head.
    assert [view["distance"] for view in row.views] == pytest.approx([0.25, 0.1025, 0.1375, 0.25], abs=1e-6)
    assert (row.nearest, row.distance) == ("桜 ひな", row.views[1]["distance"])
    assert [len(rows[name].views) for name in ("z/a.png", "notes.txt", "broken.png")] == [3, 0, 0]


def test_duplicates_across_chunks(site: Site) -> None:
    """The first of the scan is placed, in whatever chunk the others are; unreadable ones are no duplicates."""
    pictures = {f"{n}/x.png": at(a=0.1) for n in range(9)} | {"9/x.png": None}
    for name in pictures:
        site.add(name, b"the same")
    sorting = Sorting(site, pictures, chunk=2)
    summary = sorting.reduce()
    assert summary["outcomes"]["duplicate"] == 8 and summary["outcomes"]["unreadable"] == 1
    assert site.placed().keys() == {"Akari/x.png", "report.csv"}
    assert {row["reason"] for name, row in sorting.report().items() if name[0] in "12345678"} == {
        "same content as 0/x.png"
    }


def test_a_duplicate_of_a_moved_picture_stays_a_duplicate(site: Site) -> None:
    """After a move the twin is all that a later run sees; it is not placed beside the picture that went before."""
    before = look(site.archive)
    first = Sorting(site, PICTURES, replace(SPEC, mode=Mode.MOVE))
    first.reduce()
    layout = site.placed().keys()
    later = Sorting(site, {"same/a.png": at(a=0.1)}, replace(SPEC, mode=Mode.MOVE))
    assert later.reduce()["outcomes"]["duplicate"] == 1
    assert later.report()["same/a.png"]["reason"] == "same content as Akari/a.png in the output"
    assert site.placed().keys() == layout and (site.archive / "same" / "a.png").exists()
    undo_run(later.run)
    undo_run(first.run)
    assert look(site.archive) == before


def test_bad_references_are_told_and_the_others_used(site: Site) -> None:
    """A reference that cannot be read is named; so is a character that has none left."""
    eye = np.eye(DIMENSION, dtype=np.float32)
    references = {"Akari": [None, eye[0]], "桜 ひな": [None]}
    summary = Sorting(site, PICTURES, references=references).reduce()
    assert len(summary["bad_references"]) == 4
    assert sum("damaged" in line for line in summary["bad_references"]) == 2
    assert "桜 ひな: no picture of it can be read" in summary["bad_references"]
    assert summary["characters"] == {"Akari": 5}


@pytest.mark.parametrize("references", [{"Akari": [None]}, {"_not ads": [np.eye(DIMENSION, dtype=np.float32)[2]]}, {}])
def test_without_a_character_nothing_is_begun(site: Site, references: Any) -> None:
    """No reference of any character: one line, and no output folder half-made."""
    with pytest.raises(NotReady, match="no reference picture"):
        Sorting(site, PICTURES, references=references).reduce()
    assert not site.output.exists()


def test_a_missing_shard_is_waited_for(site: Site) -> None:
    """Not every chunk is embedded yet: nothing is placed, and the line says what to do."""
    sorting = Sorting(site, PICTURES)
    sorting.run.archive.shard_path(1).unlink()
    with pytest.raises(NotReady, match="producer resume"):
        sorting.reduce()
    assert not site.output.exists()


def test_another_reducer_is_waited_for(site: Site) -> None:
    """Two processes never place in one output folder at once."""
    sorting = Sorting(site, PICTURES)
    with Journal(site.output), pytest.raises(JournalBusy):
        sorting.reduce()
    assert sorting.reduce()["files"] == len(PICTURES)


def test_pictures_changed_since_they_were_read(site: Site) -> None:
    """They are not moved, and that is told; the others are."""
    sorting = Sorting(site, PICTURES, replace(SPEC, mode=Mode.MOVE))
    put(site.archive / "a.png", b"painted over")
    (site.archive / "b.png").unlink()
    summary = sorting.reduce()
    assert summary["problem_count"] == 2 and len(summary["problems"]) == 2
    assert (site.archive / "a.png").read_bytes() == b"painted over"
    assert sorting.report()["a.png"]["placed"] == "" and summary["placed"] == {"copy": 1, "move": 4}


def test_links_in_the_archive_are_not_moved(site: Site) -> None:
    """Of a picture that is reached through a link, move places a copy."""
    outside = put(site.root / "outside" / "l.png", b"l.png")
    (site.archive / "l.png").symlink_to(outside)
    site.digests["l.png"] = sha(b"l.png")
    summary = Sorting(site, {"l.png": at(a=0.1)}, replace(SPEC, mode=Mode.MOVE)).reduce()
    assert summary["placed"] == {"copy": 1}
    assert outside.exists() and (site.archive / "l.png").is_symlink()


def test_only_the_first_failures_are_named(site: Site) -> None:
    """The summary stays short; the report has them all."""
    pictures: dict[str, NDArray[np.float32] | None] = {f"{n:02d}.png": None for n in range(25)}
    sorting = Sorting(site, pictures)
    summary = sorting.reduce()
    assert summary["failed"] == [f"{n:02d}.png: damaged" for n in range(10)]
    assert len(sorting.report()) == 25 and summary["outcomes"]["unreadable"] == 25


def test_progress_counts_chunks(site: Site) -> None:
    """From the first to the last."""
    sorting = Sorting(site, PICTURES)
    seen: list[tuple[int, int]] = []
    reduce_run(sorting.store, sorting.run, 1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_threads_of_others_keep_their_turns(site: Site) -> None:
    """How long a thread computes while others wait is the interpreter's, and so its owner's."""
    before = sys.getswitchinterval()
    Sorting(site, PICTURES).reduce()
    assert sys.getswitchinterval() == before


def test_an_empty_archive_has_an_empty_report(site: Site) -> None:
    """Nothing to place is no error."""
    sorting = Sorting(site, {})
    assert sorting.reduce()["files"] == 0 and sorting.report() == {}


def test_assignments_are_kept_for_the_review(site: Site) -> None:
    """The store holds what the report holds, chunk by chunk, in scan order."""
    sorting = Sorting(site, PICTURES)
    sorting.reduce()
    rows = [
        row
        for chunk in sorting.run.archive.listed_chunks()
        for row in read_assignments(sorting.run.pass_(1).assignments_path(chunk))
    ]
    assert [row.path for row in rows] == sorted(PICTURES, key=lambda name: sorting.listed(name).sort_key)
    assert all(bool(row.placed) is (row.path in PLACES) for row in rows)
    assert all((row.distance is None) is (row.outcome in ("unreadable", "unsupported")) for row in rows)
    assert {row.outcome for row in rows} == set(FinalOutcome)


@pytest.mark.parametrize("assigned", [(0,), (1, 2), (0, 1, 2), (2, 2, 0)])
def test_an_assignment_that_others_shared_is_the_same(site: Site, quick_path: Path, assigned: Sequence[int]) -> None:
    """Whichever parts were assigned elsewhere, the store, the report and the places are those of one reducer."""
    other = Site(quick_path / "other")
    for name in PICTURES:
        other.add(name, b"a.png" if name == "same/a.png" else None)
    alone, shared = Sorting(other, PICTURES), Sorting(site, PICTURES)
    alone.reduce()
    for part in assigned:
        assign_part(shared.store, shared.run, 1, part, 3)
    decided = shared.run.pass_(1).decided_path(0).parent
    assert sorted(path.stem for path in decided.iterdir()) == [
        f"{chunk:06d}" for part in sorted(set(assigned)) for chunk in ((0,), (1,), (2, 3))[part]
    ]
    shared.reduce()
    assert not decided.exists()
    assert (shared.report(), shared.outcomes()) == (alone.report(), alone.outcomes())
    assert site.placed() == other.placed()


def test_a_part_that_comes_after_the_end_leaves_nothing(site: Site) -> None:
    """A message that was delivered twice finds the pass done."""
    sorting = Sorting(site, PICTURES)
    sorting.reduce()
    before = look(site.root)
    assign_part(sorting.store, sorting.run, 1, 0, 1)
    assert look(site.root) == before


def test_names_that_print_alike_are_two_rows(site: Site) -> None:
    """A name that is no UTF-8, and one that spells its bytes out: the report and the summary tell them apart."""
    odd = [os.fsdecode(b"\xff.png"), r"\xff.png", os.fsdecode(b"\xfe.png"), r"\xfe.png"]
    pictures = {odd[0]: at(a=0.1), odd[1]: at(s=0.1), odd[2]: None, odd[3]: None}
    for name in odd:
        site.add(name, os.fsencode(name))
    sorting = Sorting(site, pictures)
    summary = sorting.reduce()
    rows = {bytes_of_name(path)[0]: row for path, row in sorting.report().items()}
    assert rows.keys() == set(map(os.fsencode, odd))
    placed = {name: bytes_of_name(rows[os.fsencode(name)]["placed"])[0] for name in odd[:2]}
    assert placed == {odd[0]: b"Akari/\xff.png", odd[1]: "桜 ひな".encode() + rb"/\xff.png"}
    assert len(set(summary["failed"])) == 2
