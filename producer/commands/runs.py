"""`producer status`, `list`, `resume`, `cancel`, `forget`: follow a run, stop it, continue it, delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from producer import options as o

if TYPE_CHECKING:
    from producer.session import Session
    from store.run import Run

__all__ = ["cancel", "forget", "list_runs", "resume", "status"]


def status(
    run: o.RunId = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Wait until the run has ended.")] = False,
    json: o.Json = False,
    store: o.StorePath = None,
) -> None:
    """Show the progress of a run, and its outcome."""
    from producer.printing import print_json, print_status, status_fields
    from producer.progress_view import ProgressView
    from producer.progress_view import watch as wait
    from producer.session import Session
    from producer.status import read_status

    session = Session(store)
    found = session.run(run)
    queue = session.queue(found)
    if watch and queue is not None:
        view = ProgressView(session.err)
        with view.open():
            wait(found, queue, view)
    seen = read_status(found, queue)
    if json:
        print_json(status_fields(seen), session.out)
    else:
        print_status(seen, session.out)


def list_runs(json: o.Json = False, store: o.StorePath = None) -> None:
    """List all runs with their sizes in the store, newest first."""
    from producer.printing import print_json, print_runs, status_fields
    from producer.session import Session
    from producer.status import RunStatus, read_status
    from store.errors import DamagedStore

    session = Session(store)
    seen: list[tuple[RunStatus, int]] = []
    damaged = session.store.damaged()
    for run in session.store.newest_first():
        try:
            seen.append((read_status(run, session.queue(run)), run.size_bytes))
        except DamagedStore as error:
            damaged.append(str(error))
    for line in damaged:
        session.say(f"damaged: {line}")
    if json:
        print_json([{**status_fields(one), "bytes": size} for one, size in seen], session.out)
    elif seen:
        print_runs(seen, session.out)
    elif not damaged:
        session.say(f"no run in {session.store.root} yet")


def resume(run: o.RunId = None, processes: o.Processes = 0, json: o.Json = False, store: o.StorePath = None) -> None:
    """Continue a run.

    The run was interrupted, cancelled or undone, or could not place every file.
    """
    from producer.dispatch import Dispatcher
    from producer.errors import BadRequest
    from producer.run_locally import run_locally
    from producer.session import Session
    from producer.status import read_status

    session = Session(store)
    found = session.run(run)
    summary = found.last_pass.summary
    if summary is not None and not found.marked("undone") and not summary["problem_count"]:
        session.say(f"run {found.id} is done already")
        session.finish(read_status(found, None), json)
    if lister := found.lister:
        raise BadRequest(
            f"run {found.id} is being listed by {lister}; wait until it is done, or stop that process first"
        )
    private = found.spec.queue == "private"
    queue = None if private else session.checked_queue()
    if queue is None:
        session.finish(run_locally(session, found, processes), json)
    Dispatcher(session.store, queue, session.settings.chunk_images).resume(found)
    session.say(f"sent the missing chunks; follow with `producer status {found.id} --watch`")
    session.out.out(found.id, highlight=False)


def cancel(run: o.RunId = None, store: o.StorePath = None) -> None:
    """Stop a run; `resume` continues it.

    Workers skip its chunks. What is embedded is kept.
    """
    from producer.errors import BadRequest
    from producer.session import Session

    session = Session(store)
    found = session.run(run)
    if found.last_pass.summary is not None:
        raise BadRequest(f"run {found.id} is done already; `producer undo {found.id}` undoes it")
    found.mark("cancelled")
    session.say(f"run {found.id} cancelled; `producer resume {found.id}` continues it")


def forget(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run id such as 20261123-0412-k7m2p.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
    json: o.Json = False,
    store: o.StorePath = None,
) -> None:
    """Delete a run from the store; the files that it placed stay.

    `producer undo` can still undo it.
    """
    from rich.filesize import decimal

    from producer.printing import print_json
    from producer.session import Session
    from store.forget import can_undo, forget_run

    session = Session(store)
    found = session.store.run_folder(run)
    _need_idle(session, found)
    if can_undo(found):
        session.say(f"the files that run {run} placed stay; `producer undo {run}` can still undo it")
    if not yes:
        session.confirm(
            f"Delete run {run} ({decimal(found.size_bytes)}) from the store {session.store.root}?"
            " A later run reads its pictures again, unless another run has read them too."
        )
    result = forget_run(session.store, found)
    if json:
        print_json({"run": run, "freed_bytes": result.freed_bytes, "kept_bytes": result.kept_bytes}, session.out)
        return
    session.say(f"run {run} forgotten: {decimal(result.freed_bytes)} freed")
    if result.kept_bytes:
        session.say(f"kept {decimal(result.kept_bytes)} of embeddings until no other run uses them")


def _need_idle(session: Session, run: Run) -> None:
    """Make sure that nobody works on a run; of a damaged run this cannot be told."""
    from producer.errors import BadRequest
    from producer.status import read_status
    from store.errors import DamagedStore

    if run.marked("forgotten") or not run.whole:
        return
    try:
        status = read_status(run, session.queue(run))
    except DamagedStore:
        return
    if not status.ended:
        raise BadRequest(f"run {run.id} is {status.state.value}; stop it with `producer cancel {run.id}` first")
