"""Processes that end with the one that started them, whatever ends that one."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

__all__ = ["end_with_parent"]

_PR_SET_PDEATHSIG = 1  # from <linux/prctl.h>

# Looked up before any fork: a new process of a program with threads must not wait for the loader's lock.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def end_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """Ask Linux to send a signal to this process when its parent dies; elsewhere nothing happens.

    Linux counts the death of the thread that started this process, so that thread must live as long as the parent.

    Args:
        parent: The process that started this one. If it has died already, the signal comes at once.
        number: The signal.
    """
    if _prctl is None:
        return
    _prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
    # Linux tells of no death that came before it was asked.
    if os.getppid() != parent:
        os.kill(os.getpid(), number)
