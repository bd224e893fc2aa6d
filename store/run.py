"""A run: one archive sorted against one reference set, in one or more passes."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StrictBool

from store.errors import RunNotFound
from store.fields import KNOWN_ALONE, Count, Name, Place, SocketAddress, Text, WeightsName, checked, read_model
from store.files import files_below, names_in, read_json_if_there, write_json
from store.location import local_logs, location
from store.lock import hold, holder
from store.mode import Mode
from store.part import Part
from store.pass_calibration import PassCalibration
from store.roots import ANYWHERE, Roots
from store.rule import Distance, Rule, Share

__all__ = ["Mark", "Pass", "PassSpec", "Queue", "Run", "RunSpec", "new_run_id", "valid_run_id"]

Mark = Literal["cancelled", "undone", "makes_output", "emptied", "forgotten"]
"""What is noted of a run beside its files.

`makes_output`: the output folder did not exist before it. `emptied`: the run was undone, nothing of any run is left in
the output folder, and the journal is being removed. `forgotten`: see `store.forget`.
"""

Queue = Literal["private", "shared"]

_PASS = re.compile(r"[1-9][0-9]{0,5}")
_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{4}(-[0-9a-z]{1,8})?")

_LETTERS = "23456789bcdfghjkmnpqrstvwxz"
"""None that looks like another, and no vowels: no words come out."""


def new_run_id(created_s: float) -> str:
    """The local time and five letters drawn at random, `20261123-0412-k7m2p`: one of 14 million in that minute.

    Runs of different stores may share an output folder, whose journal knows them by their ids.
    """
    letters = "".join(secrets.choice(_LETTERS) for _ in range(5))
    return time.strftime(f"%Y%m%d-%H%M-{letters}", time.localtime(created_s))


def valid_run_id(text: str) -> bool:
    """Whether a text has the form of a run id; `20261123-0412` and `20261123-0412-2` are those of older stores."""
    return _RUN_ID.fullmatch(text) is not None


@dataclass(frozen=True)
class RunSpec:
    """What a run is about; written once, when it is made.

    Attributes:
        archive: The archive: an absolute path, or one below a named root (`store.roots`).
        output: The folder that receives the sorted pictures, likewise.
        created_s: Seconds since the epoch.
        weights_digest: Identity of the network; its file stands in the store under this name.
        preprocessing: Version of the preprocessing.
        dimension: Length of an embedding.
        queue: `private` for a run that brings its own broker and workers, `shared` otherwise.
        exclude: Patterns of files and folders of the archive that the scan passes over.
        include_hidden: Whether hidden ones are not passed over.
    """

    __pydantic_config__ = KNOWN_ALONE

    archive: Place
    output: Place
    created_s: Annotated[float, Field(strict=True, ge=0, lt=1e11)]
    weights_digest: WeightsName
    preprocessing: Text
    dimension: Annotated[int, Field(strict=True, ge=1, le=1 << 16)]
    queue: Queue
    exclude: list[Text] = field(default_factory=list)
    include_hidden: StrictBool = False


@dataclass(frozen=True, kw_only=True)
class PassSpec(Rule):
    """How one pass assigns, which is a rule, and places.

    Attributes:
        references: The reference folder or JSON file: an absolute path, or one below a named root.
        characters: Names with at least one reference picture, sorted.
        mode: How files are placed.
        whitened: Whether what archive and references have in common is taken off; passes of older versions do not.
        remark: Where the threshold of a pass of an older version comes from, when it was calibrated.
    """

    __pydantic_config__ = KNOWN_ALONE

    references: Place
    characters: list[Name]
    mode: Mode
    whitened: StrictBool = False
    remark: Text = ""


@dataclass(frozen=True)
class _Broker:
    """Where a private broker is."""

    __pydantic_config__ = KNOWN_ALONE

    url: SocketAddress


@dataclass(frozen=True)
class _Output:
    """The output that a run sorts into."""

    __pydantic_config__ = KNOWN_ALONE

    id: Annotated[str, Field(strict=True, pattern="^[0-9a-f]{0,64}$")]


@dataclass(frozen=True)
class _Far:
    """A character to which no picture came near."""

    name: Text
    nearest: Distance


@dataclass(frozen=True)
class _Outcomes:
    """How many files ended in which way."""

    __pydantic_config__ = KNOWN_ALONE

    assigned: Count
    unknown: Count
    review: Count
    duplicate: Count
    unreadable: Count
    unsupported: Count


@dataclass(frozen=True)
class _Read:
    """What the workers read, as `store.counts.Counts`."""

    __pydantic_config__ = KNOWN_ALONE

    images: Count = 0
    embedded: Count = 0
    unreadable: Count = 0
    unsupported: Count = 0


@dataclass(frozen=True)
class _Summary:
    """The outcome of a pass, as far as this version knows it; other fields may stand beside these."""

    files: Count
    outcomes: _Outcomes
    failed: list[Text]
    bad_references: list[Text]
    placed: dict[str, Count]
    copied_instead: Count
    already: Count
    left_alone: Count
    problems: list[Text]
    problem_count: Count
    report: Text
    characters: dict[Text, Count] = field(default_factory=dict)
    read: _Read = field(default_factory=_Read)
    unsupported_kinds: dict[Text, Count] = field(default_factory=dict)
    far_characters: list[_Far] = field(default_factory=list)
    far_character_count: Count = 0
    threshold: Distance = 0
    strangers_named: Share | None = None
    known_missed: Share | None = None
    confidence: Share | None = None


class Pass:
    """One assignment of a run: references and a rule, and what came of it.

    Attributes:
        number: 1 for the first pass of a run.
        references: The part that lists the reference pictures.
    """

    def __init__(self, store_runs: Path, run_id: str, number: int, roots: Roots = ANYWHERE) -> None:
        self.number = number
        self.references = Part(store_runs, f"{run_id}/passes/{number}/references", roots)
        self._roots = roots
        self._folder = store_runs / run_id / "passes" / str(number)

    @property
    def spec(self) -> PassSpec:
        """How this pass assigns and places."""
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
            DamagedStore: What stands there is none.
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

    def assignments_path(self, chunk: int) -> Path:
        """Where the assignments of a chunk stand."""
        return self._folder / "assignments" / f"{chunk:06d}.parquet"

    def decided_path(self, chunk: int) -> Path:
        """Where stands what becomes of a chunk's files before any is placed, when reducers share the work."""
        return self._folder / "decided" / f"{chunk:06d}.parquet"

    @property
    def summary(self) -> dict[str, Any] | None:
        """The outcome, or None while the pass is not reduced."""
        path = self._folder / "summary.json"
        value = read_json_if_there(path)
        if value is not None:
            checked(value, _Summary, path)
        return value

    def finish(self, summary: dict[str, Any]) -> None:
        """Write the outcome: the pass is done."""
        write_json(self._folder / "summary.json", summary)

    def reopen(self) -> None:
        """Forget that the pass was done, so that it is reduced again."""
        (self._folder / "summary.json").unlink(missing_ok=True)


