"""The queues; a module of its own, so that the command line starts without Celery and Redis."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["QueueName"]


class QueueName(StrEnum):
    """A queue that workers listen on; on the broker a list of that name."""

    EMBED = "embed"
    REDUCE = "reduce"
