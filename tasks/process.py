"""What a worker's child process keeps: its device, its network, its connections. Set up once, on first use."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from celery import signals

from store.roots import Roots
from store.store import Store
from tasks.application import settings
from tasks.connection import connect
from tasks.devices import cores, embed_processes, pin
from tasks.progress import Progress

if TYPE_CHECKING:
    from workers.embedding import Embedders

__all__ = ["embedders", "progress", "store"]

_index = 0
"""Place of this process among the worker's children; decides its GPU."""


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
def progress() -> Progress:
    """The counters in Redis."""
    return Progress(connect(settings.broker_url), settings.keep_s)


@functools.cache
def embedders() -> Embedders:
    """The networks of this process, on the device that it is pinned to."""
    device = pin(_index, settings)
    from workers.embedding import Embedders, WorkOptions

    # On a GPU machine all cores decode for the GPUs; on a CPU one thread decodes while the network's runs.
    share = max(1, cores() // max(1, embed_processes(settings)))
    return Embedders(
        WorkOptions(
            device=device,
            batch=settings.batch,
            decode_threads=settings.decode_threads or share,
            network_threads=settings.network_threads or share,
            max_pixels=settings.max_pixels,
            max_bytes=settings.max_bytes,
            picture_limit_s=settings.picture_limit_s,
        )
    )
