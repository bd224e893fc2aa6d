"""Celery's consumer without remote control.

With gossip and mingle, workers would obey any client of the broker: which tasks to revoke, and even which to start.
Workers find each other by heartbeats (`tasks.worker_registry`). Only Celery's read-only commands remain, for Flower's
pages (`tasks.message_envelope.COMMANDS`).
"""

from __future__ import annotations

from typing import Any

from celery.worker import consumer as celery_consumer
from celery.worker import control

from tasks.message_envelope import COMMANDS

__all__ = ["Consumer"]


class Consumer(celery_consumer.Consumer):  # type: ignore[misc]
    """Celery starts it by the setting `worker_consumer`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        deaf = {"without_gossip": True, "without_mingle": True}
        options["worker_options"] = {**(options.get("worker_options") or {}), **deaf}
        _keep_what_looks()
        super().__init__(*args, **options)


def _keep_what_looks() -> None:
    """Remove all other commands, including those of later versions of Celery."""
    for name in set(control.Panel.data) - COMMANDS:
        del control.Panel.data[name]
    control.Panel.data["conf"] = _conf


def _conf(state: Any, **_: Any) -> dict[str, Any]:
    """Nothing: settings hold addresses with passwords, and Flower shows what it gets."""
    return {}
