"""Imports in a process of its own, which a hostile network may crash, fill or hold up."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from model.errors import EngineMissing, ModelError, WeightsError
from model.onnx.declaration import Declaration
from model.onnx.onnx_file import MAX_BYTES

__all__ = ["import_embedder", "import_heads"]

_LIMIT_S = 900
_MEMORY_BYTES = 8 << 30
"""Address space, besides what a file needs for itself."""

_COPIES = 10
_REFUSED, _MISSING = 3, 4


def import_embedder(path: Path, output: Path, declaration: Declaration, metric: Path | None = None) -> list[str]:
    """Import a network that embeds pictures; see `model.onnx.import_network.import_network`.

    Returns:
        Lines for a person: what was written, and what was seen.

    Raises:
        WeightsError: The file cannot be used.
        EngineMissing: A library is missing.
    """
    asked = {"declaration": declaration.model_dump(mode="json"), "metric": metric and str(metric.absolute())}
    found = _isolated("network", path, output, **asked)
    lines = [
        f"{output}: onnx, dimension {found['dimension']}, {found['preprocessing']}, digest {found['digest'][:16]}",
        f"licence: {declaration.licence or 'not declared'}; source: {declaration.source or 'not declared'}",
        f"drawn characters: mean distance of one {found['same']:.3f}, of two {found['different']:.3f}",
    ]
    if found["same"] >= found["different"]:
        lines.append("it does not tell drawn characters apart: are colours, scale, mean, deviation and output right?")
    if not found["together"]:
        lines.append("pictures go through it one by one, which takes longer")
    if declaration.threshold is not None:
        told = f"published threshold: {declaration.threshold} ({declaration.distance})"
        lines.append(f"{told}, {found['threshold']:.4f} as a cosine distance; a run sets its own by --strangers")
    if metric is not None:
        lines.append(f"the publisher's network of distances: {found['distances']}")
    return lines


def import_heads(path: Path, output: Path, **options: Any) -> list[str]:
    """Import a network that finds heads; see `model.heads.import_detector.import_detector`.

    Returns:
        Lines for a person.

    Raises:
        WeightsError: The file cannot be used.
        EngineMissing: A library is missing.
    """
    found = _isolated("detector", path, output, options=options)
    return [
        f"{output}: a head detector for squares of {found['side']} px, digest {found['digest'][:16]}",
        f"licence: {options.get('licence') or 'not declared'}; source: {options.get('source') or 'not declared'}",
        f"in drawn crowds: {found['found']} heads found, {found['drawn']} drawn",
    ]


def _isolated(job: str, path: Path, output: Path, **more: Any) -> dict[str, Any]:
    """Import a network elsewhere.

    Args:
        job: `network` for one that embeds, `detector` for one that finds heads.
        path: The ONNX file.
        output: The file to write.
        more: The other arguments of `import_network` or `import_detector`, as JSON has them.

    Returns:
        What was found out.

    Raises:
        WeightsError: The file cannot be used.
        EngineMissing: A library is missing.
    """
    asked = json.dumps({"job": job, "path": str(path.absolute()), "output": str(output.absolute()), **more})
    command = [sys.executable, "-m", "model.onnx.import_process"]
    # What OpenVINO prints of a broken network is not for people.
    try:
        done = subprocess.run(command, input=asked, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"{path}: trying it takes longer than {_LIMIT_S // 60} minutes") from error
    last = (done.stdout.splitlines() or [""])[-1]
    if done.returncode == 0:
        found: dict[str, Any] = json.loads(last)
        return found
    if done.returncode in (_REFUSED, _MISSING):
        raise (WeightsError if done.returncode == _REFUSED else EngineMissing)(last)
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise WeightsError(f"{path}: trying it ends the process ({name}): damaged, or it needs too much memory")
    last = (done.stderr.splitlines() or [""])[-1]
    raise WeightsError(f"{path}: trying it ends the process (exit code {done.returncode}: {last[:200]})")


def _main() -> int:
    from model.onnx.import_network import as_fields, import_network

    asked = json.loads(sys.stdin.read())
    job, path, output = asked["job"], Path(asked["path"]), Path(asked["output"])
    # Nor may the process outgrow the machine by one huge number in the file.
    limit = _MEMORY_BYTES + _COPIES * min(MAX_BYTES, _size(path.parent if _has_data(path) else path))
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        if job == "detector":
            from model.heads.import_detector import import_detector

            found = import_detector(path, output, **asked["options"])
        else:
            metric = Path(asked["metric"]) if asked.get("metric") else None
            found = as_fields(*import_network(path, output, Declaration(**asked["declaration"]), metric))
    except MemoryError:
        print(f"{path}: trying it needs more than {limit >> 30} GiB of memory")  # noqa: T201 - read by the one that asked
        return _REFUSED
    except ModelError as error:
        print(" ".join(str(error).split()))  # noqa: T201
        return _MISSING if isinstance(error, EngineMissing) else _REFUSED
    print(json.dumps(found))  # noqa: T201
    return 0


def _has_data(path: Path) -> bool:
    return path.with_name(path.name + ".data").exists()


def _size(path: Path) -> int:
    try:
        if path.is_dir():
            return sum(one.stat().st_size for one in os.scandir(path) if one.is_file(follow_symlinks=False))
        return path.stat().st_size
    except OSError:
        return 0


if __name__ == "__main__":
    sys.exit(_main())
