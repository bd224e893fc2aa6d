"""An archive and references in object storage, sorted as if they were folders."""

from __future__ import annotations

import os
from pathlib import Path

from tests.acceptance.conftest import Farm, Undisturbed
from tests.conftest import layout
from tests.objects import SECRET, ObjectServer, object_server, objects

__all__ = ["object_server", "objects"]


def test_an_archive_in_object_storage(farm: Farm, objects: ObjectServer, undisturbed: Undisturbed) -> None:
    """`run` and `enqueue` over a bucket give the layout of a folder; `undo` takes it back; nobody sees the password."""
    program, output = farm.program, farm.program.collection.output
    program.env.update(objects.env)
    archive = objects.upload(program.collection.archive, "drawn/archive")
    references = objects.upload(program.collection.references, "drawn/references")
    args = (archive, "--references", references, "--output", output)

    ran = program("run", *args, rc=1)
    assert layout(output) == undisturbed.layout
    assert "placed: 51 copies" in ran.stdout and "object storage" in ran.stdout
    program("undo")
    assert not output.exists()

    program.env["OSHIWAKE_ROOTS"] = f"bucket=s3://art/drawn,here={output.parent}"
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue)
    queued = program("enqueue", *args)
    assert SECRET.encode() not in _command_lines(program.processes())
    done = farm.finished()
    assert layout(output) == undisturbed.layout
    # Named now, the objects are known from before: nothing is fetched to be embedded again.
    assert (done["archive"], done["to_read"], done["reused"]) == ("s3://art/drawn/archive", 0, 55)

    said = ran.stdout + ran.stderr + queued.stdout + queued.stderr
    kept = b"".join(path.read_bytes() for path in program.collection.store.rglob("*.*") if path.is_file())
    assert SECRET not in said and SECRET.encode() not in kept
    assert b"bucket:/archive" in kept


def _command_lines(processes: list[int]) -> bytes:
    assert processes
    return b"\n".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes if os.path.isdir(f"/proc/{pid}"))
