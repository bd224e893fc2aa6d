"""Archive, store and output in object storage, with processes that die: sorted as into a folder, and undone."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.acceptance.conftest import Program, Undisturbed
from tests.conftest import PLUGINS
from tests.objects import ObjectServer

TOP = "art/farm/sorted"
POINTS = (
    "write_object-2-after",  # of the embed worker, which writes four shards
    "write_object-6-after",  # of the reducer, like the next
    "write_object-20-before",
)


def bucket_layout(objects: ObjectServer) -> dict[str, str]:
    """What stands in the output, as `layout` tells of a folder."""
    found = (path for path in objects.files.find(TOP) if "/.oshiwake/" not in path)
    digest = hashlib.sha256
    return {path.removeprefix(f"{TOP}/"): digest(objects.files.cat_file(path)).hexdigest() for path in found}


@pytest.fixture
def args(program: Program, objects: ObjectServer) -> list[str | Path]:
    """The arguments that sort the collection from the bucket into it."""
    c = program.collection
    program.env.update(objects.env, OSHIWAKE_STORE="s3://art/farm/store", XDG_DATA_HOME=str(c.output.parent / "data"))
    archive = objects.upload(c.archive, "farm/archive")
    references = objects.upload(c.references, "farm/references")
    return [archive, "--references", references, "--output", f"s3://{TOP}", "--mode", "copy"]


@pytest.mark.timeout(600)
def test_sorted_into_a_bucket_by_workers_that_are_killed(
    program: Program, args: list[str | Path], objects: ObjectServer, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Embed worker and reducer get SIGKILL around their writes: the same layout; another rule moves; undo."""
    kills = tmp_path / "kills"
    kills.mkdir()
    program.env.update({"PYTHONPATH": str(PLUGINS), "KILL_POINTS": str(kills), "KILL_QUEUE": "worker"})
    for point in POINTS:
        (kills / point).touch()
    summary = program.json("run", *args, rc=1)["summary"]
    assert not list(kills.iterdir()), "every moment was reached, and killed"
    assert bucket_layout(objects) == undisturbed.layout
    assert summary["placed"] == {"copy": 51} and summary["problem_count"] == 0

    (kills / "delete_object-2-after").touch()
    stricter = program.json("reduce", "--threshold", "0.001", rc=1)["summary"]
    assert not list(kills.iterdir())
    assert stricter["placed"]["rename"] > 2
    moved = bucket_layout(objects)
    assert len(moved) == len(undisturbed.layout) and moved.keys() != undisturbed.layout.keys()
    program("undo")
    assert objects.files.find(TOP) == []


def test_only_copies_go_into_a_bucket(program: Program, args: list[str | Path], objects: ObjectServer) -> None:
    """Another mode is refused with a line that says what to do, before anything is made."""
    for mode in ("hardlink", "symlink", "move"):
        refused = program("run", *args[:-1], mode, rc=2)
        assert refused.stderr.strip().endswith("use --mode copy") and refused.stderr.count("\n") == 1
