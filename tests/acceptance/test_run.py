"""`producer run`: the main job on one machine."""

from __future__ import annotations

import csv
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program, Undisturbed, wait_until
from tests.conftest import FILES, layout, snapshot


def test_a_run_accounts_for_every_file_and_changes_no_original(program: Program) -> None:
    """Every file seen has one row in the report and one outcome, and the archive is byte for byte as before."""
    c = program.collection
    before = snapshot(c.archive)
    status = program.json(*program.sort_args(), rc=1)
    assert snapshot(c.archive) == before
    outcomes = status["summary"]["outcomes"]
    rows = list(csv.DictReader((c.output / "report.csv").read_text(encoding="utf-8").splitlines()))
    assert status["scanned"] == status["summary"]["files"] == sum(outcomes.values()) == len(rows) == FILES
    assert len({row["path"] for row in rows}) == FILES
    assert Counter(row["outcome"] for row in rows) == Counter({k: v for k, v in outcomes.items() if v})
    assert outcomes["unreadable"] == 2 and outcomes["duplicate"] == 1 and outcomes["unsupported"] == 1
    placed = [row["placed"] for row in rows if row["placed"]]
    assert sorted(placed) == sorted(path for path in layout(c.output) if path != "report.csv")
    assert len(placed) == outcomes["assigned"] + outcomes["unknown"] + outcomes["review"]


def test_the_summary_names_unreadable_files_and_where_all_are_listed(undisturbed: Undisturbed) -> None:
    """The text names each unreadable file with its reason and the file that lists all."""
    assert "broken.png: damaged png" in undisturbed.text
    assert "no picture.png: no picture inside, although its name ends in .png" in undisturbed.text
    assert str(undisturbed.program.collection.output / "report.csv") in undisturbed.text


def test_a_second_run_embeds_nothing_and_adds_nothing(program: Program) -> None:
    """The same archive again: everything is reused, nothing is placed, the layout is the same."""
    c = program.collection
    program.sort()
    first = layout(c.output)
    status = program.json(*program.sort_args(), rc=1)
    assert layout(c.output) == first
    assert status["to_read"] == 0 and status["reused"] == FILES
    assert status["summary"]["placed"] == {}


def test_only_new_and_changed_files_are_embedded(program: Program) -> None:
    """After one file is added and one is changed, the next run reads those two."""
    c = program.collection
    program.sort()
    shutil.copyfile(c.archive / "set 1" / "1-02.webp", c.archive / "added.webp")
    shutil.copyfile(c.archive / "set 1" / "1-04.png", c.archive / "set 0" / "0-08.png")
    status = program.json(*program.sort_args(), rc=1)
    assert status["to_read"] == 2 and status["reused"] == FILES - 1


def test_a_clean_archive_exits_with_zero(program: Program) -> None:
    """Where every file can be read, the exit code is 0; a broker in the environment is not a private run's business."""
    program.env["CELERY_BROKER_URL"] = "redis://127.0.0.1:1/0"
    for name in ("broken.png", "no picture.png"):
        (program.collection.archive / name).unlink()
    program.sort(rc=0)


def test_two_runs_and_two_undos_leave_no_trace(program: Program) -> None:
    """After both runs are undone, the output is gone and the archive as it was, with times and permissions."""
    c = program.collection
    before = snapshot(c.archive)
    program.sort()
    after_first = snapshot(c.output / "_review") if (c.output / "_review").exists() else {}
    program.sort()
    program("undo")
    assert (snapshot(c.output / "_review") if after_first else {}) == after_first
    program("undo")
    assert not c.output.exists()
    assert snapshot(c.archive) == before
    assert [run["state"] for run in program.json("list")] == ["undone", "undone"]


def test_ctrl_c_stops_everything_and_resume_finishes(program: Program, undisturbed: Undisturbed) -> None:
    """An interrupted run leaves no process behind; resumed, it ends with the layout of an undisturbed one."""
    process = program.start(*program.sort_args())
    wait_until(lambda: len(program.processes()) > 4, "the workers have started")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "producer resume" in err
    assert program.processes() == []
    assert program.status()["state"] == "stopped"
    program("resume", rc=1)
    assert layout(program.collection.output) == undisturbed.layout


