"""Downloads a file from the hub by the hub's own client: its mirror (HF_ENDPOINT), its offline mode, the proxy of the
environment. What has come is kept when a download ends early, and the next one goes on from there."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from model.errors import EngineMissing, FetchError
from model.onnx.onnx_file import MAX_BYTES

__all__ = ["Downloaded", "download"]

_ANSWER_S = 20.0


@dataclass(frozen=True)
class Downloaded:
    """A file of the hub.

    Attributes:
        path: Where it lies.
        digest: sha256, hexadecimal.
        commit: The revision of the repository, or empty where a mirror names none.
    """

    path: Path
    digest: str
    commit: str


def download(repository: str, name: str, folder: Path, revision: str = "") -> Downloaded:
    """Download a file; the client shows its progress on standard error.

    Args:
        repository: On the hub.
        name: Of the file in the repository.
        folder: Where what has come is kept, until the caller deletes it.
        revision: A commit; by default the newest.

    Raises:
        FetchError: It cannot be fetched; the message says where it was looked for.
        EngineMissing: The client is not installed.
    """
    # Before its import: no reports of what is used; no transport of its own, which continues nothing.
    for setting in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_XET"):
        os.environ.setdefault(setting, "1")
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.file_download import http_get
        from huggingface_hub.utils._headers import build_hf_headers
    except ImportError as error:
        raise EngineMissing("fetching needs: pip install 'oshiwake[onnx]'") from error
    folder.mkdir(parents=True, exist_ok=True)
    url = hf_hub_url(repository, name, revision=revision or None)
    try:
        told = get_hf_file_metadata(url, token=False, timeout=_ANSWER_S, library_name="oshiwake")
        if told.size is None or told.size > MAX_BYTES:
            raise FetchError(f"{url} is larger than {MAX_BYTES >> 20} MiB, or tells no size")
        # A rest is only continued with the same content.
        mark = hashlib.sha256(f"{url} {told.etag} {told.size}".encode()).hexdigest()[:32]
        path, rest = folder / mark, folder / f"{mark}.incomplete"
        if not path.exists():
            with rest.open("ab") as file:
                headers = build_hf_headers(token=False, library_name="oshiwake")
                http_get(
                    told.location,
                    file,
                    resume_size=file.tell(),
                    headers=headers,
                    expected_size=told.size,
                    displayed_filename=name,
                )
            rest.rename(path)
    except FetchError:
        raise
    except Exception as error:  # the client raises errors of many types
        reason = (" ".join(str(error).split()) or type(error).__name__)[:300]
        raise FetchError(f"cannot fetch {url}: {reason}{_rest(folder)}") from error
    digest = _digest(path)
    if re.fullmatch("[0-9a-f]{64}", told.etag or "") and told.etag != digest:  # the hub names large files by it
        path.unlink()
        raise FetchError(f"{url} came damaged: its sha256 is {digest}, not {told.etag}; try again")
    commit = told.commit_hash or ""
    return Downloaded(path, digest, commit if re.fullmatch("[0-9a-f]{40}", commit) else "")


def _rest(folder: Path) -> str:
    size = sum(path.stat().st_size for path in folder.glob("*.incomplete"))
    return f"; {size / 1e6:.0f} MB have come, and the same command goes on from there" if size else ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
