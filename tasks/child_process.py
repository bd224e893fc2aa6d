"""Processes that we start: they end with us, whatever ends us, and a Ctrl-C in the terminal is ours to handle."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tasks.errors import FleetFailed
from workers.parent_death import end_with_parent

__all__ = ["ChildProcess"]

_LOG_LINES = 12


class ChildProcess:
    """A running process.

    Attributes:
        name: For a person.
        log: Where its output goes; None for our own standard error.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        log: Path | None = None,
        env: Mapping[str, str] | None = None,
        at_our_death: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start it in a working folder of ours: a `tasks` folder where the user stands must not be imported.

        Args:
            name: For a person.
            command: The program and its arguments.
            folder: The working folder.
            log: Where its output goes; None for our own standard error.
            env: What differs in its environment.
            at_our_death: The signal that it gets when this process dies. Linux only.
        """
        self.name = name
        self.log = log
        with contextlib.ExitStack() as stack:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stack.enter_context(log.open("ab")) if log else sys.stderr,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, **(env or {})},
                start_new_session=True,
                preexec_fn=functools.partial(end_with_parent, os.getpid(), at_our_death),
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

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
            where = f"; {self.log} ends:\n{self.tail()}" if self.log else ""
            raise FleetFailed(f"{self.name} ended with exit code {self._process.returncode}{where}")

    def tail(self) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]) if self.log else ""

    def ask_to_stop(self) -> None:
        """Send SIGTERM."""
        if not self.ended:
            self._process.terminate()

    def ask_to_requeue(self) -> None:
        """Send SIGQUIT: a Celery worker puts what it has in hand back in the queue and ends."""
        if not self.ended:
            self._process.send_signal(signal.SIGQUIT)

    def wait(self, deadline_s: float) -> None:
        """Wait for the end, at the longest until `time.monotonic()` passes the deadline."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline_s - time.monotonic()))

    def kill(self) -> None:
        """Kill it with all that it started."""
        # The whole session: children of a worker that was killed would go on alone.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
