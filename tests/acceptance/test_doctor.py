"""`producer doctor`: what is there, what is wrong, and a report that may be shown to anybody."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import LocalCluster, Program
from tests.conftest import PLUGINS


def test_a_healthy_installation(program: Program, farm: LocalCluster) -> None:
    """Everything is named, the broker answers, the network runs; nothing is made in the store."""
    program.env["CUDA_VISIBLE_DEVICES"] = ""
    found = {one["part"]: one for one in program.json("doctor")}
    assert {one["state"] for one in found.values()} <= {"ok", "-"}
    assert found["broker"]["text"].endswith(", 0 workers") and found["network"]["text"].startswith("OpenVINO")
    assert found["GPU"]["state"] == "-" and found["store"]["text"].startswith(f"{program.collection.store}: no run yet")
    assert not program.collection.store.exists()


def test_problems_are_named_without_a_password(program: Program, tmp_path: Path) -> None:
    """A dead broker, a root that is not mounted, a GPU without torch; the report is for a bug report."""
    report = tmp_path / "doctor.txt"
    more = {
        "OSHIWAKE_BROKER_URL": "redis://:hushhush@127.0.0.1:1/0",
        "OSHIWAKE_ROOTS": f"art={tmp_path}/nowhere,here={tmp_path}",
        "CUDA_VISIBLE_DEVICES": "0",
        "PYTHONPATH": str(PLUGINS),
        "WITHOUT": "torch",
        "HOME": str(tmp_path),
    }
    program.env.update(more)
    result = program("doctor", "--output", report, rc=1)
    assert result.stdout == report.read_text() and str(report) in result.stderr
    parts = {line[:14].strip(): line[16:].split(maxsplit=1) for line in result.stdout.splitlines()}
    problems = {part: text for part, (state, text) in parts.items() if state == "PROBLEM"}
    assert problems.keys() == {"GPU", "root art", "broker"}
    assert (
        problems["root art"].startswith("~/nowhere is not there") and "pip install 'oshiwake[gpu]'" in problems["GPU"]
    )
    assert "hushhush" not in result.stdout + result.stderr and str(tmp_path) not in result.stdout
