"""Pictures that kill or hang the process that decodes them."""

from __future__ import annotations

import pytest

from tests.acceptance.conftest import Program
from tests.acceptance.test_outcome import report
from tests.conftest import FILES, PLUGINS


@pytest.mark.parametrize(
    ("ending", "reason"), [("!crash!!", "ends the process (SIGSEGV)"), ("!hang!!!", "takes longer than 5 s")]
)
def test_a_poisonous_picture_is_one_unreadable_row(program: Program, ending: str, reason: str) -> None:
    """It ends as one row with the reason; the others of its chunk are embedded, and the run is done."""
    c = program.collection
    program.env.update({"PYTHONPATH": str(PLUGINS), "OSHIWAKE_PICTURE_LIMIT_S": "5"})
    victim = c.archive / "set 1" / "1-08.png"
    victim.write_bytes(victim.read_bytes() + ending.encode())
    status = program.json(*program.sort_args(), rc=1)
    assert status["summary"]["files"] == FILES
    assert status["summary"]["outcomes"]["unreadable"] == 3
    row = report(c)["set 1/1-08.png"]
    assert row["outcome"] == "unreadable" and reason in row["reason"]
