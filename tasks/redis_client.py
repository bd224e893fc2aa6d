"""The connection to Redis beside Celery's own: counters, barriers, heartbeats."""

from __future__ import annotations

import math
import socket
from urllib.parse import parse_qs, urlsplit

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from tasks.broker_address import check_address, safe_url
from tasks.errors import BadSettings, BrokerUnreachable

__all__ = ["KEEPALIVE", "check_broker", "connect"]

_PAUSE_S = 5.0
"""Longest pause between two tries."""


KEEPALIVE: dict[int, int] = {
    getattr(socket, name): seconds
    for name, seconds in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
    if hasattr(socket, name)
}
"""A connection that a firewall on the way has forgotten is noticed in half a minute, and not in two hours."""


def connect(url: str, *, timeout_s: float = 5.0, patience_s: float = 0.0) -> Redis:
    """A client for Celery's broker URL; nothing is sent yet.

    Args:
        url: The broker.
        timeout_s: How long an answer may take.
        patience_s: How long at least a command is tried again while the broker is away; each may then be done twice.

    Raises:
        BadSettings: The URL is of no form that both Celery and we can use.
    """
    try:
        parts = urlsplit(check_address(url))
    except ValueError as error:
        raise BadSettings(f"broker {safe_url(url)}: {error}") from None
    # Once at the least: a connection that lay idle may have been closed.
    retry = Retry(ExponentialBackoff(cap=_PAUSE_S, base=0.1), 1 + math.ceil(patience_s / _PAUSE_S))
    try:
        if parts.scheme == "redis+socket":
            options = parse_qs(parts.query)
            return Redis(
                unix_socket_path=parts.path,
                db=int(options.get("virtual_host", ["0"])[0]),
                password=options.get("password", [None])[0],
                socket_timeout=timeout_s,
                retry=retry,
            )
        client = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            socket_keepalive=True,
            socket_keepalive_options=KEEPALIVE,
            retry=retry,
        )
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # it connects to nothing, and refuses unknown options
    except TypeError:
        # The option is not named: it may be a piece of a password.
        raise BadSettings(f"broker {safe_url(url)}: the address has an option after ? that does not exist") from None
    except (ValueError, RedisError) as error:
        raise BadSettings(f"broker {safe_url(url)}: {error}") from None
    return client


def check_broker(redis: Redis, url: str) -> None:
    """Make sure that the broker answers and will not throw our messages away.

    Raises:
        BrokerUnreachable: It does not answer, refuses us, or evicts keys when its memory is full.
    """
    try:
        redis.ping()
    except RedisError as error:
        raise BrokerUnreachable(
            f"no broker answers at {safe_url(url)} ({error}); start Redis there, or set OSHIWAKE_BROKER_URL,"
            " or use `producer run`, which brings its own"
        ) from error
    try:
        policy = redis.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except RedisError:
        return  # a managed Redis may forbid CONFIG; then nobody can check
    if policy != "noeviction":
        raise BrokerUnreachable(
            f"the broker at {safe_url(url)} evicts keys when its memory is full (maxmemory-policy {policy}),"
            " and would lose chunks; set maxmemory-policy noeviction"
        )
