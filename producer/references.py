"""The reference pictures: a folder per character, or a JSON file `{"name": "folder or list of files"}`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model.picture import SNIFF_BYTES, sniff
from producer.bucket import scan_of
from producer.errors import BadRequest
from producer.exclusion import NOTHING_ASKED
from store.listing import Kind, Listed
from store.objects import is_remote, list_folder, read_object, real_path
from store.roots import ANYWHERE, Roots
from workers.naming import NEGATIVE_PREFIX
from workers.ugoira import is_ugoira

__all__ = ["References", "find_references"]


@dataclass(frozen=True)
class References:
    """The reference pictures of a run.

    Attributes:
        source: The folder or JSON file, absolute.
        root: Folder below which the paths stand.
        files: The pictures, labelled with their characters, in the order of a scan.
    """

    source: str
    root: bytes
    files: list[Listed]

    @property
    def characters(self) -> list[str]:
        """The names, negatives included, sorted."""
        return sorted({listed.label for listed in self.files})


def find_references(source: str | Path, roots: Roots = ANYWHERE) -> References:
    """List the reference pictures.

    Pictures are told by their content; other files in the folders are passed over. Where there are named roots, the
    references lie in one of them, so that other machines find them.

    Raises:
        BadRequest: There are none, a character has none, or the JSON file is not of that form.
    """
    if not roots.admits(real_path(os.fspath(source))):
        raise BadRequest(f"the references {source} lie in none of OSHIWAKE_ROOTS: {roots}")
    if is_remote(os.fspath(source)):
        return _labelled(os.fspath(source).rstrip("/"), *_from_bucket(os.fspath(source)))
    source = Path(source)
    if source.is_dir():
        root, labelled = _from_folder(source)
    elif source.is_file():
        root, labelled = _from_json(source, roots)
    else:
        raise BadRequest(f"no references at {source}: give a folder with a folder per character, or a JSON file")
    return _labelled(str(source.absolute()), root, labelled)


def _labelled(source: str, root: bytes, labelled: list[tuple[str, list[Listed]]]) -> References:
    """The pictures among the files found.

    Raises:
        BadRequest: There are none, or a character has none.
    """
    files: list[Listed] = []
    for label, found in labelled:
        pictures = [replace(listed, label=label) for listed in found if _is_picture(root, listed)]
        if not pictures:
            raise BadRequest(f"no reference picture of {label!r} in {source}: add one, or take the name away")
        files += pictures
    if all(listed.label.startswith(NEGATIVE_PREFIX) for listed in files):
        raise BadRequest(f"no character in {source}: make a folder per character with a picture or more in it")
    files = list(dict.fromkeys(files))  # a list may name a file twice
    return References(source, root, sorted(files, key=lambda listed: (listed.sort_key, listed.label)))


def _from_folder(source: Path) -> tuple[bytes, list[tuple[str, list[Listed]]]]:
    root = os.fsencode(source.resolve())
    try:
        with os.scandir(root) as entries:
            folders = sorted(
                entry.name for entry in entries if entry.is_dir() and not NOTHING_ASKED.fits_name(entry.name)
            )
    except OSError as error:
        raise BadRequest(f"the references {source} cannot be listed: {error.strerror}") from error
    return root, [_character(root, folder) for folder in folders]


def _from_bucket(source: str) -> tuple[bytes, list[tuple[str, list[Listed]]]]:
    root = os.fsencode(source.rstrip("/"))
    try:
        entries = [entry for page in list_folder(root) for entry in page]
    except OSError as error:
        raise BadRequest(f"the references {source} cannot be listed: {error.strerror}") from error
    folders = sorted(entry.name for entry in entries if entry.folder and not NOTHING_ASKED.fits_name(entry.name))
    if not folders:
        raise BadRequest(f"no references at {source}: give a folder with a folder per character")
    return root, [_character(root, folder) for folder in folders]


def _character(root: bytes, folder: bytes) -> tuple[str, list[Listed]]:
    """A character's name and the files in its folder."""
    below = scan_of(os.path.join(root, folder))
    found = [replace(listed, path=os.path.join(folder, listed.path)) for listed in below]
    return folder.decode("utf-8", "backslashreplace"), found


