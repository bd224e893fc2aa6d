"""Real deaths of real processes, at chosen moments, and a true count of what workers read.

Pictures with a certain ending kill, hang or starve whoever opens them; with `SLOW_S` in the environment every picture
takes so long. Where the environment names a folder of kill points, a process with the named word on its command line
that comes to such a point (`link-3-before`: its third link is about to be made; `commit-2-after`: the journal's second
transaction is on disk) kills itself, once, or sends itself another signal. Where it names a file for a lost GPU, the
first process of an embed worker that finds it there takes it away, and its GPU has failed from then on. Where it names
a file for reads, every picture that an embed worker opens is written down in it. Where it names a file for calls, every
name that Python looks up, and every address beyond this machine that it turns to, is. Packages that it names under
`WITHOUT` are not installed.
"""

import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

for _name in os.environ.get("WITHOUT", "").split():
    sys.modules[_name] = None  # type: ignore[assignment]

_open = Image.open


def _poisoned(file: Any, *args: Any, **kwargs: Any) -> Image.Image:
    ending = file.getvalue()[-8:] if hasattr(file, "getvalue") else b""
    if ending == b"!crash!!":
        os.kill(os.getpid(), signal.SIGSEGV)
    if ending == b"!hang!!!":
        time.sleep(3600)
    hoard: list[bytes | bytearray] = []
    while ending == b"!eat!!!!":
        hoard.append(bytearray(64 << 20))  # of addresses
    while ending == b"!devour!":
        hoard.append(b"\1" * (64 << 20))  # of memory
    time.sleep(float(os.environ.get("SLOW_S", 0)))
    return _open(file, *args, **kwargs)


Image.open = _poisoned  # type: ignore[assignment]

_calls: dict[str, int] = {}
_counting = threading.Lock()


def _die(folder: Path, name: str, number: int, when: str) -> None:
    point = folder / f"{name}-{number}-{when}"
    if point.exists():
        point.unlink()
        os.kill(os.getpid(), int(os.environ.get("KILL_SIGNAL", signal.SIGKILL)))


def _deadly(
    name: str, function: Callable[..., Any], folder: Path, ours: Callable[[tuple[Any, ...]], bool]
) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if not ours(args):
            return function(*args, **kwargs)
        with _counting:
            number = _calls[name] = _calls.get(name, 0) + 1
        _die(folder, name, number, "before")
        result = function(*args, **kwargs)
        _die(folder, name, number, "after")
        return result

    return call


def _in_the_trees(args: tuple[Any, ...]) -> bool:
    return any(part in str(arg) for arg in args for part in ("/sorted/", "/archive/"))


def _hurry_objects(folder: Path) -> None:
    """Kill points of objects, and no long wait for a holder that died."""
    from store.location import ObjectPath, lease

    for name in ("write", "delete"):
        setattr(ObjectPath, name, _deadly(f"{name}_object", getattr(ObjectPath, name), folder, _in_the_trees))
    lease.RENEW_S, lease.HELD_S, lease.LEFT_BEHIND_S = 0.5, 2.0, 3.0


def _set_kill_points(folder: Path) -> None:
    for name in ("link", "symlink", "rename", "replace", "unlink", "mkdir", "rmdir"):
        setattr(os, name, _deadly(name, getattr(os, name), folder, _in_the_trees))

    class Connection(sqlite3.Connection):
        def execute(self, *args: Any) -> Any:
            return execute(self, *args)

    execute = _deadly("commit", sqlite3.Connection.execute, folder, lambda args: args[1] == "COMMIT")
    connect = sqlite3.connect
    sqlite3.connect = lambda *args, **kwargs: connect(*args, **{"factory": Connection, **kwargs})


def _lose_gpu(file: Path) -> None:
    from model.errors import DeviceLost
    from model.network.embedder import Embedder

    start = Embedder.start
    lost: list[bool] = []

    def call(self: Embedder, pictures: Any) -> Any:
        if file.exists():
            file.unlink()
            lost.append(True)
        if lost:
            raise DeviceLost("CUDA error: unspecified launch failure")
        return start(self, pictures)

    Embedder.start = call  # type: ignore[method-assign]


def _write_reads_down(path: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and args and isinstance(args[0], (bytes, str)):
            opened = os.fsencode(args[0])
            if b"/archive/" in opened and b"/store/" not in opened:
                os.write(file, opened + b"\n")

    sys.addaudithook(hear)


def _write_calls_down(path: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def hear(event: str, args: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            wanted = args[1][0] if isinstance(args[1], tuple) else None  # else a socket file's path
        elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
            wanted = args[0]
        else:
            return
        wanted = os.fsdecode(wanted) if isinstance(wanted, (str, bytes)) else None
        if wanted and wanted not in ("localhost", "::1") and not wanted.startswith("127."):
            os.write(file, f"{event} {wanted}\n".encode())

    sys.addaudithook(hear)


_command = Path("/proc/self/cmdline").read_bytes().split(b"\0")
if "KILL_POINTS" in os.environ and os.environ["KILL_QUEUE"].encode() in _command:
    _set_kill_points(Path(os.environ["KILL_POINTS"]))
    _hurry_objects(Path(os.environ["KILL_POINTS"]))
if "LOST_GPU" in os.environ and b"embed" in _command:
    _lose_gpu(Path(os.environ["LOST_GPU"]))
if "READS" in os.environ and b"embed" in _command:
    _write_reads_down(os.environ["READS"])
if "CALLS" in os.environ:
    _write_calls_down(os.environ["CALLS"])
