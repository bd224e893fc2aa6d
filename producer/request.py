"""What a person asks for, checked before anything is made."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from model.matching.calibration_file import calibrated_threshold
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
    """The assignment as asked for; None leaves the default (the weights' threshold, or the earlier pass's value).

    Attributes:
        threshold: A distance, or `auto` for the one calibrated on the references.
        remark: Where a calibrated threshold comes from.
    """

    threshold: float | Literal["auto"] | None = None
    match: Match | None = None
    margin: float | None = None
    band: float | None = None
    multiple: bool | None = None
    remark: str = ""

    def calibrated(self, references: str | Path, info: WeightsInfo) -> RuleOptions:
        """With `auto` replaced by what `reid calibrate` found on these references, else by the weights' threshold."""
        if self.threshold != "auto":
            return self
        if is_remote(os.fspath(references)):
            raise BadRequest("--threshold auto needs references in a folder, beside which the calibration stands")
        threshold, remark = calibrated_threshold(Path(references), info)
        return replace(self, threshold=threshold, remark=remark)

    def spec(self, references: References, mode: Mode, *, default: PassSpec | None, threshold: float) -> PassSpec:
        """A pass with these options over the defaults.

        Raises:
            BadRequest: A value lies outside its range.
        """
        if self.threshold == "auto":
            raise BadRequest("the threshold auto must be looked up first")
        try:
            return PassSpec(
                **self._over(default or Rule(threshold)),
                references=references.source,
                characters=references.characters,
                mode=mode,
                remark=self.remark,
            )
        except ValueError as error:
            raise BadRequest(str(error)) from error

    def _over(self, default: Rule) -> dict[str, Any]:
        """The values of a rule, each as asked for or else as in another one."""
        asked = {field.name: getattr(self, field.name) for field in fields(Rule)}
        return {name: getattr(default, name) if value is None else value for name, value in asked.items()}


@dataclass(frozen=True)
class SortRequest:
    """An archive to sort, all of it checked.

    Attributes:
        archive: Absolute path without symbolic links, or `s3://bucket/prefix`.
        output: Absolute path without symbolic links; need not exist. Or an `ObjectPath`.
        references: The reference pictures.
        weights: The weights file.
        info: What it says of itself.
        spec: How the first pass assigns and places.
        exclusion: What of the archive is passed over.
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
        """Check everything that can be checked without making anything.

        Raises:
            BadRequest: A path is missing or outside the roots, the folders overlap, there are no references, a value is
                out of range.
            WeightsError: The weights cannot be used.
        """
        exclusion.check()
        archive, output = check_places(os.fspath(archive), os.fspath(output), mode)
        for path, name in ((archive, "archive"), (output, "output")):
            if not roots.admits(str(path)):
                raise BadRequest(f"the {name} {path} lies in none of OSHIWAKE_ROOTS: {roots}")
        file = weights or DEFAULT_WEIGHTS
        info = read_info(file)
        found = find_references(references, roots)
        if Path(references).is_dir() or is_remote(os.fspath(references)):
            _apart(os.fsdecode(found.root), "the references", str(output), "the output")
        spec = rule.calibrated(references, info).spec(found, mode, default=None, threshold=info.threshold)
        return cls(archive, output, found, file, info, spec, exclusion)


def check_places(archive: str, output: str, mode: Mode) -> tuple[str, Path]:
    """Resolve archive and output, each a folder or a prefix in object storage, and make sure that they are apart.

    Raises:
        BadRequest: One of them cannot be used, or not in this mode.
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
    """Make sure that pictures can be placed below a prefix of object storage.

    Raises:
        BadRequest: The storage does not answer, or they would have to be linked to or moved.
    """
    if mode != Mode.COPY:
        raise BadRequest(f"--mode {mode} cannot place pictures in object storage ({output}); say --mode copy")
    output = real_path(output)
    try:
        folder_exists(os.fsencode(output))
    except OSError as error:
        raise BadRequest(f"the output {output} cannot be listed: {error.strerror}") from error
    return location(output)


def check_folders(archive: Path, output: Path) -> tuple[Path, Path]:
    """Resolve archive and output and make sure that neither lies in the other.

    Raises:
        BadRequest: The archive is missing or no folder, the output is no folder, or they overlap.
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
    """Resolve the output and make sure that it is a folder, or can be one.

    Raises:
        BadRequest: It cannot.
    """
    try:
        output = output.resolve()
        nearest = next(path for path in (output, *output.parents) if path.exists())
    except (OSError, RuntimeError) as error:
        raise BadRequest(f"the output {output} cannot be reached: {error}") from error
    if not nearest.is_dir():
        raise BadRequest(f"the output {output} cannot be made: {nearest} is not a folder")
    return output


def need_objects(archive: str, mode: Mode) -> None:
    """Make sure that there are objects below a prefix, and that they can be placed in this mode.

    Raises:
        BadRequest: There are none, the storage does not answer, or they would have to be linked to or moved.
    """
    try:
        found = folder_exists(os.fsencode(archive))
    except OSError as error:
        raise BadRequest(f"the archive {archive} cannot be listed: {error.strerror}") from error
    if not found:
        raise BadRequest(f"no archive at {archive}: nothing is below that prefix")
    if mode in (Mode.SYMLINK, Mode.MOVE):
        raise BadRequest(f"--mode {mode} cannot be done with objects; say --mode copy")


def need_writable(output: Path) -> None:
    """Make sure that this process may write the output, or make it.

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
        raise BadRequest(f"the output {output} cannot be made: {nearest} may not be written by you")


def _apart(one: str, one_name: str, other: str, other_name: str) -> None:
    if os.path.join(one, "").startswith(os.path.join(other, "")) or os.path.join(other, "").startswith(
        os.path.join(one, "")
    ):
        raise BadRequest(f"{one_name} {one} and {other_name} {other} lie in one another: choose folders apart")
