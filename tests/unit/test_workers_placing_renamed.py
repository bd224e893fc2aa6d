"""A picture whose original has another name now: it stands once, where it stood, and undo still works."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.journal import Journal
from store.location import location
from store.mode import Mode
from tests.objects import ObjectServer
from tests.unit.dying import Died, Dying
from tests.unit.sites import FOUR, FOUR_PLACED, Site, site_of_four
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.trees import look, put, unfinished
from workers.output import recover
from workers.placing import Placer, Tally
from workers.undo_run import undo_run

LINKING = [Mode.HARDLINK, Mode.SYMLINK, Mode.COPY]
FOLDERS = {b"1": "A", b"2": "B", b"3": "B", b"4": "A"}


@pytest.fixture
def site(quick_path: Path) -> Site:
    """See `site_of_four`."""
    return site_of_four(quick_path)


def rename(site: Site, names: Mapping[str, str]) -> dict[str, list[str]]:
    """Rename pictures of the archive; return what is to be placed now."""
    wants, digests = {}, {}
    for old, new in names.items():
        (site.archive / new).parent.mkdir(parents=True, exist_ok=True)
        (site.archive / old).rename(site.archive / new)
    for old, folders in FOUR.items():
        file, mark, member = old.partition("!/")
        wants[names.get(file, file) + mark + member] = folders
        digests[names.get(file, file) + mark + member] = site.digests[old]
    site.digests.update(digests)
    return dict(sorted(wants.items()))


RENAMED = {"one/a.png": "2024/x.png", "two/a.png": "a.png", "b.png": "one/a.png", "book.cbz": "comics/book.zip"}


@pytest.mark.parametrize("mode", LINKING)
def test_a_renamed_archive(site: Site, mode: Mode) -> None:
    """Also where one file has the former name of another: nothing is placed, and each place shows its picture."""
    first = site.run()
    site.place(first, mode, FOUR)
    wants = rename(site, RENAMED)
    before = look(site.archive)
    stands, tally = site.place(site.run(), mode, wants)
    assert not tally.done and not tally.problems and (tally.renamed, tally.already) == (4, 4)
    assert site.placed() == FOUR_PLACED and stands["2024/x.png"] == ["X/a.png"]
    again, tally = site.place(site.run(), mode, wants)
    assert again == stands and not tally.done and tally.renamed == 0
    result = undo_run(first)
    assert result.reversed == 4 and not result.left
    assert not site.output.exists() and look(site.archive) == before


@pytest.mark.parametrize("mode", LINKING)
def test_an_archive_that_is_another_folder_now(site: Site, mode: Mode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder of the archive itself was renamed; the run that placed can still be undone."""
    first = site.run()
    site.place(first, mode, FOUR)
    site.archive.rename(site.root / "pictures")
    moved = Site(site.root, site.outside, site.digests)
    monkeypatch.setattr(Site, "archive", site.root / "pictures")
    _, tally = moved.place(moved.run(), mode, FOUR)
    assert tally.renamed == 4 and not tally.done and moved.placed() == FOUR_PLACED
    assert undo_run(first).left == [] and not site.output.exists()


@pytest.mark.parametrize("mode", LINKING)
def test_what_a_person_decided_stays(site: Site, mode: Mode) -> None:
    """Of pictures that were moved by hand or deleted in the output, and renamed in the archive."""
    site.place(site.run(), mode, FOUR)
    put(site.output / "Y" / "mine.txt")
    (site.output / "X" / "a.png").rename(site.output / "Y" / "a.png")
    (site.output / "X" / "b.png").unlink()
    before = sorted(path for path in look(site.output) if ".oshiwake" not in path)
    stands, tally = site.place(site.run(), mode, rename(site, RENAMED))
    assert tally.left_alone == 2 and not tally.done
    assert stands["2024/x.png"] == stands["one/a.png"] == []
    assert sorted(path for path in look(site.output) if ".oshiwake" not in path) == before


@pytest.mark.parametrize("mode", LINKING)
def test_a_process_that_dies_while_it_recognises(site: Site, mode: Mode) -> None:
    """The next one finds out what was done, and goes on."""
    first, later = site.run(), site.run()
    site.place(first, mode, FOUR)
    wants = rename(site, RENAMED)
    with Dying(site.output) as journal, pytest.raises(Died):
        site.place_with(journal, later, mode, wants)
    with Journal(site.output) as journal:
        assert recover(journal) == 4
    _, tally = site.place(later, mode, wants)
    assert not tally.done and tally.already == 4 and site.placed() == FOUR_PLACED
    assert not unfinished(site.root)
    assert undo_run(first).left == [] and not site.output.exists()


def test_a_link_that_a_person_replaced(site: Site) -> None:
    """Stays, whatever it shows."""
    site.place(site.run(), Mode.SYMLINK, {"b.png": ["X"]})
    link = site.output / "X" / "b.png"
    link.unlink()
    link.symlink_to(site.archive / "one" / "a.png")
    wants = {"c.png": ["X"]}
    (site.archive / "b.png").rename(site.archive / "c.png")
    site.digests["c.png"] = site.digests["b.png"]
    _, tally = site.place(site.run(), Mode.SYMLINK, wants)
    assert not tally.done and os.readlink(link) == str(site.archive / "one" / "a.png")


