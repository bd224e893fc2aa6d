"""Kombu's Redis transport, made robust against foreign bytes and against answers that are late or lost.

Only this file uses private parts of kombu and redis-py. `pyproject.toml` pins the versions that it was tested with.

- Any client of the broker can push bytes into a queue's list or publish them. Kombu would end the worker with the error
  of reading them (celery/celery#4308; celery/kombu#2421 reports the same of SQS). Here such messages are dropped, and
  all others are rebuilt (`tasks.message_envelope`) before Celery acts on them.
- A key of another type in the place of a queue ends every worker of that queue (as in celery/kombu#1247). Here the key
  is deleted.
- If an acknowledgement fails, as when the broker hangs for longer than the socket's timeout, Celery logs it (as in
  celery/celery#3773), but kombu never frees the place for the next message. Here it is freed.
- Celery's event loop waits for the answer to each event and each note on the messages in flight. With a broker 50 ms
  away that is 100 ms each, in which nothing is fetched. Here they are pipelined without waiting, and a lost connection
  is noticed later. A message whose note is lost is not redelivered if its worker dies too; `tasks.ledger` notices the
  missing chunk. Figures are in `docs/scaling.md`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils.json import dumps
from redis.exceptions import RedisError, ResponseError

from tasks.errors import BadMessage
from tasks.message_envelope import rebuilt

__all__ = ["FireAndForget", "Transport", "install"]

_NO_MESSAGE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What reading something raises that is not of Celery's form."""

LAST_S = 2.0
"""Who wants to know that all has arrived waits so long for each answer."""

_log = logging.getLogger(__name__)


def _refuse(error: Exception) -> None:
    """Say what is wrong with a message, in a short line, and not what is in it: it may be long, or secret."""
    why = str(error) if isinstance(error, BadMessage) else f"not of Celery's form ({type(error).__name__})"
    _log.error("action=refuse error=BadMessage: %s; the message is thrown away", ascii(why)[1:-1][:200])


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


class _QoS(redis.QoS):
    """What this worker has in hand: no more what it has answered for, whether the broker heard that or not.

    What the broker has not heard it delivers again, and the chunk is found done.
    """

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)  # type: ignore[no-untyped-call]
        finally:
            self._quick_ack(delivery_tag)

    def restore_by_tag(self, *args: Any, **options: Any) -> None:
        """Put a message back in its queue, once the note of it has arrived."""
        self.channel.unawaited.wait()
        try:
            super().restore_by_tag(*args, **options)  # type: ignore[no-untyped-call]
        except _NO_MESSAGE as error:
            # It would come first at each look, before all that can be put back.
            _refuse(error)
            self._remove_from_indices(args[0]).execute()  # type: ignore[no-untyped-call]
        except ResponseError as error:
            self._take_away_what_are_no_notes(error)

    def restore_visible(self, *args: Any, **options: Any) -> None:
        """Put back the messages whose workers have died."""
        try:
            super().restore_visible(*args, **options)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            self._take_away_what_are_no_notes(error)

    def _take_away_what_are_no_notes(self, error: ResponseError) -> None:
        self.channel.take_away({self.unacked_key: b"hash", self.unacked_index_key: b"zset"}, error)

    @contextlib.contextmanager
    def pipe_or_acquire(self, pipe: Any = None, client: Any = None) -> Iterator[Any]:
        """A pipeline for what is noted of messages; nobody awaits its answers."""
        with super().pipe_or_acquire(pipe, client) as found:
            if pipe is None:
                found.execute = partial(self.channel.unawaited.execute, found)
            yield found


class _Channel(redis.Channel):
    QoS = _QoS

    @cached_property
    def unawaited(self) -> FireAndForget:
        return FireAndForget(self.pool)

    def _put_fanout(self, exchange: str, message: Any, routing_key: str, **options: Any) -> None:
        """Publish an event, or a command to all workers: nobody may be there to hear it, so nobody waits."""
        topic = self._get_publish_topic(exchange, routing_key)  # type: ignore[no-untyped-call]
        self.unawaited.send(("PUBLISH", topic, dumps(message)))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        try:
            super().close()  # type: ignore[no-untyped-call]
        finally:
            if opened := self.__dict__.get("unawaited"):
                opened.close()

    def _after_fork(self) -> None:
        if opened := self.__dict__.pop("unawaited", None):
            opened.drop()
        super()._after_fork()  # type: ignore[no-untyped-call]

    def _brpop_read(self, **options: Any) -> bool:
        try:
            return bool(super()._brpop_read(**options))  # type: ignore[no-untyped-call]
        except _NO_MESSAGE as error:
            _refuse(error)
            return True
        except ResponseError as error:
            self.take_away(self._lists(self._active_queues), error)
            return True

    def _size(self, queue: str) -> int:
        try:
            return int(super()._size(queue))  # type: ignore[no-untyped-call]
        except ResponseError as error:
            self.take_away(self._lists([queue]), error)
            return 0

    def _lists(self, queues: Iterable[str]) -> dict[str, bytes]:
        """The keys that hold the messages of queues."""
        keys = [self._q_for_pri(queue, priority) for queue in queues for priority in self.priority_steps]  # type: ignore[no-untyped-call]
        return dict.fromkeys(keys, b"list")

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]
        except ResponseError as error:
            key = self.keyprefix_queue % (exchange,)
            sets = dict.fromkeys((key, self.keyprefix_binding_permanent % (exchange,)), b"set")
            self.take_away({**sets, self._script_binding_deadlines: b"zset"}, error)
            super()._queue_bind(exchange, routing_key, pattern, queue)  # type: ignore[no-untyped-call]

    def take_away(self, kinds: dict[str, bytes], error: ResponseError) -> None:
        """Take away keys of other kinds than these, which would end every worker that uses them.

        Raises:
            ResponseError: The error, where it is another one.
        """
        if "WRONGTYPE" not in str(error):
            raise error
        with self.conn_or_acquire() as client:
            for key, kind in kinds.items():
                if client.type(key) not in (kind, b"none"):
                    client.delete(key)
                    _refuse(BadMessage(f"the key {key} is no {kind.decode()}"))

    def _receive_one(self, client: Any) -> Any:
        try:
            return super()._receive_one(client)  # type: ignore[no-untyped-call]
        except _NO_MESSAGE as error:
            _refuse(error)
            return True


class Transport(redis.Transport):
    """Redis, with channels that throw away what cannot be read, and that a failed answer does not stop."""

    Channel = _Channel

    def _deliver(self, message: Any, queue: str) -> None:
        try:
            message = rebuilt(message, queue)
        except BadMessage as error:
            _refuse(error)
        else:
            super()._deliver(message, queue)  # type: ignore[no-untyped-call]


def install() -> None:
    """Let Celery use it for every `redis://`, `rediss://` and `redis+socket://` address of this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
