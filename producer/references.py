"""Reference pictures: a folder per character, or a JSON file `{"name": "folder or list of files"}`.

A folder that holds only folders is a series; its characters are named `Series/Character`
(`model.dataset.reserved_folders`).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from model.dataset.reserved_folders import characters_of, is_negative
from model.images.decoding import SNIFF_BYTES, sniff
from producer.errors import BadRequest
from producer.exclusion import NOTHING_ASKED
from producer.scan import scan
from store.file_identity import identity_of_file
from store.listing import Kind, Listed
from store.location import Location, ObjectPath, choose, location, storage_of
from store.roots import ANYWHERE, Roots
from workers.ugoira import is_ugoira

__all__ = ["References", "find_references"]


@dataclass(frozen=True)
class References:
    """The reference pictures of a run.

    Attributes:
        source: The folder or JSON file, absolute.
        root: Folder that the paths are relative to.
        files: The pictures, labelled with their characters, in scan order.
        remarks: Folders that may have been meant differently, one line each.
    """

    source: str
    root: bytes
    files: list[Listed]
    remarks: list[str] = field(default_factory=list)

    @property
    def characters(self) -> list[str]:
        """The names, negatives included, sorted."""
        return sorted({listed.label for listed in self.files})


def find_references(source: str | Path, roots: Roots = ANYWHERE) -> References:
    """List the reference pictures.

    Pictures are recognised by content; other files are skipped. With named roots, the references must be in one of
    them, so that other machines find them.

    Raises:
        BadRequest: There are none, a character has none, or the JSON file does not have that form.
    """
    place = location(source)
    storage = storage_of(place)
    if not roots.admits(storage.real(str(place))):
        raise BadRequest(f"the references {source} lie in none of OSHIWAKE_ROOTS: {roots}")
    try:
        if storage.is_folder(bytes(place)):
            return _from_folder(place)
    except OSError as error:
        raise BadRequest(f"the references {source} cannot be listed: {error.strerror}") from error
    return choose(place, lambda file: _from_json(file, roots), _nothing_at)


def _nothing_at(source: Path | ObjectPath) -> NoReturn:
    raise BadRequest(f"no references at {source}: give a folder with a folder per character, or a JSON file")


def _references(source: str, root: bytes, files: list[Listed], names: Collection[str]) -> References:
    """Checked references, made of these pictures.

    Raises:
        BadRequest: There are none, a character has none, or a character has the name of another's series.
    """
    characters = {listed.label for listed in files}
    for name in names:
        if name not in characters:
            raise BadRequest(f"no reference picture of {name!r} in {source}: add one, or remove the name")
    if all(is_negative(name) for name in characters):
        raise BadRequest(f"no character in {source}: create a folder per character with at least one picture")
    for name in sorted(characters):
        if series := next((above for above in _above(name) if above in characters), None):
            raise BadRequest(f"{source}: {series!r} is both a character and the series of {name!r}; rename one of them")
    files = list(dict.fromkeys(files))  # a list may name a file twice
    files.sort(key=lambda listed: (listed.sort_key, listed.label))
    return References(source, root, files)


def _above(name: str) -> list[str]:
    """The series of a character, and the series that contain them."""
    return [name[:at] for at, letter in enumerate(name) if letter == "/"]


def _from_folder(source: Location) -> References:
    """The pictures below the folders in a folder, labelled with their characters."""
    root = bytes(storage_of(source).existing_folder(source))
    folders = _folders_in(root)
    pictures = [
        listed
        for folder in folders
        for found in scan(os.path.join(root, folder))
        if _is_picture(root, listed := replace(found, path=os.path.join(folder, found.path)))
    ]
    labels = characters_of([_place(listed) for listed in pictures])
    files = [replace(listed, label=label) for listed, label in zip(pictures, labels, strict=True)]
    empty = _without_pictures(root, folders, set(labels))
    if empty:
        raise BadRequest(f"no reference picture of {empty[0]!r} in {source}: add one, or remove the folder")
    references = _references(str(source), root, files, ())
    return replace(references, remarks=_remarks(references.files))


def _without_pictures(root: bytes, folders: list[bytes], labels: set[str]) -> list[str]:
    """The character folders without a picture."""
    series = {above for label in labels for above in _above(label)}
    empty: list[str] = []
    waiting = list(reversed(folders))
    while waiting:
        folder = waiting.pop()
        name = _name(folder)
        if name in series:
            below = _folders_in(os.path.join(root, folder), links=False)
            waiting += [os.path.join(folder, child) for child in reversed(below)]
        elif name not in labels:
            empty.append(name)
    return empty


def _remarks(files: list[Listed]) -> list[str]:
    """Characters that may have been meant as a series: their folders hold both pictures and folders with pictures."""
    deep = Counter(listed.label for listed in files if "/".join(_place(listed)) != listed.label)
    return [
        f"{name}: {deep[name]:,} of its pictures are in subfolders; all count as one character (to make each subfolder"
        " a character, move the pictures beside them away)"
        for name in sorted({listed.label for listed in files if "/".join(_place(listed)) == listed.label} & set(deep))
        if not is_negative(name)
    ]


def _place(listed: Listed) -> tuple[str, ...]:
    """The folders that a picture is in; an archive file is not a folder."""
    return tuple(_name(os.path.dirname(listed.path)).split("/"))


def _name(folder: bytes) -> str:
    return folder.decode("utf-8", "backslashreplace")


def _folders_in(folder: bytes, *, links: bool = True) -> list[bytes]:
    """The folders in a folder, without hidden ones and those of the system."""
    names = storage_of(folder).folders_in(folder, links=links)
    return sorted(name for name in names if not NOTHING_ASKED.fits_name(name))


def _from_json(source: Path, roots: Roots) -> References:
    if not source.is_file():
        _nothing_at(source)
    try:
        value = json.loads(source.read_text(encoding="utf-8-sig"), object_pairs_hook=_distinct)
    except (OSError, ValueError, RecursionError) as error:
        raise BadRequest(f"{source} cannot be read as JSON: {error}") from error
    if not isinstance(value, dict) or not value:
        raise BadRequest(f'{source}: expected {{"name": "folder or list of files", …}}')
    labelled = [(name, list(_json_entry(source, name, entry))) for name, entry in value.items()]
    root = _common_root(source, [listed for _, files in labelled for listed in files], roots)
    pictures = [
        replace(below, label=name.encode("utf-8", "backslashreplace").decode())
        for name, files in labelled
        for listed in files
        if _is_picture(root, below := _below(listed, root))
    ]
    names = [name.encode("utf-8", "backslashreplace").decode() for name in value]
    return _references(str(source.absolute()), root, pictures, names)


def _common_root(source: Path, files: list[Listed], roots: Roots) -> bytes:
    """The folder that contains all these files: the file system's root, or a named root."""
    if not roots:
        return b"/"
    folder = roots.common("/" + os.fsdecode(listed.path) for listed in files)
    if folder is None:
        raise BadRequest(f"the pictures that {source} names must all be in one of OSHIWAKE_ROOTS: {roots}")
    return os.fsencode(folder)


