"""Real deaths of real processes, at chosen moments.

Pictures with a certain ending kill, hang or starve whoever opens them. Where the environment names a folder of kill
points, a worker of the queue named there that comes to such a point (`link-3-before`: its third link is about to be
made) kills itself, once.
"""

import os
import signal
import time
from pathlib import Path

from PIL import Image

_open = Image.open


def _poisoned(file, *args, **kwargs):
    ending = file.getvalue()[-8:] if hasattr(file, "getvalue") else b""
    if ending == b"!crash!!":
        os.kill(os.getpid(), signal.SIGSEGV)
    if ending == b"!hang!!!":
        time.sleep(3600)
    hoard = []
    while ending == b"!eat!!!!":
        hoard.append(bytearray(64 << 20))
    return _open(file, *args, **kwargs)


Image.open = _poisoned


def _deadly(name, function, folder):
    calls = 0

    def call(*args, **kwargs):
        nonlocal calls
        ours = any(part in str(arg) for arg in args for part in ("/sorted/", "/archive/"))
        calls += ours
        if ours:
            _die(folder / f"{name}-{calls}-before")
        result = function(*args, **kwargs)
        if ours:
            _die(folder / f"{name}-{calls}-after")
        return result

    return call


def _die(point):
    if point.exists():
        point.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


_command = Path("/proc/self/cmdline").read_bytes().split(b"\0")
if "KILL_POINTS" in os.environ and os.environ["KILL_QUEUE"].encode() in _command:
    for _name in ("link", "replace", "unlink", "mkdir"):
        setattr(os, _name, _deadly(_name, getattr(os, _name), Path(os.environ["KILL_POINTS"])))
