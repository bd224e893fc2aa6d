"""What lies in an archive and is no picture of the person's: passed over, and said in one line."""

from __future__ import annotations

import shutil

from tests.acceptance.conftest import Program
from tests.acceptance.test_outcome import report

JUNK = ("@eaDir/a.png/SYNOPHOTO_THUMB_M.png", "$RECYCLE.BIN/b.png", "set 0/.hidden.png", "set 0/c.png.part")


def test_what_is_passed_over_is_counted_and_stays_so(program: Program) -> None:
    """In the summary, for a person and for a program; a resumed run follows the rule that the run was made with."""
    c = program.collection
    picture = c.archive / "set 1" / "1-04.png"
    for name in JUNK:
        (c.archive / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(picture, c.archive / name)
    plain = program.sort().stdout
    assert "skipped: 2 folders and 2 files (system, hidden or excluded, 1 still being written)" in plain
    seen = set(report(c))
    assert not any(junk.split("/")[0] in {name.split("/")[0] for name in seen} for junk in JUNK[:2])
    assert not seen & set(JUNK)
    program("undo")

    excluding = ("--exclude", "SET 0/*.png", "--exclude", "other/", "--include-hidden")
    status = program.json(*program.sort_args(), *excluding, rc=1)
    gone = {name for name in seen if name.startswith("other/") or (name.startswith("set 0/") and name.endswith(".png"))}
    files = len([name for name in gone if name.startswith("set 0/")]) + 2
    assert status["passed_over"] == {"folders": 3, "files": files, "unfinished": 1}
    assert set(report(c)) == seen - gone
    program("undo")
    again = program.json("resume", rc=1)
    assert (again["passed_over"], set(report(c))) == (status["passed_over"], seen - gone)


def test_what_was_placed_and_is_excluded_now_stays(program: Program) -> None:
    """A later run that passes a file over does nothing to it. (Others may get other names: the archive is another.)"""
    c = program.collection
    program.sort()
    placed = [
        c.output / row["placed"] for path, row in report(c).items() if path.startswith("set 1/") and row["placed"]
    ]
    assert len(placed) > 5 and all(path.is_file() for path in placed)
    program.sort("run", "--exclude", "set 1")
    assert all(path.is_file() for path in placed)


def test_a_pattern_that_fits_nothing_is_refused(program: Program) -> None:
    """Before anything is made, in one line."""
    result = program.sort("run", "--exclude", "../x", rc=2)
    assert "--exclude '../x' matches nothing" in result.stderr and len(result.stderr.splitlines()) == 1
    assert not program.collection.output.exists()
