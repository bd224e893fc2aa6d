"""Series of characters, and characters that no picture resembles: what a reduction makes of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from store.errors import DamagedStore
from tests.unit.parts import DIMENSION
from tests.unit.sites import Site
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.test_workers_reducing import PICTURES, site
from tests.unit.trees import folder_times, look
from workers.assigning import assign_part
from workers.undo_run import undo_run

__all__ = ["site"]  # the fixture

SERIES = {"Fate/Akari": 0, "Fate/桜 ひな": 1, "Fate/_not": 2}


@pytest.mark.parametrize("mode", ["hardlink", "symlink", "copy", "move"])
def test_characters_of_a_series_have_folders_in_its_folder(site: Site, mode: Any) -> None:
    """Made on both levels, taken away by a pass that empties them, made again by undo, and gone with it at the end."""
    before = look(site.archive), folder_times(site.archive)
    names = {name: [np.eye(DIMENSION, dtype=np.float32)[axis]] for name, axis in SERIES.items()}
    spec = replace(SPEC, characters=sorted(names), mode=mode)
    sorting = Sorting(site, PICTURES, spec, references=names)
    summary = sorting.reduce()
    assert {path.name for path in (site.output / "Fate").iterdir()} == {"Akari", "桜 ひな"}
    assert "Fate/_not" not in summary["characters"] and summary["characters"]["Fate/Akari"] > 0
    placed = site.placed()
    sorting.begin_pass(2, replace(spec, threshold=0.0))
    sorting.reduce(2)
    assert not (site.output / "Fate").exists()
    sorting.begin_pass(3, spec)
    sorting.reduce(3)
    assert {path for path in site.placed() if path != "report.csv"} == {path for path in placed if path != "report.csv"}
    assert undo_run(sorting.run).left == []
    assert (look(site.archive), folder_times(site.archive)) == before and not site.output.exists()


@pytest.mark.parametrize("level", ["Fate", "Fate/Akari"])
def test_a_link_in_place_of_a_series_is_not_followed(site: Site, level: str, tmp_path: Path) -> None:
    """On neither level; the other pictures are placed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (site.output / level).parent.mkdir(parents=True)
    (site.output / level).symlink_to(elsewhere)
    names = {name: [np.eye(DIMENSION, dtype=np.float32)[axis]] for name, axis in SERIES.items()}
    sorting = Sorting(site, PICTURES, replace(SPEC, characters=sorted(names)), references=names)
    summary = sorting.reduce()
    assert list(elsewhere.iterdir()) == []
    assert summary["problems"] == [f"{site.output / level} is not a folder; nothing can be placed in it"]
    assert (site.output / "_unknown").exists()


def test_a_character_that_no_picture_resembles_is_named(site: Site) -> None:
    """Not one that has a picture, nor a negative; pictures of others do not count, nor does the reference itself."""
    pictures = {"a.png": at(a=0.1), "b.png": at(s=0.45, a=0.8), "reference.png": at(s=0.0)}
    for name in pictures:
        site.add(name)
    site.digests["reference.png"] = bytes(32)  # that of every reference
    sorting = Sorting(site, pictures, chunk=1)
    summary = sorting.reduce()
    assert summary["far_characters"] == [{"name": "桜 ひな", "nearest": 0.45}]
    assert (summary["far_character_count"], summary["threshold"]) == (1, 0.3)
    sorting.begin_pass(2, replace(SPEC, band=0.2))
    assert sorting.reduce(2)["far_characters"] == []


def test_a_character_is_named_where_every_picture_has_another_name(site: Site) -> None:
    """No distance is told: the picture of another character says nothing about it."""
    site.add("a.png")
    sorting = Sorting(site, {"a.png": at(a=0.1, s=0.5)})
    assert sorting.reduce()["far_characters"] == [{"name": "桜 ひな", "nearest": None}]
    stored = sorting.run.last_pass.summary
    assert stored is not None and stored["far_characters"] == [{"name": "桜 ひな", "nearest": None}]


@pytest.mark.parametrize("pictures", [{}, {"a.png": None}, {"a.png": at(s=0.0)}])
def test_no_character_is_named_where_no_picture_counts(site: Site, pictures: dict[str, Any]) -> None:
    """The archive is empty, or unreadable, or holds the bytes of a reference."""
    for name in pictures:
        site.add(name)
        site.digests[name] = bytes(32)  # that of every reference
    assert Sorting(site, pictures).reduce()["far_characters"] == []


@pytest.mark.parametrize("assigned", [(0,), (0, 1, 2)])
def test_what_came_near_is_known_of_parts_assigned_elsewhere(site: Site, assigned: Sequence[int]) -> None:
    """The same is said however the work was shared."""
    pictures = {f"{n}.png": at(a=0.9 - n / 10, s=0.8) for n in range(5)}
    for name in pictures:
        site.add(name)
    sorting = Sorting(site, pictures, chunk=1)
    for part in assigned:
        assign_part(sorting.store, sorting.run, 1, part, 3)
    assert sorting.reduce()["far_characters"] == [
        {"name": "桜 ひな", "nearest": 0.8},
        {"name": "Akari", "nearest": 0.5},
    ]


@pytest.mark.parametrize("note", [None, b"[", b"[1]", b"3", b'["x", null, 1]'])
def test_a_damaged_note_of_another_reducer_is_told(site: Site, note: bytes | None) -> None:
    """With the file's name, before anything is placed."""
    sorting = Sorting(site, PICTURES)
    assign_part(sorting.store, sorting.run, 1, 0, 1)
    path = sorting.run.pass_(1).decided_path(0)
    table = pq.read_table(path)
    metadata = {**table.schema.metadata, b"closest": note} if note else {b"schema": b"1"}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.raises(DamagedStore, match=re.escape(str(path))):
        sorting.reduce()
