"""Errors of the store, one small tree.

    StoreError
    ├── RunNotFound        no run of that name, or no run at all
    ├── NewerSchema        written by a newer Oshiwake
    ├── DamagedStore       a file of the store cannot be read
    ├── StaleShard         a DamagedStore: the shard of a chunk was made from another listing of it
    ├── LockHeld           another process lists the same run
    ├── JournalBusy        another process is placing files in the same output folder
    ├── OutputGone         the output folder of a run is gone, or is another one
    ├── UnknownRoot        a path below a named root that this machine does not map
    ├── OutsideRoots       a path outside the roots of this machine
    └── MissingExtra       object storage without the package for it

Only JournalBusy is worth a retry. The message is one line that names the file or the run.
"""

from typing import Any


class StoreError(Exception):
    """Base of all errors that this package raises on purpose."""


class RunNotFound(StoreError):
    """No run of that name is in the store."""


class NewerSchema(StoreError):
    """The store, the run or the journal was written by a newer program."""


class DamagedStore(StoreError):
    """A file of the store is missing or cannot be read."""


class StaleShard(DamagedStore):
    """A shard is about other files than its chunk lists.

    Attributes:
        path: The shard, a `Location`, of which this lowest module knows nothing.
    """

    def __init__(self, text: str, path: Any) -> None:
        super().__init__(text)
        self.path = path


class LockHeld(StoreError):
    """Another process holds a lock of a run."""


class JournalBusy(StoreError):
    """Another process holds the journal of the output folder."""


class OutputGone(StoreError):
    """The output has no journal any more, or that of another output."""


class UnknownRoot(StoreError):
    """A stored path is below a named root that this machine does not map."""


class OutsideRoots(StoreError):
    """A path is outside the roots of this machine."""


class MissingExtra(StoreError):
    """A package that is needed is not installed."""
