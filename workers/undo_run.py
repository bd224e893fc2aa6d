"""Undo a run: bring every file back to where it was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import groupby

from store.decision_log import DecisionLog
from store.durability import sync_folders
from store.errors import JournalBusy, OutputGone
from store.file_operation import Action, Operation
from store.journal import JOURNAL_FOLDER, Journal, journal_exists
from store.location import Location, storage_of
from store.run import Run
from workers.errors import UndoRefused
from workers.fileops.batch import undo
from workers.fileops.operation import OperationFailed
from workers.fileops.output import Output
from workers.hand_decisions import note_moves
from workers.output import open_output, recover
from workers.report.publish import withdraw

__all__ = ["Undone", "remove_unused", "undo_operations", "undo_run"]

_BATCH = 1000

_WAIT_S = 60.0
"""How long a reducer may take to notice that its run was cancelled: it looks at each batch of files."""


@dataclass
class Undone:
    """What an undo did.

    Attributes:
        reversed: File operations that were undone (folders not counted).
        left: What could not be undone without losing something, one line each.
        by_hand: Files that stay because a person put them where they are, one line each.
        others: Other runs that have placed files which still stand in the output.
    """

    reversed: int = 0
    left: list[str] = field(default_factory=list)
    by_hand: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


OnProgress = Callable[[int, int], None]


def undo_run(run: Run, progress: OnProgress = lambda done, total: None) -> Undone:
    """Undo everything that a run did in its output, the newest first.

    It may be interrupted and repeated. A run that is under way is cancelled first, so that its reducer stops.

    Args:
        run: The run.
        progress: Called with the numbers of file operations looked at and in all.

    Raises:
        UndoRefused: A later run changed what this run had placed, the output folder is not there with its journal, or
            the archive is not there with the originals.
        JournalBusy: Another process is placing files in the output folder.
    """
    output = run.output
    result = Undone()
    if not _has_journal(output) and not run.marked("emptied"):
        _need_nothing_placed(run)
        _cancel(run)  # who makes a journal from here on finds that
    if _has_journal(output):
        with _journal(run) as journal:
            later = journal.later_run(run.id)
            if later is not None:
                raise UndoRefused(f"run {later} came later and moved files of run {run.id}; undo {later} first")
            _need_originals(journal, run)
            _cancel(run)
            recover(journal)
            note_moves(journal, run)
            undo_operations(journal, run, result, progress)
            DecisionLog(output).forget_by_hand(run.id)
            _restore_times(journal, run.id)
            withdraw(journal, output, run.id)
            empty = journal.end_run(run.id)
            result.others = journal.runs()
            if empty:
                _clear(journal, run)
    if run.marked("emptied"):
        _remove_folders(run)
    storage_of(run.folder).clean_up(run.folder)
    run.mark("undone")
    run.note_journal(None)
    run.mark("makes_output", on=False)
    run.mark("emptied", on=False)
    return result


def _cancel(run: Run) -> None:
    """Cancel a run that is not done, so that queued messages do nothing."""
    if not run.done:
        run.mark("cancelled")


def _journal(run: Run) -> Journal:
    """Open the journal; if a reducer of this very run holds it, cancel the run and wait until that has stopped."""
    try:
        return _open(run)
    except JournalBusy:
        if run.done:
            raise
    _cancel(run)
    return _open(run, wait_s=_WAIT_S)


def _open(run: Run, wait_s: float = 5.0) -> Journal:
    try:
        return Journal(run.output, run.roots, wait_s=wait_s, known=run.journal)
    except OutputGone as error:
        raise UndoRefused(f"{error}; put back what run {run.id} sorted into to undo it") from error


def _has_journal(output: Location) -> bool:
    try:
        return journal_exists(output)
    except OSError as error:
        raise UndoRefused(f"{output} cannot be reached: {error.strerror or error}") from error


_WITHOUT_BYTES = {Action.SYMLINK, Action.RENAME, Action.REMOVE, Action.FOLDER, Action.HAND}
"""Actions that give an output no bytes of its own. Any other one may leave the last copy there."""


def _need_nothing_placed(run: Run) -> None:
    """Refuse if the run has placed files: then the output was moved or deleted. Else there is nothing to undo."""
    placed = any((run.pass_(number).summary or {}).get("placed") for number in run.passes)
    under_way = bool(run.journal) and run.last_pass.summary is None
    if (placed or under_way) and not run.marked("undone"):
        raise UndoRefused(f"{run.output} has no journal: it was moved or deleted; put it back to undo run {run.id}")


def _need_originals(journal: Journal, run: Run) -> None:
    """Refuse if the archive is out of reach: each link and copy would count as the last one, and be forgotten."""
    archive = run.roots.here(run.spec.archive)
    below = os.path.join(os.fsencode(archive), b"")
    # The originals of others were moved to another archive since, and are found there.
    actions = {op.action for op in journal.newest_operations(run.id, _BATCH) if op.image.path.startswith(below)}
    if Action.MOVE not in actions and actions - _WITHOUT_BYTES and not _there(archive):
        raise UndoRefused(
            f"the archive {archive} is not there, and what stands in {run.output} may be the last copies;"
            f" bring it back to undo run {run.id}"
        )


def _there(archive: str) -> bool:
    try:
        return storage_of(archive).is_folder(os.fsencode(archive))
    except OSError:
        return False


def undo_operations(
    journal: Journal, run: Run, result: Undone, progress: OnProgress = lambda done, total: None
) -> None:
    """Undo the operations of a run in an open journal, the newest first, and add to the result what became of them."""
    total, done = journal.operation_count(run.id), 0
    places = _HandPlaces(journal)
    while batch := journal.newest_operations(run.id, _BATCH):
        progress(done, total)
        done += len(batch)
        _need_own_places(journal, run, batch)
        # Undoing a RENAME or a REMOVE frees or fills a name that another operation of the batch has too. An undo that
        # is killed begins again, so the journal must forget what is undone before such a name means something else.
        for _, ops in groupby(batch, key=lambda op: op.id if op.action in (Action.RENAME, Action.REMOVE) else 0):
            with open_output(journal) as output:
                some = places.settle(journal, output, list(ops), result)
                errors = undo(journal, output, some)
            result.left += [str(error) for error in errors if error]
            pairs = zip(some, errors, strict=True)
            result.reversed += sum(op.action is not Action.FOLDER for op, error in pairs if error is None)


class _HandPlaces:
    """Where persons moved what was placed, and what becomes of it when its placing is undone.

    An original that was moved into the output is brought back to the archive from wherever it is now. A link or a copy
    stays where a person put it.
    """

    def __init__(self, journal: Journal) -> None:
        self._moves = {(op.image, op.source): op.target for op in journal.hand_moves()}

    def settle(self, journal: Journal, output: Output, ops: list[Operation], result: Undone) -> list[Operation]:
        """Undo those operations whose file a person moved, the newest first; return the others."""
        others = []
        for op in ops:
            place = None if op.action is Action.FOLDER else self._place(output, op)
            if op.action is Action.HAND:
                journal.forget([op])
            elif place is None:
                others.append(op)
            elif op.action is Action.MOVE:
                self._bring_back(journal, output, op, place, result)
            else:
                was, now = (
                    os.fsdecode(os.path.relpath(path, bytes(journal.folder.parent))) for path in (op.target, place)
                )
                line = (
                    f"{now} (you put it there)"
                    if op.action is Action.RENAME
                    else f"{now} (you moved it there from {was})"
                )
                journal.forget([op])
                if op.action is Action.RENAME:
                    self._moves[op.image, op.source] = place
                else:
                    result.by_hand.append(line)
        return others

    def _place(self, output: Output, op: Operation) -> bytes | None:
        """Where a person moved the target of an operation; None if nobody did, or it is not there either."""
        place = op.target
        for _ in range(len(self._moves)):
            if output.exists(place) or (op.image, place) not in self._moves:
                break
            place = self._moves[op.image, place]
        return place if place != op.target and output.exists(place) else None

    def _bring_back(self, journal: Journal, output: Output, op: Operation, place: bytes, result: Undone) -> None:
        try:
            output.undo(replace(op, target=place))
        except OperationFailed as error:
            result.left.append(str(error))
            journal.forget([], [op])
        else:
            sync_folders([os.path.dirname(op.source)])
            journal.forget([op])
            result.reversed += 1


def _need_own_places(journal: Journal, run: Run, batch: list[Operation]) -> None:
    """Refuse to restore a file outside the archive, as a changed journal may ask. With roots the sandbox checks."""
    if run.roots:
        return
    known = (os.fsencode(run.spec.archive), bytes(run.output), *journal.archives())
    places = tuple(os.path.join(place, b"") for place in known)
    for op in batch:
        if not op.source.startswith(places) and op.action in (Action.MOVE, Action.REMOVE):
            source = os.fsdecode(op.source)
            raise UndoRefused(f"{journal.folder}: {source} is not in the archive; the journal was changed by others")


def _restore_times(journal: Journal, run_id: str) -> None:
    """Restore the times of the folders of moved originals."""
    for folder, mtime_ns in journal.folder_times(run_id):
        try:
            os.utime(folder, ns=(os.stat(folder).st_atime_ns, mtime_ns))
        except OSError:
            continue  # gone, or not ours: there is nothing to restore


def _clear(journal: Journal, run: Run) -> None:
    """Remove the reports and the journal of an output in which nothing of ours remains."""
    run.mark("makes_output", on=bool(journal.meta("made_output")))
    # Runs that found everything in its place have reports too; what they list is gone now.
    withdraw(journal, run.output)
    run.mark("emptied")  # an undo that is killed from here on finds no journal
    journal.remove()


def remove_unused(journal: Journal, run: Run) -> None:
    """Remove an empty journal, and the output folder if it was made with it just now."""
    if not journal.runs():
        _clear(journal, run)
        _remove_folders(run)
        run.mark("makes_output", on=False)
        run.mark("emptied", on=False)


def _remove_folders(run: Run) -> None:
    own = run.output / JOURNAL_FOLDER
    for place in (own / "reports", own / "decisions", own, *([run.output] if run.marked("makes_output") else [])):
        with contextlib.suppress(OSError):  # a file of a person's is in it
            place.rmdir()
