"""Pillow's settings for the whole process, as they have to be while pictures are decoded."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections import Counter
from collections.abc import Iterator

from PIL import Image

__all__ = ["guarded"]

_lock = threading.Lock()
_inside: Counter[int] = Counter()
_restoring = contextlib.ExitStack()


@contextlib.contextmanager
def guarded(max_pixels: int) -> Iterator[None]:
    """No canvas beyond the limit, and no warning, while a thread decodes.

    Pillow holds a size against `Image.MAX_IMAGE_PIXELS` wherever it is about to take memory for one, and refuses twice
    as much. Filters of warnings, too, belong to the whole process: the first thread to come sets both, the last to go
    puts them back; of several limits the largest is in force. (`warnings.catch_warnings` in each thread would put back
    what another is still using.)
    """
    with _lock:
        if not _inside:
            _restoring.enter_context(warnings.catch_warnings(action="ignore"))
            _restoring.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
        _inside[max_pixels] += 1
        _set_limit()
    try:
        yield
    finally:
        with _lock:
            _inside[max_pixels] -= 1
            if not _inside[max_pixels]:
                del _inside[max_pixels]
            if _inside:
                _set_limit()
            else:
                _restoring.close()


def _set_limit() -> None:
    Image.MAX_IMAGE_PIXELS = -(-max(_inside) // 2)
