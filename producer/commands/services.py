"""`producer worker`, `dashboard`, `metrics`: services that run until they are told to stop; `doctor` looks at them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from producer import options as o
from tasks.queue_names import QueueName

__all__ = ["dashboard", "doctor", "metrics", "worker"]

_HAND_BACK_S = 15.0
"""How long a worker may take, after its grace, to put a chunk back in the queue."""


def worker(
    queues: Annotated[
        list[QueueName] | None,
        typer.Option("--queues", "-Q", help="Queue to listen on; may be repeated. Default: embed, reduce."),
    ] = None,
    processes: o.Processes = 0,
    store: o.StorePath = None,
) -> None:
    """Run the workers of this machine.

    They are one embedding process per GPU, or per core without a GPU, and one reducer.
    """
    from producer.session import Session
    from tasks.worker_processes import plan_workers, running_workers

    session = Session(store)
    session.checked_queue()
    plans = plan_workers(session.settings, queues or [QueueName.EMBED, QueueName.REDUCE], processes=processes)
    folder = session.store.logs
    for plan in plans:
        session.say(f"worker {plan.name}: queue {plan.queue}, processes {plan.processes}")
    with running_workers(
        plans, session.settings, folder, logs=False, grace_s=session.settings.grace_s, hand_back_s=_HAND_BACK_S
    ) as children:
        try:
            while True:
                for child in children:
                    child.check()
                time.sleep(1.0)
        except (KeyboardInterrupt, SystemExit):
            session.say("finishing the current chunks (press Ctrl-C again to stop now)")
            raise


def dashboard(
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, envvar="FLOWER_PORT", help="Port to listen on.")
    ] = 5555,
    address: Annotated[
        str,
        typer.Option(
            "--address", envvar="FLOWER_ADDRESS", help="Address to listen on; by default only this machine can connect."
        ),
    ] = "127.0.0.1",
    url_prefix: Annotated[
        str, typer.Option("--url-prefix", envvar="FLOWER_URL_PREFIX", help="Path under which a proxy serves it.")
    ] = "",
) -> None:
    """Show the queue in a browser.

    This starts Flower, configured for this queue and behind a password, with Prometheus metrics. Every other option
    of Flower can be set by its own variable, e.g. FLOWER_BASIC_AUTH=user:password.
    """
    from producer.session import Session
    from tasks.dashboard import Address, running_dashboard

    session = Session()
    session.checked_queue()
    place = Address(address, port, url_prefix.strip("/"))
    with running_dashboard(session.settings, place) as shown:
        session.say(f"dashboard at {shown.url}  (metrics at {shown.url}metrics)")
        for line in (*place.remarks, *shown.login.splitlines()):
            session.say(line)
        while True:
            shown.process.check()
            time.sleep(1.0)


def metrics(
    port: Annotated[
        int, typer.Option("--port", min=1, max=65535, envvar="OSHIWAKE_METRICS_PORT", help="Port to listen on.")
    ] = 9540,
    address: Annotated[
        str,
        typer.Option(
            "--address",
            envvar="OSHIWAKE_METRICS_ADDRESS",
            help="Address to listen on; by default only this machine can connect.",
        ),
    ] = "127.0.0.1",
    once: Annotated[bool, typer.Option("--once", help="Print the metrics and exit.")] = False,
) -> None:
    """Serve Prometheus metrics of the queue and all its workers."""
    from producer.session import Session
    from tasks.dashboard import host_and_port
    from tasks.metrics import metrics_text, serve_metrics

    session = Session()
    if once:
        session.checked_queue()
        for line in metrics_text(session.settings).rstrip("\n").split("\n"):
            session.out.out(line, highlight=False)
        return
    serve_metrics(session.settings, address, port)
    session.say(f"metrics at http://{host_and_port(address, port)}/metrics")
    while True:
        time.sleep(3600.0)


def doctor(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report here too, for a bug report.")
    ] = None,
    store: o.StorePath = None,
    json: o.Json = False,
) -> None:
    """Check this installation and its surroundings.

    It looks at the processor, GPUs, extras, store, roots and broker, and loads the network. The report holds no
    password. Exit code 1: there is a problem.
    """
    from dataclasses import asdict

    from model.files import write_text
    from producer.doctor import State, examine, report_lines
    from producer.printing import print_json
    from producer.session import Session

    session = Session(store)
    findings = list(examine(session.settings))
    lines = report_lines(findings)
    if output is not None:
        write_text(output, "\n".join(lines) + "\n")
    if json:
        print_json([asdict(one) for one in findings], session.out)
    else:
        for line in lines:
            session.out.print(line, markup=False, highlight=False, soft_wrap=True)
    if output is not None:
        session.say(f"written to {output}")
    raise typer.Exit(1 if any(one.state is State.PROBLEM for one in findings) else 0)
