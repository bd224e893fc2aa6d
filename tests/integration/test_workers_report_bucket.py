"""Reports in a bucket: what a person saves there is kept."""

from __future__ import annotations

import pytest

from store.assignments import FinalOutcome
from store.journal import Journal
from store.location import Location, ObjectPath, ObjectStat
from tests.integration.test_workers_fileops_bucket import BucketSite, site
from tests.unit.rows import Assigned, assignments
from workers.report.publish import publish, withdraw
from workers.report.writer import ReportWriter

__all__ = ["site"]

write_object, look_at = ObjectPath.write, ObjectPath.stat


def report_about(journal: Journal, name: str) -> Location:
    """A pass's report, published."""
    report = ReportWriter(journal.folder, "20261123-0412", 1)
    report.write(assignments([Assigned(name, FinalOutcome.UNKNOWN)]))
    report.close()
    return publish(journal, journal.folder.parent, report.path)


@pytest.mark.parametrize("what", ["publish", "withdraw"])
def test_a_report_that_a_person_saves_at_the_last_moment_stays(
    site: BucketSite, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Between the look at ours and its replacement: theirs stays, ours stands beside it."""

    def look_and_be_late(path: ObjectPath) -> ObjectStat | None:
        seen = look_at(path)
        if bytes(path) == site.object("report.csv"):
            write_object(path, b"mine")
        return seen

    with Journal(site.output) as journal:
        assert report_about(journal, "before").name == "report.csv"
        assert report_about(journal, "again").name == "report.csv", "in place of ours"
        with monkeypatch.context() as patch:
            patch.setattr(ObjectPath, "stat", look_and_be_late)
            if what == "publish":
                assert report_about(journal, "after").name != "report.csv"
            else:
                withdraw(journal, site.output)
    assert site.at("report.csv").read_bytes() == b"mine"
