"""Placing images in the folders of their characters: what stands there afterwards, whatever stood there before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.file_operation import Image
from store.journal import Journal
from store.mode import Mode
from store.run import Run
from tests.unit.sites import FOUR, FOUR_PLACED, MODES, Site, site_of_four
from tests.unit.trees import look, put, sha, unfinished
from workers.placing import Placer
from workers.undo_run import undo_run


@pytest.fixture
def site(quick_path: Path) -> Site:
    """See `site_of_four`."""
    return site_of_four(quick_path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("batch", [1, 100])
def test_equal_names_are_both_kept(site: Site, mode: Mode, batch: int) -> None:
    """The second gets a number; pages of a comic are extracted by every mode."""
    stands, tally = site.place(site.run(), mode, FOUR, batch=batch)
    assert site.placed() == FOUR_PLACED
    assert stands["two/a.png"] == ["X/a (2).png"]
    expected = {"copy": 4} if mode == "copy" else {mode: 3, "copy": 1}
    assert dict(tally.done) == expected and not tally.problems
    assert (site.archive / "b.png").exists() is (mode != "move")
    assert not unfinished(site.root)


@pytest.mark.parametrize("mode", MODES)
def test_placing_again_adds_nothing(site: Site, mode: Mode) -> None:
    """Neither by the same run nor by another one, and the same places are reported."""
    run = site.run()
    first, _ = site.place(run, mode, FOUR)
    before = look(site.root)
    for again in (run, site.run()):
        stands, tally = site.place(again, mode, FOUR)
        assert stands == first
        assert not tally.done and tally.already == 4
    assert {k: v for k, v in look(site.root).items() if not k.startswith("store")} == {
        k: v for k, v in before.items() if not k.startswith("store")
    }


@pytest.mark.parametrize("mode", MODES)
def test_a_changed_assignment_renames(site: Site, mode: Mode) -> None:
    """The image leaves the folder where it no longer belongs."""
    site.place(site.run(), mode, FOUR)
    stands, tally = site.place(site.run(), mode, {**FOUR, "one/a.png": ["Y"], "book.cbz!/pages/1.png": ["_review"]})
    assert dict(tally.done) == {"rename": 2}
    assert stands["one/a.png"] == ["Y/a.png"]
    assert set(site.placed()) == {"X/a (2).png", "X/b.png", "Y/a.png", "_review/1.png"}
    assert site.placed()["Y/a.png"] == b"one/a.png"


@pytest.mark.parametrize("mode", MODES)
def test_a_folder_that_a_pass_empties_goes(site: Site, mode: Mode) -> None:
    """If we had made it and nothing else stands in it; undo brings it back, with what stood in it."""
    (site.output / "mine").mkdir(parents=True)
    site.place(site.run(), mode, {"one/a.png": ["A"], "two/a.png": ["A", "B"], "b.png": ["mine"]})
    put(site.output / "B" / "notes.txt")
    before = look(site.output)
    later = site.run()
    site.place(later, mode, {"one/a.png": ["C"], "two/a.png": ["C"], "b.png": ["C"]})
    assert {path.name for path in site.output.iterdir()} == {".oshiwake", "B", "C", "mine"}
    undo_run(later)
    assert look(site.output) == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "steps",
    [
        [["A", "B"]],
        [["A"], ["A", "B"]],
        [["A", "B"], ["A"]],
        [["A", "B"], ["B"]],
        [["B"], ["A", "B"], ["A"]],
        [["B"], ["A", "B"], ["C"]],
        [["A", "B"], ["C"]],
        [["C"], ["A", "B", "C"], ["A", "B"]],
        [["A", "B"], ["C", "D"]],
        [["A", "B", "C"], ["B", "D"]],
        [["B", "A"], ["A"], ["B"]],
    ],
    ids=lambda steps: ">".join("".join(step) for step in steps),
)
@pytest.mark.parametrize("name", ["b.png", "book.cbz!/pages/1.png"])
def test_several_folders_for_one_image(site: Site, mode: Mode, steps: list[list[str]], name: str) -> None:
    """After each step the image stands in its folders and no other; undo takes all steps back."""
    before = look(site.archive)
    runs: list[Run] = []
    seen = []
    for folders in steps:
        runs.append(site.run())
        stands, tally = site.place(runs[-1], mode, {name: folders})
        assert not tally.problems
        base = os.path.basename(name)
        assert stands[name] == sorted(f"{folder}/{base}" for folder in folders)
        assert site.placed() == {f"{folder}/{base}": name.encode() for folder in sorted(folders)}
        seen.append(look(site.output))
    for run, expected in zip(reversed(runs), reversed(seen), strict=True):
        assert look(site.output) == expected
        assert undo_run(run).left == []
    assert look(site.archive) == before
    assert not site.output.exists()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("steps", [[["A", "B"], ["B"]], [["A", "B"], ["C"]]])
def test_several_folders_across_file_systems(
    tmp_path: Path, other_device: Path, mode: Mode, steps: list[list[str]]
) -> None:
    """The same where the output lies on another file system."""
    site = Site(tmp_path, other_device)
    site.add("b.png")
    before = look(site.archive)
    runs = []
    for folders in steps:
        runs.append(site.run())
        _, tally = site.place(runs[-1], mode, {"b.png": folders})
        assert site.placed() == {f"{folder}/b.png": b"b.png" for folder in folders} and not tally.problems
    for run in reversed(runs):
        assert undo_run(run).left == []
    assert look(site.archive) == before and not site.output.exists()


def test_hard_links_that_became_copies_are_counted(tmp_path: Path, other_device: Path) -> None:
    """Across file systems a copy is made, and the tally says so."""
    site = Site(tmp_path, other_device)
    site.add("b.png")
    _, tally = site.place(site.run(), Mode.HARDLINK, {"b.png": ["X"]})
    assert dict(tally.done) == {"copy": 1} and tally.copied_instead == 1
    _, tally = site.place(site.run(), Mode.HARDLINK, {"b.png": ["X"]})
    assert not tally.done


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("decision", ["deleted", "moved"])
def test_what_a_person_decided_in_the_output_stays(site: Site, mode: Mode, decision: str) -> None:
    """A file that a person deleted there, or moved to another folder, is not placed again."""
    site.place(site.run(), mode, FOUR)
    if decision == "deleted":
        (site.output / "X" / "b.png").unlink()
    else:
        (site.output / "mine").mkdir()
        (site.output / "X" / "b.png").rename(site.output / "mine" / "b.png")
    before = look(site.output)
    for folder in ("X", "Y"):
        stands, tally = site.place(site.run(), mode, {**FOUR, "b.png": [folder]})
        assert stands["b.png"] == [] and tally.left_alone == 1 and not tally.done
    assert look(site.output) == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_link_or_file_in_the_place_of_a_folder(site: Site, mode: Mode, kind: str) -> None:
    """It is not followed nor replaced; what would go there stays where it is, and that is reported once."""
    site.output.mkdir()
    elsewhere = site.root / "elsewhere"
    elsewhere.mkdir()
    (site.output / "X").symlink_to(elsewhere) if kind == "link" else put(site.output / "X", b"mine")
    before = look(site.archive), look(site.output)
    stands, tally = site.place(site.run(), mode, {**FOUR, "b.png": ["Y"]})
    assert len(tally.problems) == 1 and "X is not a folder" in tally.problems[0]
    assert stands["b.png"] == ["Y/b.png"] and stands["one/a.png"] == []
    assert not list(elsewhere.iterdir())
    (site.output / "Y" / "b.png").unlink() if mode != "move" else os.rename(
        site.output / "Y" / "b.png", site.archive / "b.png"
    )
    (site.output / "Y").rmdir()
    assert (look(site.archive), look(site.output)) == before


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy"])
def test_what_stands_there_already_is_adopted(site: Site, mode: Mode) -> None:
    """Where the journal is lost, or a person made the very link, nothing is placed a second time."""
    run = site.run()
    site.place(run, mode, {"b.png": ["X"], "one/a.png": ["X"]})
    for path in (site.output / ".oshiwake").iterdir():
        path.unlink()
    before = look(site.output)
    stands, tally = site.place(site.run(), mode, {"b.png": ["X"], "one/a.png": ["X"]})
    assert not tally.done and tally.already == 2
    assert stands == {"b.png": ["X/b.png"], "one/a.png": ["X/a.png"]}
    assert look(site.output) == before


@pytest.mark.parametrize("mode", MODES)
def test_a_file_of_a_person_keeps_its_name(site: Site, mode: Mode) -> None:
    """What a person put into a character's folder is not touched; ours takes the next number."""
    put(site.output / "X" / "b.png", b"mine")
    put(site.output / "X" / "b (2).png", b"mine too")
    stands, _ = site.place(site.run(), mode, {"b.png": ["X"]})
    assert stands["b.png"] == ["X/b (3).png"]
    assert site.placed() == {"X/b (2).png": b"mine too", "X/b (3).png": b"b.png", "X/b.png": b"mine"}


