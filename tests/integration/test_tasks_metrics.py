"""The figures for Prometheus, counted in a real broker; the dashboard and the rules that read them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from redis import Redis

from store.shard import Counts
from tasks.celery_app import app
from tasks.ledger import Ledger
from tasks.messages import EmbedMessage
from tasks.metrics import QueueCollector, metrics_text
from tasks.queue_names import QueueName
from tasks.redis_client import connect
from tasks.settings import Settings
from tasks.worker_counters import Work, add_work
from tasks.worker_registry import LiveWorker, beat

DEPLOY = Path(__file__).parents[2] / "deploy"
RUN = "20261123-0412"


def _figures(settings: Settings) -> dict[str, float]:
    lines = [line for line in metrics_text(settings).splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def _work(worker: str) -> Work:
    added = {"chunks": 1, "images embedded": 5, "images unreadable": 1, "seconds decode": 0.5, "seconds infer": 0.25}
    return Work(worker, added, {"last": 1e9, "gpu_memory_used": 3e9, "gpu_memory_total": 8e9})


def _do(ledger: Ledger, chunk: int, times: int = 1) -> None:
    """Send a chunk, and report it as done so many times."""
    message = EmbedMessage(run=RUN, number=1, part="archive", chunk=chunk)
    ledger.queued(message)
    for _ in range(times):
        ledger.done(message, _work("gpu@a"), Counts(6, 5, 1, 0))


@pytest.fixture
def busy(settings: Settings) -> Settings:
    """A queue with two workers, one of which has done something, and two messages."""
    redis: Redis = connect(settings.broker_url)
    ledger = Ledger(redis, settings.keep_s)
    for chunk in (0, 1):
        _do(ledger, chunk)
    for work in (
        Work("gpu@a", {"failures embed": 1}),
        Work("reduce@a", {"reductions": 1, "seconds reduce": 2.5}),
    ):
        add_work(redis, work, settings.keep_s)
    for name in ("gpu@a", "idle@b"):
        redis.execute_command(*beat(LiveWorker(name, ("embed",), 1)))  # type: ignore[no-untyped-call]
    redis.lpush("embed", "{}", "{}")
    redis.hset("unacked", "tag", "{}")
    redis.close()
    return settings


def test_the_figures_say_what_workers_did(busy: Settings) -> None:
    """Counters add up by worker; one that has done nothing yet shows a zero, so that its silence can be seen."""
    assert (
        _figures(busy).items()
        >= {
            "oshiwake_broker_up": 1.0,
            'oshiwake_queue_messages{queue="embed"}': 2.0,
            'oshiwake_queue_messages{queue="reduce"}': 0.0,
            "oshiwake_taken_messages": 1.0,
            'oshiwake_worker_up{queue="embed",worker="gpu@a"}': 1.0,
            'oshiwake_worker_up{queue="embed",worker="idle@b"}': 1.0,
            'oshiwake_worker_processes{worker="gpu@a"}': 1.0,
            'oshiwake_chunks_total{worker="gpu@a"}': 2.0,
            'oshiwake_chunks_total{worker="idle@b"}': 0.0,
            'oshiwake_images_total{outcome="embedded",worker="gpu@a"}': 10.0,
            'oshiwake_images_total{outcome="unreadable",worker="gpu@a"}': 2.0,
            'oshiwake_stage_seconds_total{stage="infer",worker="gpu@a"}': 0.5,
            'oshiwake_failures_total{task="embed",worker="gpu@a"}': 1.0,
            'oshiwake_reductions_total{worker="reduce@a"}': 1.0,
            'oshiwake_last_done_timestamp_seconds{worker="gpu@a"}': 1e9,
            'oshiwake_gpu_memory_used_bytes{worker="gpu@a"}': 3e9,
            'oshiwake_gpu_memory_total_bytes{worker="gpu@a"}': 8e9,
        }.items()
    )


def test_every_queue_is_counted() -> None:
    """One that is forgotten would grow unseen."""
    assert set(QueueName) == {queue.name for queue in app.conf.task_queues}


def test_a_chunk_delivered_twice_is_work_counted_once(settings: Settings) -> None:
    """As in the counters of its run."""
    _do(Ledger(connect(settings.broker_url), settings.keep_s), 0, times=3)
    assert _figures(settings)['oshiwake_chunks_total{worker="gpu@a"}'] == 1


def test_what_workers_did_is_forgotten_some_time_after_they_left(busy: Settings) -> None:
    """Machines that come and go for years leave nothing in the broker."""
    with connect(busy.broker_url) as redis:
        assert all(0 < redis.ttl(key) <= busy.keep_s for key in redis.scan_iter("oshiwake:*"))


def test_a_broker_that_does_not_answer_is_a_figure_too() -> None:
    """The endpoint stays up, so that the alert can say what is wrong."""
    (metric,) = QueueCollector(connect("redis://127.0.0.1:1/0")).collect()
    assert [(sample.name, sample.value) for sample in metric.samples] == [("oshiwake_broker_up", 0)]


def test_every_metric_of_the_dashboard_and_the_rules_exists(busy: Settings) -> None:
    """A panel or an alert over a metric that nobody exposes would stay empty, and nobody would notice."""
    exposed = {re.split(r"[{ ]", line)[0] for line in _figures(busy)}
    for file in ("grafana/oshiwake.json", "prometheus/alerts.yml"):
        named = set(re.findall(r"\boshiwake_\w+", (DEPLOY / file).read_text("utf-8")))
        assert len(named) >= 5 and named <= exposed, named - exposed
    board = json.loads((DEPLOY / "grafana/oshiwake.json").read_text("utf-8"))
    shown = {target["expr"] for panel in board["panels"] for target in panel.get("targets", [])}
    named = set(re.findall(r"\boshiwake_\w+", " ".join(shown)))
    assert exposed - named <= {"oshiwake_worker_processes"}, "every figure has a panel"


def test_the_rules_are_sound_and_fire_when_they_should() -> None:
    """Checked by Prometheus' own tool, with the cases in deploy/prometheus/alerts_test.yml."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool on this machine (Debian: apt install prometheus)")
    folder = DEPLOY / "prometheus"
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]):
        result = subprocess.run([promtool, *command], cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
