"""What this machine has to compute with, told without loading torch.

A parent process that asks CUDA anything breaks its children, so devices are counted from the driver's own files.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from itertools import takewhile
from pathlib import Path

from model.counted_nouns import counted
from tasks.errors import BadSettings
from tasks.settings import Settings

__all__ = ["cores", "embed_gpus", "embed_processes", "gpus", "pin", "unused_gpus_remark"]

_TORCH = "pip install 'oshiwake[gpu]'"

_BYTES_PER_PROCESS = 1 << 30
"""Memory that a worker process with torch and the network takes at most, roughly."""


def gpus() -> list[str]:
    """The visible NVIDIA GPUs, by what `CUDA_VISIBLE_DEVICES` calls them; empty where there is none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:  # CUDA sees what stands before the first name of no device
        return list(takewhile(lambda name: name not in ("", "-1"), map(str.strip, visible.split(","))))
    try:
        return [str(n) for n, _ in enumerate(sorted(Path("/proc/driver/nvidia/gpus").iterdir()))]
    except OSError:
        return _gpus_by_tool()


def _gpus_by_tool() -> list[str]:
    """Ask nvidia-smi, for containers that have no /proc/driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        result = subprocess.run([tool, "--list-gpus"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if result.returncode != 0:
        return []
    return [str(n) for n, line in enumerate(result.stdout.splitlines()) if line.startswith("GPU")]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def embed_gpus(settings: Settings) -> list[str]:
    """The GPUs to embed on; empty where that is the processor's work.

    Raises:
        BadSettings: The settings ask for a GPU, and there is none, or torch is not installed.
    """
    found = [] if settings.device == "cpu" else gpus()
    if settings.device == "cuda" and found and not _has_torch():
        raise BadSettings(f"OSHIWAKE_DEVICE is cuda, but torch is not installed: {_TORCH}")
    if settings.device == "cuda" and not found:
        raise BadSettings(
            "OSHIWAKE_DEVICE is cuda, but no NVIDIA GPU is visible on this machine (look at nvidia-smi and"
            " CUDA_VISIBLE_DEVICES); set OSHIWAKE_DEVICE to auto or cpu to embed on the processor"
        )
    return found if _has_torch() else []


def unused_gpus_remark(settings: Settings) -> str:
    """That GPUs stay unused for want of torch, and what to install; empty where none does, or none is wanted."""
    number = 0 if settings.device == "cpu" or _has_torch() else len(gpus())
    if not number:
        return ""
    return f"{counted(number, 'GPU is', 'GPUs are')} not used, because torch is not installed: {_TORCH}"


def _has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def embed_processes(settings: Settings) -> int:
    """How many embedding processes suit this machine: one per usable GPU, else one per core as far as memory goes."""
    if settings.device != "cpu" and _has_torch() and (found := gpus()):
        return len(found)
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return cores()
    return max(1, min(cores(), memory // _BYTES_PER_PROCESS - 1))


def pin(index: int, settings: Settings) -> str:
    """Give this process the GPU with that index and no other; return its device, `cuda` or `cpu`.

    Must be called before torch is imported.

    Raises:
        BadSettings: The settings ask for a GPU, and there is none.
    """
    names = embed_gpus(settings)
    if not names:
        return "cpu"
    os.environ["CUDA_VISIBLE_DEVICES"] = names[index % len(names)]
    return "cuda"