@pytest.mark.parametrize("mode", MODES)
def test_a_new_picture_under_an_old_name_is_a_picture_of_its_own(site: Site, mode: Mode) -> None:
    """A picture saved where an earlier one was is placed by its own character; the earlier one stays as it was."""
    site.place(site.run(), mode, {"b.png": ["X"]})
    (site.archive / "b.png").unlink(missing_ok=True)
    site.add("b.png", b"another picture")
    stands, tally = site.place(site.run(), mode, {"b.png": ["Y"]})
    assert stands["b.png"] == ["Y/b.png"] and not tally.problems
    assert site.placed()["Y/b.png"] == b"another picture"
    if mode != "symlink":
        assert site.placed()["X/b.png"] == b"b.png"
    before = look(site.output)
    stands, tally = site.place(site.run(), mode, {"b.png": ["Y"]})
    assert stands["b.png"] == ["Y/b.png"] and not tally.done
    assert look(site.output) == before


@pytest.mark.parametrize("mode", MODES)
def test_a_new_picture_in_the_same_folder_stands_beside_the_old_one(site: Site, mode: Mode) -> None:
    """The report never says that a picture stands where another one does."""
    site.place(site.run(), mode, {"b.png": ["X"]})
    (site.archive / "b.png").unlink(missing_ok=True)
    site.add("b.png", b"another picture")
    stands, _ = site.place(site.run(), mode, {"b.png": ["X"]})
    (place,) = stands["b.png"]
    assert site.placed()[place] == b"another picture"
    assert mode == "symlink" or site.placed()["X/b.png"] == b"b.png"


