"""Report rows for pictures in the output that a pass has not scanned: places and origins by earlier runs.

A later run does not scan originals that were moved, nor another archive that was sorted into the same output. The
journal knows them.
"""

from __future__ import annotations

import csv
import io
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import chain, groupby, islice

import pyarrow as pa

from store.assignments import VIEW, Assignments
from store.journal import Journal
from store.journal_queries import Standing
from store.location import Location, storage_of
from store.readable_names import readable_name, readable_path
from workers.naming import OWN_FOLDERS
from workers.report.writer import COLUMNS, SEPARATOR, cells

__all__ = ["EARLIER", "earlier_rows"]

EARLIER = "earlier"
"""In the report, in place of an outcome: the pass has not seen this file."""

_AT_ONCE = 4096
"""Pictures for which rows are made, or read, together."""

_PATH, _DIGEST, _PLACED = map(COLUMNS.index, ("path", "digest", "placed"))


def earlier_rows(journal: Journal, report: Location) -> Iterator[Assignments]:
    """Rows for the pictures in the output that are not in a pass's own report, in the order of their origins.

    Streams; what the report has is kept in a temporary file meanwhile.

    Args:
        journal: The open journal.
        report: The pass's report beside it, `<run>-pass<number>.csv`.
    """
    run = report.stem.rpartition("-pass")[0]
    archive = journal.archive_of(run)
    if archive is None or not journal.has_other_runs(run):
        return
    # What the run itself has placed, it has seen.
    images = (list(places) for _, places in groupby(journal.standing(besides=run), lambda at: (at.image, at.digest)))
    top = os.path.join(bytes(journal.folder.parent), b"")
    with closing(_Reported(report)) as reported:
        while batch := list(islice(images, _AT_ONCE)):
            yield _rows(list(_unreported(batch, reported, top, archive)), top)


def _unreported(
    images: list[list[Standing]], reported: _Reported, top: bytes, archive: bytes
) -> Iterator[list[Standing]]:
    """The images that are not in a report, neither by name and digest nor by any of their places."""
    below = os.path.join(archive, b"")
    names = _as_read(readable_name(at[0].image.path.removeprefix(below), at[0].image.member) for at in images)
    places = iter(_as_read(_below(top, at.target) for at in chain.from_iterable(images)))
    for name, image in zip(names, images, strict=True):
        stands_at = list(islice(places, len(image)))
        if not reported.names(name, image[0].digest) and not any(map(reported.places, stands_at)):
            yield image


def _rows(images: list[list[Standing]], top: bytes) -> Assignments:
    """A row for each image; what a person has taken away since has no place."""
    size = len(images)
    stands = storage_of(top).may_exist
    there = [[at for at in image if stands(at.target)] for image in images]
    folders = [sorted({_folder(top, at.target) for at in image} - set(OWN_FOLDERS)) for image in images]
    nothing = pa.nulls(size)
    return Assignments.of_columns(
        path=pa.array([readable_name(at[0].image.path, at[0].image.member) for at in images], pa.string()),
        outcome=pa.array([EARLIER] * size, pa.string()),
        characters=pa.array(folders, pa.list_(pa.string())),
        nearest=nothing.cast(pa.string()),
        distance=nothing.cast(pa.float32()),
        runner_up=nothing.cast(pa.string()),
        runner_up_distance=nothing.cast(pa.float32()),
        digest=pa.array([at[0].digest.hex() for at in images], pa.string()),
        reason=pa.array([f"placed by run {at[0].run}" for at in images], pa.string()),
        placed=pa.array([[_below(top, at.target) for at in image] for image in there], pa.list_(pa.string())),
        confidence=nothing.cast(pa.float32()),
        characters_found=pa.array([[]] * size, pa.list_(pa.string())),
        views=pa.array([[]] * size, pa.list_(VIEW)),
    )


def _below(top: bytes, target: bytes) -> str:
    return readable_path(target.removeprefix(top))


def _folder(top: bytes, target: bytes) -> str:
    return _below(top, os.path.dirname(target))


class _Reported:
    """The files and places in a report, in a temporary file on disk."""

    def __init__(self, report: Location) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # SQLite's own temporary file, gone when it is closed
        for table in ("names (name, digest, PRIMARY KEY (name, digest))", "places (place PRIMARY KEY)"):
            self._db.execute(f"CREATE TABLE {table} WITHOUT ROWID")
        self._db.execute("BEGIN")
        with io.TextIOWrapper(storage_of(report).open(bytes(report)), "utf-8", newline="") as file:
            reported = ((row[_PATH], row[_DIGEST], row[_PLACED]) for row in csv.reader(file))
            while batch := list(islice(reported, _AT_ONCE)):
                names = ((path, digest) for path, digest, _ in batch if digest)
                self._db.executemany("INSERT OR IGNORE INTO names VALUES (?, ?)", names)
                places = ((place,) for *_, cell in batch for place in (cell, *cell.split(SEPARATOR)) if place)
                self._db.executemany("INSERT OR IGNORE INTO places VALUES (?)", places)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()

    def names(self, name: str, digest: bytes) -> bool:
        """Whether a file with these bytes is in the report."""
        return self._has("SELECT 1 FROM names WHERE name = ? AND digest = ?", name, digest.hex())

    def places(self, place: str) -> bool:
        """Whether a file that stands there is in the report."""
        return self._has("SELECT 1 FROM places WHERE place = ?", place)

    def _has(self, query: str, *values: str) -> bool:
        return self._db.execute(query, values).fetchone() is not None


def _as_read(texts: Iterable[str]) -> list[str]:
    """What a reader of the report finds in cells that hold these texts."""
    column = cells(pa.chunked_array([pa.array(texts, pa.string())]))
    return [row[0] for row in csv.reader(io.StringIO("\r\n".join(column.to_pylist()), newline=""))]
