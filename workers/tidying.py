"""Tidy an output: take out the pictures that are no longer in the archive.

Nothing is lost: a symbolic link that leads nowhere is removed, and what may be the last copy of a picture is left, or
put into a folder of its own on demand. Each step is in the journal; the undo of the run takes it back.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from store.errors import OutputGone
from store.journal import Journal, journal_exists
from store.mode import Mode
from store.outcomes import Outcomes
from store.run import Run
from store.store import Store
from workers.duplicates import Duplicates
from workers.errors import NotReady, RootNotVisible
from workers.gone import Gone, gone_images
from workers.naming import REMOVED
from workers.output import recover
from workers.placing import Placer, Wanted
from workers.report.publish import publish

__all__ = ["Tidied", "tidy"]

_BATCH = 1000


@dataclass
class Tidied:
    """What was done, or would be.

    Attributes:
        removed: Images whose links are removed.
        set_aside: Images that are put into the folder for last copies.
        last_copies: Places of those that stay where they are, as they may be the last copies.
        problems: What could not be done, one line each.
    """

    removed: list[str] = field(default_factory=list)
    set_aside: list[str] = field(default_factory=list)
    last_copies: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def tidy(store: Store, run: Run, *, last_copies: bool = False, dry_run: bool = False) -> Tidied:
    """Take out of a run's output what is no longer in its archive, as the run has scanned it. May be repeated.

    Args:
        store: The store.
        run: A run that is done; its undo takes this back.
        last_copies: Put what may be the last copies into the folder `_removed` instead of leaving them.
        dry_run: Change nothing.

    Raises:
        NotReady: The run is not done, or undone.
        RootNotVisible: The archive is not there, so that nobody can tell what is gone.
        OutputGone: The output is not there.
        JournalBusy: Another process is placing files in it.
    """
    if not run.done or run.marked("undone"):
        raise NotReady(f"run {run.id} is not done, or was undone; tidy by a later run")
    root = run.archive.root
    if not run.roots.storage(root).mounted(root):
        raise RootNotVisible(f"this machine does not see the archive {os.fsdecode(root)}: what is gone cannot be told")
    if not journal_exists(run.output):
        raise OutputGone(f"{run.output} has no journal: nothing of ours stands there")
    outcomes = Outcomes(store, vectors=False)
    present = Duplicates(outcomes.digests(run.archive, chunk) for chunk in run.archive.listed_chunks())
    with Journal(run.output, run.roots, known=run.journal or "") as journal:
        recover(journal)
        return _Tidying(run, journal, last_copies).tidy(gone_images(journal, bytes(run.output), root, present), dry_run)


class _Tidying:
    """One tidying under way."""

    def __init__(self, run: Run, journal: Journal, last_copies: bool) -> None:
        self._run = run
        self._journal = journal
        self._last_copies = last_copies
        self._result = Tidied()

    def tidy(self, gone: Iterator[Gone], dry_run: bool) -> Tidied:
        placer = Placer(self._journal, self._run.output, self._run.id, Mode.COPY)
        while batch := list(islice(gone, _BATCH)):
            wanted = [wanted for image in batch if (wanted := self._wanted(image)) is not None]
            if not dry_run:
                placer.place(wanted)
        if not dry_run:
            number = self._run.last_pass.number
            placer.remove_emptied(number)
            self._result.problems = placer.tally.problems
            report = self._journal.folder / "reports" / f"{self._run.id}-pass{number}.csv"
            if report.exists():
                publish(self._journal, self._run.output, report)
        return self._result

    def _wanted(self, gone: Gone) -> Wanted | None:
        """Where an image belongs: nowhere, or with the last copies; None where it stays."""
        places = sorted(os.path.relpath(os.fsdecode(at.target), str(self._run.output)) for at in gone.placements)
        if not gone.may_be_last:
            self._result.removed += places
            return Wanted(gone.image, (), gone.placements[0].digest)
        if not self._last_copies:
            self._result.last_copies += places
            return None
        self._result.set_aside += places
        return Wanted(gone.image, (REMOVED,), gone.placements[0].digest)
