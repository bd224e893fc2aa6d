"""`producer forget`: a run is deleted from the store; its pictures stay, and can still be taken back."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.conftest import LocalCluster, Program
from tests.conftest import FILES, layout, snapshot
from tests.objects import ObjectServer


def size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_forgotten_run_leaves_its_pictures_and_its_undo(program: Program) -> None:
    """The store is small afterwards, `list` and `status` know it no more, `undo` puts everything back."""
    c = program.collection
    before = snapshot(c.archive)
    run = program.json(*program.sort_args(), "--mode", "move", rc=1)["run"]
    sorted_ = layout(c.output)
    assert [(one["run"], one["bytes"]) for one in program.json("list")] == [(run, size(c.store / "runs" / run))]
    full = size(c.store)

    assert "--yes" in program("forget", run, rc=2).stderr
    said = program("forget", run, "--yes").stderr
    assert f"run {run} forgotten: " in said and f"`producer undo {run}` can still undo it" in said
    assert layout(c.output) == sorted_ and size(c.store) < full / 10
    assert program.json("list") == [] and list((c.store / "weights").iterdir()) == []
    assert f"run {run} was forgotten" in program("status", run, rc=2).stderr

    program("undo", run)
    assert snapshot(c.archive) == before and not c.output.exists()
    assert list((c.store / "runs").iterdir()) == []


def test_what_a_later_run_needs_is_kept(program: Program) -> None:
    """A second run that has read nothing itself still has its embeddings, and gives them to a third and a new pass."""
    c = program.collection
    first = program.json(*program.sort_args(), rc=1)["run"]
    second = program.json(*program.sort_args(), rc=1)["run"]
    done = program.json("forget", first, "--yes")
    assert done["run"] == first and done["kept_bytes"] > 0
    assert [one["run"] for one in program.json("list")] == [second]
    assert program.json("reduce", "--threshold", "0.03", rc=1)["state"] == "done"
    third = program.json(*program.sort_args(), rc=1)
    assert (third["to_read"], third["reused"]) == (0, FILES)

    for run in (second, third["run"]):
        program("forget", run, "--yes")
    assert not list(c.store.rglob("*.parquet"))
    again = program.json(*program.sort_args(), rc=1)
    assert again["to_read"] > FILES and again["reused"] == 0


def test_a_run_that_is_worked_on_is_not_forgotten(farm: LocalCluster) -> None:
    """It has to be cancelled first; then all of it goes, for it has placed nothing."""
    program = farm.program
    run = program.sort("enqueue", "--no-worker-check", rc=0).stdout.strip()
    assert (
        f"run {run} is embedding; stop it with `producer cancel {run}` first"
        in program("forget", run, "--yes", rc=2).stderr
    )
    program("cancel", run)
    assert "undo" not in program("forget", run, "--yes").stderr
    assert list((program.collection.store / "runs").iterdir()) == []
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    # The messages of the forgotten run are still in the queue; they harm nobody.
    program.sort("enqueue", rc=0)
    farm.finished()


def test_a_run_in_object_storage_is_forgotten(program: Program, objects: ObjectServer) -> None:
    """The store in a bucket: everything but the undo's few objects goes, and the logs on this machine."""
    c = program.collection
    program.env.update(objects.env, OSHIWAKE_STORE="s3://art/forgotten", XDG_DATA_HOME=str(c.output.parent / "data"))
    run = program.json(*program.sort_args(), rc=1)["run"]
    assert list((c.output.parent / "data").rglob("*.log"))
    (listed,) = program.json("list")
    assert listed["bytes"] > 10_000
    program("forget", run, "--yes")
    assert not list((c.output.parent / "data").rglob("*.log")) and not objects.files.find("art/forgotten/weights")
    left = {path.removeprefix(f"art/forgotten/runs/{run}/") for path in objects.files.find("art/forgotten/runs")}
    assert left == {"run.json", "journal.json", "makes_output.json", "forgotten.json"} | {
        f"passes/1/{name}.json" for name in ("pass", "summary")
    }
    program("undo", run)
    assert not c.output.exists() and not objects.files.find("art/forgotten/runs")
