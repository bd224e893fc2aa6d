"""What `producer doctor` looks at: one finding for each part of an installation. It changes nothing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from model.counted_nouns import counted
from model.errors import ModelError
from model.extras import installed
from store.errors import StoreError
from store.location import choose, storage_of
from store.store import Store
from tasks.devices import cores, embed_gpus, gpus, unused_gpus_remark
from tasks.errors import BadSettings, BrokerUnreachable
from tasks.settings import Settings

__all__ = ["Finding", "State", "examine", "report_lines"]

_EXTRAS = {
    "gpu": ("torch", "torchvision"),
    "training": ("pytorch_metric_learning", "optuna", "tensorboard", "matplotlib", "jinja2", "filelock"),
    "onnx": ("onnx", "huggingface_hub"),
    "s3": ("s3fs", "aiobotocore"),
}
"""The extras and the packages that they bring, by the names that are imported."""

_CORE = ("openvino", "pyarrow", "numpy", "pillow", "celery", "redis")


class State(StrEnum):
    """How a part of the installation is."""

    OK = "ok"
    ABSENT = "-"
    """It is not there, and nothing that was asked for needs it."""
    PROBLEM = "PROBLEM"


@dataclass(frozen=True)
class Finding:
    """One part of the installation.

    Attributes:
        part: Its name.
        state: How it is.
        text: What was found, or what to do; without passwords.
    """

    part: str
    state: State
    text: str


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at everything that sorting needs, the slow parts last."""
    yield Finding("program", State.OK, f"oshiwake {_version('oshiwake')}, Python {platform.python_version()}")
    yield Finding("packages", State.OK, ", ".join(f"{name} {_version(name)}" for name in _CORE))
    yield Finding("system", State.OK, platform.platform())
    yield _processor()
    yield _gpu(settings)
    yield from map(_extra, _EXTRAS)
    yield from _decoders()
    variables = sorted(name for name in os.environ if name.startswith("OSHIWAKE_"))
    yield Finding("settings", State.OK, f"set in the environment: {', '.join(variables) or 'none'}")
    yield _store(settings)
    yield from _roots(settings)
    yield _broker(settings)
    yield _network(settings)


def report_lines(findings: list[Finding]) -> list[str]:
    """The report, a line each; the home folder is shortened, because it names a person."""
    home = str(Path.home())
    lines = [f"{one.part:<14}  {one.state.value:<7}  {one.text}" for one in findings]
    return [re.sub(rf"{re.escape(home)}(?=/|$|[\s,:])", "~", line) if home != "/" else line for line in lines]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(missing)"


def _processor() -> Finding:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    name = found[1] if found else platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return Finding("processor", State.OK, f"{name}, {counted(cores(), 'core')}, {memory:.0f} GB of memory")


def _gpu(settings: Settings) -> Finding:
    found = gpus()
    try:
        used = embed_gpus(settings)
    except BadSettings as error:
        return Finding("GPU", State.PROBLEM, str(error))
    if remark := unused_gpus_remark(settings):
        return Finding("GPU", State.PROBLEM, remark)
    if not found:
        return Finding("GPU", State.ABSENT, "no NVIDIA GPU is visible; the processor embeds")
    names = _gpu_names()
    text = f"{len(used)} of {len(found)} used{': ' if names else ''}{', '.join(names)}"
    return Finding("GPU", State.OK, text)


def _gpu_names() -> list[str]:
    """What the driver's tool calls the GPUs, with the driver's version."""
    ask = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(ask, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return said.splitlines()


def _extra(name: str) -> Finding:
    missing = [package for package in _EXTRAS[name] if not installed(package)]
    if missing:
        return Finding(f"extra {name}", State.ABSENT, f"not installed; pip install 'oshiwake[{name}]'")
    return Finding(f"extra {name}", State.OK, f"{_EXTRAS[name][0]} {_version(_EXTRAS[name][0])}")


def _decoders() -> Iterator[Finding]:
    for part, package, text in (
        ("HEIC", "pillow_heif", "pip install pillow-heif"),
        ("JPEG XL", "pillow_jxl", "pip install pillow-jxl-plugin"),
        ("fast PNG", "model.images.unfilter", "PNGs are read by Pillow, slower; installed without a C compiler"),
    ):
        found = installed(package)
        yield Finding(part, State.OK if found else State.ABSENT, "installed" if found else text)


def _store(settings: Settings) -> Finding:
    try:
        store = Store(settings.store)
        runs = counted(len(store.all_runs()), "run") if store.exists else "no run yet"
        return choose(
            store.root,
            lambda folder: _store_folder(folder, runs),
            lambda bucket: Finding("store", State.OK, f"{bucket}: {runs}"),
        )
    except (OSError, StoreError) as error:
        return Finding("store", State.PROBLEM, f"{settings.store}: {error}")


def _store_folder(folder: Path, runs: str) -> Finding:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not os.access(there, os.W_OK):
        return Finding("store", State.PROBLEM, f"{folder}: {there} cannot be written")
    free = shutil.disk_usage(there).free / 1e9
    return Finding("store", State.OK, f"{folder}: {runs}, {free:,.1f} GB free")


def _roots(settings: Settings) -> Iterator[Finding]:
    for name, place in sorted(settings.roots.items()):
        try:
            there = storage_of(place).is_folder(os.fsencode(place))
        except (OSError, StoreError):
            there = False
        yield Finding(
            f"root {name}",
            State.OK if there else State.PROBLEM,
            f"{place}{'' if there else ' is not there; mount it, or correct OSHIWAKE_ROOTS'}",
        )


def _broker(settings: Settings) -> Finding:
    from tasks.queue_client import Queue

    asked = bool({"OSHIWAKE_BROKER_URL", "CELERY_BROKER_URL"} & os.environ.keys())
    try:
        queue = Queue(settings)
        queue.check()
        return Finding("broker", State.OK, f"{queue.url}, {counted(len(queue.workers()), 'worker')}")
    except (BadSettings, BrokerUnreachable) as error:
        if asked:
            return Finding("broker", State.PROBLEM, str(error))
        return Finding("broker", State.ABSENT, "none is set up; `producer run` brings its own, many machines need one")


def _network(settings: Settings) -> Finding:
    """Whether the network runs here, by the engine that a worker takes."""
    from model.network.embedder import Embedder
    from model.network.weights_file import DEFAULT_WEIGHTS

    weights = Path(os.environ.get("OSHIWAKE_WEIGHTS") or DEFAULT_WEIGHTS)
    try:
        device = "cuda" if embed_gpus(settings) else "cpu"
        embedder = Embedder.load(weights, device=device, precision=settings.precision)
    except (ModelError, BadSettings, ImportError, OSError, RuntimeError) as error:
        return Finding("network", State.PROBLEM, " ".join(str(error).split())[:300])
    return Finding("network", State.OK, f"{embedder.engine.name}, weights {embedder.info.digest[:16]}")