def test_an_original_edited_in_place_keeps_its_link(site: Site) -> None:
    """A hard link shows the edit by itself; it is the same file and follows the assignment."""
    site.place(site.run(), Mode.HARDLINK, {"b.png": ["X"]})
    with open(site.archive / "b.png", "ab") as file:
        file.write(b"!")
    site.digests["b.png"] = sha(b"b.png!")
    stands, tally = site.place(site.run(), Mode.HARDLINK, {"b.png": ["Y"]})
    assert stands["b.png"] == ["Y/b.png"] and dict(tally.done) == {"rename": 1}
    assert site.placed() == {"Y/b.png": b"b.png!"}


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_that_changed_since_it_was_read(site: Site, mode: Mode) -> None:
    """It is neither moved nor copied; that is a problem in the tally, and the others are placed."""
    put(site.archive / "b.png", b"painted over")
    stands, tally = site.place(site.run(), mode, FOUR)
    assert len(site.placed()) == (3 if mode in ("move", "copy") else 4)
    if mode in ("move", "copy"):
        assert stands["b.png"] == [] and "changed" in tally.problems[0]
    assert (site.archive / "b.png").read_bytes() == b"painted over"


def test_a_move_keeps_what_is_only_linked_to(site: Site) -> None:
    """Of an original that is a link, or reached through one, a copy is placed."""
    with Journal(site.output) as journal:
        placer = Placer(journal, site.output, "run", Mode.MOVE)
        placer.place([site.wanted("b.png", ["X"], keep=True)])
    assert dict(placer.tally.done) == {"copy": 1}
    assert (site.archive / "b.png").exists() and site.placed() == {"X/b.png": b"b.png"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("folders", [["X"], ["X", "Y", "Z"]])
def test_a_duplicate_leaves_the_folders_it_had(site: Site, mode: Mode, folders: list[str]) -> None:
    """What belongs nowhere any more goes from the output, but for a moved original."""
    site.place(site.run(), mode, {"b.png": folders})
    stands, tally = site.place(site.run(), mode, {"b.png": []})
    assert not tally.problems
    moved = {"X/b.png": b"b.png"}
    assert site.placed() == (moved if mode == "move" else {})
    assert stands["b.png"] == (["X/b.png"] if mode == "move" else [])


def test_odd_names_are_placed(site: Site) -> None:
    """Names that are no UTF-8, and members with names that no file system takes."""
    name = os.fsdecode(b"\xff\xfe.png")
    long = "book.cbz!/" + "x" * 300 + ".png"
    for odd in (name, long, "book.cbz!/pages/..", "book.cbz!/.oshiwake-3.part"):
        site.add(odd, odd.encode("utf-8", "surrogateescape"))
        stands, tally = site.place(site.run(), Mode.MOVE, {odd: ["X"]})
        assert not tally.problems
        (place,) = stands[odd]
        assert (site.output / place).read_bytes() == odd.encode("utf-8", "surrogateescape")
    assert not unfinished(site.root)


def test_the_journal_knows_where_an_image_stands(site: Site) -> None:
    """The present state is that of the disk, after renames too."""
    site.place(site.run(), Mode.COPY, {"b.png": ["X"]})
    site.place(site.run(), Mode.COPY, {"b.png": ["Y", "Z"]})
    with Journal(site.output) as journal:
        found = journal.placements(Image(bytes(site.archive / "b.png")))
    assert [placement.target for placement in found] == [bytes(site.output / f / "b.png") for f in "YZ"]
