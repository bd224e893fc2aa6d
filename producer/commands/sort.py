"""`producer run`, `producer enqueue`, `producer demo`: start to sort."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from producer import options as o
from store.mode import Mode

__all__ = ["demo", "enqueue", "run"]


def run(
    archive: o.Archive,
    references: o.References,
    output: o.Output,
    mode: o.Mode = Mode.HARDLINK,
    strangers: o.Strangers = None,
    threshold: o.Threshold = None,
    match: o.Match = None,
    margin: o.Margin = None,
    band: o.Band = None,
    multiple: o.Multiple = None,
    weights: o.Weights = None,
    exclude: o.Exclude = None,
    include_hidden: o.IncludeHidden = False,
    store: o.StorePath = None,
    processes: o.Processes = 0,
    json: o.Json = False,
) -> None:
    """Sort an archive on this machine, with a private queue and workers that are stopped at the end."""
    from producer.exclusion import Exclusion
    from producer.request import RuleOptions, SortRequest, need_writable
    from producer.run_locally import sort_locally
    from producer.session import Session

    session = Session(store)
    rule = RuleOptions(threshold, match, margin, band, multiple, strangers)
    request = SortRequest.check(
        archive,
        references,
        output,
        weights=weights,
        mode=mode,
        rule=rule,
        roots=session.roots,
        exclusion=Exclusion(exclude or (), include_hidden),
    )
    need_writable(request.output)
    for line in request.references.remarks:
        session.say(line)
    session.finish(sort_locally(session, request, processes), json)


def enqueue(
    archive: o.Archive,
    references: o.References,
    output: o.Output,
    mode: o.Mode = Mode.HARDLINK,
    strangers: o.Strangers = None,
    threshold: o.Threshold = None,
    match: o.Match = None,
    margin: o.Margin = None,
    band: o.Band = None,
    multiple: o.Multiple = None,
    weights: o.Weights = None,
    exclude: o.Exclude = None,
    include_hidden: o.IncludeHidden = False,
    store: o.StorePath = None,
    worker_check: Annotated[
        bool, typer.Option("--worker-check/--no-worker-check", help="Refuse if no worker is listening.")
    ] = True,
    json: o.Json = False,
) -> None:
    """Scan an archive, send its chunks to the workers, and print the run id."""
    from producer.dispatch import Dispatcher, create_run
    from producer.exclusion import Exclusion, PassedOver
    from producer.printing import passed_line, print_json
    from producer.progress_view import ProgressView
    from producer.request import RuleOptions, SortRequest
    from producer.session import Session
    from tasks.errors import NoWorker
    from tasks.queue_names import QueueName

    session = Session(store)
    rule = RuleOptions(threshold, match, margin, band, multiple, strangers)
    request = SortRequest.check(
        archive,
        references,
        output,
        weights=weights,
        mode=mode,
        rule=rule,
        roots=session.roots,
        exclusion=Exclusion(exclude or (), include_hidden),
    )
    for line in request.references.remarks:
        session.say(line)
    queue = session.checked_queue()
    if worker_check:
        try:
            queue.require_workers([QueueName.EMBED, QueueName.REDUCE])
        except NoWorker as error:
            raise NoWorker(f"{error}, or use --no-worker-check to send now and start workers later") from error
    made = create_run(session.store, request, "shared")
    view = ProgressView(session.err)
    with view.open():
        totals = Dispatcher(session.store, queue, session.settings.chunk_images).send(made, view.scanned)
    passed = PassedOver.of(totals)
    if json:
        fields = {"run": made.id, "files": totals.files, "to_read": totals.to_read, "reused": totals.reused}
        print_json({**fields, "passed_over": asdict(passed)}, session.out)
        return
    session.say(
        f"{totals.files:,} files seen, {totals.to_read:,} to read, {totals.reused:,} unchanged;"
        f" follow with: producer status {made.id} --watch"
    )
    if line := passed_line(passed):
        session.say(line)
    session.out.out(made.id, highlight=False)


def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Folder for the demo's archive and output.")] = Path(
        "oshiwake-demo"
    ),
    processes: o.Processes = 0,
) -> None:
    """Draw a small archive of invented characters, sort it through the real queue, and show the result."""
    from producer.demo import draw_demo, print_demo
    from producer.run_locally import sort_locally
    from producer.session import Session

    session = Session(folder / "store")
    drawn = draw_demo(folder, session.err)
    status = sort_locally(session, drawn.request(), processes)
    print_demo(drawn, status, session.out)
