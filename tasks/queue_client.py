"""The queue as the producer sees it: is it there, who listens, send, how far is it."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from redis.exceptions import RedisError

from tasks.broker_address import safe_url
from tasks.errors import BrokerUnreachable, NoWorker
from tasks.ledger import Ledger, PassProgress
from tasks.messages import RunMessage
from tasks.queue_names import QueueName
from tasks.redis_client import check_broker, connect
from tasks.settings import Settings
from tasks.worker_registry import LiveWorker, live_workers

__all__ = ["Queue"]


class Queue:
    """A connection to the broker; Celery itself is loaded when the first message is sent.

    Attributes:
        url: The broker's address, without its password.
        ledger: The state of the runs' messages.
    """

    def __init__(self, settings: Settings) -> None:
        self.url = safe_url(settings.broker_url)
        self._settings = settings
        self._redis = connect(settings.broker_url)
        self.ledger = Ledger(self._redis, settings.keep_s)

    def check(self) -> None:
        """Make sure that the broker answers and keeps what it is given.

        Raises:
            BrokerUnreachable: It does not.
        """
        check_broker(self._redis, self._settings.broker_url)

    def workers(self) -> list[LiveWorker]:
        """The workers that live."""
        return live_workers(self._redis)

    def look(self, run: str, number: int) -> tuple[PassProgress | None, list[LiveWorker]]:
        """How far a pass is, and who works.

        Raises:
            BrokerUnreachable: The broker does not answer.
        """
        try:
            return self.ledger.read(run, number), self.workers()
        except RedisError as error:
            raise BrokerUnreachable(f"no broker answers at {self.url} ({error})") from error

    def require_workers(self, queues: Iterable[QueueName]) -> None:
        """Make sure that somebody listens on each of these queues.

        Raises:
            NoWorker: Nobody does.
        """
        heard = {queue for worker in self.workers() for queue in worker.queues}
        for queue in queues:
            if queue not in heard:
                raise NoWorker(
                    f"no worker listens on the queue {queue.value!r} at {self.url}; start one with `producer worker`"
                )

    def send(self, message: RunMessage) -> None:
        """Put a message about a run on its queue."""
        from tasks.sending import enqueue

        enqueue(message, self.ledger, through=self._celery_producer)

    @functools.cached_property
    def _celery_producer(self) -> Any:
        """Celery's sender for this broker, which need not be that of the environment."""
        from tasks.celery_app import app

        return app.amqp.Producer(app.connection_for_write(self._settings.broker_url))
