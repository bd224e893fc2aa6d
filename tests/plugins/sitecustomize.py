"""Pictures with a certain ending kill, hang or starve whoever opens them: real deaths of real processes."""

import os
import signal
import time

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