def test_moved_pictures_belong_to_their_originals(site: Site) -> None:
    """What was moved has no original that could be renamed: a new file with its bytes adopts nothing."""
    run = site.run()
    site.place(run, Mode.MOVE, {"b.png": ["X"]})
    site.add("c.png", b"b.png")
    _, tally = site.place(site.run(), Mode.HARDLINK, {"c.png": ["X"]})
    assert tally.renamed == 0 and dict(tally.done) == {"hardlink": 1}
    assert undo_run(run).left == [] and (site.archive / "b.png").read_bytes() == b"b.png"


def test_copies_in_a_bucket(site: Site, objects: ObjectServer) -> None:
    """Stay where they are, and belong to the renamed originals."""
    output = location("s3://art/renamed")

    def place(wants: Mapping[str, list[str]]) -> Tally:
        run = site.run()
        with Journal(output) as journal:
            placer = Placer(journal, output, run.id, Mode.COPY)
            placer.place([site.wanted(name, folders) for name, folders in wants.items()])
            return placer.tally

    assert dict(place(FOUR).done) == {"copy": 4}
    before = [path for path in objects.files.find("art/renamed") if ".oshiwake" not in path]
    wants = rename(site, RENAMED)
    tally = place(wants)
    assert not tally.done and not tally.problems and tally.renamed == 4
    assert [path for path in objects.files.find("art/renamed") if ".oshiwake" not in path] == before
    assert place(wants).renamed == 0


ARCHIVES = st.lists(
    st.dictionaries(st.sampled_from(["a", "b", "c/d", "e"]), st.sampled_from(sorted(FOLDERS)), max_size=4),
    min_size=1,
    max_size=5,
)


def arrange(site: Site, files: Mapping[str, bytes]) -> None:
    """Make the archive hold these files, renaming what there is as long as it lasts, and copying then."""
    aside = site.root / "aside"
    shutil.rmtree(aside, ignore_errors=True)
    site.archive.mkdir(parents=True, exist_ok=True)
    site.archive.rename(aside)
    site.archive.mkdir()
    spare: dict[bytes, list[Path]] = {}
    for path in sorted(aside.rglob("*")):
        if path.is_file():
            spare.setdefault(path.read_bytes(), []).append(path)
    for name, content in files.items():
        (site.archive / name).parent.mkdir(parents=True, exist_ok=True)
        if spare.get(content):
            spare[content].pop().rename(site.archive / name)
        site.add(name, content)


@example([{"a": b"1", "c/d": b"2"}, {"a": b"1", "b": b"2", "c/d": b"1"}], Mode.SYMLINK, 100)
@example([{"a": b"1", "b": b"3"}, {"b": b"2", "a": b"3"}], Mode.SYMLINK, 100)
@example([{"a": b"1", "b": b"2"}, {"a": b"2"}, {"b": b"2"}], Mode.SYMLINK, 1)
@settings(max_examples=40)
@given(ARCHIVES, st.sampled_from(LINKING), st.sampled_from([1, 100]))
def test_every_content_stands_once(
    tmp_path_factory: pytest.TempPathFactory, archives: list[dict[str, bytes]], mode: Mode, batch: int
) -> None:
    """Whatever is renamed, exchanged, copied, edited and deleted from one run to the next; and undo takes it away."""
    site = Site(tmp_path_factory.mktemp("renamed"))
    runs = []
    for files in archives:
        arrange(site, files)
        wants: dict[str, list[str]] = {}
        for name in sorted(files, key=lambda name: name.split("/")):
            first = all(files[other] != files[name] for other in wants)
            wants[name] = [FOLDERS[files[name]]] if first else []
        runs.append(site.run())
        stands, tally = site.place(runs[-1], mode, wants, batch=batch)
        assert not tally.problems
        placed = sorted(site.placed().items())
        shown = [(path.partition("/")[0], content) for path, content in placed if content in files.values()]
        assert sorted(shown) == sorted({(FOLDERS[content], content) for content in files.values()})
        for name, folders in wants.items():
            assert [site.output / place for place in stands[name]] == [
                site.output / path for path, content in placed if folders and content == files[name]
            ]
    before = look(site.archive)
    left = [line for run in reversed(runs) for line in undo_run(run).left]
    assert look(site.archive) == before
    assert not set(site.placed().values()) & set(archives[-1].values()), left


@pytest.mark.parametrize("mode", LINKING)
def test_another_archive_has_its_own_pictures(quick_path: Path, mode: Mode) -> None:
    """Two archives sorted into one output: what stands of one is not given to the other, as long as it is there."""
    one, other = Site(quick_path), Site(quick_path / "other", quick_path)
    one.add("a.png")
    other.add("b.png", b"a.png")
    Sorting(one, {"a.png": at(a=0.1)}, replace(SPEC, mode=mode)).reduce()
    later = Sorting(other, {"b.png": at(a=0.1)}, replace(SPEC, mode=mode))
    assert later.reduce()["renamed"] == 0
    assert set(one.placed()) == {"Akari/a.png", "Akari/b.png", "report.csv"}
    (one.archive / "a.png").unlink()
    assert Sorting(other, {"b.png": at(a=0.1)}, replace(SPEC, mode=mode)).reduce()["renamed"] == 0
