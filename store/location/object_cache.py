"""Objects that were fetched once, kept on this machine's disk for a while."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading

from store.location.s3 import read_object

__all__ = ["Kept"]


class Kept:
    """Objects that do not change, in a file without a name, which goes with its process. Threads may share it.

    What does not fit on the disk is fetched again.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._places: dict[bytes, tuple[int, int]] = {}
        self._end = 0
        self._lock = threading.Lock()

    def read(self, path: bytes) -> bytes:
        """The content of an object.

        Raises:
            OSError: It is not there, or cannot be read.
        """
        if (found := self._places.get(path)) is not None:
            start, size = found
            return os.pread(self._file.fileno(), size, start)
        content = read_object(path)
        with self._lock, contextlib.suppress(OSError):
            if os.pwrite(self._file.fileno(), content, self._end) == len(content):
                self._places[path] = (self._end, len(content))
                self._end += len(content)
        return content

    def close(self) -> None:
        """Give the room on the disk back."""
        self._file.close()
