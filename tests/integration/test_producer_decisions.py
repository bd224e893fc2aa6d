"""`producer confirm`, `reject`, `ignore`, `decisions`: what they store, in which output, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from producer.cli import app
from producer.errors import BadRequest
from tests.unit.trees import put


@pytest.fixture
def output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output with two pictures; the store is empty."""
    monkeypatch.setenv("OSHIWAKE_STORE", str(tmp_path / "store"))
    monkeypatch.delenv("OSHIWAKE_OUTPUT", raising=False)
    out = tmp_path / "out"
    put(out / "Series" / "Akari" / "1.png", b"one")
    put(out / "_unknown" / "2.png", b"two")
    (out / ".oshiwake").mkdir()
    return out


def run(*args: str | Path) -> str:
    """Standard output of a command that succeeds."""
    result = CliRunner().invoke(app, [str(arg) for arg in args])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_decisions_go_out_and_come_in(output: Path, tmp_path: Path) -> None:
    """As JSON lines, once each, with their times; what is removed counts no more."""
    first = output / "Series" / "Akari" / "1.png"
    run("reject", first)
    run("confirm", output / "_unknown" / "2.png", "--character", "桜 ひな", "--head", "0.1,0.2,0.3,0.4")
    run("ignore", first)
    listed = json.loads(run("decisions", "list", "--output", output, "--json"))
    assert [(one["kind"], one["character"], one["head"]) for one in listed] == [
        ("rejected", "Series/Akari", []),
        ("confirmed", "桜 ひな", [0.1, 0.2, 0.3, 0.4]),
        ("ignored", "", []),
    ]
    lines = tmp_path / "decisions.jsonl"
    lines.write_text(run("decisions", "export", "--output", output))
    other = tmp_path / "other"
    other.mkdir()
    for _ in range(2):
        run("decisions", "import", lines, "--output", other)
    assert json.loads(run("decisions", "list", "--output", other, "--json")) == listed
    run("decisions", "remove", first, "--output", output)
    run("decisions", "remove", listed[1]["id"], "--output", output)
    assert json.loads(run("decisions", "list", "--output", output, "--json")) == []


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["confirm", "OUT/gone.png", "--character", "A"], "gone.png"),
        (["reject", "OUT/_unknown/2.png"], "say --character"),
        (["confirm", "OUT/_unknown/2.png", "--character", "A", "--head", "0.4,0.1,0.1,0.4"], "--head"),
        (["ignore", "OUT/_unknown/2.png", "--output", "OUT/nowhere"], "nowhere"),
        (["decisions", "remove", "OUT/gone.png", "--output", "OUT"], "gone.png"),
        (["decisions", "list"], "say --output"),
    ],
)
def test_what_cannot_be_decided_is_refused(args: list[str], told: str, output: Path) -> None:
    """With the cause, and nothing is stored."""
    with pytest.raises(BadRequest, match=told):
        run(*(arg.replace("OUT", str(output)) for arg in args))
    assert not (output / ".oshiwake" / "decisions").exists()
