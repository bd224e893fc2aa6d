"""The plain way of `queueing.py`: a Celery task that does nothing."""

import os

from celery import Celery

app = Celery("plain", broker=os.environ["OSHIWAKE_BROKER_URL"])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1)


@app.task(name="plain")  # type: ignore[untyped-decorator]
def plain(path: str) -> None:
    """Nothing."""
