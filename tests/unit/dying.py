"""Journals of processes that die."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from store.file_operation import Operation
from store.journal import Journal
from workers.fileops.files import apply
from workers.fileops.operation import OperationFailed


class Died(Exception):
    """The process has died here."""


class Dying(Journal):
    """A journal whose process dies when it would settle what was done."""

    def settle(self, done: Iterable[Operation], dropped: Iterable[Operation] = ()) -> None:
        """Die."""
        raise Died


class DyingLater(Journal):
    """A journal whose process dies after it has planned and done so many operations, settled or not."""

    def __init__(self, output: Path, operations: int) -> None:
        super().__init__(output)
        self._left = operations

    def plan(
        self, run: str, operations: Sequence[Operation], folder_times: Iterable[tuple[bytes, int]] = ()
    ) -> list[Operation]:
        """Write down; where the last operation lies in this batch, do so many, and die."""
        planned = super().plan(run, operations, folder_times)
        if len(planned) > self._left:
            for op in planned[: self._left]:
                with contextlib.suppress(OperationFailed):
                    apply(op)
            raise Died
        self._left -= len(planned)
        return planned


class DyingUndo(Journal):
    """A journal whose process dies when it would forget what it has taken back."""

    def __init__(self, output: Path, batches: int) -> None:
        super().__init__(output)
        self._left = batches

    def forget(self, undone: Iterable[Operation], left: Iterable[Operation] = ()) -> None:
        """Forget, or die."""
        if not self._left:
            raise Died
        self._left -= 1
        super().forget(undone, left)
