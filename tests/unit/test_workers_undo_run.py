"""Undo: the tree as it was, byte for byte, whatever runs and crashes came before."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from store.assignments import FinalOutcome
from store.file_operation import Operation
from store.journal import Journal
from store.mode import Mode
from store.run import Run
from store.store import Store
from tests.unit.dying import Died, DyingLater, DyingUndo
from tests.unit.rows import Assigned, assignments
from tests.unit.sites import MODES, Site
from tests.unit.trees import folder_times, look, put, unfinished
from workers import undo_run as undoing
from workers.errors import UndoRefused
from workers.output import recover
from workers.placing import Placer
from workers.report.publish import publish
from workers.report.writer import ReportWriter
from workers.undo_run import undo_run

FILES = st.dictionaries(
    st.sampled_from(["a.png", "b.png", "one/a.png", "one/two/a.png", "one/b.png", "桜/あ.png", "x.cbz!/a.png"]),
    st.tuples(
        st.binary(max_size=3),
        st.integers(0, 2**33).map(lambda quarter: quarter * 250_000_003),
        st.sampled_from([0o644, 0o600, 0o444, 0o755]),
    ),
    min_size=1,
)
FOLDERS = st.lists(st.sampled_from(["A", "B", "S/A", "S/B"]), unique=True, max_size=3)
RUNS = st.lists(
    st.tuples(
        st.sampled_from(MODES),
        st.lists(FOLDERS, min_size=7, max_size=7),
        st.sampled_from([1, 3, 100]),
        st.none() | st.integers(0, 12),
    ),
    min_size=1,
    max_size=3,
)


def tree(site: Site) -> tuple[object, ...]:
    """All that an undo must bring back."""
    return look(site.archive), folder_times(site.archive), look(site.output)


def fill(site: Site, files: dict[str, tuple[bytes, int, int]]) -> None:
    """Make the archive, one time for each folder, and distinct contents where bytes are the same."""
    for name, (content, mtime_ns, mode) in files.items():
        path = site.add(name, name.encode() + content)
        path.chmod(mode)
        os.utime(path, ns=(mtime_ns, mtime_ns))
    for n, folder in enumerate([site.archive, *site.archive.rglob("*")]):
        if folder.is_dir():
            os.utime(folder, ns=(n * 10**15 + 7, n * 10**15 + 7))


def place(site: Site, run: Run, mode: Mode, wants: dict[str, list[str]], batch: int, dies: int | None) -> None:
    """Place as a reducer does, that perhaps dies on its way; then another one continues, perhaps."""
    if dies is not None:
        try:
            with DyingLater(site.output, dies) as journal:
                recover(journal)
                site.place_with(journal, run, mode, wants, batch=batch)
        except Died:
            if dies % 2:
                return
    site.place(run, mode, wants, batch=batch)


@settings(max_examples=150)
@given(FILES, RUNS, st.booleans(), st.integers(0, 3))
@example(  # a link to a copy, both taken away by a later run: undo of that one gives links to the original
    {"b.png": (b"", 0, 0o644)},
    [("copy", [["A"]], 1, None), ("move", [["A", "B"]], 1, None), ("hardlink", [[]], 1, None)],
    False,
    0,
)
def test_undo_brings_everything_back(
    files: dict[str, tuple[bytes, int, int]],
    runs: list[tuple[Mode, list[list[str]], int, int | None]],
    mine: bool,
    undo_dies: int,
) -> None:
    """Any pictures, runs in any modes with any assignments, crashes in placing and undoing: all is as before each."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        site = Site(Path(folder))
        fill(site, files)
        if mine:
            put(site.output / "A" / "a.png", b"mine", mtime_ns=5)
        done: list[tuple[Run, tuple[object, ...]]] = []
        for mode, assignments, batch, dies in runs:
            run = site.run()
            done.append((run, tree(site)))
            place(site, run, mode, dict(zip(files, assignments, strict=False)), batch, dies)
        for run, before in reversed(done):
            if site.output.exists():
                _undo_that_dies(site, run, undo_dies)
            assert undo_run(run).left == []
            assert tree(site) == before
        assert not unfinished(site.archive) and site.output.exists() is mine


def _memory() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _undo_that_dies(site: Site, run: Run, batches: int) -> None:
    """An undo that dies when so many batches are taken back and written down, and one more is taken back."""
    with DyingUndo(site.output, batches) as journal:
        recover(journal)
        with contextlib.suppress(Died):
            undoing.undo_operations(journal, run, undoing.Undone())


