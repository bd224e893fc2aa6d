"""The store: a folder with runs and their weights.

STORE/store.json                schema
STORE/weights/<digest>.safetensors
STORE/index/                   where the embedding of a content is (`store.content_index`)
STORE/runs/<run id>/run.json    its specification
                   /archive/    a part: part.json, listing/, shards/, scan.json when the scan is done
                   /passes/1/pass.json, references/ (a part), assignments/, summary.json when reduced
                   /logs/       of a private run's broker and workers
"""

from __future__ import annotations

import contextlib
import copy
import shutil
from collections.abc import Iterator
from pathlib import Path

from store.errors import DamagedStore, RunNotFound, StoreError
from store.fields import valid_part, valid_weights_name
from store.files import names_in, new_file, read_json, write_json
from store.location import Location, location, storage_of
from store.part import Part
from store.roots import ANYWHERE, Roots
from store.run import Run, RunSpec
from store.run_id import new_run_id, valid_run_id

__all__ = ["Store"]


class Store:
    """The folder of runs. Any number of processes on machines that share it may use it.

    Attributes:
        root: Where it lies.
        runs: The folder of the runs.
        roots: This machine's map of named roots.
    """

    def __init__(self, root: str | Location, roots: Roots = ANYWHERE) -> None:
        """Open a store, made on the first run.

        Raises:
            NewerSchema: A newer program wrote it.
        """
        self.root = location(root)
        self.runs = self.root / "runs"
        self.roots = roots
        if self.exists:
            read_json(self.root / "store.json")

    @contextlib.contextmanager
    def fetching_once(self) -> Iterator[Store]:
        """The same store for a while in which no listing and no shard is fetched from object storage twice."""
        with storage_of(self.root).fetching_once(self.root) as root:
            near = copy.copy(self)
            near.root, near.runs = root, root / "runs"
            yield near

    @property
    def exists(self) -> bool:
        """Whether it exists on this machine."""
        return (self.root / "store.json").exists()

    @property
    def logs(self) -> Path:
        """Working folder of workers; created on access.

        Raises:
            StoreError: The store cannot be written.
        """
        path = storage_of(self.root).logs(self.root)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot write the store {self.root}: {error.strerror}") from error
        return path

    def create_run(self, spec: RunSpec) -> Run:
        """Create a run with a unique id.

        Raises:
            StoreError: The store cannot be written.
        """
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            self._sweep()
            if not self.exists:
                write_json(self.root / "store.json", {})
            run = self._claim(spec.created_s)
            run.begin(spec)
        except OSError as error:
            raise StoreError(f"cannot write the store {self.root}: {error.strerror}") from error
        return run

    def _sweep(self) -> None:
        """Take away what producers left that died before their runs were whole."""
        storage = storage_of(self.root)
        storage.clean_up(self.root, below=False)
        storage.clean_up(self.root / "weights")
        for folder in self.runs.iterdir():
            if not (folder / "passes" / "1" / "pass.json").exists():
                storage.clean_up(folder)

    def _claim(self, created_s: float) -> Run:
        while True:
            run = Run(self.runs, new_run_id(created_s), self.roots)
            with contextlib.suppress(FileExistsError):
                run.folder.mkdir()
                return run

    def run(self, run_id: str, *, forgotten: bool = False) -> Run:
        """A run by its id; with `forgotten`, also a forgotten one that can still be undone.

        Raises:
            RunNotFound: There is none.
        """
        run = self.run_folder(run_id)
        if not run.whole:
            raise self._no_run(run_id)
        if run.marked("forgotten") and not forgotten:
            raise RunNotFound(f"run {run_id} was forgotten; `producer undo {run_id}` can still undo it")
        return run

    def run_folder(self, run_id: str) -> Run:
        """The same, even if it is damaged, incomplete or forgotten.

        Raises:
            RunNotFound: There is none.
        """
        run = Run(self.runs, run_id, self.roots)
        if not names_in(run.folder):
            raise self._no_run(run_id)
        return run

    def _no_run(self, run_id: str) -> RunNotFound:
        return RunNotFound(f"no run {run_id} in the store {self.root}; `producer list` shows the runs")

    def all_runs(self) -> list[Run]:
        """Every run, even if damaged, incomplete or forgotten, in the order of ids."""
        names = sorted(filter(valid_run_id, names_in(self.runs)))
        return [Run(self.runs, name, self.roots) for name in names]

    def newest_first(self) -> list[Run]:
        """All runs, the newest first, without damaged, incomplete or forgotten ones."""
        found: list[tuple[float, str, Run]] = []
        for path in self.runs.glob("*/run.json"):
            try:
                run = Run(self.runs, path.parent.name, self.roots)
                if run.whole and not run.marked("forgotten"):
                    found.append((run.spec.created_s, run.id, run))
            except (RunNotFound, DamagedStore):
                continue
        return [run for _, _, run in sorted(found, key=lambda item: item[:2], reverse=True)]

    def damaged(self) -> list[str]:
        """The runs that cannot be read, one line each with the file and the cause."""
        found: list[str] = []
        for run in self.all_runs():
            if not (run.folder / "run.json").exists():
                continue
            try:
                _ = run.spec
            except DamagedStore as error:
                if not run.marked("forgotten"):
                    found.append(str(error))
        return found

    def latest(self) -> Run:
        """The newest run.

        Raises:
            RunNotFound: There is none.
            DamagedStore: None can be read.
        """
        runs = self.newest_first()
        if not runs and (damaged := self.damaged()):
            raise DamagedStore(f"no run in the store {self.root} can be read: {damaged[0]}")
        if not runs:
            raise RunNotFound(f"the store {self.root} has no run yet; start with `producer run` or `producer enqueue`")
        return runs[0]

    def part(self, name: str) -> Part:
        """A part by its name, e.g. `20261123-0412-k7m2p/archive`.

        Raises:
            DamagedStore: It is not the name of a part.
        """
        if not valid_part(name):
            raise DamagedStore(f"{self.root}: {name[:100]!r} is no part of a run")
        return Part(self.runs, name, self.roots)

    def parts_of(self, root: str, embedding_key: str) -> Iterator[Part]:
        """Completely scanned parts of the same folder and network, the newest first."""
        root = self.roots.stored(root)
        for run in self.newest_first():
            candidates = [run.pass_(number).references for number in reversed(run.passes)]
            for part in [run.archive, *candidates]:
                if self._lists(part, root, embedding_key):
                    yield part

    def _lists(self, part: Part, root: str, embedding_key: str) -> bool:
        """Whether a part is a complete scan of this folder for this network; false if it is damaged."""
        try:
            if not part.exists or part.totals is None:
                return False
            spec = part.spec
        except DamagedStore:
            return False
        return (self.roots.stored(spec.root), spec.embedding_key) == (root, embedding_key)

    def weights_path(self, digest: str) -> Path:
        """The path of the weights with that digest on this machine; fetched first from object storage.

        Raises:
            DamagedStore: The digest is invalid.
            StoreError: They cannot be fetched.
        """
        kept = self._kept_weights(digest)
        try:
            return storage_of(kept).local_copy(kept, "weights")
        except OSError as error:
            raise StoreError(f"cannot fetch the weights {kept}: {error.strerror}") from error

    def _kept_weights(self, digest: str) -> Location:
        if not valid_weights_name(digest):
            raise DamagedStore(f"{self.root}: {digest[:100]!r} is no digest of weights")
        return self.root / "weights" / f"{digest}.safetensors"

    def keep_weights(self, source: Path, digest: str) -> None:
        """Copy weights into the store, so that all workers use the same.

        Raises:
            StoreError: The store cannot be written.
        """
        target = self._kept_weights(digest)
        try:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with new_file(target) as temporary:
                    shutil.copyfile(source, temporary)
        except OSError as error:
            raise StoreError(f"cannot write the store {self.root}: {error.strerror}") from error
