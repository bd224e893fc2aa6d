"""Many operations through the journal: apply, recover, undo.

A batch is in the journal and on disk before its first operation is done, and settled after its last. The next process
that opens the journal recovers the batch of one that died.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby

from store.durability import TEMPORARY_PREFIX, sync_folder
from store.file_operation import Action, Operation
from store.journal import Journal
from workers.fileops.operation import OperationFailed, TargetExists
from workers.fileops.output import Output
from workers.fileops.staging import clear_staged

__all__ = ["Applied", "apply", "recover", "undo"]


@dataclass
class Applied:
    """What became of a batch.

    Attributes:
        done: Each operation that was done, as it was planned and as it was really done.
        taken: Operations that found their target's name taken, or would have used what stands there.
        problems: What could not be done for another reason, one line each.
    """

    done: list[tuple[Operation, Operation]] = field(default_factory=list)
    taken: list[Operation] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def apply(journal: Journal, output: Output, run: str, operations: Sequence[Operation]) -> Applied:
    """Do a run's operations. Those for one image follow one another and are done in their order."""
    applied = Applied()
    if not operations:
        return applied
    planned = journal.plan(run, operations, _times_before(operations))
    output.prepare(planned)
    dropped: list[Operation] = []
    taken: set[bytes] = set()  # names of others; nothing may be made from what stands there
    missing: set[bytes] = set()  # folders that could not be made

    def try_one(op: Operation) -> Operation | None:
        if op.source in taken or os.path.dirname(op.target) in missing:
            error = None
        else:
            try:
                return output.apply(op)
            except (TargetExists, OperationFailed) as failure:
                error = failure
        if op.action is Action.FOLDER:
            missing.add(op.target)
        elif isinstance(error, TargetExists):
            taken.add(op.target)
            return None
        if error:
            applied.problems.append(str(error))
        return None

    def try_all(ops: list[Operation]) -> list[tuple[Operation, Operation | None]]:
        return [(op, try_one(op)) for op in ops]

    images = [list(ops) for _, ops in groupby(planned, key=lambda op: op.image)]
    for op, result in chain.from_iterable(output.map(try_all, images)):
        if result is not None:
            applied.done.append((op, result))
            continue
        dropped.append(op)
        if taken & {op.source, op.target}:
            applied.taken.append(op)
    output.release()
    output.sync({os.path.dirname(op.target) for op, _ in applied.done})
    journal.settle([result for _, result in applied.done], dropped)
    return applied


def recover(journal: Journal, output: Output) -> int:
    """Settle what a process that died had planned; return how many operations that were.

    Its unfinished files are removed: nobody else writes in this output while the journal is held.
    """
    for folder in (journal.folder.parent, journal.folder / "reports"):
        for path in folder.glob(f"{TEMPORARY_PREFIX}*.part"):
            path.unlink()
    clear_staged(journal.folder)
    planned = journal.open_operations()
    settled = [(op, output.recover(op)) for op in planned]
    journal.settle([done for _, done in settled if done], [op for op, done in settled if not done])
    return len(planned)


def undo(journal: Journal, output: Output, operations: Sequence[Operation]) -> list[OperationFailed | None]:
    """Take operations back; return for each why it cannot be taken back, or None. The journal forgets all of them."""
    errors = list(output.map(_undo_with(output), operations))
    outcomes = list(zip(operations, errors, strict=True))
    done = [op for op, error in outcomes if error is None]
    for folder in {os.path.dirname(op.source) for op in done if op.action in (Action.MOVE, Action.RENAME)}:
        if os.path.isdir(folder):  # else it was ours, and went in this batch
            sync_folder(folder)
    journal.forget([op for op in done if not _still_used(journal, op)], [op for op, error in outcomes if error])
    return errors


def _undo_with(output: Output) -> Callable[[Operation], OperationFailed | None]:
    def undo_one(op: Operation) -> OperationFailed | None:
        try:
            output.undo(op)
        except OperationFailed as error:
            return error
        return None

    return undo_one


def _still_used(journal: Journal, op: Operation) -> bool:
    """Whether this is a folder that stays because another run has files in it; that run removes it in its turn."""
    return op.action is Action.FOLDER and os.path.isdir(op.target) and journal.hand_over(op)


def _times_before(operations: Sequence[Operation]) -> list[tuple[bytes, int]]:
    """The times of the folders that moves will change, for undo to give back."""
    folders = {os.path.dirname(op.source) for op in operations if op.action is Action.MOVE}
    return [(folder, os.stat(folder).st_mtime_ns) for folder in sorted(folders) if os.path.isdir(folder)]
