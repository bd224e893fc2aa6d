"""Placing copies below a prefix of object storage, and taking them back, on a real S3 server over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from store.errors import OutputGone, StoreError
from store.file_operation import Action, Image, Operation
from store.journal import Journal
from store.location import ObjectPath, ObjectStat, lease, location
from store.mode import Mode
from store.run import Run, RunSpec
from store.store import Store
from tests.objects import ObjectServer
from tests.unit.sites import Site
from tests.unit.trees import sha
from workers.fileops.operation import OperationFailed
from workers.output import need_output, open_journal, open_output, recover
from workers.placing import Tally
from workers.undo_run import undo_run

write_object, look_at, delete_object = ObjectPath.write, ObjectPath.stat, ObjectPath.delete


class BucketSite(Site):
    """A site whose output is a prefix."""

    prefix = ""

    @property
    def output(self) -> Path:
        """The prefix."""
        return cast(Path, location(self.prefix))

    def copy(
        self, run: Run, wants: Mapping[str, Sequence[str]], *, batch: int = 100
    ) -> tuple[dict[str, list[str]], Tally]:
        """Place copies as a reducer does."""
        return self.place(run, Mode.COPY, wants, batch=batch)

    def placed(self) -> dict[str, bytes]:
        """What stands below the prefix, without what is our own."""
        from s3fs import S3FileSystem

        files = S3FileSystem(use_listings_cache=False)
        top = self.prefix.removeprefix("s3://")
        return {
            path.removeprefix(f"{top}/"): files.cat_file(path) for path in files.find(top) if "/.oshiwake/" not in path
        }

    def traces(self) -> list[str]:
        """All keys below the prefix."""
        from s3fs import S3FileSystem

        return list(S3FileSystem(use_listings_cache=False).find(self.prefix.removeprefix("s3://")))

    def object(self, name: str) -> bytes:
        """An object's address."""
        return bytes(self.output / name)

    def at(self, name: str) -> ObjectPath:
        """The object."""
        return ObjectPath(f"{self.prefix}/{name}")


