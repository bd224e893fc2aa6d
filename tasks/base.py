"""The guards around every task against messages that are late, lost, deadly, or of no run.

A message may arrive twice, in any order, and long after its run has ended. In this order:

1. Its fields are checked; a message of an unknown form is dropped.
2. Its delivery is counted. (A message of `at_once` that was never delivered before goes on to 5 meanwhile.)
3. It ends if it is done, or unknown to the ledger.
4. It is given up, and the run reports it, if worker after worker died at it or ran out of time; not so a reduction that
   gets further each time.
5. It ends without an error if its run was undone or cancelled, a later pass has begun, or the store has no such run.
6. The task's function does the work. A failed message goes to another worker first.

A machine that does not see the store puts messages back in the queue and pauses for a while. A message in flight goes
back to the queue while the broker is away.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from celery.exceptions import Reject
from redis.exceptions import RedisError

from store.errors import NewerSchema, RunNotFound
from store.run import Run
from tasks.celery_app import app, settings
from tasks.errors import PoisonousMessage, StoreNotVisible
from tasks.ledger import DONE_BEFORE, UNKNOWN, Verdict
from tasks.messages import Message, RunMessage, decode_message
from tasks.sending import send
from tasks.worker_context import ledger, redis, store
from tasks.worker_counters import Work, add_work
from tasks.worker_registry import live_workers
from workers.errors import PassOver

__all__ = ["GIVE_UP", "Job", "run_task", "task"]

M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=RunMessage)

GIVE_UP = 6
"""After so many deliveries that nobody answered, a message is given up."""

_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0

_log = logging.getLogger(__name__)

_failures = 0
"""How often this process has failed since it last did a message well."""


@dataclass(frozen=True)
class Job(Generic[M]):
    """A message that this process works on.

    Attributes:
        message: The message.
        request: Celery's request.
        deliveries: How often the message was delivered and not answered, this time included.
    """

    message: M
    request: Any
    deliveries: int = 1

    @property
    def worker(self) -> str:
        """This worker's name, as Flower shows it."""
        return str(self.request.hostname)


def task(kind: type[M], *, time_limit: int) -> Callable[[Callable[[Job[M]], str]], Any]:
    """Make the task that a kind of message starts, of a function that does its work and says in a line what it did.

    The function may raise `PassOver`, with which the message has ended well.
    """

    def decorate(work: Callable[[Job[M]], str]) -> Any:
        @app.task(name=kind.task, bind=True, time_limit=time_limit)  # type: ignore[untyped-decorator]
        def run(self: Any, **fields: Any) -> str:
            message = decode_message(kind, fields)
            try:
                return work(Job(message, self.request))
            except PassOver as over:
                _log.info("action=pass_over message=%s reason=%s", message.shown, over)
                return f"{message.shown}: {over}"
            except RedisError as error:
                # The broker was away for longer than we waited; the message goes back when the broker is there again.
                # Or the broker refuses us, as when its memory is full: then at once, and not in a loop without a rest.
                _pause(longer=False)
                raise Reject(str(error), requeue=True) from error

        return run

    return decorate


def run_task(
    kind: type[R],
    *,
    time_limit: int,
    give_up_after: int = GIVE_UP,
    tried_again: bool = False,
    at_once: bool = False,
    given_up: Callable[[Job[R]], None] = lambda job: None,
) -> Callable[[Callable[[Job[R], Run], str]], Any]:
    """The same for a message about a run, which is there and wanted when the function is called.

    Args:
        kind: The kind of message.
        time_limit: Seconds after which the process is killed.
        give_up_after: See `GIVE_UP`.
        tried_again: What fails for whatever reason may succeed elsewhere, or later.
        at_once: A message that was never delivered before begins while the broker is told of the delivery.
        given_up: Told that the message is not done, and comes no more.
    """

    def decorate(work: Callable[[Job[R], Run], str]) -> Any:
        @task(kind, time_limit=time_limit)
        def guarded(job: Job[R]) -> str:
            counted = _teller().submit(ledger().take, job.message, job.worker)
            try:
                if not at_once or job.request.delivery_info.get("redelivered"):
                    job = _need_answer(job, counted.result(), give_up_after)
                line = work(job, _wanted_run(job.message))
            except (PassOver, RedisError):
                raise
            except Exception as error:
                counted.result()  # what is told last must not arrive after the answer
                if not _sent_again(job, error, tried_again):
                    given_up(job)
                raise
            finally:
                with contextlib.suppress(RedisError):
                    counted.result()
            _recover()
            return line

        return guarded

    return decorate


@functools.cache
def _teller() -> ThreadPoolExecutor:
    """Tells the broker which message this process begins with."""
    return ThreadPoolExecutor(1, "tell")


def _need_answer(job: Job[R], deliveries: int, most: int) -> Job[R]:
    """The job with its number of deliveries, if the message still asks for an answer.

    Raises:
        PassOver: It is done, or nobody waits for it.
        PoisonousMessage: It was delivered too often.
    """
    if deliveries == DONE_BEFORE:
        raise PassOver("done before")
    if deliveries == UNKNOWN:
        raise PassOver("nobody waits for it")
    if deliveries > most:
        raise PoisonousMessage(f"{most} workers died at it, or ran out of time")
    return replace(job, deliveries=deliveries)


def _wanted_run(message: RunMessage) -> Run:
    """The run that a message is about.

    Raises:
        PassOver: Nobody wants what the message asks for.
        StoreNotVisible: This machine cannot know that.
    """
    run = Run(store().runs, message.run, store().roots)
    try:
        reason = run.over(message.number)
    except RunNotFound as error:
        if not store().exists:
            raise StoreNotVisible(
                f"this machine does not see the store {store().root}: mount it, or set OSHIWAKE_STORE"
            ) from error
        # Nothing is noted of it: whoever fills the queue with such messages must not fill the broker's memory too.
        raise PassOver("not in the store") from error
    if reason is not None:
        ledger().drop(message)
        raise PassOver(reason)
    return run


def _sent_again(job: Job[R], error: Exception, tried_again: bool) -> bool:
    """Note a failure; have the message tried again, by another worker if there is any, or give it up."""
    message = job.message
    add_work(redis(), Work(job.worker, {f"failures {message.task.rpartition('.')[2]}": 1}), settings.keep_s)
    if isinstance(error, StoreNotVisible):
        policy = "again"
    elif tried_again and not isinstance(error, (NewerSchema, PoisonousMessage)):
        policy = "try"
    else:
        policy = "final"
    others = {worker.name for worker in live_workers(redis()) if message.queue in worker.queues} - {job.worker}
    verdict = ledger().failed(message, job.worker, f"{type(error).__name__}: {error}", others, policy)
    if verdict is Verdict.GIVEN_UP:
        return False
    send(message)
    _pause(longer=verdict is Verdict.OTHERS or policy == "again")
    return True


def _pause(*, longer: bool) -> None:
    """Keep away from the queue, so that whoever is idle takes the message; `longer` each time, or for a moment."""
    global _failures
    _failures += 1
    time.sleep(min(_LONGEST_PAUSE_S, _PAUSE_S * 2 ** (_failures - 1)) if longer else _PAUSE_S)


def _recover() -> None:
    """This process is fit again."""
    global _failures
    _failures = 0
