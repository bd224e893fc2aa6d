"""Ctrl-C as a wish that a training grants between two steps."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["TrainingStopped", "stop_signal"]


class TrainingStopped(KeyboardInterrupt):
    """A person stopped a training; the checkpoint holds all steps that were done."""


@contextlib.contextmanager
def stop_signal(wanted: bool = True) -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets while the block runs; the second one interrupts as usual.

    Args:
        wanted: Without it, or outside the main thread, which alone can listen, Ctrl-C interrupts as usual.
    """
    stop = threading.Event()
    if not wanted or threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def on_signal(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, on_signal)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