@pytest.fixture
def site(objects: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BucketSite:
    """A site with three pictures, one of them in a comic."""
    monkeypatch.setattr(lease, "LEFT_BEHIND_S", 0.5)
    monkeypatch.setattr(lease, "POLL_S", 0.05)
    made = BucketSite(tmp_path)
    made.prefix = f"s3://art/{uuid4()}/sorted"
    made.add("a.png")
    made.add("deep/a.png", b"another of that name")
    made.add("book.cbz!/page.png")
    return made


WANTS = {"a.png": ["Akari"], "deep/a.png": ["Akari"], "book.cbz!/page.png": ["Bea"]}
PLACED = {"Akari/a.png": b"a.png", "Akari/a (2).png": b"another of that name", "Bea/page.png": b"book.cbz!/page.png"}


def test_copies_are_placed_once_and_undone(site: BucketSite) -> None:
    """Also of members and of equal names; again places nothing; undo leaves no trace."""
    run = site.run()
    stands, tally = site.copy(run, WANTS)
    assert site.placed() == PLACED
    assert stands["deep/a.png"] == ["Akari/a (2).png"]
    assert (tally.done, tally.already) == ({"copy": 3}, 0)
    _, tally = site.copy(site.run(), WANTS)
    assert (dict(tally.done), tally.already) == ({}, 3)
    result = undo_run(run)
    assert (result.reversed, result.left) == (3, [])
    assert site.traces() == []


def test_what_stands_there_is_never_overwritten(site: BucketSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what was there before, nor what appears between the look and the writing."""
    write_object(site.at("Akari/a.png"), b"of a person")

    def late(path: ObjectPath, content: bytes, *, new: bool = False, digest: bytes = b"") -> None:
        if bytes(path) == site.object("Bea/page.png"):
            write_object(path, b"of a quick person")
        write_object(path, content, new=new, digest=digest)

    monkeypatch.setattr(ObjectPath, "write", late)
    run = site.run()
    _, tally = site.copy(run, WANTS)
    assert tally.problems == []
    theirs = {"Akari/a.png": b"of a person", "Bea/page.png": b"of a quick person"}
    assert site.placed() == theirs | {
        "Akari/a (2).png": b"a.png",
        "Akari/a (3).png": b"another of that name",
        "Bea/page (2).png": b"book.cbz!/page.png",
    }
    undo_run(run)
    assert site.placed() == theirs


def test_a_server_without_conditions_is_asked_first(site: BucketSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a look before each writing keeps what is there."""
    monkeypatch.setattr(
        ObjectPath, "write", lambda path, content, *, new=False, digest=b"": write_object(path, content, digest=digest)
    )
    looks: list[bytes] = []

    def look(path: ObjectPath) -> ObjectStat | None:
        looks.append(bytes(path))
        if bytes(path) == site.object("Akari/a.png") and looks.count(bytes(path)) == 2:
            write_object(path, b"of a person")
        return look_at(path)

    monkeypatch.setattr(ObjectPath, "stat", look)
    site.copy(site.run(), {"a.png": ["Akari"]})
    assert site.placed() == {"Akari/a.png": b"of a person", "Akari/a (2).png": b"a.png"}


def test_another_rule_moves_what_changed(site: BucketSite) -> None:
    """Copied to the new folder, taken away from the old one; undo of the run takes all of it back."""
    run = site.run()
    site.copy(run, WANTS)
    _, tally = site.copy(run, WANTS | {"a.png": ["Bea"], "book.cbz!/page.png": ["Akari", "Cleo"]})
    assert site.placed() == {
        "Bea/a.png": b"a.png",
        "Akari/a (2).png": b"another of that name",
        "Akari/page.png": b"book.cbz!/page.png",
        "Cleo/page.png": b"book.cbz!/page.png",
    }
    assert tally.done == {"rename": 2, "copy": 1}
    site.copy(run, WANTS | {"book.cbz!/page.png": ["Cleo"]})
    assert site.placed() == {
        "Akari/a.png": b"a.png",
        "Akari/a (2).png": b"another of that name",
        "Cleo/page.png": b"book.cbz!/page.png",
    }
    assert undo_run(run).left == []
    assert site.traces() == []


def test_what_a_person_did_stays(site: BucketSite) -> None:
    """A copy taken away is not placed again; one that was exchanged, or is the last, is not taken away."""
    run = site.run()
    site.copy(run, WANTS)
    delete_object(site.at("Akari/a.png"))
    write_object(site.at("Bea/page.png"), b"painted over")
    (site.archive / "deep" / "a.png").unlink()
    _, tally = site.copy(run, WANTS | {"book.cbz!/page.png": ["Cleo"]})
    assert tally.left_alone == 1
    assert [line.rpartition("/")[2] for line in tally.problems] == ["page.png was changed; it stays"]
    result = undo_run(run)
    assert result.reversed == 1, "what a person took away needs no taking"
    assert len(result.left) == 2
    assert site.placed() == {"Bea/page.png": b"painted over", "Akari/a (2).png": b"another of that name"}


def test_what_is_exchanged_between_look_and_removal_stays(site: BucketSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server takes away only the object that was looked at."""
    run = site.run()
    site.copy(run, {"a.png": ["Akari"]})

    def late(path: ObjectPath, tag: str | None = None) -> None:
        if bytes(path) == site.object("Akari/a.png"):
            write_object(path, b"of a quick person")
        delete_object(path, tag)

    monkeypatch.setattr(ObjectPath, "delete", late)
    assert [line.rpartition("/")[2] for line in undo_run(run).left] == ["a.png was changed; it stays"]
    assert site.placed() == {"Akari/a.png": b"of a quick person"}


def die_at(monkeypatch: pytest.MonkeyPatch, name: str, number: int, *, after: bool) -> None:
    """At that call for a picture the process dies: no more of them reaches the storage."""
    function = getattr(ObjectPath, name)
    calls = 0

    def deadly(path: ObjectPath, *args: object, **kwargs: object) -> None:
        nonlocal calls
        if "/.oshiwake/" in str(path):
            function(path, *args, **kwargs)
            return
        calls += 1
        if calls > number or (calls == number and not after):
            raise KeyboardInterrupt
        function(path, *args, **kwargs)
        if calls == number:
            raise KeyboardInterrupt

    monkeypatch.setattr(ObjectPath, name, deadly)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("name", "number"), [("write", 1), ("write", 2), ("delete", 1)])
def test_a_death_in_between_is_gone_on_from(
    site: BucketSite, monkeypatch: pytest.MonkeyPatch, name: str, number: int, after: bool
) -> None:
    """The next one carries to its end what was planned, and nothing stands twice; undo leaves no trace."""
    again = WANTS | {"a.png": ["Bea"], "deep/a.png": ["Bea", "Cleo"], "book.cbz!/page.png": []}
    run = site.run()
    site.copy(run, WANTS)
    with monkeypatch.context() as deadly, pytest.raises(KeyboardInterrupt):
        die_at(deadly, name, number, after=after)
        site.copy(run, again)
    with Journal(site.output) as journal:
        planned = journal.open_operations()
        assert planned
        recover(journal)
    late = [
        op.target for op in planned if op.action is not Action.REMOVE and ObjectPath(op.target.decode()).stat() is None
    ]
    assert late == [], "what the dead process has under way finds its name taken"
    site.copy(run, again)
    assert sorted(site.placed()) == ["Bea/a (2).png", "Bea/a.png", "Cleo/a.png"]
    with Journal(site.output) as journal:
        assert not journal.open_operations()
    assert undo_run(run).left == []
    assert site.traces() == []


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("name", "number"), [("delete", 1), ("delete", 3), ("write", 1)])
def test_an_undo_that_dies_is_begun_again(
    site: BucketSite, monkeypatch: pytest.MonkeyPatch, name: str, number: int, after: bool
) -> None:
    """Nothing is lost in between, and nothing left at the end."""
    run = site.run()
    site.copy(run, WANTS)
    site.copy(run, WANTS | {"a.png": ["Bea"]})
    with monkeypatch.context() as deadly, pytest.raises(KeyboardInterrupt):
        die_at(deadly, name, number, after=after)
        undo_run(run)
    assert undo_run(run).left == []
    assert site.traces() == []


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK, Action.MOVE, Action.FOLDER])
def test_what_a_bucket_cannot_do_is_refused(site: BucketSite, action: Action) -> None:
    """A journal that somebody has changed may ask for it: nothing is done, and undo says so."""
    source = bytes(site.archive / "a.png")
    op = Operation(action, Image(source), source, site.object("Akari/a.png"), site.digests["a.png"], id=1)
    with Journal(site.output) as journal, open_output(journal) as output:
        for act in (output.apply, output.undo):
            with pytest.raises(OperationFailed, match=f"Akari/a.png: object storage has no {action}"):
                act(op)
        assert output.recover(op) is None
    assert site.placed() == {}


def test_a_storage_that_goes_away_ends_the_pass_not_the_pictures(
    site: BucketSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was planned stays planned; when the storage is back it is found out what had happened."""
    run = site.run()

    def lost_answer(path: ObjectPath, content: bytes, *, new: bool, digest: bytes = b"") -> None:
        write_object(path, content, new=new, digest=digest)
        if "/.oshiwake/" not in str(path):
            raise OSError(5, "no answer")

    with monkeypatch.context() as away:
        away.setattr(ObjectPath, "write", lost_answer)
        with pytest.raises(StoreError, match="no answer"):
            site.copy(run, WANTS)
    _, tally = site.copy(run, WANTS)
    assert site.placed() == PLACED
    assert tally.problems == []
    undo_run(run)
    assert site.traces() == []


def test_objects_tell_a_browser_what_they_are(site: BucketSite, objects: ObjectServer) -> None:
    """A picture is served as a picture."""
    site.copy(site.run(), WANTS)
    key = site.prefix.removeprefix("s3://") + "/Akari/a.png"
    assert objects.files.info(key)["ContentType"] == "image/png"
    seen = site.at("Akari/a.png").stat()
    assert seen is not None and seen.digest == sha(site.at("Akari/a.png").read_bytes())


def test_an_output_elsewhere_by_a_named_root(site: BucketSite) -> None:
    """A prefix may be below a root like a folder."""
    from store.roots import Roots

    roots = Roots({"sorted": site.prefix, "art": str(site.archive)})
    spec = RunSpec("art:/", "sorted:/", 1_700_000_000.0, "digest", "v1-pad-32", 16, "private")
    run = Store(site.root / "other", roots).create_run(replace(spec))
    assert str(run.output) == site.prefix


def test_an_output_that_is_gone_is_not_made_anew(site: BucketSite) -> None:
    """The bucket was emptied, or another one bears its name: the run that placed copies there is told so."""
    run = site.run()
    with open_journal(run, 0.1) as journal:
        run.note_journal(journal.id)
    for path in sorted((site.output / ".oshiwake" / "journal").iterdir(), key=str):
        path.unlink()
    with pytest.raises(OutputGone, match=f"{site.prefix} has no journal.*producer resume"):
        open_journal(run, 0.1)
    with pytest.raises(OutputGone):
        need_output(run)
    assert site.traces() == []