def _below(listed: Listed, folder: bytes) -> Listed:
    return replace(listed, path=os.path.relpath(b"/" + listed.path, folder)) if folder != b"/" else listed


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object without repeated names; JSON would silently keep the last of equal names."""
    value = dict(pairs)
    if len(value) < len(pairs):
        again = next(name for n, (name, _) in enumerate(pairs) if name in dict(pairs[:n]))
        raise ValueError(f"the name {again!r} occurs twice; put all its pictures in one list")
    return value


def _json_entry(source: Path, name: str, entry: Any) -> Iterator[Listed]:
    """The files of one entry, with paths relative to the file system's root."""
    paths = [entry] if isinstance(entry, str) else entry
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise BadRequest(f"{source}: {name!r} must be a folder or a list of files")
    if not name or not all(paths):
        raise BadRequest(f"{source}: {name!r}: a name or a path is empty")
    for path in paths:
        try:
            yield from _json_path(source.parent, path)
        except (OSError, ValueError) as error:
            raise BadRequest(f"{source}: {name!r} names {path!r}, which does not exist or cannot be reached") from error


def _json_path(beside: Path, path: str) -> Iterator[Listed]:
    # Relative to the JSON file, as a person expects; else to the working folder, as earlier versions did.
    found = (beside / path if (beside / path).exists() else Path(path)).resolve(strict=True)
    if found.is_dir():
        folder = os.fsencode(found)
        yield from (replace(x, path=os.path.join(folder, x.path).lstrip(b"/")) for x in scan(folder))
    elif found.is_file():
        status = found.stat()
        identity = identity_of_file(status.st_ino, status.st_size, status.st_mtime_ns)
        yield Listed(os.fsencode(found).lstrip(b"/"), status.st_size, status.st_mtime_ns, identity=identity)
    else:
        raise ValueError("neither a folder nor a file")


def _is_picture(root: bytes, listed: Listed) -> bool:
    """Whether a file's content is a picture; a file that cannot be opened is kept, and the worker reports it."""
    if listed.kind is not Kind.PENDING or listed.member:
        return listed.kind is Kind.PENDING
    path = os.path.join(root, listed.path)
    try:
        head = storage_of(path).head(path, SNIFF_BYTES) if listed.size else b""
        return sniff(head) is not None or is_ugoira(path)
    except OSError:
        return True