def test_a_second_ctrl_c_stops_at_once(program: Program, temporary: Path) -> None:
    """The first one says that it stops; the second waits for nothing, and still nothing is left running or lying."""
    process = program.start(*program.sort_args())
    wait_until(lambda: len(program.processes()) > 4, "the workers have started")
    process.send_signal(signal.SIGINT)
    errors = process.stderr
    assert errors is not None
    wait_until(lambda: "finishing the current chunk" in errors.readline(), "the first is answered")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    # What was killed takes a moment to go; a worker that was only asked to would take seconds.
    wait_until(lambda: not program.processes(), "everything has ended", limit_s=4.0)
    assert list(temporary.iterdir()) == []


def test_resuming_a_finished_run_says_so(undisturbed: Undisturbed) -> None:
    """A run that is done is not done again."""
    assert "is done already" in undisturbed.program("resume", rc=1).stderr


def test_an_output_that_was_moved_is_not_undone_in_silence(program: Program) -> None:
    """Undo says that the folder is not there; put back, it is undone."""
    c = program.collection
    program.sort()
    away = c.output.with_name("away")
    c.output.rename(away)
    assert "put it back" in program("undo", rc=2).stderr
    away.rename(c.output)
    program("undo")
    assert not c.output.exists()


def test_what_could_not_be_placed_is_placed_by_resume(program: Program, undisturbed: Undisturbed) -> None:
    """Once what stood in the way is gone, resume places the rest, and then the run is done."""
    c = program.collection
    stranger = c.output / "_unknown"
    c.output.mkdir()
    stranger.write_text("mine")
    summary = program.json(*program.sort_args(), rc=1)["summary"]
    assert summary["problem_count"] == 1 and "is not a folder" in summary["problems"][0]
    assert program.json("resume", rc=1)["summary"]["problems"] == summary["problems"], "it still stands in the way"
    assert stranger.read_text() == "mine"
    stranger.unlink()
    done = program.json("resume", rc=1)["summary"]
    assert (done["problem_count"], done["problems"]) == (0, [])
    assert layout(c.output) == undisturbed.layout
    assert "is done already" in program("resume", rc=1).stderr
    program("undo")
    assert list(c.output.iterdir()) == []


@pytest.mark.parametrize("instead", ["nothing", "an empty mount point"])
def test_an_output_that_is_gone_is_not_made_anew(program: Program, instead: str) -> None:
    """A later pass is refused in one line that says what to do; with the folder back, it is carried out."""
    c = program.collection
    program.sort()
    away = c.output.rename(c.output.with_name("away"))
    if instead != "nothing":
        c.output.mkdir()
    error = program("reduce", "--threshold", "0", rc=2).stderr
    assert len(error.splitlines()) == 1 and "bring that back" in error and "producer run" in error
    assert program.status()["state"] == "done", "no pass was begun"
    assert not (c.output / ".oshiwake").exists() and c.output.exists() is (instead != "nothing")
    if instead != "nothing":
        c.output.rmdir()
    away.rename(c.output)
    program("reduce", "--threshold", "0", rc=1)


def test_the_report_after_a_second_move_tells_where_everything_came_from(program: Program) -> None:
    """The daily run of --mode move: what the first run has moved is still told of, each file once."""
    c = program.collection
    program.sort("run", "--mode", "move")
    before = {row["digest"]: row for row in _rows(c.output / "report.csv") if row["placed"]}
    program.sort("run", "--mode", "move")
    after = _rows(c.output / "report.csv")
    assert sorted(row["placed"] for row in after if row["placed"]) == sorted(
        place for place in layout(c.output) if place != "report.csv"
    )
    for row in after:
        if row["outcome"] == "earlier":
            first = before[row["digest"]]
            assert row["path"] == str(c.archive / first["path"]) and row["placed"] == first["placed"]
    program("undo")
    program("undo")
    assert not c.output.exists()


def _rows(report: Path) -> list[dict[str, str]]:
    with report.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
