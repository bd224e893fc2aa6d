"""A lease: at most one process at a time writes below a prefix of object storage.

Object storage has no locks that end with a process. So the holder renews a small object every few seconds, and another
process takes over one that does not change for a while. Each process uses only its own clock.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time

from store.errors import JournalBusy, StoreError
from store.location.object_path import ObjectPath

__all__ = ["AWAY_S", "HELD_S", "LEFT_BEHIND_S", "POLL_S", "RENEW_S", "Lease", "lease_note"]

RENEW_S = 3.0
"""Interval of renewals."""

HELD_S = 10.0
"""The holder relies on the lease for so long after a renewal."""

LEFT_BEHIND_S = 20.0
"""An object that was not renewed for so long has lost its holder; much longer than `HELD_S`."""

POLL_S = 0.5
"""Interval at which others check it."""

AWAY_S = 120.0
"""The holder waits so long for a storage that does not answer."""


def lease_note(path: ObjectPath) -> bytes | None:
    """What the holder of a lease says about itself; None where nobody holds it, by the storage's own clock.

    Raises:
        OSError: The storage does not answer, or denies access.
    """
    age_s = path.age_s()
    if age_s is None or age_s > LEFT_BEHIND_S:
        return None
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes().split(b" ", 2)[-1]
    return None


class Lease:
    """A lease, held until `release`."""

    def __init__(self, path: ObjectPath, wait_s: float, note: bytes = b"") -> None:
        """Take the lease.

        Args:
            path: Its object.
            wait_s: How long to wait for a living holder. A dead one costs `LEFT_BEHIND_S`.
            note: Text on the holder for `lease_note`.

        Raises:
            JournalBusy: Another process holds it.
            OSError: The storage does not answer, or denies access.
        """
        self._path = path
        self._note = note
        self._name = secrets.token_hex(16).encode()
        self._count = 0
        self._lost = False
        self._ended = threading.Event()
        self._sure_until_s = 0.0
        self._tag = self._take(wait_s)
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Check that this process still holds the lease; wait while the storage does not answer.

        Raises:
            JournalBusy: Another process has taken it.
            StoreError: The storage does not answer.
        """
        limit_s = time.monotonic() + AWAY_S
        while not self._lost and time.monotonic() > self._sure_until_s:
            if time.monotonic() > limit_s:
                raise StoreError(f"{self._where}: the storage has not answered for {AWAY_S:.0f} s")
            time.sleep(POLL_S)
        if self._lost:
            raise JournalBusy(f"another process places files in {self._where} now; this one stops")

    def release(self) -> None:
        """Release it."""
        self._ended.set()
        self._thread.join()
        if not self._lost:
            with contextlib.suppress(OSError):  # it is found left behind
                self._path.delete(self._tag)

    @property
    def _where(self) -> str:
        return str(self._path.parent.parent)

    def _take(self, wait_s: float) -> str:
        limit_s = time.monotonic() + wait_s
        first = last = None
        while True:
            found = self._path.stat()
            tag = found.tag if found else None
            if tag != last or first is None:
                first, last, since_s = first or tag, tag, time.monotonic()
            lives = last != first
            if tag is None or time.monotonic() - since_s > LEFT_BEHIND_S:
                with contextlib.suppress(FileExistsError, FileNotFoundError):  # another process was faster
                    return self._write(tag)
            elif lives and time.monotonic() > limit_s:
                raise JournalBusy(f"another process is placing files in {self._where}; wait for it to finish")
            time.sleep(POLL_S)

    def _write(self, tag: str | None) -> str:
        began_s = time.monotonic()
        self._count += 1
        tag = self._path.replace(b"%s %d %s" % (self._name, self._count, self._note), tag)
        self._sure_until_s = began_s + HELD_S
        return tag

    def _keep(self) -> None:
        while not self._ended.wait(RENEW_S):
            try:
                self._tag = self._write(self._tag)
            except (FileExistsError, FileNotFoundError):
                if not self._is_ours():
                    self._lost = True
                    return
            except OSError:
                continue  # no answer; `check` waits for the next renewal

    def _is_ours(self) -> bool:
        """Whether the object is our own renewal whose answer was lost; then keep its tag."""
        try:
            found = self._path.stat()
            if found is None or not self._path.read_bytes().startswith(self._name):
                return False
        except OSError:
            return True  # unknown; the next renewal decides
        self._tag = found.tag
        return True
