"""Errors of the queue, one small tree.

QueueError
├── BadMessage          a message that this program does not understand; never retried
├── PoisonousMessage    worker after worker died at it, or ran out of time; never retried
├── BadSettings         settings that contradict each other
├── BrokerUnreachable   no broker answers at the configured address
├── StoreNotVisible     this machine does not see the store: a missing mount, not a missing run
├── NoWorker            nobody listens on a queue that the run needs
└── FleetFailed         a process that this program started ended by itself
"""


class QueueError(Exception):
    """Base of all errors that this package raises on purpose."""


class BadMessage(QueueError):
    """A message of an unknown version or form."""


class PoisonousMessage(QueueError):
    """Worker after worker has died at a message, or ran out of time."""


class BadSettings(QueueError):
    """Settings that cannot work."""


class BrokerUnreachable(QueueError):
    """The broker does not answer, or refuses us."""


class StoreNotVisible(QueueError):
    """The store is not where this machine's settings say."""


class NoWorker(QueueError):
    """No worker listens on a queue that is needed."""


class FleetFailed(QueueError):
    """A broker or worker process that we started has ended by itself."""
