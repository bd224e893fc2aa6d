"""The report: written row by row, published where nothing else stands, taken back."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.assignments import FinalOutcome
from store.journal import Journal
from tests.unit.rows import Assigned, assignments, cell_text
from tests.unit.trees import put, unfinished
from workers.report.publish import publish, withdraw
from workers.report.writer import COLUMNS, ReportWriter

RUN = "20261123-0412"
OTHER = "20261123-0412-2"


@pytest.fixture
def journal(quick_path: Path) -> Iterator[Journal]:
    """The journal of an output folder."""
    with Journal(quick_path / "out") as journal:
        yield journal


def output(journal: Journal) -> Path:
    """The output folder."""
    return Path(str(journal.folder.parent))


def write(journal: Journal, run: str, number: int, *names: str) -> Path:
    """A pass's report about some files, published."""
    report = ReportWriter(journal.folder, run, number)
    report.write(assignments([Assigned(name, FinalOutcome.UNKNOWN, reason="far") for name in names]))
    report.close()
    return Path(str(publish(journal, output(journal), report.path)))


def files(journal: Journal) -> dict[str, list[str]]:
    """The reports in the output folder and the files that each tells of."""
    return {
        path.name: [row["path"] for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())]
        for path in sorted(output(journal).glob("*.csv"))
        if path.is_file()
    }


TEXTS = st.text(st.sampled_from("a,\"\r\n |桜=-'"), max_size=4)
DISTANCES = st.floats(0, 2, width=32) | st.integers(0, 64).map(lambda n: n / 32)  # halves of the last digit among them
ROWS = st.builds(
    Assigned,
    path=TEXTS,
    outcome=st.sampled_from(FinalOutcome),
    characters=st.lists(TEXTS, max_size=2).map(tuple),
    nearest=st.none() | TEXTS,
    distance=st.none() | DISTANCES,
    runner_up=st.none() | TEXTS,
    runner_up_distance=st.none() | DISTANCES,
    digest=st.none() | st.just("ab" * 32),
    reason=TEXTS,
    placed=st.lists(TEXTS, max_size=2).map(tuple),
    confidence=st.none() | DISTANCES.map(lambda value: value / 2),
    characters_found=st.lists(TEXTS, max_size=2).map(tuple),
)


COMPUTED = "=+-@\t\r\n＝＋－＠'"
"""What a cell may not begin with, and the mark itself."""


