"""Create a run, list its files and send its chunks; resume a run; begin a further pass."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable

from model.heads.weights_file import embedding_key
from producer.chunks import ListingWriter
from producer.errors import BadRequest
from producer.exclusion import Exclusion, PassedOver
from producer.references import find_references
from producer.request import RuleOptions, SortRequest
from producer.scan import scan
from store.content_index import ContentIndex
from store.errors import LockHeld
from store.incremental import UnchangedFiles
from store.index_update import update_index
from store.journal import journal_exists
from store.listing import Listed
from store.location import storage_of
from store.part import Part, PartSpec, ScanTotals
from store.run import Mark, Run, RunSpec
from store.run import Queue as QueueKind
from store.run_pass import Pass
from store.store import Store
from tasks.messages import EmbedMessage, ReduceMessage
from tasks.queue_client import Queue

__all__ = ["Dispatcher", "create_run"]

_ENDED: tuple[Mark, ...] = ("cancelled", "undone")
"""Marks that are removed when a run continues."""

_LOOK_S = 2.0
"""How often a scan checks that its run was not cancelled or undone."""

OnScan = Callable[[int, int], None]
"""Called with the number of files seen, and of those to be read."""


def create_run(store: Store, request: SortRequest, queue: QueueKind) -> Run:
    """Create a run with everything that a worker needs; nothing is listed or sent yet."""
    info = request.info
    key = embedding_key(info, request.heads_digest)
    spec = RunSpec(
        archive=request.archive,
        output=str(request.output),
        created_s=time.time(),
        weights_digest=info.digest,
        preprocessing=info.preprocessing.version,
        dimension=info.dimension,
        queue=queue,
        exclude=list(request.exclusion.patterns),
        include_hidden=request.exclusion.include_hidden,
        heads=request.heads_digest,
    )
    run = store.create_run(spec)
    # After run.json says so: `store.forget` deletes unused weights.
    store.keep_weights(request.weights, info.digest)
    store.keep_weights(request.heads, request.heads_digest)
    if journal_exists(request.output):
        run.note_journal("")
    run.archive.begin(PartSpec(spec.archive, key))
    pass_ = run.pass_(1)
    pass_.references.begin(PartSpec(os.fsdecode(request.references.root), key))
    pass_.begin(request.spec)
    return run


def _need_wanted(run: Run, pass_: Pass) -> None:
    reason = run.over(pass_.number)
    if reason is not None:
        raise BadRequest(f"run {run.id} was stopped during its scan: {reason}; `producer resume {run.id}` continues it")


class Dispatcher:
    """Lists and sends the chunks of runs."""

    def __init__(self, store: Store, queue: Queue, chunk_images: int) -> None:
        self._store = store
        self._queue = queue
        self._chunk_images = chunk_images

    def send(self, run: Run, on_scan: OnScan = lambda files, to_read: None) -> ScanTotals:
        """List the files that are not listed yet, and send every chunk that has no shard.

        Works for a new run and for one that was interrupted at any point: a producer killed during its scan, workers
        gone, a broker that lost its data.

        Returns:
            The totals of the archive's scan.

        Raises:
            BadRequest: The references of an interrupted run are gone, or the run was cancelled or undone meanwhile.
            LockHeld: Another process lists this run.
        """
        with run.listing_lock() as check:
            return self._send(run, on_scan, check)

    def resume(self, run: Run, on_scan: OnScan = lambda files, to_read: None) -> ScanTotals:
        """Do the same for a run that was cancelled or undone, or that could not place every file; it is active again.

        Raises:
            BadRequest, LockHeld: As `send`.
        """
        with run.listing_lock() as check:
            summary = run.last_pass.summary
            if summary is not None and (run.marked("undone") or summary["problem_count"]):
                run.last_pass.reopen()
            for mark in _ENDED:
                run.mark(mark, on=False)
            return self._send(run, on_scan, check)

    def _send(self, run: Run, on_scan: OnScan, check: Callable[[], None]) -> ScanTotals:
        storage_of(run.folder).clean_up(run.folder)
        pass_ = run.last_pass
        waiting = [(part, chunk) for part in (pass_.references, run.archive) for chunk in part.unread_chunks()]
        counts = pass_.references.counts() + run.archive.counts()
        self._queue.ledger.begin(run.id, pass_.number, counts)
        sent: list[str] = []
        with contextlib.closing(self._index(run.archive.spec.embedding_key)) as index:
            for part, chunk in waiting:
                sent.append(self._send_chunk(run, pass_, part, chunk))
            if pass_.references.totals is None:
                found = find_references(pass_.reference_source, self._store.roots)
                sent += self._list(run, pass_, pass_.references, found.files, index, on_scan, check)
            totals = run.archive.totals
            if totals is None:
                exclusion = Exclusion(run.spec.exclude, run.spec.include_hidden)
                own = (bytes(run.output), bytes(self._store.root))
                root = run.archive.root
                files = scan(root, own, exclusion, self._store.roots.storage(root))
                sent += self._list(run, pass_, run.archive, files, index, on_scan, check, lambda: files.passed)
                totals = run.archive.totals
                assert totals is not None  # `_list` has just written them
        self._expect(run, pass_, sent)
        return totals

    def assign_again(self, run: Run, options: RuleOptions, references: str | None) -> Pass:
        """Begin a further pass with other values or references, and send the chunks that have to be embedded.

        Raises:
            BadRequest: The run is not embedded yet, or the references cannot be used.
            LockHeld: Another process lists the run or one of its passes.
        """
        with run.listing_lock() as check:
            return self._assign_again(run, options, references, check)

    def _assign_again(self, run: Run, options: RuleOptions, references: str | None, check: Callable[[], None]) -> Pass:
        before = run.last_pass
        if run.archive.totals is None or any(True for _ in run.archive.unread_chunks()):
            raise BadRequest(f"run {run.id} is not embedded yet; `producer resume {run.id}` continues it")
        source = references or before.reference_source
        found = find_references(source, self._store.roots)
        spec = options.spec(found, before.spec.mode, default=before.spec)
        for mark in _ENDED:
            run.mark(mark, on=False)
        pass_ = run.pass_(before.number + 1)
        pass_.references.begin(PartSpec(os.fsdecode(found.root), run.archive.spec.embedding_key))
        pass_.begin(spec)
        self._send(run, lambda files, to_read: None, check)
        return pass_

    def _list(
        self,
        run: Run,
        pass_: Pass,
        part: Part,
        files: Iterable[Listed],
        index: ContentIndex,
        on_scan: OnScan,
        check: Callable[[], None],
        passed: Callable[[], PassedOver] = PassedOver,
    ) -> list[str]:
        """List a part and send each chunk once it is listed; return the names of the chunks sent."""
        spec = part.spec
        earlier = next(iter(self._store.parts_of(spec.root, spec.embedding_key)), None)
        lister = ListingWriter(part, UnchangedFiles(earlier, index), self._chunk_images)
        sent: list[str] = []
        looked_s = time.monotonic()

        def on_chunk(chunk: int) -> None:
            nonlocal looked_s
            if time.monotonic() - looked_s > _LOOK_S:
                looked_s = time.monotonic()
                check()
                _need_wanted(run, pass_)
            sent.append(self._send_chunk(run, pass_, part, chunk))
            if part.name == run.archive.name:
                self._queue.ledger.scanned(run.id, pass_.number, lister.files, lister.to_read)
                on_scan(lister.files, lister.to_read)

        try:
            lister.write(files, on_chunk, passed)
        except FileExistsError as error:
            raise LockHeld(f"run {run.id} is being listed by another process: {error.filename} is there") from error
        return sent

    def _index(self, embedding_key: str) -> ContentIndex:
        """The index of what is embedded already, brought up to date before workers need it, as far as possible."""
        with contextlib.suppress(OSError):
            update_index(self._store, embedding_key)
        return ContentIndex(self._store, embedding_key)

    def _send_chunk(self, run: Run, pass_: Pass, part: Part, chunk: int) -> str:
        """Send a chunk; return its name in the ledger."""
        name = part.name.removeprefix(f"{run.id}/")
        message = EmbedMessage(run=run.id, number=pass_.number, part=name, chunk=chunk)
        self._queue.send(message)
        return message.what

    def _expect(self, run: Run, pass_: Pass, chunks: list[str]) -> None:
        """Record which chunks were sent; if all are done already, send the reduction."""
        if self._queue.ledger.expect(run.id, pass_.number, chunks):
            self._queue.send(ReduceMessage(run=run.id, number=pass_.number))
