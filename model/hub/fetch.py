"""Fetch a published network, check that it is the one of the first time, and make weights of it."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from model.cache_folder import cache_folder
from model.errors import FetchError, WeightsError
from model.hub.catalogue import Published
from model.hub.download import Downloaded, download
from model.hub.fetched import Record, digest_in, fetched_path, note, records
from model.onnx.declaration import Declaration
from model.onnx.import_process import import_embedder, import_heads

__all__ = ["fetch", "is_whole"]

_MOST_FIGURES = 1 << 20


def is_whole(entry: Published) -> bool:
    """Whether the weights lie here, every byte as they were made."""
    from model.heads.weights_file import load_detector
    from model.network.weights_file import load_tensors

    path, known = fetched_path(entry), records().get(entry.name)
    if known is None or not path.exists():
        return False
    try:
        if entry.limits:
            return load_detector(path)[1] == known.weights
        return load_tensors(path)[1].digest == known.weights
    except WeightsError:
        return False


def fetch(entry: Published, *, accept_change: bool = False) -> list[str]:
    """Download a network and make weights of it.

    Args:
        entry: The network.
        accept_change: Take the newest also where it is not that of the first time.

    Returns:
        Lines for a person.

    Raises:
        FetchError: It cannot be fetched, or is not what was fetched the first time.
        WeightsError: It cannot be used.
        EngineMissing: A library is missing.
    """
    known = None if accept_change else records().get(entry.name)
    folder = cache_folder() / "downloads" / entry.name
    files = {name: download(entry.repository, name, folder, known.commit if known else "") for name in entry.files}
    _check(entry, files, known)
    path = fetched_path(entry)
    lines = _weights(entry, {name: one.path for name, one in files.items()}, path)
    digests = {name: one.digest for name, one in files.items()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    weights = digest_in(path, entry)
    date = known.date if known else now
    note(
        entry.name,
        Record(files=digests, weights=weights, commit=files[entry.file].commit, date=date, licence=entry.licence),
    )
    shutil.rmtree(folder)
    return lines


def _check(entry: Published, files: dict[str, Downloaded], known: Record | None) -> None:
    for name, one in files.items():
        before = known.files.get(name) if known else None
        if known and before != one.digest:
            one.path.unlink()
            raise FetchError(
                f"{entry.repository}, {name}: its sha256 is {one.digest}, not {before} as on {known.date}; nothing of"
                " it is used (--accept-change takes what the publisher offers now)"
            )


def _weights(entry: Published, files: dict[str, Path], path: Path) -> list[str]:
    network = files[entry.file]
    if entry.limits:
        return import_heads(network, path, **entry.limits, licence=entry.licence, source=entry.source)
    declaration = Declaration(
        **entry.form,
        threshold=_threshold(files[entry.figures]) if entry.figures else None,
        licence=entry.licence,
        source=entry.source,
    )
    return import_embedder(network, path, declaration, files.get(entry.metric))


def _threshold(path: Path) -> float:
    try:
        if path.stat().st_size > _MOST_FIGURES:
            raise ValueError("too large")
        threshold = float(json.loads(path.read_bytes())["threshold"])
        if not 0 <= threshold <= 2:
            raise ValueError(f"a threshold of {threshold}")
        return threshold
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"the published figures tell no threshold ({error})") from error
