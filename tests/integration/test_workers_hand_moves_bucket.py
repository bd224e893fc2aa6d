"""What a person does with the objects of an output, as the next pass understands it, on a real S3 server."""

from __future__ import annotations

from dataclasses import replace

from store.decision_log import DecisionLog
from store.location import ObjectPath, location
from store.mode import Mode
from tests.integration.test_workers_fileops_bucket import BucketSite, site
from tests.unit.sorting import SPEC, Sorting, at
from workers.undo_run import undo_run

__all__ = ["site"]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)


def move(site: BucketSite, old: str, new: str, *, keeps: bool) -> None:
    """As a console does, with what the server says of the object or without."""
    content, found = site.at(old).read_bytes(), site.at(old).stat()
    site.at(new).write(content, digest=found.digest if keeps and found is not None else b"")
    site.at(old).delete()


def test_objects_moved_by_hand_are_understood(site: BucketSite) -> None:
    """Moved with and without our note of their bytes, put there, deleted; kept in the bucket, undone, named."""
    pictures = {"a.png": at(a=0.1), "b.png": at(a=0.12), "c.png": at(a=0.14), "far.png": at(a=0.9)}
    for name in pictures:
        site.add(name, PNG + name.encode())
    sorting = Sorting(site, pictures, replace(SPEC, mode=Mode.COPY))
    sorting.reduce()
    move(site, "Akari/a.png", "Mio/a.png", keeps=True)
    move(site, "_unknown/far.png", "桜 ひな/x.png", keeps=False)
    site.at("Akari/b.png").delete()
    for number in (2, 3):
        sorting.begin_pass(number, sorting.spec)
        by_hand = sorting.reduce(number)["by_hand"]
        told = {name: value for name, value in by_hand.items() if value}
        first = {"moved": 2, "taken_out": 1, "confirmed": 2, "rejected": 2, "characters": ["Mio"]}
        assert told == (first if number == 2 else {})
    placed = site.placed()
    assert {"Mio/a.png", "桜 ひな/x.png"} <= placed.keys() and "Akari/b.png" not in placed
    log = DecisionLog(location(site.prefix))
    assert isinstance(log.folder, ObjectPath) and len(log.read()) == 4
    undone = undo_run(sorting.run)
    assert [line.split(" (")[0] for line in undone.by_hand] == ["桜 ひな/x.png", "Mio/a.png"]
    assert undone.left == [] and sorted(site.placed()) == ["Mio/a.png", "桜 ひな/x.png"] and log.read() == []
