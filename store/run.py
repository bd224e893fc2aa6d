"""A run: one archive sorted against one reference set, in one or more passes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, StrictBool

from store.errors import RunNotFound
from store.fields import KNOWN_ALONE, Place, SocketAddress, Text, WeightsName, read_model
from store.files import names_in, write_json
from store.location import Location, location, storage_of
from store.part import Part
from store.roots import ANYWHERE, Roots
from store.run_id import valid_run_id
from store.run_pass import Pass

__all__ = ["Mark", "Queue", "Run", "RunSpec"]

Mark = Literal["cancelled", "undone", "makes_output", "emptied", "forgotten"]
"""A mark on a run.

`makes_output`: the run creates the output folder. `emptied`: the run was undone, the output folder has no placed files,
and the journal is being removed. `forgotten`: see `store.forget`.
"""

Queue = Literal["private", "shared"]

_PASS = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class RunSpec:
    """The specification of a run; written once.

    Attributes:
        archive: The archive: an absolute path, or one below a named root (`store.roots`).
        output: The folder that receives the sorted pictures, likewise.
        created_s: Seconds since the epoch.
        weights_digest: Of the network; the name of its file in the store.
        preprocessing: Version of the preprocessing.
        dimension: Length of an embedding.
        queue: `private` for a run that brings its own broker and workers, `shared` otherwise.
        exclude: Patterns of files and folders of the archive that the scan passes over.
        include_hidden: Whether hidden ones are not passed over.
        heads: Identity of the head detector, whose file stands beside the network's; empty where an earlier version
            made the run, which embedded whole pictures alone.
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
    heads: WeightsName | Literal[""] = ""


@dataclass(frozen=True)
class _Broker:
    """`broker.json`."""

    __pydantic_config__ = KNOWN_ALONE

    url: SocketAddress


@dataclass(frozen=True)
class _Output:
    """`journal.json`."""

    __pydantic_config__ = KNOWN_ALONE

    id: Annotated[str, Field(strict=True, pattern="^[0-9a-f]{0,64}$")]


class Run:
    """The folder of one run.

    Attributes:
        id: Such as `20261123-0412-k7m2p`.
        folder: Absolute path.
        archive: The part that lists the archive.
        roots: This machine's map of named roots.
    """

    def __init__(self, store_runs: Location, run_id: str, roots: Roots = ANYWHERE) -> None:
        if not valid_run_id(run_id):
            raise RunNotFound(f"{run_id!r} is no run id; `producer list` shows the runs")
        self.id = run_id
        self.folder = store_runs / run_id
        self.archive = Part(store_runs, f"{run_id}/archive", roots)
        self.roots = roots
        self._runs = store_runs

    @property
    def spec(self) -> RunSpec:
        """Its specification."""
        return read_model(self.folder / "run.json", RunSpec)

    def begin(self, spec: RunSpec) -> None:
        """Write the specification."""
        archive, output = (self.roots.stored(path) for path in (spec.archive, spec.output))
        write_json(self.folder / "run.json", asdict(replace(spec, archive=archive, output=output)))

    @property
    def output(self) -> Location:
        """The folder that receives the sorted pictures, on this machine.

        Raises:
            UnknownRoot, OutsideRoots: As `Roots.here`.
        """
        return location(self.roots.here(self.spec.output))

    @property
    def whole(self) -> bool:
        """Whether it is complete; a producer that died at the very start leaves an incomplete run."""
        return (self.folder / "run.json").exists() and bool(self.passes)

    @property
    def parts(self) -> list[Part]:
        """Every part that was begun: the archive, and the references of each pass."""
        return [part for part in self.possible_parts if part.exists]

    @property
    def possible_parts(self) -> list[Part]:
        """The same, and those of which a forgotten run has only shards left."""
        numbers = sorted(int(name) for name in names_in(self.folder / "passes") if _PASS.fullmatch(name))
        return [self.archive, *(self.pass_(number).references for number in numbers)]

    @property
    def passes(self) -> list[int]:
        """The numbers of the passes begun, rising."""
        found = (path.parent.name for path in self.folder.glob("passes/*/pass.json"))
        return sorted(int(name) for name in found if _PASS.fullmatch(name))

    def over(self, number: int) -> str | None:
        """Why a pass needs no more work, such as `undone`, or None. Lists two folders.

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

    def files(self) -> Iterator[tuple[Location, int]]:
        """The run's files in the store and its logs on this machine, each with its size in bytes."""
        yield from storage_of(self.folder).files_below(self.folder)
        if self.logs_path.parent != self.folder:
            yield from storage_of(self.logs_path).files_below(self.logs_path)

    @property
    def size_bytes(self) -> int:
        """Size of all its files."""
        return sum(size for _, size in self.files())

    @property
    def done(self) -> bool:
        """Whether the current pass has an outcome."""
        return bool(self.passes) and self.last_pass.summary is not None

    def pass_(self, number: int) -> Pass:
        """A pass by its number, begun or not."""
        return Pass(self._runs, self.id, number, self.roots)

    @property
    def logs(self) -> Path:
        """Folder for the logs of a private run; created on access."""
        self.logs_path.mkdir(parents=True, exist_ok=True)
        return self.logs_path

    @property
    def logs_path(self) -> Path:
        """The same folder, whether it exists or not; it is on this machine, also when the store is in a bucket."""
        return storage_of(self.folder).logs(self.folder, self.id)

    @contextlib.contextmanager
    def listing_lock(self) -> Iterator[Callable[[], None]]:
        """Exclude other processes from listing and sending this run's chunks; yields a function that checks the lock.

        Raises:
            LockHeld: Another process holds the lock. The message names it.
        """
        with storage_of(self._lock).hold(self._lock, f"run {self.id} is being listed") as check:
            yield check

    @property
    def lister(self) -> str | None:
        """The process that lists this run now, for a person; None where none does, also when it has died."""
        return storage_of(self._lock).holder(self._lock)

    @property
    def _lock(self) -> Location:
        return self.folder / "listing.lock"

    @property
    def broker(self) -> str | None:
        """The address of the private broker while it runs."""
        path = self.folder / "broker.json"
        return read_model(path, _Broker).url if path.exists() else None

    def note_broker(self, url: str | None) -> None:
        """Store the address of the private broker for `status`; None when it has ended."""
        self._note("broker", None if url is None else {"url": url})

    @property
    def journal(self) -> str | None:
        """The id of the journal of this run's output.

        Empty if the output had a journal of unknown id when the run was created; None if it had none and the run has
        placed nothing yet.
        """
        path = self.folder / "journal.json"
        return read_model(path, _Output).id if path.exists() else None

    def note_journal(self, journal: str | None) -> None:
        """Store the id of the output's journal; None when the output holds nothing of this run any more."""
        self._note("journal", None if journal is None else {"id": journal})

    def mark(self, name: Mark, on: bool = True) -> None:
        """Set or remove a mark."""
        self._note(name, {} if on else None)

    def _note(self, name: str, value: dict[str, str] | None) -> None:
        path = self.folder / f"{name}.json"
        if value is None:
            path.unlink(missing_ok=True)
        else:
            write_json(path, value)

    @property
    def marks(self) -> set[str]:
        """All marks of the run, by listing its folder once."""
        return {name.removesuffix(".json") for name in names_in(self.folder)} & set(get_args(Mark))

    def marked(self, name: Mark) -> bool:
        """Whether the run has a mark."""
        return (self.folder / f"{name}.json").exists()
