"""A real Prometheus asks a real `producer metrics` about real workers, with our rules and the queries of our panels."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.worker_counters import Work, add_work
from tests.acceptance.conftest import LocalCluster, wait_until
from tests.acceptance.test_fleet import child_of
from tests.conftest import PLUGINS
from tests.ports import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus."""

    port: int

    def query(self, expression: str) -> list[Any]:
        """What an expression is now."""
        words = urllib.parse.urlencode({"query": expression})
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/query?{words}", timeout=10) as answer:
            return list(json.load(answer)["data"]["result"])

    def firing(self) -> set[tuple[str, str]]:
        """Alerts, each with the worker it names."""
        found = (one["metric"] for one in self.query('ALERTS{alertstate="firing"}'))
        return {(labels["alertname"], labels.get("worker", "")) for labels in found}

    def ready(self) -> bool:
        """Whether it has asked, and heard, at least once."""
        try:
            return bool(self.query("oshiwake_broker_up"))
        except OSError:
            return False


@pytest.fixture
def prometheus(farm: LocalCluster, tmp_path: Path) -> Iterator[Prometheus]:
    """`producer metrics`, and Prometheus with our files; of all times in them, a minute is a second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no prometheus on this machine (Debian: apt install prometheus)")
    folder, asked, port = tmp_path / "prometheus", free_port(), free_port()
    folder.mkdir()
    rules = (DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8")
    (folder / "alerts.yml").write_text(re.sub(r"\b(\d+)m\b", r"\1s", rules), "utf-8")
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
    config["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{asked}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), "utf-8")
    options = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", f"--web.listen-address=127.0.0.1:{port}"]
    metrics = farm.program.start("metrics", "--port", str(asked))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *options], cwd=folder, stdout=log, stderr=log)
    try:
        one = Prometheus(port)
        wait_until(one.ready, "Prometheus has our figures")
        yield one
    finally:
        for ending in (process, metrics):
            ending.terminate()
            ending.wait(30)
        metrics.communicate()


def test_a_worker_that_is_connected_but_idle_is_told_and_every_panel_has_data(
    farm: LocalCluster, prometheus: Prometheus
) -> None:
    """Its heart beats, chunks wait, and it does none: as with a mount that hangs. It goes on, and so ends the alert."""
    program, archive = farm.program, farm.program.collection.archive
    program.env.update({"PYTHONPATH": str(PLUGINS), "SLOW_S": "0.1"})
    program.sort("enqueue", "--no-worker-check", rc=0)
    archive.rename(archive.with_name("away"))
    stuck = farm.start_worker("embed", "stuck")
    wait_until(lambda: prometheus.query("oshiwake_failures_total"), "it has failed, for want of the archive")
    archive.with_name("away").rename(archive)
    wait_until(lambda: prometheus.query("oshiwake_images_total > 0"), "it has done something")
    assert farm.client().llen("embed"), "chunks wait"

    os.kill(child_of(stuck), signal.SIGSTOP)
    alert = ("OshiwakeConnectedButIdle", "stuck@test")
    wait_until(lambda: alert in prometheus.firing(), "the alert fires")
    os.kill(child_of(stuck), signal.SIGCONT)
    farm.start_worker("reduce", "reduce")
    add_work(farm.client(), Work("gpu@test", {"chunks": 1}, {"gpu_memory_used": 1e9, "gpu_memory_total": 8e9}), 600)
    farm.finished()
    wait_until(lambda: not prometheus.firing(), "no alert is left")

    board = json.loads((DEPLOY / "grafana" / "oshiwake.json").read_text("utf-8"))
    expressions = {target["expr"] for panel in board["panels"] for target in panel.get("targets", [])}
    assert len(expressions) > 15
    wait_until(lambda: all(map(prometheus.query, expressions)), "every panel has data")
