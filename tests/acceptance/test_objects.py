"""Archive, references and store in object storage: sorted as if they were folders."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tests.acceptance.conftest import LocalCluster, Undisturbed
from tests.conftest import layout
from tests.objects import SECRET, ObjectServer


def test_all_but_the_output_in_object_storage(
    farm: LocalCluster, objects: ObjectServer, undisturbed: Undisturbed
) -> None:
    """`run` and `enqueue` give the layout of a folder; `undo` takes it back; nobody sees the password."""
    program, output = farm.program, farm.program.collection.output
    store = "s3://art/drawn/store"
    program.env.update(objects.env, OSHIWAKE_STORE=store, XDG_DATA_HOME=str(output.parent / "data"))
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
    assert SECRET not in _command_lines(store)
    done = farm.finished()
    assert layout(output) == undisturbed.layout
    # Named now, the objects are known from before: nothing is fetched to be embedded again.
    assert (done["archive"], done["to_read"], done["reused"]) == ("s3://art/drawn/archive", 0, 55)

    assert not program.collection.store.exists()
    kept = {path: objects.files.cat_file(path) for path in objects.files.find("art/drawn/store")}
    assert b"bucket:/archive" in kept[f"art/drawn/store/runs/{done['run']}/run.json"]
    logs = [path.read_text() for path in (output.parent / "data").rglob("*.log")]
    assert logs and SECRET not in "".join([*logs, ran.stdout, ran.stderr, queued.stdout, queued.stderr])
    assert not any(SECRET.encode() in content for content in kept.values())


def _command_lines(store: str) -> str:
    """What `ps` shows of the processes that use a store."""
    lines = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"OSHIWAKE_STORE={store}".encode() in (process / "environ").read_bytes().split(b"\0"):
                lines.append((process / "cmdline").read_text())
    assert len(lines) >= 2
    return "\n".join(lines)
