"""A request to sort: every option is checked before anything is created."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from model.network.weights_file import DEFAULT_WEIGHTS, WeightsInfo, read_info
from producer.errors import BadRequest
from producer.exclusion import NOTHING_ASKED, Exclusion
from producer.references import References, find_references
from store.journal import JOURNAL_FOLDER
from store.location import ObjectPath, location
from store.match import Match
from store.mode import Mode
from store.object_storage import folder_exists, is_remote, real_path
from store.roots import ANYWHERE, Roots
from store.rule import Rule
from store.run import PassSpec

__all__ = ["RuleOptions", "SortRequest", "check_folders", "need_writable"]


@dataclass(frozen=True)
class RuleOptions:
    """The rule's values as given on the command line.

    None keeps the recorded value of the last pass, or the default in a first one.

    Attributes:
        threshold: A distance, or `auto` for the one that follows from `strangers`.
        strangers: Share of strangers that may get a name; takes the place of a recorded threshold.
        defaults: Take defaults instead of recorded values.
    """

    threshold: float | Literal["auto"] | None = None
    match: Match | None = None
    margin: float | None = None
    band: float | None = None
    multiple: bool | None = None
    strangers: float | None = None
    defaults: bool = False

    def spec(self, references: References, mode: Mode, *, default: PassSpec | None) -> PassSpec:
        """A pass with these options over those of an earlier pass.

        Raises:
            BadRequest: A value is out of range, or two options exclude each other.
        """
        if self.strangers is not None and isinstance(self.threshold, float):
            raise BadRequest("--strangers and --threshold exclude each other: one follows from the other")
        if self.defaults:
            default = None
        values = self._over(default or Rule())
        try:
            return PassSpec(
                **values,
                references=references.source,
                characters=references.characters,
                mode=mode,
                # A distance that was given for vectors as they are stays one of these.
                whitened=default is None or default.whitened or values["threshold"] is None,
            )
        except ValueError as error:
            raise BadRequest(str(error)) from error

    def recorded(self, rule: Rule) -> list[str]:
        """The options of an earlier pass that are kept and are no defaults, as one would give them."""
        if self.defaults:
            return []
        kept, usual = self._over(rule), asdict(Rule())
        return [
            _option(name, value)
            for name, value in kept.items()
            if value != usual[name] and value == getattr(rule, name) and getattr(self, name) is None
        ]

    def _over(self, default: Rule) -> dict[str, Any]:
        """The values of a rule: those that were given, else those of a default rule."""
        given = {field.name: getattr(self, field.name) for field in fields(Rule)}
        values = {name: getattr(default, name) if value is None else value for name, value in given.items()}
        if self.threshold == "auto" or self.strangers is not None:
            values["threshold"] = None
        return values


def _option(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "--multiple" if value else "--single"
    return f"--{name} {value:.0%}" if name == "strangers" else f"--{name} {value}"


@dataclass(frozen=True)
class SortRequest:
    """A checked request to sort an archive.

    Attributes:
        archive: Absolute path without symbolic links, or `s3://bucket/prefix`.
        output: Absolute path without symbolic links; need not exist. Or an `ObjectPath`.
        references: The reference pictures.
        weights: The weights file.
        info: The metadata of the weights file.
        spec: How the first pass assigns and places.
        exclusion: Which files of the archive are skipped.
    """

    archive: str
    output: Path
    references: References
    weights: Path
    info: WeightsInfo
    spec: PassSpec
    exclusion: Exclusion = NOTHING_ASKED

    @classmethod
    def check(
        cls,
        archive: str | Path,
        references: str | Path,
        output: str | Path,
        *,
        weights: Path | None,
        mode: Mode,
        rule: RuleOptions,
        roots: Roots = ANYWHERE,
        exclusion: Exclusion = NOTHING_ASKED,
    ) -> SortRequest:
        """Check everything that can be checked without creating anything.

        Raises:
            BadRequest: A path is missing or outside the roots, the folders overlap, there are no references, a value is
                out of range.
            WeightsError: The weights cannot be used.
        """
        exclusion.check()
        archive, output = check_places(os.fspath(archive), os.fspath(output), mode)
        for path, name in ((archive, "archive"), (output, "output")):
            if not roots.admits(str(path)):
                raise BadRequest(f"the {name} {path} is in none of OSHIWAKE_ROOTS: {roots}")
        file = weights or DEFAULT_WEIGHTS
        info = read_info(file)
        found = find_references(references, roots)
        if Path(references).is_dir() or is_remote(os.fspath(references)):
            _apart(os.fsdecode(found.root), "the references", str(output), "the output")
        spec = rule.spec(found, mode, default=None)
        return cls(archive, output, found, file, info, spec, exclusion)


def check_places(archive: str, output: str, mode: Mode) -> tuple[str, Path]:
    """Resolve archive and output (folders or prefixes in object storage) and make sure that they do not overlap.

    Raises:
        BadRequest: One of them cannot be used, or not with this mode.
    """
    if not is_remote(archive) and not is_remote(output):
        folder, place_ = check_folders(Path(archive), Path(output))
        return str(folder), place_
    found = check_bucket(output, mode) if is_remote(output) else check_output(Path(output))
    if is_remote(archive):
        need_objects(archive, mode)
        archive = archive.rstrip("/")
    else:
        archive = str(check_archive(Path(archive)))
    _apart(archive, "the archive", str(found), "the output")
    return archive, found


def check_bucket(output: str, mode: Mode) -> Path:
    """Make sure that pictures can be placed below a prefix in object storage.

    Raises:
        BadRequest: The storage does not answer, or the mode is not `copy`.
    """
    if mode != Mode.COPY:
        raise BadRequest(f"--mode {mode} does not work in object storage ({output}); use --mode copy")
    output = real_path(output)
    try:
        folder_exists(os.fsencode(output))
    except OSError as error:
        raise BadRequest(f"the output {output} cannot be listed: {error.strerror}") from error
    return location(output)


def check_folders(archive: Path, output: Path) -> tuple[Path, Path]:
    """Resolve archive and output and make sure that neither is inside the other.

    Raises:
        BadRequest: The archive or the output is not a folder, or they overlap.
    """
    archive = check_archive(archive)
    output = check_output(output)
    _apart(str(archive), "the archive", str(output), "the output")
    return archive, output


def check_archive(archive: Path) -> Path:
    """Resolve the archive and make sure that it is a folder.

    Raises:
        BadRequest: It is not.
    """
    if not archive.exists():
        raise BadRequest(f"no archive at {archive}: the folder does not exist")
    if not archive.is_dir():
        raise BadRequest(f"the archive {archive} is not a folder")
    try:
        return archive.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, before Python 3.13
        raise BadRequest(f"the archive {archive} cannot be reached: {error}") from error


def check_output(output: Path) -> Path:
    """Resolve the output and make sure that it is a folder, or can be created.

    Raises:
        BadRequest: It cannot.
    """
    try:
        output = output.resolve()
        nearest = next(path for path in (output, *output.parents) if path.exists())
    except (OSError, RuntimeError) as error:
        raise BadRequest(f"the output {output} cannot be reached: {error}") from error
    if not nearest.is_dir():
        raise BadRequest(f"the output {output} cannot be created: {nearest} is not a folder")
    return output


def need_objects(archive: str, mode: Mode) -> None:
    """Make sure that there are objects below a prefix, and that this mode works for objects.

    Raises:
        BadRequest: There are none, the storage does not answer, or the mode would link to objects or move them.
    """
    try:
        found = folder_exists(os.fsencode(archive))
    except OSError as error:
        raise BadRequest(f"the archive {archive} cannot be listed: {error.strerror}") from error
    if not found:
        raise BadRequest(f"no archive at {archive}: there is no object below that prefix")
    if mode in (Mode.SYMLINK, Mode.MOVE):
        raise BadRequest(f"--mode {mode} does not work with objects; use --mode copy")


def need_writable(output: Path) -> None:
    """Make sure that this process may write to the output, or create it.

    Raises:
        BadRequest: It may not.
    """
    if isinstance(output, ObjectPath):
        trial = output / JOURNAL_FOLDER / "trial"
        try:
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            raise BadRequest(f"the output {output} cannot be written: {error.strerror}") from error
        return
    nearest = next(path for path in (output, *output.parents) if path.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise BadRequest(f"the output {output} cannot be created: you may not write to {nearest}")


def _apart(one: str, one_name: str, other: str, other_name: str) -> None:
    if os.path.join(one, "").startswith(os.path.join(other, "")) or os.path.join(other, "").startswith(
        os.path.join(one, "")
    ):
        raise BadRequest(
            f"{one_name} {one} and {other_name} {other}: one folder is inside the other; choose separate folders"
        )
