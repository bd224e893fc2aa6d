"""Kombu's way to Redis, which here outlives what is no message, and answers that never arrive.

Whoever reaches the broker can push any bytes into a queue's list, or publish them. Kombu hands the error of reading
them to the worker's event loop, and the worker ends; so a few bytes would end a whole fleet. What can be read is built
anew (`tasks.message_envelope`) before Celery acts on anything in it.

A worker answers for what it has done, and only then has room for the next message. Where that answer fails, as it does
when the broker stands still for longer than the socket's timeout, Celery writes a line into the log and goes on, and
kombu keeps the room taken: with one message at a time, the worker stays connected and takes nothing more for ever.

Nor does a worker here wait to hear that an event has arrived, or what it notes of the messages that it has in hand
(`tasks.fire_and_forget`): with a broker far away that took longer than all else between two chunks. A message whose
note is lost does not come again if its worker dies as well; `tasks.in_flight` notices a chunk that is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from kombu.utils.json import dumps
from redis.exceptions import ResponseError

from tasks.errors import BadMessage
from tasks.fire_and_forget import FireAndForget
from tasks.message_envelope import rebuilt

__all__ = ["Transport", "install"]

_NO_MESSAGE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What reading something raises that is not of Celery's form."""

_log = logging.getLogger(__name__)


def _refuse(error: Exception) -> None:
    """Say what is wrong with a message, in a short line, and not what is in it: it may be long, or secret."""
    why = str(error) if isinstance(error, BadMessage) else f"not of Celery's form ({type(error).__name__})"
    _log.error("action=refuse error=BadMessage: %s; the message is thrown away", ascii(why)[1:-1][:200])


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

    @contextmanager
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
            if not str(error).startswith("WRONGTYPE"):
                raise
            self._take_away_what_is_no_queue()
            return True

    def _take_away_what_is_no_queue(self) -> None:
        """Somebody has put another thing in the place of a queue, which would end every worker that listens on it."""
        with self.conn_or_acquire() as client:
            for queue in self._active_queues:
                for priority in self.priority_steps:
                    key = self._q_for_pri(queue, priority)  # type: ignore[no-untyped-call]
                    if client.type(key) not in (b"list", b"none"):
                        client.delete(key)
                        _refuse(BadMessage(f"the key {key} is no queue"))

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