def plain_csv(rows: list[Assigned]) -> str:
    """The report by the library's own writer, row by row."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in rows:
        distances = ["" if d is None else f"{d:.4f}" for d in (row.distance, row.runner_up_distance, row.confidence)]
        names, placed = " | ".join(row.characters), " | ".join(row.placed)
        ends = (
            row.runner_up,
            distances[1],
            row.digest,
            row.reason,
            row.nearest,
            placed,
            distances[2],
            " | ".join(row.characters_found),
        )
        cells = [row.path, row.outcome, names, distances[0], *ends]
        writer.writerow([f"'{cell}" if cell and cell[0] in COMPUTED else cell for cell in cells])
    return file.getvalue()


@given(st.lists(ROWS, max_size=6))
@settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_report_is_what_a_plain_writer_makes(journal: Journal, rows: list[Assigned]) -> None:
    """Byte for byte, whatever stands in names, places and reasons, and however distances round."""
    report = ReportWriter(journal.folder, RUN, 1)
    report.write(assignments(rows[:2]))
    report.write(assignments(rows[2:]))
    report.close()
    assert report.path.read_bytes().decode() == plain_csv(rows)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1.png",
        "+1.png",
        "-1.png",
        "@SUM(A1).png",
        "\t=1.png",
        "\r=1.png",
        "\n=1.png",
        "＝1.png",
        "'=1.png",
        "''",
        "'",
        "=cmd|' /C calc'!A0",
        '=HYPERLINK("http://h","x")',
        "a=1.png",
        " =1.png",
        "1-2.png",
        "",
    ],
)
def test_no_cell_is_a_formula(text: str, journal: Journal) -> None:
    """A spreadsheet shows what would be computed as text, and whoever takes the mark away has the name exactly."""
    row = Assigned(
        text, FinalOutcome.ASSIGNED, (text,), text, 0.1, text, 0.2, "ab" * 32, text, (text,), characters_found=(text,)
    )
    report = ReportWriter(journal.folder, RUN, 1)
    report.write(assignments([row]))
    report.close()
    with open(str(report.path), encoding="utf-8", newline="") as file:
        (cells,) = csv.DictReader(file)
    for name in ("path", "character", "runner_up", "reason", "nearest", "placed", "characters_found"):
        assert cells[name][:1] not in ("=", "+", "-", "@", "\t", "\r", "\n", "＝")
        assert cell_text(cells[name]) == text
    assert (cells["distance"], cells["runner_up_distance"], cells["outcome"]) == ("0.1000", "0.2000", "assigned")


def test_a_distance_that_is_no_number_is_left_out(journal: Journal) -> None:
    """A network that overflows costs its picture a figure, not the run its report."""
    report = ReportWriter(journal.folder, RUN, 1)
    report.write(assignments([Assigned("a.png", FinalOutcome.UNKNOWN, distance=float("nan"))]))
    report.close()
    assert report.path.read_bytes().decode().splitlines()[1] == "a.png,unknown,,,,,,,,,,"


def test_rows_survive_a_spreadsheet(journal: Journal) -> None:
    """Commas, quotes, line ends, several characters and places: each row is read back as it was."""
    row = Assigned(
        'a, "b"\n桜.png',
        FinalOutcome.ASSIGNED,
        ("Akari", "桜 ひな"),
        "Akari",
        0.12344,
        "桜 ひな",
        0.2,
        "ab" * 32,
        "",
        ("Akari/a.png", "桜 ひな/a.png"),
    )
    report = ReportWriter(journal.folder, RUN, 1)
    report.write(assignments([row]))
    report.write(assignments([Assigned("c.png", FinalOutcome.UNREADABLE, reason="the file is empty")]))
    report.close()
    with open(str(report.path), encoding="utf-8", newline="") as file:
        first, second = csv.DictReader(file)
    assert tuple(first) == COLUMNS
    assert first["path"] == row.path and first["character"] == "Akari | 桜 ひな"
    assert (first["distance"], first["runner_up_distance"]) == ("0.1234", "0.2000")
    assert first["placed"] == "Akari/a.png | 桜 ひな/a.png"
    assert (second["outcome"], second["distance"], second["reason"]) == ("unreadable", "", "the file is empty")


def test_a_report_is_there_whole_or_not_at_all(journal: Journal) -> None:
    """What is not closed leaves nothing behind."""
    report = ReportWriter(journal.folder, RUN, 1)
    report.write(assignments([Assigned("a.png", FinalOutcome.UNKNOWN)]))
    report.discard()
    assert not report.path.exists() and not unfinished(output(journal) / ".oshiwake")


def test_the_newest_report_takes_the_place_of_ours(journal: Journal) -> None:
    """Of a later pass and of another run, and of a pass reduced again."""
    for run, number, names in ((RUN, 1, ["a"]), (RUN, 2, ["b"]), (OTHER, 1, ["c"]), (OTHER, 1, ["d", "e"])):
        assert write(journal, run, number, *names) == output(journal) / "report.csv"
        assert files(journal) == {"report.csv": names}


def test_a_crash_before_publishing_leaves_the_old_one_ours(journal: Journal) -> None:
    """A pass that is reduced again after a crash replaces the report that it had published."""
    write(journal, RUN, 1, "a")
    report = ReportWriter(journal.folder, RUN, 1)
    report.write(assignments([Assigned("b", FinalOutcome.UNKNOWN)]))
    report.close()
    assert write(journal, RUN, 1, "c") == output(journal) / "report.csv"
    assert files(journal) == {"report.csv": ["c"]}


def _file(path: Path) -> None:
    put(path, b"mine")


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("make", [_file, _folder, _dangling, _pipe])
def test_what_is_not_ours_is_never_replaced(journal: Journal, make: Callable[[Path], None]) -> None:
    """Whatever else is called report.csv stays, and so does what is called as we would call ours then."""
    make(output(journal) / "report.csv")
    first = write(journal, RUN, 1, "a")
    assert first.name == f"report-{RUN}-pass1.csv"
    first.write_text("path\na, with my notes\n")
    second = write(journal, RUN, 1, "b")
    assert second.name == f"report-{RUN}-pass1 (2).csv"
    assert first.read_text() == "path\na, with my notes\n"
    withdraw(journal, output(journal), RUN)
    assert os.path.lexists(output(journal) / "report.csv") and first.exists() and not second.exists()


def test_a_report_that_a_person_wrote_in_is_left_alone(journal: Journal) -> None:
    """It is theirs from then on."""
    published = write(journal, RUN, 1, "a")
    published.write_text(published.read_text() + "my remark")
    assert write(journal, RUN, 2, "b") != published
    withdraw(journal, output(journal), RUN)
    assert published.read_text().endswith("my remark")
    assert len(files(journal)) == 1


def test_withdrawing_brings_the_one_before_back(journal: Journal) -> None:
    """All passes of the run go; without another run, nothing is left."""
    write(journal, RUN, 1, "a")
    write(journal, OTHER, 1, "b")
    write(journal, OTHER, 2, "c")
    withdraw(journal, output(journal), OTHER)
    assert files(journal) == {"report.csv": ["a"]}
    withdraw(journal, output(journal), OTHER)
    withdraw(journal, output(journal), RUN)
    assert files(journal) == {}


def test_equal_reports_of_two_runs(journal: Journal) -> None:
    """Withdrawing one leaves the other's."""
    write(journal, RUN, 1, "a")
    write(journal, OTHER, 1, "a")
    withdraw(journal, output(journal), RUN)
    assert files(journal) == {"report.csv": ["a"]}
    withdraw(journal, output(journal), OTHER)
    assert files(journal) == {}
