"""`producer`: sort an archive of illustrations by the character they show.

Exit codes: 0 done, 1 done with failed files (listed), 2 wrong use or bad configuration, 130 interrupted.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import NoReturn

import typer

from model.cli.help_style import HELP_STYLE
from model.cli.version_option import Version
from model.errors import ModelError
from model.printable import printable, printable_lines
from producer.commands import decisions, results, runs, services, sort
from producer.errors import ProducerError
from producer.hints import pasteable
from store.errors import StoreError
from tasks.errors import FleetFailed, QueueError
from workers.errors import WorkerError

__all__ = ["app", "main"]

app = typer.Typer(
    name="producer",
    help="Sort an archive of illustrations into a folder per character.\n\n"
    "\b\nOne machine, nothing to set up:\n  producer run /archive --references /refs --output /sorted\n\n"
    "\b\nMany machines: `producer worker` on each, then\n"
    "  producer enqueue /archive --references /refs --output /sorted",
    epilog="Example: producer demo",
    **HELP_STYLE,
)


@app.callback()
def _producer(version: Version = False) -> None:
    pass  # only --version; the commands do the work


_COMMANDS = (
    ("run", sort.run, "producer run ~/Pictures --references ~/refs --output ~/sorted"),
    ("enqueue", sort.enqueue, "producer enqueue /archive --references /refs --output /sorted"),
    ("worker", services.worker, "producer worker --queues embed"),
    ("dashboard", services.dashboard, "producer dashboard --port 5555"),
    ("metrics", services.metrics, "producer metrics --port 9540"),
    ("status", runs.status, "producer status --watch"),
    ("list", runs.list_runs, "producer list --json"),
    ("resume", runs.resume, "producer resume 20261123-0412-k7m2p"),
    ("cancel", runs.cancel, "producer cancel 20261123-0412-k7m2p"),
    ("forget", runs.forget, "producer forget 20261123-0412-k7m2p"),
    ("reduce", results.reduce, "producer reduce 20261123-0412-k7m2p --threshold 0.35 --match mean --margin 0.05"),
    ("undo", results.undo, "producer undo 20261123-0412-k7m2p"),
    ("tidy", results.tidy, "producer tidy --dry-run"),
    ("confirm", decisions.confirm, "producer confirm ~/sorted/_unknown/7.png --character Akari"),
    ("reject", decisions.reject, "producer reject ~/sorted/Akari/7.png"),
    ("ignore", decisions.ignore, "producer ignore ~/sorted/_review/7.png"),
    ("history", decisions.history, "producer history ~/sorted/Akari/7.png"),
    ("similarity", results.similarity, "producer similarity a.png b.jpg"),
    ("doctor", services.doctor, "producer doctor --output doctor.txt"),
    ("demo", sort.demo, "producer demo --folder /tmp/oshiwake-demo"),
)
for _name, _function, _example in _COMMANDS:
    app.command(_name, epilog=f"Example: {_example}")(_function)
app.add_typer(decisions.decisions, name="decisions", epilog="Example: producer decisions list")


def main() -> None:
    """Entry point of the `producer` script."""
    # A terminated producer stops what it started, as an interrupted one does. Under nohup it ignores the signal.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, lambda number, _: sys.exit(128 + number))
    # Show file names that this locale cannot encode with escapes; JSON keeps them exactly.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except FleetFailed as error:
        _refuse(printable_lines(str(error)))  # includes the end of a log
    except (ProducerError, QueueError, StoreError, WorkerError, ModelError) as error:
        _refuse(printable(str(error)))
    except OSError as error:
        # A full disk, a folder without permission: the system's message names the cause and the file.
        where = os.fsdecode(error.filename) if error.filename else ""
        _refuse(printable(f"{where}: {error.strerror}" if where else str(error)))


def _refuse(text: str) -> NoReturn:
    """Print one line with the cause and what to do, and exit with code 2."""
    print(f"producer: {pasteable(text)}", file=sys.stderr)  # noqa: T201
    sys.exit(2)
