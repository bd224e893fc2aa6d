"""A pass of one run, for the tests of the ledger."""

from __future__ import annotations

from store.counts import Counts
from tasks.ledger import Ledger, PassProgress
from tasks.messages import EmbedMessage, ReduceMessage, RunMessage
from tasks.worker_counters import Work

RUN = "20261123-0412"
REDUCE = ReduceMessage(run=RUN, number=1)
KEEP_S = 3600


def chunk(number: int) -> EmbedMessage:
    """A message about a chunk."""
    return EmbedMessage(run=RUN, number=1, part="archive", chunk=number)


def done(ledger: Ledger, message: RunMessage, counts: Counts = Counts(3, 2, 1, 0)) -> bool:  # noqa: B008  # frozen
    """A worker reports a message as done."""
    return ledger.done(message, Work("w@test", {"chunks": 1}), counts)


def seen(ledger: Ledger) -> PassProgress:
    """How far the pass is."""
    found = ledger.read(RUN, 1)
    assert found is not None
    return found
