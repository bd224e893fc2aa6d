"""The dashboard: Flower, set for this queue, in a process of its own (`python -m tasks.dashboard`).

Its options are in the environment, because `ps` would show a password. The operator's own variables (`FLOWER_...`)
override the defaults here, but not options of the command line.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import re
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tasks.broker_address import safe_url
from tasks.child_process import ChildProcess
from tasks.dashboard_login import dashboard_login
from tasks.errors import BadSettings, FleetFailed
from tasks.settings import Settings

__all__ = ["Address", "Dashboard", "default_state", "host_and_port", "running_dashboard"]

_START_S = 60.0
_STOP_S = 10.0

_CHOSEN = {
    "PERSISTENT": "true",
    # Saving stops the page for as long as it takes, about a second for these.
    "STATE_SAVE_INTERVAL": "30000",
    "MAX_TASKS": "20000",
    # Over a distant broker an answer takes longer than the second that Flower waits by itself.
    "INSPECT_TIMEOUT": "5000",
    "NATURAL_TIME": "true",
    "PURGE_OFFLINE_WORKERS": "86400",
    # A chunk that is revoked by a button is done by nobody, and its run waits for it for ever.
    "READ_ONLY": "true",
    "TASKS_COLUMNS": "name,args,state,result,received,runtime,worker",
}


@dataclass(frozen=True)
class Address:
    """Where the dashboard listens.

    Attributes:
        address: Of this machine.
        port: Its number.
        url_prefix: Path under which a proxy shows it, without slashes at its ends; empty for none.
    """

    address: str
    port: int
    url_prefix: str = ""

    @property
    def url(self) -> str:
        """What a browser on this machine asks for."""
        here = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.address, self.address)
        return f"http://{host_and_port(here, self.port)}/" + (f"{self.url_prefix}/" if self.url_prefix else "")

    @property
    def remarks(self) -> list[str]:
        """What a person must know of an address that others can reach, a line each; nothing of one that they cannot."""
        if is_loopback(self.address) or os.environ.get("FLOWER_CERTFILE"):
            return []
        where = (
            "all addresses of this machine" if self.address in ("", "0.0.0.0", "::") else "an address of the network"
        )
        return [
            f"it listens on {host_and_port(self.address or '0.0.0.0', self.port)}, {where}:"
            " password and pages travel in the clear, for whoever can listen on the way to read",
            "safer: the default --address and `ssh -L`, or a proxy with TLS (docs/security.md)",
        ]

    def check(self) -> None:
        """Make sure that it is free.

        Raises:
            BadSettings: It is taken, or not ours to listen on.
        """
        try:
            found = socket.getaddrinfo(
                self.address or None, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(found[0][4])
        except OSError as error:
            raise BadSettings(
                f"cannot listen on {host_and_port(self.address, self.port)} ({error.strerror});"
                " choose another with --port or --address"
            ) from error


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard.

    Attributes:
        process: Flower.
        url: What a browser asks for.
        login: Who may enter, in a line for a person.
    """

    process: ChildProcess
    url: str
    login: str


def host_and_port(address: str, port: int) -> str:
    """`127.0.0.1:5555`, `[::1]:5555`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach what listens on an address."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return address == "localhost"


def default_state() -> Path:
    """`oshiwake/dashboard` in the user's state folder, as the XDG base directory specification says.

    Not in the store, which machines share: Flower keeps its state as pickle, and what it loads must be its own.
    """
    state = os.environ.get("XDG_STATE_HOME", "")
    home = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return home / "oshiwake" / "dashboard"


@contextlib.contextmanager
def running_dashboard(settings: Settings, place: Address) -> Iterator[Dashboard]:
    """Run Flower until the block ends; it saves its state then, and now and then before.

    Raises:
        BadSettings: Nothing can listen at the place.
        FleetFailed: Flower does not come up.
    """
    place.check()
    folder = default_state()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment, login = dashboard_login(folder)
    options = {"ADDRESS": place.address, "PORT": str(place.port)}
    if place.url_prefix:
        options["URL_PREFIX"] = place.url_prefix
    # Tasks of one broker mean nothing beside those of another.
    broker = hashlib.sha256(safe_url(settings.broker_url).encode()).hexdigest()[:8]
    chosen = {f"FLOWER_{name}": value for name, value in {**_CHOSEN, "DB": str(folder / f"flower-{broker}")}.items()}
    child = ChildProcess(
        "the dashboard",
        [sys.executable, "-m", "tasks.dashboard"],
        folder=folder,
        env={
            **{name: value for name, value in chosen.items() if name not in os.environ},
            **{f"FLOWER_{name}": value for name, value in options.items()},
            **environment,
            "OSHIWAKE_BROKER_URL": settings.broker_url,
        },
    )
    try:
        _wait(child, place)
        yield Dashboard(child, place.url, login)
    finally:
        try:
            child.ask_to_stop()
            child.wait(time.monotonic() + _STOP_S)
        finally:
            child.kill()


def _wait(child: ChildProcess, place: Address) -> None:
    """Wait until the page answers."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        child.check()
        try:
            with urllib.request.urlopen(f"{place.url}healthcheck", timeout=2.0):
                return
        except urllib.error.HTTPError:
            return  # it listens; what it makes of us is for the browser to see
        except OSError:
            time.sleep(0.1)
    raise FleetFailed(f"the dashboard did not answer at {place.url} within {_START_S:.0f} s")


_QUOTED = re.compile(r"(?P<quote>['\"])(?P<text>.*)(?P=quote)", re.DOTALL)
_SUBJECT = re.compile(r"^run [^:]+: ")
_RAISED = re.compile(r"(?P<kind>\w+)\((?P<text>.*?),?\)", re.DOTALL)


def readable_task(task: Any) -> Any:
    """A task as the page shows it: its result without what `args` say already, or in its place why it failed."""
    if task.exception:
        raised = _RAISED.fullmatch(task.exception)
        task.result = f"{raised['kind']}: {_unquoted(raised['text'])}" if raised else task.exception
    elif task.result:
        task.result = _SUBJECT.sub("", _unquoted(task.result))
    return task


def _unquoted(text: str) -> str:
    match = _QUOTED.fullmatch(text)
    return match["text"] if match else text


def _serve() -> None:
    """Be Flower."""
    from celery.bin.celery import main
    from flower.options import options
    from prometheus_client import REGISTRY

    from tasks.celery_app import app, settings
    from tasks.metrics import QueueCollector, scrape_connection

    REGISTRY.register(QueueCollector(scrape_connection(settings)))
    if settings.broker_url.startswith("rediss:"):
        # Flower's own connection, for the lengths of the queues, reads the options of TLS nowhere else.
        app.conf.broker_use_ssl = dict(parse_qsl(urlsplit(settings.broker_url).query))
    options.format_task = readable_task
    sys.argv = ["celery", "-A", "tasks", "--quiet", "flower"]
    main()


if __name__ == "__main__":
    _serve()