@pytest.mark.parametrize("mode", MODES)
def test_undo_across_file_systems(tmp_path: Path, other_device: Path, mode: Mode) -> None:
    """Names, bytes, times, permissions, and the times of the archive's folders."""
    site = Site(tmp_path, other_device)
    fill(site, {"one/a.png": (b"1", 123_456_789, 0o640), "b.png": (b"2", 5_000_000_007, 0o444)})
    before = tree(site)
    run = site.run()
    site.place(run, mode, {"one/a.png": ["A", "B"], "b.png": ["A"]})
    site.place(run, mode, {"one/a.png": ["B"], "b.png": ["C"]})
    result = undo_run(run)
    assert result.left == [] and result.reversed and run.marked("undone")
    assert tree(site) == before and not site.output.exists()


@pytest.fixture
def site(quick_path: Path) -> Site:
    """Two pictures."""
    site = Site(quick_path)
    site.add("a.png")
    site.add("b.png")
    return site


def report(site: Site, run: Run, text: str = "") -> None:
    """Publish a report as a reducer does."""
    with Journal(site.output) as journal:
        writer = ReportWriter(journal.folder, run.id, 1)
        writer.write(assignments([Assigned(text or run.id, FinalOutcome.UNKNOWN)]))
        writer.close()
        publish(journal, site.output, writer.path)


def test_an_undo_takes_reports_away_and_is_done_twice_without_harm(site: Site) -> None:
    """Of a second run over the same archive first; then nothing of the output folder is left."""
    runs = [site.run(), site.run()]
    for run in runs:
        site.place(run, Mode.COPY, {"a.png": ["A"]})
        report(site, run)
    texts = []
    for run in reversed(runs):
        texts.append((site.output / "report.csv").read_text().splitlines()[1].partition(",")[0])
        undo_run(run)
        undo_run(run)
    assert texts == [runs[1].id, runs[0].id] and not site.output.exists()


def test_an_undo_of_the_first_run_clears_what_the_second_only_found(site: Site) -> None:
    """The second run placed nothing of its own: its report would tell of what is gone."""
    first, second = site.run(), site.run()
    for run in (first, second):
        site.place(run, Mode.COPY, {"a.png": ["A"]})
        report(site, run)
    assert undo_run(first).others == []
    assert not site.output.exists()
    assert undo_run(second).reversed == 0


def test_a_folder_that_two_runs_use_goes_with_the_last(site: Site) -> None:
    """In either order, nothing is left of the output folder."""
    first, second = site.run(), site.run()
    site.place(first, Mode.COPY, {"a.png": ["A"]})
    site.place(second, Mode.COPY, {"b.png": ["A"]})
    seen: list[tuple[int, int]] = []
    assert undo_run(first, lambda done, total: seen.append((done, total))).others == [second.id]
    assert seen and seen[0][0] == 0 and all(done < total for done, total in seen)
    assert site.placed() == {"A/b.png": b"b.png"}
    undo_run(second)
    assert not site.output.exists()


def test_a_later_run_stands_in_the_way(site: Site) -> None:
    """What a later run has moved on is taken back by that run first."""
    first, second = site.run(), site.run()
    site.place(first, Mode.MOVE, {"a.png": ["A"]})
    site.place(second, Mode.MOVE, {"a.png": ["B"]})
    before = look(site.root)
    with pytest.raises(UndoRefused, match=second.id):
        undo_run(first)
    assert look(site.root) == before and not first.marked("undone")
    undo_run(second)
    undo_run(first)
    assert (site.archive / "a.png").exists() and not site.output.exists()


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_what_would_be_lost_is_left_and_told(site: Site, mode: Mode) -> None:
    """The original is gone: what stands in the output is the picture; it stays and is ours no longer."""
    run = site.run()
    site.place(run, mode, {"a.png": ["A"], "b.png": ["A"]})
    (site.archive / "a.png").unlink()
    result = undo_run(run)
    assert len(result.left) == 1 and "A/a.png" in result.left[0]
    assert site.placed() == {"A/a.png": b"a.png"}
    assert not (site.output / ".oshiwake").exists()


@pytest.mark.parametrize("mode", ["hardlink", "copy"])
def test_an_archive_out_of_reach_is_waited_for(site: Site, mode: Mode) -> None:
    """A share that is not mounted: nothing is given up; once it is back, the undo is whole."""
    run = site.run()
    site.place(run, mode, {"a.png": ["A"], "b.png": ["A"]})
    away = site.archive.rename(site.root / "away")
    with pytest.raises(UndoRefused, match="bring it back"):
        undo_run(run)
    assert set(site.placed()) == {"A/a.png", "A/b.png"} and not run.marked("undone")
    away.rename(site.archive)
    assert undo_run(run).left == [] and not site.output.exists()


