"""The entry point: signals and odd names, before any command."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from producer.cli import main
from store.mode import Mode
from store.part import PartSpec
from store.run import Run, RunSpec
from store.run_pass import PassSpec
from store.store import Store


@pytest.fixture
def hangup() -> Iterator[None]:
    """The handlers as they were, afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def new_run(store: Store, archive: str, created_s: float = 1e9) -> Run:
    """A run that has begun its first pass."""
    run = store.create_run(RunSpec(archive, "/out", created_s, "digest", "v1", 16, "private"))
    run.archive.begin(PartSpec(archive, "key"))
    run.pass_(1).references.begin(PartSpec("/references", "key"))
    run.pass_(1).begin(PassSpec(references="/references", characters=["Akari"], threshold=0.3, mode=Mode.HARDLINK))
    return run


@pytest.mark.usefixtures("hangup")
@pytest.mark.parametrize("ignored", [True, False])
def test_under_nohup_a_closed_terminal_stops_nothing(monkeypatch: pytest.MonkeyPatch, ignored: bool) -> None:
    """A hangup that the caller has ignored stays ignored; else it stops the run in order."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    monkeypatch.setattr(sys, "argv", ["producer", "--help"])
    with pytest.raises(SystemExit):
        main()
    assert (signal.getsignal(signal.SIGHUP) is signal.SIG_IGN) == ignored
    assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_IGN, signal.SIG_DFL)


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_name_that_is_no_text_is_shown(tmp_path: Path, encoding: str, options: list[str]) -> None:
    """An archive from a system with another encoding, in a terminal that is strict."""
    archive = os.fsdecode(bytes(tmp_path / "桜") + b"\xff")
    new_run(Store(tmp_path / "store"), archive)
    program = "from producer.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", program, "list", "--store", tmp_path / "store", *options],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert "udcff" in result.stdout


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    """`producer list` names the damaged file and shows all else."""
    store = Store(tmp_path / "store")
    for number in range(2):
        run = new_run(store, f"/archive-{number}", 1e9 + number)
    damaged = run.folder / "passes" / "1" / "pass.json"
    damaged.write_bytes(damaged.read_bytes().replace(b"hardlink", b"../x"))
    code = "from producer.cli import main; main()"
    said = subprocess.run(
        [sys.executable, "-c", code, "list", "--store", tmp_path / "store"], capture_output=True, text=True, check=True
    )
    assert "/archive-0" in said.stdout and f"damaged: {damaged}: mode: " in said.stderr


@pytest.mark.parametrize("program", ["from producer.cli import main", "from model.cli.main import main"])
def test_the_version_is_that_of_the_package(program: str) -> None:
    """Both programs say which one they are, as a report of a fault needs it."""
    said = subprocess.run(
        [sys.executable, "-c", f"{program}; main()", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"oshiwake {importlib.metadata.version('oshiwake')}\n"


@pytest.mark.parametrize("program", ["producer", "reid"])
def test_ctrl_c_while_it_loads_ends_in_one_line(program: str) -> None:
    """However early it comes: the modules of the command line are not all imported yet."""
    (script,) = importlib.metadata.entry_points(group="console_scripts", name=program)
    interrupt = "lambda event, args: event == 'import' and args[0] == 'typer' and os.kill(os.getpid(), 2)"
    code = f"import os, sys; sys.addaudithook({interrupt}); from {script.module} import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, f"{program}: interrupted\n")
