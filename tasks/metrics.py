"""The queue and its workers in figures for Prometheus.

Workers add what they did to a hash of their own in Redis, together with the chunk that they report as done; one
exporter reads all of them. So no worker listens on a port, and a machine behind a firewall is seen like any other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from redis import Redis
from redis.exceptions import RedisError

from tasks.errors import BadSettings
from tasks.queue_names import QueueName
from tasks.redis_client import connect
from tasks.settings import Settings
from tasks.worker_counters import work_key, workers_counted
from tasks.worker_registry import LiveWorker, live_workers

__all__ = ["QueueCollector", "metrics_text", "scrape_connection", "serve_metrics"]

_SCRAPE_S = 3.0
"""How long a scrape waits for the broker; Prometheus itself gives up after ten seconds."""


_COUNTERS = (
    # the field's first word, the metric, its label, what it says
    ("images", "oshiwake_images", "outcome", "Images read, by what came of them."),
    ("seconds", "oshiwake_stage_seconds", "stage", "Seconds spent, summed over threads, by stage."),
    ("chunks", "oshiwake_chunks", "", "Chunks done."),
    ("failures", "oshiwake_failures", "task", "Tasks that failed, each attempt counted."),
    ("reductions", "oshiwake_reductions", "", "Passes assigned, placed and reported."),
)
_GAUGES = (
    ("last", "oshiwake_last_done_timestamp_seconds", "When the worker last finished a chunk or a pass."),
    ("gpu_memory_used", "oshiwake_gpu_memory_used_bytes", "Memory in use on the worker's GPU."),
    ("gpu_memory_total", "oshiwake_gpu_memory_total_bytes", "Memory of the worker's GPU."),
)


class QueueCollector:
    """Reads the figures anew at each scrape; a broker that does not answer is a figure too."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        up = GaugeMetricFamily("oshiwake_broker_up", "Whether the broker answers.")
        try:
            found = [*self._queues(), *self._workers()]
        except RedisError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from found

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not ask the broker."""
        return []

    def _queues(self) -> Iterator[Metric]:
        with self._redis.pipeline(transaction=False) as pipe:
            for queue in QueueName:
                pipe.llen(queue)
            *lengths, taken = pipe.hlen("unacked").execute()
        waiting = GaugeMetricFamily("oshiwake_queue_messages", "Messages that wait for a worker.", labels=["queue"])
        for queue, length in zip(QueueName, lengths, strict=True):
            waiting.add_metric([queue], length)
        yield waiting
        yield GaugeMetricFamily("oshiwake_taken_messages", "Messages that workers have in hand.", value=taken)

    def _workers(self) -> Iterator[Metric]:
        alive = live_workers(self._redis)
        up = GaugeMetricFamily("oshiwake_worker_up", "A worker whose heart beats.", labels=["worker", "queue"])
        processes = GaugeMetricFamily("oshiwake_worker_processes", "Tasks it handles at once.", labels=["worker"])
        for one in alive:
            processes.add_metric([one.name], one.processes)
            for queue in one.queues:
                up.add_metric([one.name, queue], 1)
        yield up
        yield processes
        figures = self._figures(alive)
        for word, metric, label, text in _COUNTERS:
            labels = ["worker", label] if label else ["worker"]
            counter = CounterMetricFamily(metric, text, labels=labels)
            for worker, fields in figures.items():
                for name, value in fields.items():
                    first, _, rest = name.partition(" ")
                    if first == word:
                        counter.add_metric([worker, rest] if label else [worker], value)
            yield counter
        for name, metric, text in _GAUGES:
            gauge = GaugeMetricFamily(metric, text, labels=["worker"])
            for worker, fields in figures.items():
                if name in fields:
                    gauge.add_metric([worker], fields[name])
            yield gauge

    def _figures(self, alive: list[LiveWorker]) -> dict[str, dict[str, float]]:
        """What each worker added up, by name; one that has done nothing yet has done zero chunks."""
        names = workers_counted(self._redis) | {worker.name for worker in alive}
        with self._redis.pipeline(transaction=False) as pipe:
            for name in sorted(names):
                pipe.hgetall(work_key(name))
            found = pipe.execute()
        return {
            name: {"chunks": 0.0} | dict(_numbers(fields)) for name, fields in zip(sorted(names), found, strict=True)
        }


def _numbers(fields: dict[bytes, bytes]) -> Iterator[tuple[str, float]]:
    """The figures of a worker that are figures: whoever reaches the broker can write others."""
    for key, value in fields.items():
        with contextlib.suppress(ValueError):
            yield key.decode("utf-8"), float(value)


def scrape_connection(settings: Settings) -> Redis:
    """A connection that gives up before Prometheus does."""
    return connect(settings.broker_url, timeout_s=_SCRAPE_S)


def _registry(settings: Settings) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(QueueCollector(scrape_connection(settings)))
    return registry


def metrics_text(settings: Settings) -> str:
    """All metrics once, in Prometheus' text format."""
    return generate_latest(_registry(settings)).decode()


def serve_metrics(settings: Settings, address: str, port: int) -> None:
    """Answer Prometheus at `/metrics`, from a thread of this process, until it ends.

    Raises:
        BadSettings: Nothing can listen there.
    """
    try:
        start_http_server(port, address, _registry(settings))
    except OSError as error:
        raise BadSettings(
            f"cannot listen on {address}:{port} ({error.strerror}); choose another with --port"
        ) from error
