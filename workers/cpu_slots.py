"""The cores of a worker process, on which its decoders and its network take turns."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from workers.errors import PictureStuck

__all__ = ["Cores"]


class Cores:
    """So many computations at once, each to its end.

    Left to the kernel, a decoder and the network on one core interrupt each other every few milliseconds, and each
    finds the cache full of what the other one uses: a picture takes 2 % longer (docs/performance.md). Who waits for a
    file computes nothing and takes no turn.
    """

    def __init__(self, count: int) -> None:
        self._free = threading.Semaphore(count)

    @contextlib.contextmanager
    def turn(self, limit_s: float | None = None) -> Iterator[None]:
        """For one computation: begins when a core is free.

        Args:
            limit_s: How long to wait for that; None waits for ever.

        Raises:
            PictureStuck: No core was free for so long.
        """
        if not self._free.acquire(timeout=limit_s):
            raise PictureStuck(f"a picture was not decoded within {limit_s:.0f} s")
        try:
            yield
        finally:
            self._free.release()
