"""Kombu's way to Redis, which here outlives what is no message.

Whoever reaches the broker can push any bytes into a queue's list. Kombu hands the error of reading them to the worker's
event loop, and the worker ends; so a few bytes would end a whole fleet.
"""

from __future__ import annotations

import logging
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

__all__ = ["Transport", "install"]

_log = logging.getLogger(__name__)


class _Channel(redis.Channel):
    def _brpop_read(self, **options: Any) -> bool:
        try:
            return bool(super()._brpop_read(**options))  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            # What is wrong with it, never what is in it: it may be long, or secret.
            _log.error(
                "action=refuse error=%s: not a message of Celery's form; it is thrown away", type(error).__name__
            )
            return True


class Transport(redis.Transport):
    """Redis, with channels that throw away what cannot be read."""

    Channel = _Channel


def install() -> None:
    """Let Celery use it for every `redis://`, `rediss://` and `redis+socket://` address of this process."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
