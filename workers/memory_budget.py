"""How a worker process treats its memory: what decoding needs is kept, and shared out."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator

__all__ = ["MemoryBudget", "keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from <malloc.h>
_LARGEST_KEPT = 32 << 20  # glibc takes no larger threshold
_KEPT_BYTES = 256 << 20


def keep_freed_memory() -> None:
    """Have glibc keep what pictures leave behind, up to 256 MiB, instead of giving it back after each.

    A picture of 3 megapixels is 12 MB; the kernel takes up to 20 ms to hand out that much anew, page by page. Other C
    libraries, and an operator who has set GLIBC_TUNABLES or MALLOC_…, are left alone.
    """
    if any(name.startswith(("GLIBC_TUNABLES", "MALLOC_")) for name in os.environ):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # no glibc
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


class MemoryBudget:
    """Bytes that the pictures of a process may take at once while they are decoded.

    Threads wait for one another when they meet large pictures; one that is larger than all the room goes alone.
    """

    def __init__(self, all_bytes: int) -> None:
        self._all = all_bytes
        self._taken = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def reserve(self) -> Iterator[Callable[[int], None]]:
        """For one picture: a function that waits until so many bytes are free and takes them until the visit ends.

        Of several calls the first one counts: the same picture is read a second way.
        """
        mine = 0

        def take(size: int) -> None:
            nonlocal mine
            if mine:
                return
            mine = min(size, self._all)
            with self._changed:
                self._changed.wait_for(lambda: self._taken + mine <= self._all)
                self._taken += mine

        try:
            yield take
        finally:
            with self._changed:
                self._taken -= mine
                self._changed.notify_all()
