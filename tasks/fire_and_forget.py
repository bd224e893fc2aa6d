"""Commands to Redis whose answers nobody waits for: heartbeats, events for Flower, what a worker has in hand.

To a broker 50 ms away an answer takes 100 ms, in which Celery's event loop fetches nothing and hands nothing out. What
these are answered changes nothing that the sender does next; it only has to notice, later, that the link is gone.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Any

from redis.exceptions import RedisError, ResponseError

__all__ = ["FireAndForget"]

LAST_S = 2.0
"""Who wants to know that all has arrived waits so long for each answer."""

_log = logging.getLogger(__name__)


class FireAndForget:
    """A connection of its own, on which commands arrive in their order, once at most, and with luck."""

    def __init__(self, pool: Any, silent_s: float = 15.0) -> None:
        """Take the address from a pool of redis-py's; nothing is connected yet.

        Args:
            pool: The pool.
            silent_s: Longer without an answer than this: a firewall on the way has forgotten the connection, without a
                word.
        """
        self._pool = pool
        self._silent_s = silent_s
        self._connection = pool.make_connection()
        self._open = 0  # answers still to come
        self._heard_s = 0.0
        self._busy = False

    def send(self, *commands: tuple[str | bytes | float, ...]) -> None:
        """Send commands.

        Raises:
            RedisError: They cannot be sent now; the next ones will be sent by a new connection.
        """
        if self._busy:  # Celery sends from signal handlers too, perhaps in the midst of this
            with contextlib.closing(FireAndForget(self._pool)) as other:
                other.send(*commands)
            return
        self._busy = True
        try:
            self._send(commands)
        finally:
            self._busy = False

    def execute(self, pipeline: Any) -> None:
        """Send what a pipeline of redis-py's holds, as one transaction.

        Raises:
            RedisError: As `send`.
        """
        self.send(("MULTI",), *(args for args, _ in pipeline.command_stack), ("EXEC",))
        pipeline.reset()

    def wait(self) -> None:
        """Wait until all that was sent has arrived, or the broker says nothing more."""
        with contextlib.suppress(RedisError):
            while not self._busy and self._open and self._connection.is_connected and self._connection.can_read(LAST_S):
                self._read()

    def close(self) -> None:
        """Wait as `wait` does, and end the connection."""
        self.wait()
        self._connection.disconnect()

    def drop(self) -> None:
        """End the connection at once; in a process that inherited it, let go of it."""
        self._connection.disconnect()

    def _send(self, commands: tuple[tuple[str | bytes | float, ...], ...]) -> None:
        self._hear()
        if not self._connection.is_connected:
            self._connection.connect()
            self._open = 0
        if not self._open:
            self._heard_s = time.monotonic()
        self._open += len(commands)
        self._connection.send_packed_command(self._connection.pack_commands(commands), check_health=False)

    def _hear(self) -> None:
        """Take in the answers that are there."""
        try:
            while self._connection.is_connected and self._connection.can_read(0):
                self._read()
        except RedisError as error:
            self._drop(str(error))
        if self._open and self._connection.is_connected and time.monotonic() - self._heard_s > self._silent_s:
            self._drop(f"no answer for {self._silent_s:.0f} s")

    def _read(self) -> None:
        try:
            self._connection.read_response()
        except ResponseError as error:
            _log.warning("action=unawaited error=%s", error)
        self._open -= 1
        self._heard_s = time.monotonic()

    def _drop(self, why: str) -> None:
        _log.warning("action=unawaited error=%s: connecting anew", why)
        self._connection.disconnect()
