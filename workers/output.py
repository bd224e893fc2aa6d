"""The output that a run sorts into: opened with its journal, recovered, and missed when it is not there."""

from __future__ import annotations

from store.errors import OutputGone
from store.journal import Journal, journal_exists
from store.location import choose
from store.run import Run
from workers.fileops import batch
from workers.fileops.bucket import Bucket
from workers.fileops.output import Output
from workers.fileops.sandbox import Sandbox
from workers.report.publish import recover_reports

__all__ = ["need_output", "open_journal", "open_output", "recover"]


def open_output(journal: Journal) -> Output:
    """The output whose journal is open."""
    return choose(
        journal.folder.parent,
        lambda folder: Sandbox(folder, journal.roots.storage(bytes(folder))),
        lambda _: Bucket(journal),
    )


def recover(journal: Journal) -> int:
    """Settle what a process that died had planned, its report too; return how many operations that were."""
    recover_reports(journal)
    with open_output(journal) as output:
        return batch.recover(journal, output)


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
