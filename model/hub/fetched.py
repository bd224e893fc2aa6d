"""What was fetched, with the digests of the first time: `fetched.json` in the user's data folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from model.cache_folder import cache_folder
from model.errors import WeightsError
from model.files import write_text
from model.hub.catalogue import Published
from store.location import default_store

__all__ = ["Record", "digest_in", "fetched_path", "note", "records"]

_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Record(BaseModel):
    """What is known of a network that was fetched.

    Attributes:
        files: sha256 of each file of the publisher.
        weights: Digest of the weights that were made of it.
        commit: The revision of the repository, or empty.
        date: Of the first time, ISO 8601.
        licence: That was agreed to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[str, _Digest]
    weights: _Digest
    commit: Annotated[str, Field(pattern="^([0-9a-f]{40})?$")] = ""
    date: str
    licence: str


_RECORDS = TypeAdapter(dict[str, Record])


def records() -> dict[str, Record]:
    """What was fetched, by name.

    Raises:
        WeightsError: The file is damaged.
    """
    path = _file()
    try:
        return _RECORDS.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        reason = getattr(error, "strerror", None) or "damaged"
        raise WeightsError(f"{path}: {reason}; it holds the digests of what was fetched") from error


def note(name: str, record: Record) -> None:
    """Write down what was fetched."""
    kept = {key: one.model_dump() for key, one in (records() | {name: record}).items()}
    write_text(_file(), json.dumps(kept, indent=1, sort_keys=True))


def fetched_path(entry: Published) -> Path:
    """Where the weights lie that were made of it; they may be gone."""
    return cache_folder() / "weights" / f"{entry.name}.weights"


def digest_in(path: Path, entry: Published) -> str:
    """The digest that a fetched file claims.

    Raises:
        WeightsError: It cannot be read.
    """
    from model.heads.weights_file import read_digest
    from model.network.weights_file import read_info

    return read_digest(path) if entry.limits else read_info(path).digest


def _file() -> Path:
    return default_store() / "fetched.json"
