"""What processes that died have left in a store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from store.files import new_file
from store.location import Location, storage_of
from store.run import RunSpec
from store.store import Store
from tests.unit.trees import unfinished

SPEC = RunSpec("/archive", "/out", 1_700_000_000.5, "digest", "v1-pad-32", 16, "private")


def leave_unfinished(path: Location) -> None:
    """Be killed while writing a file."""
    kill_itself = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    program = (
        "import sys; from pathlib import Path; from store.files import new_file\n"
        f"with new_file(Path(sys.argv[1])) as t: t.write_text('half'); {kill_itself}"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert len(list(path.parent.glob(".oshiwake-*"))) == 1


def test_a_new_run_sweeps_those_that_were_never_whole(tmp_path: Path) -> None:
    """Wherever their producers died; nobody else looks at them any more."""
    store = Store(tmp_path)
    for place in (".", "archive", "passes/1", "passes/1/references"):
        half = store.create_run(SPEC).folder / place
        half.mkdir(parents=True, exist_ok=True)
        leave_unfinished(half / "part.json")
    store.create_run(SPEC)
    assert not unfinished(tmp_path)


def test_a_sweep_takes_what_the_dead_have_left(tmp_path: Path) -> None:
    """An unfinished file whose writer was killed goes; one that is being written, and everything else, stays."""
    (tmp_path / "below").mkdir()
    leave_unfinished(tmp_path / "below" / "dead")
    with new_file(tmp_path / "alive") as temporary:
        temporary.write_text("whole")
        storage_of(tmp_path).clean_up(tmp_path)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["alive", "below"]
