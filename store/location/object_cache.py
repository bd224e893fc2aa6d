"""A cache of fetched objects on this machine's disk."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Callable

__all__ = ["ObjectCache"]


class ObjectCache:
    """Objects that do not change, in a file without a name, which goes with its process. Threads may share it.

    Objects that do not fit on the disk are fetched again.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._places: dict[str, tuple[int, int]] = {}
        self._end = 0
        self._lock = threading.Lock()

    def read(self, address: str, fetch: Callable[[], bytes]) -> bytes:
        """The content of an object, fetched if it is not here yet."""
        if (found := self._places.get(address)) is not None:
            start, size = found
            return os.pread(self._file.fileno(), size, start)
        content = fetch()
        with self._lock, contextlib.suppress(OSError):
            if os.pwrite(self._file.fileno(), content, self._end) == len(content):
                self._places[address] = (self._end, len(content))
                self._end += len(content)
        return content

    def close(self) -> None:
        """Free the disk space."""
        self._file.close()
