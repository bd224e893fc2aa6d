"""A pass: one assignment of a run, with its references, its rule and its outcome."""

from __future__ import annotations

import contextlib
from dataclasses import asdict, dataclass, replace
from typing import Any

from pydantic import StrictBool

from store.fields import KNOWN_ALONE, Name, Place, Text, checked, read_model
from store.files import read_json_if_there, write_json
from store.location import Location
from store.mode import Mode
from store.part import Part
from store.pass_calibration import PassCalibration
from store.pass_decisions import PassDecisions
from store.pass_summary import PassSummary
from store.roots import ANYWHERE, Roots
from store.rule import Rule

__all__ = ["Pass", "PassSpec"]


@dataclass(frozen=True, kw_only=True)
class PassSpec(Rule):
    """The specification of a pass: its matching rule, and how it places.

    Attributes:
        references: The reference folder or JSON file: an absolute path, or one below a named root.
        characters: Names with at least one reference picture, sorted.
        mode: How files are placed.
        remark: The origin of a calibrated threshold.
        ignore_hand_moves: Nothing is understood from what a person moved in the output.
    """

    __pydantic_config__ = KNOWN_ALONE

    references: Place
    characters: list[Name]
    mode: Mode
    whitened: StrictBool = False
    remark: Text = ""
    ignore_hand_moves: StrictBool = False


class Pass:
    """One assignment of a run: references, a rule and the outcome.

    Attributes:
        number: 1 for the first pass of a run.
        references: The part that lists the reference pictures.
    """

    def __init__(self, store_runs: Location, run_id: str, number: int, roots: Roots = ANYWHERE) -> None:
        self.number = number
        self.references = Part(store_runs, f"{run_id}/passes/{number}/references", roots)
        self._roots = roots
        self._folder = store_runs / run_id / "passes" / str(number)

    @property
    def spec(self) -> PassSpec:
        """Its specification."""
        return read_model(self._folder / "pass.json", PassSpec)

    @property
    def reference_source(self) -> str:
        """The reference folder or JSON file, on this machine.

        Raises:
            UnknownRoot, OutsideRoots: As `Roots.here`.
        """
        return self._roots.here(self.spec.references)

    def begin(self, spec: PassSpec) -> None:
        """Write the specification; from now on this is the run's current pass."""
        stored = replace(spec, references=self._roots.stored(spec.references))
        write_json(self._folder / "pass.json", asdict(stored))

    @property
    def calibration(self) -> PassCalibration | None:
        """What was measured for this pass, or None while nothing is.

        Raises:
            DamagedStore: The file is damaged.
            NewerSchema: A newer program wrote it.
        """
        path = self._folder / "calibration.json"
        value = read_json_if_there(path)
        return None if value is None else checked(value, PassCalibration, path)

    def note_calibration(self, calibration: PassCalibration) -> PassCalibration:
        """Write down what was measured, unless another machine has done so; return what stands there."""
        with contextlib.suppress(FileExistsError):
            write_json(self._folder / "calibration.json", asdict(calibration), replace=False)
        return self.calibration or calibration

    @property
    def decisions(self) -> PassDecisions | None:
        """The decisions of a person that this pass works with, or None while they are not stored.

        Raises:
            DamagedStore: The file is damaged.
            NewerSchema: A newer program wrote it.
        """
        path = self._folder / "decisions.json"
        value = read_json_if_there(path)
        return None if value is None else checked(value, PassDecisions, path)

    def note_decisions(self, decisions: PassDecisions) -> PassDecisions:
        """Store these decisions, unless another machine has stored some; return those that are stored."""
        try:
            write_json(self._folder / "decisions.json", decisions.fields(), replace=False)
        except FileExistsError:
            stored = self.decisions or decisions
            if decisions.shard and decisions.shard != stored.shard:
                self.decided_shard(decisions.shard).unlink(missing_ok=True)
            return stored
        return decisions

    def decided_shard(self, name: str) -> Location:
        """Where the vectors of decided pictures are."""
        return self._folder / f"decided-pictures-{name}.parquet"

    def assignments_path(self, chunk: int) -> Location:
        """Where the assignments of a chunk stand."""
        return self._folder / "assignments" / f"{chunk:06d}.parquet"

    def decided_path(self, chunk: int) -> Location:
        """Where stands what becomes of a chunk's files before any is placed, when reducers share the work."""
        return self._folder / "decided" / f"{chunk:06d}.parquet"

    @property
    def summary(self) -> dict[str, Any] | None:
        """The outcome, or None while the pass is not reduced."""
        path = self._folder / "summary.json"
        value = read_json_if_there(path)
        if value is not None:
            checked(value, PassSummary, path)
        return value

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the outcome: the pass is done."""
        write_json(self._folder / "summary.json", summary)

    def reopen(self) -> None:
        """Delete the outcome, so that the pass is reduced again."""
        (self._folder / "summary.json").unlink(missing_ok=True)