def _from_json(source: Path, roots: Roots) -> tuple[bytes, list[tuple[str, list[Listed]]]]:
    try:
        value = json.loads(source.read_text(encoding="utf-8-sig"), object_pairs_hook=_distinct)
    except (OSError, ValueError, RecursionError) as error:
        raise BadRequest(f"{source} cannot be read as JSON: {error}") from error
    if not isinstance(value, dict) or not value:
        raise BadRequest(f'{source}: expected {{"name": "folder or list of files", …}}')
    labelled = [(name, list(_json_entry(source, name, entry))) for name, entry in value.items()]
    below = _common_root(source, [listed for _, files in labelled for listed in files], roots)
    return below, [
        (name.encode("utf-8", "backslashreplace").decode(), [_below(listed, below) for listed in files])
        for name, files in labelled
    ]


def _common_root(source: Path, files: list[Listed], roots: Roots) -> bytes:
    """The folder below which all these files stand: the file system's root, or a named one."""
    if not roots:
        return b"/"
    folder = roots.common("/" + os.fsdecode(listed.path) for listed in files)
    if folder is None:
        raise BadRequest(f"the pictures that {source} names must all lie in one of OSHIWAKE_ROOTS: {roots}")
    return os.fsencode(folder)


def _below(listed: Listed, folder: bytes) -> Listed:
    return replace(listed, path=os.path.relpath(b"/" + listed.path, folder)) if folder != b"/" else listed


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are all different; JSON itself would let the last of equal ones win in silence."""
    value = dict(pairs)
    if len(value) < len(pairs):
        again = next(name for n, (name, _) in enumerate(pairs) if name in dict(pairs[:n]))
        raise ValueError(f"the name {again!r} stands in it twice; put all its pictures in one list")
    return value


def _json_entry(source: Path, name: str, entry: Any) -> Iterator[Listed]:
    """The files of one entry, with paths below the file system's root."""
    paths = [entry] if isinstance(entry, str) else entry
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise BadRequest(f"{source}: {name!r} must be a folder or a list of files")
    if not name or not all(paths):
        raise BadRequest(f"{source}: {name!r}: a name and a path need a letter at least")
    for path in paths:
        try:
            yield from _json_path(source.parent, path)
        except (OSError, ValueError) as error:
            raise BadRequest(f"{source}: {name!r} names {path!r}, which does not exist or cannot be reached") from error


def _json_path(beside: Path, path: str) -> Iterator[Listed]:
    # The seed tool resolved against the working folder; beside the file is what a person expects.
    found = (beside / path if (beside / path).exists() else Path(path)).resolve(strict=True)
    if found.is_dir():
        folder = os.fsencode(found)
        yield from (replace(x, path=os.path.join(folder, x.path).lstrip(b"/")) for x in scan_of(folder))
    elif found.is_file():
        status = found.stat()
        yield Listed(os.fsencode(found).lstrip(b"/"), status.st_size, status.st_mtime_ns)
    else:
        raise ValueError("neither a folder nor a file")


def _is_picture(root: bytes, listed: Listed) -> bool:
    """Whether a file shows itself to be a picture; what cannot be opened stays in, to be reported by the worker."""
    if listed.kind is not Kind.PENDING or listed.member:
        return listed.kind is Kind.PENDING
    path = os.path.join(root, listed.path)
    try:
        if is_remote(path):
            return bool(listed.size) and (sniff(read_object(path, SNIFF_BYTES)) is not None or is_ugoira(path))
        with open(path, "rb") as file:
            return sniff(file.read(SNIFF_BYTES)) is not None or is_ugoira(path)
    except OSError:
        return True