class Run:
    """The folder of one run.

    Attributes:
        id: Such as `20261123-0412-k7m2p`.
        folder: Absolute path.
        archive: The part that lists the archive.
        roots: This machine's map of named roots.
    """

    def __init__(self, store_runs: Path, run_id: str, roots: Roots = ANYWHERE) -> None:
        if not valid_run_id(run_id):
            raise RunNotFound(f"{run_id!r} is no run id; `producer list` shows the runs")
        self.id = run_id
        self.folder = store_runs / run_id
        self.archive = Part(store_runs, f"{run_id}/archive", roots)
        self.roots = roots
        self._runs = store_runs

    @property
    def spec(self) -> RunSpec:
        """What the run is about."""
        return read_model(self.folder / "run.json", RunSpec)

    def begin(self, spec: RunSpec) -> None:
        """Write down what the run is about."""
        archive, output = (self.roots.stored(path) for path in (spec.archive, spec.output))
        write_json(self.folder / "run.json", asdict(replace(spec, archive=archive, output=output)))

    @property
    def output(self) -> Path:
        """The folder that receives the sorted pictures, on this machine; or an `ObjectPath`.

        Raises:
            UnknownRoot, OutsideRoots: As `Roots.here`.
        """
        return location(self.roots.here(self.spec.output))

    @property
    def whole(self) -> bool:
        """Whether it was made to the end; a producer that died at the very start leaves half a run."""
        return (self.folder / "run.json").exists() and bool(self.passes)

    @property
    def parts(self) -> list[Part]:
        """Every part that was begun: the archive, and the references of each pass."""
        numbers = sorted(int(name) for name in names_in(self.folder / "passes") if _PASS.fullmatch(name))
        parts = [self.archive, *(self.pass_(number).references for number in numbers)]
        return [part for part in parts if part.exists]

    @property
    def passes(self) -> list[int]:
        """The numbers of the passes begun, rising."""
        found = (path.parent.name for path in self.folder.glob("passes/*/pass.json"))
        return sorted(int(name) for name in found if _PASS.fullmatch(name))

    def over(self, number: int) -> str | None:
        """Why nothing more is to be done for a pass, such as `undone`; None while it is wanted. Two quick looks.

        Raises:
            RunNotFound: There is no such run, or it has no such pass.
        """
        names, passes = names_in(self.folder), names_in(self.folder / "passes")
        if "run.json" not in names or str(number) not in passes:
            raise RunNotFound(f"no pass {number} of a run {self.id} in {self._runs}")
        for mark in ("forgotten", "undone", "cancelled"):
            if f"{mark}.json" in names:
                return mark
        later = max(number, *(int(name) for name in passes if name.isdecimal()))
        if later > number and (self.folder / "passes" / str(later) / "pass.json").exists():
            return f"pass {later} has taken its place"
        return None

    @property
    def last_pass(self) -> Pass:
        """The current pass."""
        return Pass(self._runs, self.id, self.passes[-1], self.roots)

    def files(self) -> Iterator[tuple[Path, int]]:
        """The run's files in the store and its logs on this machine, each with its size in bytes."""
        yield from files_below(self.folder)
        if not isinstance(self.folder, Path):
            yield from files_below(self.logs_path)

    @property
    def size_bytes(self) -> int:
        """Size of all its files."""
        return sum(size for _, size in self.files())

    @property
    def done(self) -> bool:
        """Whether the current pass has its outcome."""
        return bool(self.passes) and self.last_pass.summary is not None

    def pass_(self, number: int) -> Pass:
        """A pass by its number, begun or not."""
        return Pass(self._runs, self.id, number, self.roots)

    @property
    def logs(self) -> Path:
        """Folder for the logs of a private run, made when asked for."""
        self.logs_path.mkdir(parents=True, exist_ok=True)
        return self.logs_path

    @property
    def logs_path(self) -> Path:
        """The same folder, whether it exists or not; it is on this machine, also when the store is in a bucket."""
        return local_logs(self.folder) / ("" if isinstance(self.folder, Path) else self.id)

    @contextlib.contextmanager
    def listing_lock(self) -> Iterator[Callable[[], None]]:
        """Be the one process that lists and sends this run's chunks; gives what makes sure of it from time to time.

        Raises:
            LockHeld: Another process does. The message says which.
        """
        with hold(self._lock, f"run {self.id} is being listed") as check:
            yield check

    @property
    def lister(self) -> str | None:
        """The process that lists this run now, for a person; None where none does, also when it has died."""
        return holder(self._lock)

    @property
    def _lock(self) -> Path:
        return self.folder / "listing.lock"

    @property
    def broker(self) -> str | None:
        """The address of the private broker while it runs."""
        path = self.folder / "broker.json"
        return read_model(path, _Broker).url if path.exists() else None

    def note_broker(self, url: str | None) -> None:
        """Note where the private broker is, for `status` from elsewhere; None when it is gone."""
        path = self.folder / "broker.json"
        if url is None:
            path.unlink(missing_ok=True)
        else:
            write_json(path, {"url": url})

    @property
    def journal(self) -> str | None:
        """The id of the journal of the output that this run sorts into.

        Empty where only that is known that there was one when the run was made; None where there was none, and the run
        has placed nothing yet.
        """
        path = self.folder / "journal.json"
        return read_model(path, _Output).id if path.exists() else None

    def note_journal(self, journal: str | None) -> None:
        """Note which output this run sorts into from now on; None when nothing of it stands there any more."""
        path = self.folder / "journal.json"
        if journal is None:
            path.unlink(missing_ok=True)
        else:
            write_json(path, {"id": journal})

    def mark(self, name: Mark, on: bool = True) -> None:
        """Set or take away a mark on the run."""
        path = self.folder / f"{name}.json"
        if on:
            write_json(path, {})
        else:
            path.unlink(missing_ok=True)

    @property
    def marks(self) -> set[str]:
        """All marks that the run bears, by one look at its folder."""
        return {name.removesuffix(".json") for name in names_in(self.folder)} & set(get_args(Mark))

    def marked(self, name: Mark) -> bool:
        """Whether the run bears a mark."""
        return (self.folder / f"{name}.json").exists()
