"""Many copies at once: the disk is waited for once, an archive file is opened once, and nothing is left behind."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

from store.file_operation import Operation
from store.journal import Journal
from store.mode import Mode
from tests.unit.calls import recorded
from tests.unit.dying import Died
from tests.unit.sites import Site
from workers.fileops.staging import STAGED, Staging
from workers.output import recover
from workers.undo_run import undo_run

COUNT = 120


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An archive file of many pictures."""
    site = Site(tmp_path)
    for n in range(COUNT):
        site.add(f"book.cbz!/{n:03d}.png")
    return site


def wants(site: Site) -> dict[str, list[str]]:
    """All of them in two folders."""
    return {name: ["X" if n % 2 else "Y"] for n, name in enumerate(site.digests)}


def placed(site: Site) -> dict[str, bytes]:
    """What stands in the output, without the journal."""
    files = [path for path in site.output.rglob("*") if path.is_file() and ".oshiwake" not in path.parts]
    return {str(path.relative_to(site.output)): path.read_bytes() for path in files}


def expected(site: Site) -> dict[str, bytes]:
    """What should stand there."""
    return {f"{folder}/{Path(name).name}": name.encode() for name, (folder,) in wants(site).items()}


def test_the_cost_of_opening_and_waiting_does_not_grow(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many members are placed and taken back."""
    opened: list[tuple[object, ...]] = []
    waits: list[tuple[object, ...]] = []
    init, fsync = zipfile.ZipFile.__init__, os.fsync
    monkeypatch.setattr(zipfile.ZipFile, "__init__", recorded(init, opened))
    monkeypatch.setattr(os, "fsync", recorded(fsync, waits))
    run = site.run()
    before = len(waits)
    _, tally = site.place(run, Mode.HARDLINK, wants(site))
    assert tally.done == {"copy": COUNT} and placed(site) == expected(site)
    assert undo_run(run).reversed == COUNT
    assert not site.output.exists()
    # Python looks into the archive file of its own library.
    assert len([args for args in opened if args[1] not in sys.path]) == 1
    assert len(waits) - before < COUNT / 4


def test_nothing_is_left_of_what_was_written_ahead(site: Site) -> None:
    """Neither the copies nor their folder."""
    site.place(site.run(), Mode.COPY, wants(site))
    assert not (site.output / ".oshiwake" / STAGED).exists()


def test_one_that_has_changed_or_is_taken_hinders_no_other(site: Site) -> None:
    """The changed one stays out with the reason; where something stands already, another name is taken."""
    changed, taken = list(site.digests)[5], list(site.digests)[7]
    site.digests[changed] = bytes(32)
    (site.output / "X").mkdir(parents=True)
    (site.output / "X" / Path(taken).name).write_text("a person's")
    _, tally = site.place(site.run(), Mode.HARDLINK, wants(site))
    assert [line for line in tally.problems if "has changed since it was read" in line] == tally.problems
    assert len(tally.problems) == 1
    found, should = placed(site), expected(site)
    del should[f"X/{Path(changed).name}"]
    should["X/007 (2).png"] = should["X/007.png"]
    should["X/007.png"] = b"a person's"
    assert found == should


@pytest.mark.parametrize("published", [0, 1, 50, COUNT - 1])
def test_a_death_in_between_is_gone_on_from(site: Site, monkeypatch: pytest.MonkeyPatch, published: int) -> None:
    """The next process finishes what has its name, clears the rest away, and places it again."""
    run = site.run()
    publish = Staging.publish
    left = [published]

    def dying(self: Staging, op: Operation) -> bool:
        if op.image.member and not left[0]:
            raise Died
        left[0] -= bool(op.image.member)
        return publish(self, op)

    with monkeypatch.context() as patch, pytest.raises(Died):
        patch.setattr(Staging, "publish", dying)
        patch.setattr(Staging, "clear", lambda self: None)
        site.place(run, Mode.HARDLINK, wants(site), batch=COUNT)
    assert len(list((site.output / ".oshiwake" / STAGED).iterdir())) == COUNT - published
    with Journal(site.output) as journal:
        recover(journal)
    assert not (site.output / ".oshiwake" / STAGED).exists()
    assert len(placed(site)) == published
    site.place(run, Mode.HARDLINK, wants(site))
    assert placed(site) == expected(site)
    undo_run(run)
    assert not site.output.exists()


def test_a_link_in_the_folder_s_place_leads_nowhere(site: Site, tmp_path: Path) -> None:
    """Nothing is written through it; the copies are made one by one."""
    run = site.run()
    site.place(run, Mode.HARDLINK, {})
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (site.output / ".oshiwake" / STAGED).symlink_to(elsewhere)
    written = os.stat(elsewhere).st_mtime_ns
    _, tally = site.place(run, Mode.HARDLINK, wants(site))
    assert placed(site) == expected(site) and not tally.problems
    assert os.stat(elsewhere).st_mtime_ns == written
