"""Where pictures are placed: a folder, or a prefix in object storage. Each does the same operations in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self, TypeVar

from store.errors import OutputGone
from store.file_operation import Operation
from store.journal import Journal, journal_exists
from store.location import ObjectPath
from store.run import Run
from workers.fileops.bucket import Bucket
from workers.fileops.sandbox import Sandbox

__all__ = ["Output", "need_output", "open_journal", "open_output"]

T = TypeVar("T")
R = TypeVar("R")


class Output(Protocol):
    """Does and reverses operations; each either happens whole or not at all, and none takes the place of something."""

    has_folders: bool
    """Whether folders are made before anything stands in them."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def release(self) -> None:
        """Let go of what is held open for a batch."""

    def expect(self, targets: Iterable[bytes]) -> None:
        """Told that these names will be asked for; those far away are looked at together."""

    def prepare(self, operations: Sequence[Operation]) -> None:
        """Told of the operations that will be performed before the next `release`."""

    def exists(self, target: bytes) -> bool:
        """Whether anything bears a name."""

    def stands_already(self, op: Operation) -> bool:
        """Whether the target is what a HARDLINK, SYMLINK or COPY of the original makes."""

    def apply(self, op: Operation) -> Operation:
        """Do an operation; return what was really done.

        Raises:
            TargetExists: Something stands at the target.
            OperationFailed: It cannot be done.
        """

    def recover(self, op: Operation) -> Operation | None:
        """Settle an operation whose process died: what was done, now whole, or None for nothing."""

    def undo(self, op: Operation) -> None:
        """Take an operation back; nothing to do where that has happened already.

        Raises:
            OperationFailed: It cannot be taken back without losing something.
        """

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """Call a function for things that have nothing to do with one another, in as many threads as it pays."""

    def sync(self, folders: Iterable[bytes]) -> None:
        """Make what was done in these folders durable."""


def open_output(journal: Journal) -> Output:
    """The output whose journal is open."""
    output = journal.folder.parent
    return Bucket(journal) if isinstance(output, ObjectPath) else Sandbox(output, journal.roots)


def open_journal(run: Run, wait_s: float) -> Journal:
    """Open the journal of the output that a run sorts into; made, with the output, where nothing was ever placed.

    Raises:
        OutputGone: This run or one before it has placed files in an output that is not there now.
        JournalBusy, NewerSchema, DamagedStore, StoreError: As `Journal`.
    """
    known = None if run.marked("emptied") else run.journal
    if known is None and not run.output.exists():
        run.mark("makes_output")
    try:
        return Journal(run.output, run.roots, wait_s=wait_s, makes_output=run.marked("makes_output"), known=known)
    except OutputGone as error:
        raise _gone(run, str(error)) from error


def need_output(run: Run) -> None:
    """Make sure that the output is there in which a run, or one before it, has placed files.

    Raises:
        OutputGone: It is not.
        OSError: Nobody can tell.
    """
    if run.journal is not None and not run.marked("emptied") and not journal_exists(run.output):
        raise _gone(run, f"{run.output} has no journal")


def _gone(run: Run, what: str) -> OutputGone:
    return OutputGone(
        f"{what}, so it is not the output in which pictures were placed before (a share that is not mounted, a folder"
        " that was moved or deleted?): bring that back and try again"
        f" (`producer resume {run.id}` for a pass that had begun);"
        " for a fresh output sort anew by `producer run` or `producer enqueue`, which reads no known picture again"
    )
