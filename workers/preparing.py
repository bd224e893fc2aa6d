"""What comes before the pictures of a pass are assigned: what a person did in the output, and all decisions."""

from __future__ import annotations

from store.journal import journal_exists
from store.run import Run
from store.run_pass import Pass
from store.store import Store
from workers.errors import PassOver
from workers.hand_decisions import understand
from workers.output import need_output, open_journal, recover
from workers.pass_decisions import collect_decisions
from workers.pass_wanted import need_wanted
from workers.undo_run import remove_unused

__all__ = ["prepare_pass"]


def prepare_pass(store: Store, run: Run, pass_: Pass, *, wait_s: float = 5.0) -> None:
    """Understand what a person did in the output, and store the decisions that the pass works with, once.

    Does nothing where this was done, and while pictures are still to be read.

    Raises:
        PassOver: Nobody wants the pass any more.
        OutputGone: An earlier pass has placed files in an output that is not there now.
        JournalBusy: Another process still places files in the output after `wait_s` seconds.
        StoreError: The store or the output cannot be used.
    """
    if pass_.decisions is not None or pass_.summary is not None:
        return
    if any(True for part in (run.archive, pass_.references) for _ in part.unread_chunks()):
        return
    need_wanted(run, pass_.number)
    need_output(run)
    if pass_.spec.ignore_hand_moves or not journal_exists(run.output):
        collect_decisions(store, run, pass_)
        return
    with open_journal(run, wait_s) as journal:
        try:
            need_wanted(run, pass_.number)
        except PassOver:
            remove_unused(journal, run)
            raise
        recover(journal)
        collect_decisions(store, run, pass_, understand(journal, run, pass_))
