"""Placing while others take names, and after a reducer has died."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from store.file_operation import Action, Operation
from store.journal import Journal
from store.mode import Mode
from tests.unit.dying import Died, Dying
from tests.unit.sites import FOUR, FOUR_PLACED, MODES, Site, site_of_four
from tests.unit.trees import look, put, unfinished
from workers.fileops.files import apply
from workers.output import recover
from workers.placing import Placer
from workers.undo_run import undo_run


@pytest.fixture
def site(quick_path: Path) -> Site:
    """See `site_of_four`."""
    return site_of_four(quick_path)


class Meanwhile(Journal):
    """A journal during whose planning something happens in the output folder: the very last moment before the work."""

    def __init__(self, output: Path, happens: Callable[[Sequence[Operation]], None], times: int = 1) -> None:
        super().__init__(output)
        self._happens = happens
        self._times = times

    def plan(
        self, run: str, operations: Sequence[Operation], folder_times: Iterable[tuple[bytes, int]] = ()
    ) -> list[Operation]:
        """Write down, and let it happen."""
        planned = super().plan(run, operations, folder_times)
        if self._times:
            self._times -= 1
            self._happens(planned)
        return planned


def _take_names(planned: Sequence[Operation]) -> None:
    for op in planned:
        if op.action not in (Action.FOLDER, Action.REMOVE):
            put(Path(os.fsdecode(op.target)), b"mine")


@pytest.mark.parametrize("mode", MODES)
def test_a_name_taken_at_the_last_moment(site: Site, mode: Mode) -> None:
    """The file that appeared stays, and ours gets the next number, in every folder with its own bytes."""
    site.add("c.png")
    with Meanwhile(site.output, _take_names) as journal:
        stands, tally = site.place_with(journal, site.run(), mode, {"b.png": ["A", "B"], "c.png": ["A"]})
    assert stands == {"b.png": ["A/b (2).png", "B/b (2).png"], "c.png": ["A/c (2).png"]}
    assert not tally.problems
    mine = {"A/b.png": b"mine", "A/c.png": b"mine", "B/b.png": b"mine"}
    assert site.placed() == mine | {"A/b (2).png": b"b.png", "A/c (2).png": b"c.png", "B/b (2).png": b"b.png"}


@pytest.mark.parametrize("mode", MODES)
def test_only_the_first_of_two_names_taken_at_the_last_moment(site: Site, mode: Mode) -> None:
    """The second place is made from the image, never from the stranger that took the first name."""
    with Meanwhile(site.output, lambda planned: _take_names(planned[:3])) as journal:
        site.place_with(journal, site.run(), mode, {"b.png": ["A", "B"]})
    placed = site.placed()
    assert placed.pop("A/b.png") == b"mine"
    assert set(placed.values()) == {b"b.png"} and len(placed) == 2
    assert recover_count(site) == 0


def recover_count(site: Site) -> int:
    """How many operations the journal holds unsettled."""
    with Journal(site.output) as journal:
        return recover(journal)


@pytest.mark.parametrize("mode", MODES)
def test_names_that_are_taken_again_and_again(site: Site, mode: Mode) -> None:
    """After a few tries the image stays where it is, and that is reported."""
    with Meanwhile(site.output, _take_names, times=1000) as journal:
        stands, tally = site.place_with(journal, site.run(), mode, {"b.png": ["A"]})
    assert stands["b.png"] == []
    assert len(tally.problems) == 1 and "b.png" in tally.problems[0]
    assert (site.archive / "b.png").read_bytes() == b"b.png"
    assert set(site.placed().values()) == {b"mine"}


@pytest.mark.parametrize("mode", MODES)
def test_a_link_put_in_the_folder_s_place_at_the_last_moment(site: Site, mode: Mode) -> None:
    """It is not followed, no folder is made elsewhere, and that is reported."""
    elsewhere = site.root / "elsewhere"
    elsewhere.mkdir()

    def link(planned: Sequence[Operation]) -> None:
        (site.output / "A").symlink_to(elsewhere)

    with Meanwhile(site.output, link) as journal:
        stands, tally = site.place_with(journal, site.run(), mode, {"b.png": ["A"], "one/a.png": ["B"]})
    assert stands == {"b.png": [], "one/a.png": ["B/a.png"]}
    assert not list(elsewhere.iterdir()) and tally.problems
    assert sorted(path.name for path in site.output.iterdir() if path.name != ".oshiwake") == ["A", "B"]
    assert (site.archive / "b.png").exists()


def test_an_empty_folder_behind_a_link_stays(site: Site) -> None:
    """The folder of a series becomes a link to somebody's folder: no empty folder is removed behind it."""
    run = site.run()
    site.place(run, Mode.COPY, {"b.png": ["Series/A"]})
    elsewhere = site.root / "elsewhere"
    (elsewhere / "A").mkdir(parents=True)
    with Journal(site.output) as journal:
        placer = Placer(journal, site.output, run.id, Mode.COPY)
        placer.place([site.wanted("b.png", ["B"])])
        (site.output / "Series").rename(site.output / "Series of ours")
        (site.output / "Series").symlink_to(elsewhere)
        placer.remove_emptied(1)
    assert (elsewhere / "A").is_dir() and site.placed() == {"B/b.png": b"b.png"}


@pytest.mark.parametrize("mode", MODES)
def test_recovery_settles_what_had_been_done(site: Site, mode: Mode) -> None:
    """A reducer that died after the work and before settling left nothing to do but writing it down."""
    run = site.run()
    with Dying(site.output) as journal, pytest.raises(Died):
        site.place_with(journal, run, mode, FOUR)
    assert site.placed() == FOUR_PLACED
    before = look(site.root)
    assert recover_count(site) == 5
    assert recover_count(site) == 0
    stands, tally = site.place(run, mode, FOUR)
    assert not tally.done and tally.already == 4 and stands["two/a.png"] == ["X/a (2).png"]
    assert look(site.root) == before


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("steps", range(6))
def test_a_reducer_that_died_is_continued(site: Site, mode: Mode, steps: int) -> None:
    """Whatever part of a batch had been done, the next reducer comes to the same layout."""
    run = site.run()
    batch = [site.wanted(name, folders) for name, folders in FOUR.items()]

    def die(planned: Sequence[Operation]) -> None:
        for op in planned[:steps]:
            apply(op)
        raise Died

    with Meanwhile(site.output, die) as journal, pytest.raises(Died):
        Placer(journal, site.output, run.id, mode).place(batch)
    site.place(run, mode, FOUR)
    assert site.placed() == FOUR_PLACED
    assert not unfinished(site.root)
    assert undo_run(run).left == []
    assert not site.output.exists()
