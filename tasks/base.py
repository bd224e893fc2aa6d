"""What every task does around its own work: the guards against messages that are late, lost, or about nothing.

A message may come twice, in any order, and long after anybody wants what it asks for. It ends where it arrives, without
an error, when its run was undone or cancelled, when a later pass has taken the place of its own, or when the store has
no such run. A machine that does not see the store cannot know that: it passes the message on. A message in hand while
the broker is away goes back to the queue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from celery.exceptions import Reject
from redis.exceptions import RedisError

from store.errors import RunNotFound
from store.run import Run
from tasks.celery_app import app
from tasks.errors import StoreNotVisible
from tasks.messages import Message, RunMessage, decode_message
from tasks.retry_policy import Attempts, Backoff
from tasks.worker_context import redis, store
from tasks.worker_registry import live_workers
from workers.errors import PassOver

__all__ = ["Job", "need_store", "pass_on", "pause", "run_task", "task"]

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=RunMessage)

_log = logging.getLogger(__name__)

pause = Backoff()
"""How long this process keeps away from the queue when it has failed."""


@dataclass(frozen=True)
class Job(Generic[M]):
    """A message that this process works on.

    Attributes:
        message: The message.
        request: Celery's request.
    """

    message: M
    request: Any

    @property
    def worker(self) -> str:
        """This worker's name, as Flower shows it."""
        return str(self.request.hostname)

    @property
    def redelivered(self) -> bool:
        """Whether the message was delivered before, and not answered."""
        return bool(self.request.delivery_info.get("redelivered"))


def task(kind: type[M], *, time_limit: int) -> Callable[[Callable[[Job[M]], str]], Any]:
    """Make the task that a kind of message starts, of a function that does its work and says in a line what it did.

    The function may raise `PassOver`, with which the message has ended well.
    """

    def decorate(work: Callable[[Job[M]], str]) -> Any:
        @app.task(name=kind.task, bind=True, time_limit=time_limit)  # type: ignore[untyped-decorator]
        def run(self: Any, **fields: Any) -> str:
            message = decode_message(kind, fields)
            with _broker():
                try:
                    return work(Job(message, self.request))
                except PassOver as over:
                    _log.info("action=pass_over message=%s reason=%s", message.shown, over)
                    return f"{message.shown}: {over}"

        return run

    return decorate


def run_task(
    kind: type[R],
    *,
    time_limit: int,
    failed: Callable[[Job[R], Exception], None],
    over: Callable[[Job[R]], None] = lambda job: None,
) -> Callable[[Callable[[Job[R], Run], str]], Any]:
    """The same for a message about a run, which is there and wanted when the function is called.

    Args:
        kind: The kind of message.
        time_limit: Seconds after which the process is killed.
        failed: Told of an error, which is then raised again.
        over: Told that nobody wants what a message asks for.
    """

    def decorate(work: Callable[[Job[R], Run], str]) -> Any:
        @task(kind, time_limit=time_limit)
        def guarded(job: Job[R]) -> str:
            try:
                run = Run(store().runs, job.message.run, store().roots)
                _need_wanted(run, job, over)
                return work(job, run)
            except (PassOver, RedisError):
                raise
            except Exception as error:
                failed(job, error)
                raise

        return guarded

    return decorate


def _need_wanted(run: Run, job: Job[R], over: Callable[[Job[R]], None]) -> None:
    try:
        reason = run.over(job.message.number)
    except RunNotFound as error:
        need_store()
        # Nothing is noted of it: whoever fills the queue with such messages must not fill the broker's memory too.
        raise PassOver("not in the store") from error
    if reason is not None:
        over(job)
        raise PassOver(reason)


def need_store() -> None:
    """Make sure that this machine sees the store.

    Raises:
        StoreNotVisible: It does not: another machine may.
    """
    if not store().exists:
        raise StoreNotVisible(f"this machine does not see the store {store().root}: mount it, or set OSHIWAKE_STORE")


@contextmanager
def _broker() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        # The broker was away for longer than we wait; the message goes back to the queue when it is there again. Or it
        # refuses us, as when its memory is full: then at once, and not in a loop without a rest.
        pause.after_failure(others=False)
        raise Reject(str(error), requeue=True) from error


def pass_on(job: Job[M], send: Callable[[Attempts], None]) -> bool:
    """Have a message that this worker has failed at tried again, by another worker if there is any.

    Returns:
        Whether there is to be another try.
    """
    tries = Attempts.of(job.request)
    listening = {worker.name for worker in live_workers(redis()) if job.message.queue in worker.queues}
    others = listening - tries.failed_at - {job.worker}
    following = tries.after_failure(job.worker, others)
    if following is None:
        return False
    send(following)
    pause.after_failure(others=bool(others))
    return True
