"""Celery's consumer, which here takes no orders from whoever reaches the broker.

Gossip and mingle let workers take over what others say: which tasks to revoke, and even which to start. The workers of
a run find each other by their heartbeats (`tasks.worker_registry`). Of Celery's commands to workers those stay that
only look, for Flower's pages (`tasks.message_envelope.COMMANDS`).
"""

from __future__ import annotations

from typing import Any

from celery.worker import consumer as celery_consumer
from celery.worker import control

from tasks.message_envelope import COMMANDS

__all__ = ["Consumer"]


class Consumer(celery_consumer.Consumer):  # type: ignore[misc]
    """What Celery starts by the setting `worker_consumer`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        deaf = {"without_gossip": True, "without_mingle": True}
        options["worker_options"] = {**(options.get("worker_options") or {}), **deaf}
        _keep_what_looks()
        super().__init__(*args, **options)


def _keep_what_looks() -> None:
    """Take away all other commands, also those of later versions of Celery."""
    for name in set(control.Panel.data) - COMMANDS:
        del control.Panel.data[name]
    control.Panel.data["conf"] = _conf


def _conf(state: Any, **_: Any) -> dict[str, Any]:
    """Nothing: settings hold addresses with passwords, and Flower shows what it gets."""
    return {}
