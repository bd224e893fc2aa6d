"""Wrong use: one clear line that says what to do, exit code 2, nothing half-made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.conftest import LocalCluster, Program


def refused(program: Program, *args: str | Path) -> str:
    """Run a command that must be refused; give its one line."""
    c = program.collection
    result = program(*args, rc=2)
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("producer: "), result.stderr
    assert result.stdout == ""
    assert not c.output.exists() and not (c.store / "runs").exists()
    return lines[0]


@pytest.mark.parametrize("command", ["run", "enqueue"])
def test_a_missing_archive_is_refused(program: Program, command: str) -> None:
    """The line names the folder that does not exist."""
    c = program.collection
    line = refused(program, command, c.archive / "gone", "--references", c.references, "--output", c.output)
    assert "gone: the folder does not exist" in line


def test_missing_references_are_refused(program: Program) -> None:
    """The line names the place and says what belongs there."""
    c = program.collection
    line = refused(program, "run", c.archive, "--references", c.references / "gone", "--output", c.output)
    assert "a folder per character" in line


def test_an_empty_reference_folder_is_refused(program: Program) -> None:
    """The line names the character without a picture."""
    (program.collection.references / "Nobody").mkdir()
    assert "'Nobody'" in refused(program, *program.sort_args())


def test_a_broken_reference_file_is_refused(program: Program) -> None:
    """A JSON file of another form is named."""
    c = program.collection
    file = c.archive.parent / "refs.json"
    file.write_text(json.dumps(["Akari"]))
    assert "refs.json" in refused(program, "run", c.archive, "--references", file, "--output", c.output)


@pytest.mark.parametrize("inside", ["archive/sorted", ".", "archive", "references/sorted"])
def test_folders_that_lie_in_one_another_are_refused(program: Program, inside: str) -> None:
    """The output may lie neither in the archive or the references nor around them."""
    c = program.collection
    output = c.archive.parent / inside
    assert "one folder is inside the other" in refused(
        program, "run", c.archive, "--references", c.references, "--output", output
    )


def test_weights_that_are_none_are_refused(program: Program) -> None:
    """A file that holds no weights is named."""
    file = program.collection.archive / "notes.txt"
    assert "notes.txt" in refused(program, *program.sort_args(), "--weights", file)


def test_a_threshold_that_is_no_distance_is_refused(program: Program) -> None:
    """The line says which range is right."""
    assert "0..2" in refused(program, *program.sort_args(), "--threshold", "3")


def test_an_unreachable_broker_is_refused(program: Program) -> None:
    """The line names the address and says how to do without."""
    line = refused(program, *program.sort_args("enqueue"))
    assert "redis://127.0.0.1:1/0" in line and "producer run" in line
    for command in (["dashboard"], ["metrics", "--once"]):
        assert "no broker answers at redis://127.0.0.1:1/0" in refused(program, *command)


def test_a_queue_that_nobody_listens_on_is_refused(farm: LocalCluster) -> None:
    """Without a worker nothing is sent, and the line says how to start one."""
    line = refused(farm.program, *farm.program.sort_args("enqueue"))
    assert "producer worker" in line and "--no-worker-check" in line
    assert not [key for key in farm.client().scan_iter() if not key.startswith(b"oshiwake:worker")]


def test_a_pass_that_nobody_would_carry_out_is_refused(farm: LocalCluster) -> None:
    """Reduce without a worker: the line names no option that this command does not have."""
    program = farm.program
    program.sort("enqueue", "--no-worker-check", rc=0)
    line = program("reduce", rc=2).stderr.strip()
    assert "producer worker" in line and "--no-worker-check" not in line


def test_a_broker_that_forgets_is_refused(farm: LocalCluster) -> None:
    """A broker that evicts keys would lose chunks."""
    farm.client().config_set("maxmemory-policy", "allkeys-lru")
    assert "noeviction" in refused(farm.program, *farm.program.sort_args("enqueue"))


def test_the_password_of_the_broker_is_never_shown(program: Program) -> None:
    """An error names the address without its password."""
    program.env["OSHIWAKE_BROKER_URL"] = "redis://:hush@127.0.0.1:1/0"
    assert "hush" not in refused(program, *program.sort_args("enqueue"))


def test_a_setting_of_the_wrong_form_is_refused(program: Program) -> None:
    """The line names the variable."""
    program.env["OSHIWAKE_BATCH"] = "many"
    assert "OSHIWAKE_BATCH" in refused(program, *program.sort_args())


def test_an_unknown_run_is_refused(program: Program) -> None:
    """The line says where the runs are listed."""
    assert "producer list" in refused(program, "status", "20200101-0000")
    assert "no run yet" in refused(program, "status")
    assert "no run id" in refused(program, "undo", "../../etc")
