"""`producer reduce`, `undo`, `tidy`, `similarity`: sort again, undo, tidy, compare two pictures."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from producer import options as o

__all__ = ["reduce", "similarity", "tidy", "undo"]

_SHOWN = 10
"""How many files of a kind are named; --json names all."""


def reduce(
    run: o.RunId = None,
    strangers: o.Strangers = None,
    threshold: o.Threshold = None,
    match: o.Match = None,
    margin: o.Margin = None,
    band: o.Band = None,
    multiple: o.Multiple = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Go back to the default of every option above that is not given.")
    ] = False,
    references: Annotated[
        str | None,
        typer.Option(
            "--references",
            "-r",
            metavar="PATH",
            help="Other references; default: the run's, including pictures added since.",
        ),
    ] = None,
    ignore_hand_moves: o.IgnoreHandMoves = False,
    processes: o.Processes = 0,
    json: o.Json = False,
    store: o.StorePath = None,
) -> None:
    """Sort again with other values or references, in seconds.

    Only new reference pictures are read.
    Options that are not given keep the values recorded for the run; the command names those that are no defaults.
    """
    from producer.dispatch import Dispatcher
    from producer.progress_view import ProgressView, watch
    from producer.request import RuleOptions
    from producer.run_locally import reassign_locally
    from producer.session import Session
    from tasks.queue_names import QueueName

    session = Session(store)
    found = session.run(run)
    rule = RuleOptions(threshold, match, margin, band, multiple, strangers, defaults, ignore_hand_moves)
    if kept := rule.recorded(found.last_pass.spec):
        session.say(f"kept from the run: {' '.join(kept)} (--defaults goes back to the defaults)")
    if found.spec.queue == "private":
        session.finish(reassign_locally(session, found, rule, references, processes), json)
    queue = session.checked_queue()
    queue.require_workers([QueueName.EMBED, QueueName.REDUCE])
    view = ProgressView(session.err)
    with view.open():
        Dispatcher(session.store, queue, session.settings.chunk_images).assign_again(found, rule, references)
        seen = watch(found, queue, view)
    session.finish(seen, json)


def undo(run: o.RunId = None, json: o.Json = False, store: o.StorePath = None) -> None:
    """Put every file back where it was before a run."""
    from model.counted_nouns import counted
    from producer.printing import print_json
    from producer.progress_view import ProgressView
    from producer.session import Session
    from store.errors import StoreError
    from store.forget import delete_forgotten
    from workers.undo_run import undo_run

    session = Session(store)
    found = session.store.run(run, forgotten=True) if run else session.newest_not_undone()
    view = ProgressView(session.err)
    with view.open():
        result = undo_run(found, lambda done, total: view.count("undoing (file operations)", done, total))
    if found.marked("forgotten"):
        with contextlib.suppress(StoreError):  # the next `forget` does it
            delete_forgotten(session.store)
    if json:
        fields = {"reversed": result.reversed, "left": result.left, "left_by_hand": result.by_hand}
        print_json({"run": found.id, **fields}, session.out)
    else:
        session.say(f"run {found.id} undone: {counted(result.reversed, 'file operation')} reversed")
        for lines in (result.left, result.by_hand):
            for line in lines[:_SHOWN]:
                session.say(f"left in place: {line}")
            if len(lines) > _SHOWN:
                session.say(f"… and {len(lines) - _SHOWN:,} more left in place")
        if result.others and not result.reversed:
            session.say(
                f"the files in {found.output} were placed by run {', '.join(result.others)};"
                f" `producer undo {result.others[-1]}` undoes the newest of these"
            )
    raise typer.Exit(1 if result.left else 0)


def tidy(
    run: o.RunId = None,
    last_copies: Annotated[
        bool,
        typer.Option("--last-copies", help="Move what may be the last copy of a picture to _removed; else it stays."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be done.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: o.Json = False,
    store: o.StorePath = None,
) -> None:
    """Take out of the output what left the archive.

    The undo of the run takes that back.
    """
    from dataclasses import asdict

    from model.counted_nouns import counted
    from producer.printing import print_json
    from producer.session import Session
    from workers.tidying import tidy as tidy_output

    session = Session(store)
    found = session.run(run)
    plan = tidy_output(session.store, found, last_copies=last_copies, dry_run=True)
    result = plan
    if not dry_run and (plan.removed or plan.set_aside):
        if not yes:
            links = counted(len(plan.removed), "link that leads nowhere", "links that lead nowhere")
            copies = counted(len(plan.set_aside), "last copy", "last copies")
            session.confirm(f"Remove {links} from {found.output}, and move {copies} to _removed?")
        result = tidy_output(session.store, found, last_copies=last_copies)
    if json:
        print_json({"run": found.id, "dry_run": dry_run, **asdict(result)}, session.out)
    else:
        would = "would be " if dry_run else ""
        for what, places in (
            (f"{would}removed, the original is gone", result.removed),
            (f"{would}moved to _removed", result.set_aside),
            ("stays, it may be the last copy (--last-copies moves it to _removed)", result.last_copies),
            ("could not be done", result.problems),
        ):
            for place in places[:_SHOWN]:
                session.say(f"{what}: {place}")
            if len(places) > _SHOWN:
                session.say(f"… and {len(places) - _SHOWN:,} more {what}")
        if not any(vars(result).values()):
            session.say(f"nothing to tidy in {found.output}")
    raise typer.Exit(1 if result.problems else 0)


def similarity(
    a: Annotated[Path, typer.Argument(help="A picture.")],
    b: Annotated[Path, typer.Argument(help="Another picture.")],
    threshold: o.Threshold = None,
    weights: o.Weights = None,
    json: o.Json = False,
) -> None:
    """Print the distance between two pictures, and what it means.

    The pictures are compared whole and by their heads.
    """
    from model.network.weights_file import DEFAULT_WEIGHTS, read_info
    from producer.errors import BadRequest
    from producer.printing import print_json
    from producer.session import Session
    from workers.similarity import similarity as compare

    if threshold == "auto":
        raise BadRequest("similarity has no references to set a threshold by; give a distance, or leave it out")
    session = Session()
    file = weights or DEFAULT_WEIGHTS
    limit = read_info(file).threshold if threshold is None else threshold
    found = compare(a, b, file)
    same, views = found.distance <= limit, "heads" if found.heads else "whole pictures"
    if json:
        values = {"distance": found.distance, "threshold": limit, "same": same, "views": views}
        print_json(values, session.out)
    else:
        verdict = "the same character" if same else "different characters"
        session.out.print(f"distance {found.distance:.4f}, threshold {limit:.4f}: {verdict}", highlight=False)
        session.out.print(f"the {views} match best", highlight=False)
