"""A Celery worker that takes OSHIWAKE_SLOW_IMAGE_S longer for each picture than it needs, and no processor for it.

So several workers on one machine work side by side as if each had a machine of its own.
"""

import os
import time
from typing import Any

from celery.bin.celery import main

from workers.sources import Content, Sources

_read = Sources.read
_wait_s = float(os.environ["OSHIWAKE_SLOW_IMAGE_S"])


def _slowly(self: Sources, *args: Any) -> Content:
    time.sleep(_wait_s)
    return _read(self, *args)


Sources.read = _slowly  # type: ignore[assignment, method-assign]

if __name__ == "__main__":
    main()
