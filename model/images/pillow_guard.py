"""Pillow's process-wide settings while pictures are decoded."""

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
    """Limit Pillow's canvases and silence its warnings while threads decode.

    Pillow compares sizes with `Image.MAX_IMAGE_PIXELS` before it allocates memory, and refuses twice as much. This and
    the filters of warnings belong to the whole process: the first thread sets both, the last one restores them, and the
    largest of several limits applies. (`warnings.catch_warnings` in each thread would restore filters that another
    thread still needs.)
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
