"""How often a chunk was tried, and by whom: it travels in the headers of the chunk's message."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

__all__ = ["ATTEMPTS", "FIRST", "Attempts", "Backoff"]

ATTEMPTS = 3
"""How often a chunk is tried before the run reports it as failed."""

_MOST, _MOST_WORKERS, _LONGEST_NAME = 1000, 1000, 255
"""Beyond these nobody of ours has written the headers."""

_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True)
class Attempts:
    """The tries of a chunk so far, the present one included.

    Attributes:
        attempt: Which one it is, from 1.
        failed_at: The workers that have failed at it.
    """

    attempt: int = 1
    failed_at: frozenset[str] = frozenset()

    @classmethod
    def of(cls, request: Any) -> Attempts:
        """What came in a message's headers, or with a Celery request; of another form, as if nobody had tried."""
        attempt, failed_at = request.get("attempt"), request.get("failed_at")
        if not isinstance(attempt, int) or not 1 <= attempt <= _MOST:
            attempt = 1
        if not isinstance(failed_at, list) or len(failed_at) > _MOST_WORKERS or not all(map(_is_name, failed_at)):
            failed_at = []
        return cls(attempt, frozenset(failed_at))

    @property
    def headers(self) -> dict[str, Any]:
        """For the message."""
        return {"attempt": self.attempt, "failed_at": sorted(self.failed_at)}

    def after_failure(self, worker: str, others: Collection[str]) -> Attempts | None:
        """The next try, after this one failed; None when there is no more.

        While others live that have not failed at it, only a worker's first failure counts: a machine without its mount,
        or with other weights, is free again first and would use up the attempts of all.
        """
        counts = worker not in self.failed_at or not others
        if counts and self.attempt >= ATTEMPTS:
            return None
        return Attempts(self.attempt + counts, self.failed_at | {worker})


def _is_name(worker: Any) -> bool:
    return isinstance(worker, str) and len(worker) <= _LONGEST_NAME


FIRST = Attempts()
"""Nobody has tried yet."""


class Backoff:
    """How long a process keeps away from the queue when it has failed: longer each time, while others do the work."""

    def __init__(self) -> None:
        self._failures = 0

    def after_failure(self, *, others: bool) -> None:
        """Sleep, so that whoever is idle takes the chunk."""
        self._failures += 1
        time.sleep(min(_LONGEST_PAUSE_S, _PAUSE_S * 2 ** (self._failures - 1)) if others else _PAUSE_S)

    def after_success(self) -> None:
        """This process is fit again."""
        self._failures = 0
