"""`producer run`, `producer enqueue`, `producer demo`: start to sort."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from producer import options as o
from store.mode import Mode

if TYPE_CHECKING:
    from producer.request import SortRequest
    from producer.session import Session

__all__ = ["demo", "enqueue", "run"]


@dataclass(frozen=True)
class SortOptions:
    """The options that `producer run` and `producer enqueue` share."""

    archive: o.Archive
    references: o.References
    output: o.Output
    mode: o.Mode = Mode.HARDLINK
    strangers: o.Strangers = None
    threshold: o.Threshold = None
    match: o.Match = None
    margin: o.Margin = None
    band: o.Band = None
    multiple: o.Multiple = None
    weights: o.Weights = None
    heads: o.Heads = None
    exclude: o.Exclude = None
    include_hidden: o.IncludeHidden = False
    ignore_hand_moves: o.IgnoreHandMoves = False
    store: o.StorePath = None

    def check(self) -> tuple[Session, SortRequest]:
        """Check the options, and print remarks on the references.

        Raises:
            BadRequest, WeightsError: As `SortRequest.check`.
        """
        from producer.exclusion import Exclusion
        from producer.request import RuleOptions, SortRequest
        from producer.session import Session

        session = Session(self.store)
        request = SortRequest.check(
            self.archive,
            self.references,
            self.output,
            weights=self.weights,
            heads=self.heads,
            mode=self.mode,
            rule=RuleOptions(
                *(self.threshold, self.match, self.margin, self.band, self.multiple, self.strangers),
                ignore_hand_moves=self.ignore_hand_moves,
            ),
            roots=session.roots,
            exclusion=Exclusion(self.exclude or (), self.include_hidden),
        )
        for line in request.references.remarks:
            session.say(line)
        return session, request


def _with_sort_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the first parameter of a command, a `SortOptions`, by its fields: Typer makes an option of each."""
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    shared = inspect.signature(SortOptions, eval_str=True).parameters

    def with_options(**given: Any) -> None:
        command(SortOptions(**{name: given.pop(name) for name in shared}), **given)

    with_options.__doc__ = command.__doc__
    with_options.__dict__["__signature__"] = inspect.Signature([*shared.values(), *own])
    return with_options


@_with_sort_options
def run(options: SortOptions, processes: o.Processes = 0, json: o.Json = False) -> None:
    """Sort an archive on this machine.

    The command starts a private queue and workers, and stops them at the end.
    """
    from producer.request import need_writable
    from producer.run_locally import sort_locally

    session, request = options.check()
    need_writable(request.output)
    session.finish(sort_locally(session, request, processes), json)


@_with_sort_options
def enqueue(
    options: SortOptions,
    worker_check: Annotated[
        bool, typer.Option("--worker-check/--no-worker-check", help="Refuse if no worker is listening.")
    ] = True,
    json: o.Json = False,
) -> None:
    """Scan an archive and send it to the workers; print the run id."""
    from model.counted_nouns import counted
    from producer.dispatch import Dispatcher, create_run
    from producer.exclusion import PassedOver
    from producer.printing import passed_line, print_json
    from producer.progress_view import ProgressView
    from tasks.errors import NoWorker
    from tasks.queue_names import QueueName

    session, request = options.check()
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
        f"{counted(totals.files, 'file')} seen, {totals.to_read:,} to read, {totals.reused:,} unchanged;"
        f" follow with `producer status {made.id} --watch`"
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
    """Draw a small archive, sort it, and show the result.

    The characters are invented; the pictures pass through the real queue.
    """
    from producer.demo import draw_demo, print_demo
    from producer.run_locally import sort_locally
    from producer.session import Session

    session = Session(folder / "store")
    drawn = draw_demo(folder, session.err)
    status = sort_locally(session, drawn.request(), processes)
    print_demo(drawn, status, session.out)
