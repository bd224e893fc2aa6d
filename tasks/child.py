"""Processes that we start: they end with us, whatever ends us, and a Ctrl-C in the terminal is ours to handle."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.errors import FleetFailed

__all__ = ["Child"]

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>
_LOG_LINES = 12


def _end_with_parent() -> None:
    """Ask Linux for SIGTERM when the parent dies; elsewhere a killed producer leaves its workers behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Child:
    """A running process with a log file.

    Attributes:
        name: For a person.
        log: Where its output goes.
    """

    def __init__(self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
        """Start it. Its working folder is the log's: a `tasks` folder where the user stands must not be imported."""
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=log.parent,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=_end_with_parent,
            )

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def check(self) -> None:
        """Make sure that it runs.

        Raises:
            FleetFailed: It has ended; the message shows the end of its log.
        """
        if self.ended:
            raise FleetFailed(
                f"{self.name} ended with exit code {self._process.returncode}; {self.log} ends:\n{self.tail()}"
            )

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:])

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if not self.ended:
            self._process.terminate()

    def stop(self, deadline_s: float) -> None:
        """Wait for the end until `time.monotonic()` passes the deadline, then kill it with all that it started."""
        try:
            self._process.wait(max(0.0, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        # The whole session: children of a worker that was killed would go on alone.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
