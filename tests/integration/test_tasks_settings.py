"""Settings of a worker process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_WORKER_STARTS = """
import os, sys
from types import SimpleNamespace
from celery import signals
import tasks.worker_context
from tasks.celery_app import app
app.amqp.queues.select(sys.argv[1:])
signals.celeryd_after_setup.send("worker", instance=SimpleNamespace(app=app))
print(os.environ.get("OPENBLAS_NUM_THREADS"))
"""


@pytest.mark.parametrize(
    ("queues", "own", "threads"),
    [(["embed"], None, "1"), (["reduce"], None, "1"), (["reduce"], "4", "4")],
)
def test_numpy_has_one_thread_in_a_worker(queues: list[str], own: str | None, threads: str) -> None:
    """Unless the operator says otherwise."""
    env = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    env |= {"OPENBLAS_NUM_THREADS": own} if own else {}
    command = [sys.executable, "-c", _WORKER_STARTS, *queues]
    found = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == threads
