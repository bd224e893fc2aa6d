"""Journals that are damaged or hostile: each row is checked when it is read, and no file outside is touched."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from store.journal import Journal
from store.mode import Mode
from tests.unit.sites import Site
from tests.unit.test_store_hostile import told
from tests.unit.trees import look
from workers.errors import UndoRefused
from workers.undo_run import undo_run

BAD_CELLS: list[object] = [b"", b"../x", b"x", b"/a\0b", b"/" + b"x" * 5000, "/text", 3, b"art:/../x"]
# Any bytes are a member's name, or a digest that no file has.
JOURNAL = [(column, value) for column in ("path", "source", "target", "action") for value in BAD_CELLS]
JOURNAL += [(column, value) for column in ("member", "digest") for value in ("/text", 3)]


@pytest.mark.parametrize(("column", "value"), JOURNAL)
def test_rows_of_a_journal(column: str, value: object, tmp_path: Path) -> None:
    """A row that this program did not write ends recovery and undo with the journal's name; nothing is touched."""
    site = Site(tmp_path)
    site.add("a.png")
    run = site.run()
    site.place(run, Mode.HARDLINK, {"a.png": ["A"]})
    journal = site.output / ".oshiwake" / "journal.sqlite"
    with sqlite3.connect(journal) as database:
        database.execute(f"UPDATE operation SET {column} = ? WHERE action = 'hardlink'", (value,))
    database.close()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    told(lambda: undo_run(run), journal)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before


@pytest.mark.parametrize("mode", ["move", "hardlink"])
def test_undo_gives_nothing_back_to_a_place_outside_the_archive(mode: Any, tmp_path: Path) -> None:
    """A line that somebody put into the journal moves no picture elsewhere, nor links a file from there into OUT."""
    site = Site(tmp_path)
    site.add("a.png")
    run = site.run()
    site.place(run, mode, {"a.png": ["A", "B"]})
    site.place(run, mode, {"a.png": ["A"] if mode == "move" else []})
    secret = tmp_path / "secret" / "key"
    secret.parent.mkdir()
    if mode == "hardlink":
        secret.write_bytes(b"a.png")
    with sqlite3.connect(site.output / ".oshiwake" / "journal.sqlite") as database:
        action = "move" if mode == "move" else "remove"
        database.execute("UPDATE operation SET source = ? WHERE action = ?", (bytes(secret), action))
        assert database.execute("SELECT changes()").fetchone()[0] > 0
    database.close()
    before = look(site.output)
    with pytest.raises(UndoRefused, match=re.escape(str(secret))):
        undo_run(run)
    assert look(site.output) == before and secret.exists() is (mode == "hardlink")


def test_placements_of_a_journal(tmp_path: Path) -> None:
    """Where an image is said to stand is checked as well."""
    site = Site(tmp_path)
    site.add("a.png")
    site.place(site.run(), Mode.HARDLINK, {"a.png": ["A"]})
    for column, value in (("target", b"../x"), ("action", "burn"), ("target", "/text")):
        path = site.output / ".oshiwake" / "journal.sqlite"
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute(f"UPDATE placement SET {column} = ?", (value,))
        with Journal(site.output) as journal:
            told(lambda: journal.placements(site.wanted("a.png", ["A"]).image), path)