@pytest.mark.parametrize("mode", ["symlink", "move"])
def test_an_archive_that_is_gone_after_all_was_moved(site: Site, mode: Mode) -> None:
    """Moved pictures bring their folder back with them, and symbolic links keep nothing."""
    run = site.run()
    site.place(run, mode, {"a.png": ["A"], "b.png": ["A"]})
    shutil.rmtree(site.archive)
    assert undo_run(run).left == [] and not site.output.exists()
    assert (site.archive / "a.png").exists() == (mode == "move")


def test_what_a_person_moved_in_the_output_stays_there(site: Site) -> None:
    """A moved original that was carried elsewhere cannot be found: that is told, and it stays."""
    run = site.run()
    site.place(run, Mode.MOVE, {"a.png": ["A"], "b.png": ["A"]})
    (site.output / "A" / "a.png").rename(site.output / "mine.png")
    result = undo_run(run)
    assert len(result.left) == 1 and "gone" in result.left[0]
    assert (site.output / "mine.png").read_bytes() == b"a.png" and (site.archive / "b.png").exists()


def test_a_place_that_is_taken_is_left(site: Site) -> None:
    """A new picture stands where the original was: both stay."""
    run = site.run()
    site.place(run, Mode.MOVE, {"a.png": ["A"]})
    site.add("a.png", b"a newer one")
    result = undo_run(run)
    assert len(result.left) == 1 and "taken" in result.left[0]
    assert (site.archive / "a.png").read_bytes() == b"a newer one" and site.placed() == {"A/a.png": b"a.png"}


def test_an_output_folder_that_is_gone(site: Site) -> None:
    """Nothing to undo; the archive is untouched."""
    run = site.run()
    site.place(run, Mode.COPY, {"a.png": ["A"]})
    shutil.rmtree(site.output)
    result = undo_run(run)
    assert (result.reversed, result.left) == (0, []) and not site.output.exists()


@pytest.fixture
def crashed(site: Site) -> Iterator[Site]:
    """A site whose reducer died in the middle of a batch of moves."""
    run = site.run()
    with DyingLater(site.output, 2) as journal, pytest.raises(Died):
        batch = [site.wanted(name, ["A"]) for name in ("a.png", "b.png")]
        Placer(journal, site.output, run.id, Mode.MOVE).place(batch)
    yield site


def test_undo_settles_what_a_dead_reducer_left(crashed: Site) -> None:
    """Also temporary files: half a copy, half a report."""
    put(crashed.output / ".oshiwake-0123456789abcdef.part", b"half a report")
    put(crashed.output / ".oshiwake" / "reports" / ".oshiwake-0123456789abcdef.part", b"half a report")
    put(crashed.output / "A" / ".oshiwake-3.part", b"half a copy")
    undo_run(Store(crashed.root / "store").latest())
    assert look(crashed.archive).keys() == {"a.png", "b.png"} and not crashed.output.exists()


def test_a_name_given_back_by_a_rename_is_not_mistaken(site: Site) -> None:
    """Undo dies after a rename gave a name back that a later move had taken: the next undo brings both home."""
    site.add("one/a.png")
    before = look(site.archive)
    run = site.run()
    site.place(run, Mode.MOVE, {"a.png": ["A"]})
    site.place(run, Mode.MOVE, {"a.png": ["B"]})
    site.place(run, Mode.MOVE, {"one/a.png": ["A"]})

    class Dying(Journal):
        def forget(self, undone: Iterable[Operation], left: Iterable[Operation] = ()) -> None:
            undone = list(undone)
            if any(op.target.endswith(b"A/a.png") and b"one" not in op.source for op in undone):
                raise Died
            super().forget(undone, left)

    with Dying(site.output) as journal, pytest.raises(Died):
        undoing.undo_operations(journal, run, undoing.Undone())
    assert undo_run(run).left == []
    assert look(site.archive) == before and not site.output.exists()


@pytest.mark.parametrize("mine", [True, False])
@pytest.mark.parametrize("dies_at", ["remove", "rmdir"])
def test_an_undo_that_dies_at_the_very_end_is_finished(
    site: Site, monkeypatch: pytest.MonkeyPatch, dies_at: str, mine: bool
) -> None:
    """The journal is gone or about to go: the next undo takes the folders away, but not one that was there before."""
    if mine:
        site.output.mkdir()
    run = site.run()
    site.place(run, Mode.COPY, {"a.png": ["A"]})

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as deadly:
        deadly.setattr(*((Journal, "remove", die) if dies_at == "remove" else (undoing, "_remove_folders", die)))
        with pytest.raises(Died):
            undo_run(run)
    assert undo_run(run).left == []
    assert site.output.exists() is mine and not (site.output / ".oshiwake").exists()
    assert run.marked("undone")
