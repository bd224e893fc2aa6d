"""A request to sort: every option is checked before anything is created."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from model.heads.weights_file import DEFAULT_DETECTOR, read_digest
from model.network.weights_file import DEFAULT_WEIGHTS, WeightsInfo, read_info
from producer.errors import BadRequest
from producer.exclusion import NOTHING_ASKED, Exclusion
from producer.references import References, find_references
from store.location import Location, location, storage_of
from store.match import Match
from store.mode import Mode
from store.roots import ANYWHERE, Roots
from store.rule import Rule
from store.run_pass import PassSpec

__all__ = ["RuleOptions", "SortRequest", "check_folders", "need_writable"]


@dataclass(frozen=True)
class RuleOptions:
    """The rule's values as given on the command line.

    None keeps the recorded value of the last pass, or the default in a first one.

    Attributes:
        threshold: A distance, or `auto` for the one that follows from `strangers`.
        strangers: Share of strangers that may get a name; takes the place of a recorded threshold.
        defaults: Take defaults instead of recorded values.
        ignore_hand_moves: Understand nothing from what a person moved in the output; never kept from an earlier pass.
    """

    threshold: float | Literal["auto"] | None = None
    match: Match | None = None
    margin: float | None = None
    band: float | None = None
    multiple: bool | None = None
    strangers: float | None = None
    defaults: bool = False
    ignore_hand_moves: bool = False

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
                ignore_hand_moves=self.ignore_hand_moves,
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
        output: The same; need not exist.
        references: The reference pictures.
        weights: The weights file.
        info: The metadata of the weights file.
        heads: The weights file of the head detector.
        heads_digest: Its digest.
        spec: How the first pass assigns and places.
        exclusion: Which files of the archive are skipped.
    """

    archive: str
    output: Location
    references: References
    weights: Path
    info: WeightsInfo
    heads: Path
    heads_digest: str
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
        heads: Path | None = None,
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
        source, target = check_folders(archive, output, mode)
        for path, name in ((source, "archive"), (target, "output")):
            if not roots.admits(str(path)):
                raise BadRequest(f"the {name} {path} is in none of OSHIWAKE_ROOTS: {roots}")
        file = weights or DEFAULT_WEIGHTS
        info = read_info(file)
        detector = heads or DEFAULT_DETECTOR
        heads_digest = read_digest(detector)
        found = find_references(references, roots)
        if storage_of(found.source).is_folder(os.fsencode(found.source)):
            _apart(os.fsdecode(found.root), "the references", str(target), "the output")
        spec = rule.spec(found, mode, default=None)
        return cls(str(source), target, found, file, info, detector, heads_digest, spec, exclusion)


def check_folders(archive: str | Path, output: str | Path, mode: Mode) -> tuple[Location, Location]:
    """Resolve archive and output and make sure that neither is inside the other.

    Raises:
        BadRequest: One of them cannot be used, or not with this mode; or they overlap.
    """
    source, target = location(archive), location(output)
    if mode != Mode.COPY and not storage_of(target).can_link:
        raise BadRequest(f"--mode {mode} does not work in object storage ({output}); use --mode copy")
    try:
        source = storage_of(source).existing_folder(source)
    except FileNotFoundError as error:
        raise BadRequest(f"no archive at {archive}: {error.strerror}") from error
    except OSError as error:
        raise BadRequest(f"the archive {archive} cannot be used: {error.strerror}") from error
    if mode in (Mode.SYMLINK, Mode.MOVE) and not storage_of(source).can_link:
        raise BadRequest(f"--mode {mode} does not work with objects; use --mode copy")
    try:
        target = storage_of(target).output_folder(target)
    except OSError as error:
        raise BadRequest(f"the output {output} cannot be used: {error.strerror}") from error
    _apart(str(source), "the archive", str(target), "the output")
    return source, target


def need_writable(output: Location) -> None:
    """Make sure that this process may write to the output, or create it.

    Raises:
        BadRequest: It may not.
    """
    try:
        storage_of(output).need_writable(output)
    except OSError as error:
        raise BadRequest(f"the output {output} cannot be written: {error.strerror}") from error


def _apart(one: str, one_name: str, other: str, other_name: str) -> None:
    if os.path.join(one, "").startswith(os.path.join(other, "")) or os.path.join(other, "").startswith(
        os.path.join(one, "")
    ):
        raise BadRequest(
            f"{one_name} {one} and {other_name} {other}: one folder is inside the other; choose separate folders"
        )
