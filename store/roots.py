"""Named roots: folders that every machine has, each in a place of its own.

A path below a named root is written down as `name:/path/below`; every machine reads it with its own map of names
(`OSHIWAKE_ROOTS`). A machine that has such a map stays inside these folders: what leads out of them is refused. Without
a map paths are absolute, and the same on all machines.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from store.errors import OutsideRoots, UnknownRoot
from store.location import Storage, storage_of

__all__ = ["ANYWHERE", "Roots", "parse_roots"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAMED = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*):/(?!/)(?P<below>.*)", re.DOTALL)


def parse_roots(text: str) -> dict[str, str]:
    """Read `name=/path,other=s3://bucket/prefix`, or the same as a JSON object.

    Raises:
        ValueError: It has another form, a name stands twice, or a path is not absolute.
    """
    if text.lstrip().startswith("{"):
        pairs = list(json.loads(text, object_pairs_hook=list))
    else:
        pairs = [item.strip().partition("=")[::2] for item in text.split(",") if item.strip()]
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a root has two places")
    for name, place in pairs:
        absolute = isinstance(place, str) and place.startswith(("/", "s3://"))
        if not (absolute and _NAME.fullmatch(name)):
            raise ValueError(f"{name}={place}: expected name=/absolute/path, several separated by commas")
    return dict(pairs)


class Roots:
    """This machine's map of names to folders. An empty one names nothing and admits everything."""

    def __init__(self, places: Mapping[str, str] | None = None) -> None:
        """Take a map such as `parse_roots` gives; the folders need not exist yet."""
        self._places = {name: storage_of(place).real(place) for name, place in (places or {}).items()}
        forms = {(place.rstrip("/") or "/", name) for name, place in (places or {}).items()}
        forms |= {(place, name) for name, place in self._places.items()}
        # The innermost first: a root within a root names what is in it.
        innermost_first = sorted(forms, key=lambda form: -len(form[0]))
        self._prefixes = [
            (os.fsencode(os.path.join(place, "")), f"{name}:/".encode()) for place, name in innermost_first
        ]

    def __bool__(self) -> bool:
        return bool(self._places)

    def __str__(self) -> str:
        return ",".join(f"{name}={place}" for name, place in sorted(self._places.items()))

    @property
    def names(self) -> list[str]:
        """The names, sorted."""
        return sorted(self._places)

    def stored(self, path: str) -> str:
        """How a path is written down: `name:/below` where it lies below a root, else as it is.

        What is written down already comes back unchanged.
        """
        return os.fsdecode(self.stored_bytes(os.fsencode(path)))

    def stored_bytes(self, path: bytes) -> bytes:
        """The same for a path as the bytes that the file system uses."""
        for place, name in self._prefixes:
            if path.startswith(place):
                return name + path[len(place) :]
            if path == place[:-1]:
                return name
        return path

    def here(self, stored: str) -> str:
        """Where a path that was written down stands on this machine.

        Raises:
            UnknownRoot: This machine has no root of that name.
            OutsideRoots: This machine has roots, and the path leads out of them; symbolic links are followed first.
        """
        path = self._place_of(stored)
        if not self.admits(storage_of(path).real(path)):
            raise OutsideRoots(f"{stored} lies in none of this machine's OSHIWAKE_ROOTS: {self}")
        return path

    def shown(self, stored: str) -> str:
        """The same for a person to read: nothing is checked, and a name that is unknown here stays."""
        try:
            return self._place_of(stored)
        except UnknownRoot:
            return stored

    def here_bytes(self, stored: bytes) -> bytes:
        """Where such a path stands on this machine; whether it leads out of the roots is not looked at.

        Raises:
            UnknownRoot: This machine has no root of that name.
        """
        return stored if stored.startswith(b"/") else os.fsencode(self._place_of(os.fsdecode(stored)))

    def storage(self, path: bytes) -> Storage[Any]:
        """The storage in which a path lies; it reads nothing outside the roots."""
        return storage_of(path, self if self else None)

    def admits(self, real_path: str) -> bool:
        """Whether a path without symbolic links lies in a root; everything does where there are no roots."""
        return not self._places or any(_is_below(real_path, place) for place in self._places.values())

    def common(self, paths: Iterable[str]) -> str | None:
        """The folder of the one root in which all these paths lie, or None."""
        names = {self.stored(path).partition(":/")[0] for path in paths}
        return self._places.get(names.pop()) if len(names) == 1 else None

    def _place_of(self, stored: str) -> str:
        match = _NAMED.fullmatch(stored)
        if match is None:
            return stored
        if match["name"] not in self._places:
            raise UnknownRoot(f"{stored}: this machine's OSHIWAKE_ROOTS has no {match['name']}=/path")
        place = os.path.join(self._places[match["name"]], match["below"])
        return storage_of(place).normal(place)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


ANYWHERE = Roots()
"""No roots: paths are absolute, and none is refused."""
