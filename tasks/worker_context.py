"""What a worker's child process keeps: its device, its network, its connections. Set up once, on first use."""

from __future__ import annotations

import functools
import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from celery import signals

from store.roots import Roots
from store.store import Store
from tasks.celery_app import settings
from tasks.devices import cores, embed_gpus, embed_processes, pin, unused_gpus_remark
from tasks.errors import BadSettings
from tasks.ledger import Ledger
from tasks.queue_names import QueueName
from tasks.redis_client import connect
from workers.parent_death import end_with_parent

if TYPE_CHECKING:
    from redis import Redis

    from workers.embedding import Embedders

__all__ = ["device", "embedders", "ledger", "redis", "redis_without_retry", "store"]

_log = logging.getLogger(__name__)

_index = 0
"""Place of this process among the worker's children; decides its GPU."""

_parent = 0
"""The worker's parent process, as its children remember it."""


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _check_device(instance: Any, **_: Any) -> None:
    if QueueName.EMBED in instance.app.amqp.queues.consume_from:
        try:
            embed_gpus(settings)
        except BadSettings as error:
            sys.exit(f"worker: {error}")
        if remark := unused_gpus_remark(settings):
            _log.warning(remark)


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _compute_in_one_thread(**_: Any) -> None:
    # The processes share the cores. numpy's own threads wait for each other in a loop: beside other work a reduction
    # took three times as long with two threads as with one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@signals.celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _remember_parent(**_: Any) -> None:
    global _parent
    _parent = os.getpid()


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _end_with_parent(**_: Any) -> None:
    # Nobody acknowledges what a child finishes alone, and it would hold its GPU while the next worker starts.
    end_with_parent(_parent)


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _remember_index(**_: Any) -> None:
    global _index
    from billiard.process import current_process

    _index = getattr(current_process(), "index", 0)


@functools.cache
def store() -> Store:
    """The store of this machine's settings."""
    return Store(settings.store, Roots(settings.roots))


@functools.cache
def redis() -> Redis:
    """The connection to Redis of a child process: it waits until the broker is back, with what it has in hand."""
    return connect(settings.broker_url, patience_s=settings.patience_s)


@functools.cache
def redis_without_retry() -> Redis:
    """The connection of the worker's parent process, which must not wait: nothing is fetched or sent meanwhile."""
    return connect(settings.broker_url, timeout_s=1.0)


@functools.cache
def ledger() -> Ledger:
    """The ledger in Redis."""
    return Ledger(redis(), settings.keep_s)


@functools.cache
def device() -> str:
    """The device that this process is pinned to; asked for the first time before torch is loaded."""
    return pin(_index, settings)


@functools.cache
def embedders() -> Embedders:
    """The networks of this process, on the device that it is pinned to."""
    on = device()
    from workers.embedding import Embedders, WorkOptions
    from workers.memory_budget import keep_freed_memory

    keep_freed_memory()

    # On a GPU machine all cores decode for the GPUs; on a CPU one thread decodes while the network's runs.
    share = max(1, cores() // max(1, embed_processes(settings)))
    return Embedders(
        WorkOptions(
            device=on,
            batch=settings.batch,
            decode_threads=settings.decode_threads or share,
            network_threads=settings.network_threads or share,
            precision=settings.precision,
            max_pixels=settings.max_pixels,
            max_bytes=settings.max_bytes,
            picture_limit_s=settings.picture_limit_s,
        )
    )
