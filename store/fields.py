"""Types of the fields of stored files. They are checked on reading, before a name becomes a path.

Users who may write in the store may start runs over any folder (docs/security.md). But an error names a damaged file,
and a stored name never leads to a path that this program would not have written.
"""

from __future__ import annotations

import functools
import os
import re
from typing import Annotated, Any, TypeVar, cast

from pydantic import ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError

from store.errors import DamagedStore
from store.files import read_json
from store.location import Location

__all__ = [
    "KNOWN_ALONE",
    "Count",
    "Name",
    "Place",
    "SocketAddress",
    "Text",
    "WeightsName",
    "checked",
    "read_model",
    "stored_path",
    "valid_part",
    "valid_weights_name",
]

KNOWN_ALONE = ConfigDict(extra="forbid")
"""A model refuses unknown fields. (`strict` would also refuse values that are not yet instances.)"""

_MOST_BYTES = 4096
"""Of a path (Linux)."""

_WEIGHTS = re.compile(r"[0-9A-Za-z_-]{1,64}")
_PART = re.compile(r"[0-9a-z-]{1,40}/(archive|passes/[0-9]{1,6}/references)")
_STORED = re.compile(rb"(/|s3://[^/\x00]|[A-Za-z0-9][A-Za-z0-9._-]*:/(?!/))[^\x00]*", re.DOTALL)


def stored_path(path: object) -> bool:
    """Whether these bytes are such a path. One below a named root has no part `..`."""
    if not isinstance(path, bytes) or len(path) > _MOST_BYTES or not _STORED.fullmatch(path):
        return False
    return path.startswith(b"/") or b".." not in path.split(b"/")


def valid_weights_name(text: str) -> bool:
    """Whether a digest of weights can name their file."""
    return _WEIGHTS.fullmatch(text) is not None


def valid_part(name: str) -> bool:
    """Whether a text has the form of a part's name, such as `20261123-0412-k7m2p/archive`."""
    return _PART.fullmatch(name) is not None


def _text(value: object) -> str:
    # pydantic's own str would refuse the surrogates of an undecodable file name.
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _place(value: object) -> str:
    text = _text(value)
    if not stored_path(os.fsencode(text)):
        raise ValueError("no absolute path, nor one below a named root")
    return text


def _weights_name(value: object) -> str:
    if not valid_weights_name(text := _text(value)):
        raise ValueError("no digest of weights")
    return text


def _socket_address(value: object) -> str:
    text = _text(value)
    if not text.startswith("redis+socket:///") or "\0" in text or len(text) > _MOST_BYTES or "?" in text:
        raise ValueError("no address of a private broker's socket")
    return text


Text = Annotated[str, PlainValidator(_text)]
"""Any text, for a person to read."""

Name = Annotated[str, Field(min_length=1, max_length=4096)]
"""A character's name: any text, because `workers.naming` makes valid folder names."""

Place = Annotated[str, PlainValidator(_place)]
"""A stored path, see `store.roots`."""

WeightsName = Annotated[str, PlainValidator(_weights_name)]
SocketAddress = Annotated[str, PlainValidator(_socket_address)]

Count = Annotated[int, Field(strict=True, ge=0, le=1 << 53)]

T = TypeVar("T")


def read_model(path: Location, kind: type[T]) -> T:
    """Read a JSON file of the store as what it should be.

    Raises:
        DamagedStore: The file is missing or invalid; the message names file, field and cause in one line.
        NewerSchema: A newer program wrote it.
    """
    return checked(read_json(path), kind, path)


def checked(value: Any, kind: type[T], path: Location) -> T:
    """A value out of a file as what it should be.

    Raises:
        DamagedStore: It is invalid; the message names file, field and cause.
    """
    try:
        return cast(T, _adapter(cast(Any, kind)).validate_python(value))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        cause = first["msg"].removeprefix("Value error, ")
        raise DamagedStore(f"{path}: {where or 'it'}: {cause}") from None


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
