"""Forget a run: mark it, then delete its files.

Shards stay while the listing of another run refers to them (`store.incremental`). A run that has placed files keeps the
small files that its undo needs until it is undone. The mark is written first and deleted last, so every call also
finishes an earlier one that was killed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow.compute as pc

from store.errors import DamagedStore, LockHeld
from store.files import names_in, new_file
from store.location import Location, storage_of
from store.part import Part
from store.run import Run
from store.store import Store

__all__ = ["Forgotten", "can_undo", "delete_forgotten", "forget_run"]

_MARK = "forgotten.json"
_FOR_UNDO = re.compile(r"(run|journal|cancelled|makes_output|emptied)\.json|passes/[0-9]+/(pass|summary)\.json")
"""Files of a run that an undo reads, below the run's folder. The rest is in the journal of the output."""

_AT_ONCE = 16
"""Parallel deletions: in object storage, each takes a request."""


@dataclass
class Forgotten:
    """What was deleted, and what is left of the forgotten runs.

    Attributes:
        freed_bytes: Size of the deleted files.
        kept_bytes: Size of the shards that other runs refer to.
    """

    freed_bytes: int = 0
    kept_bytes: int = 0


def forget_run(store: Store, run: Run) -> Forgotten:
    """Delete a run from the store. The caller ensures that nobody works on it.

    May be killed and called again.

    Raises:
        LockHeld: A run is being listed, and may refer to this one. Nothing has changed.
        DamagedStore: The listing of another run cannot be read, so its needs are unknown. The run is marked.
    """
    _need_no_listing(store)
    run.mark("forgotten")
    return delete_forgotten(store)


def delete_forgotten(store: Store) -> Forgotten:
    """Delete the unneeded files of forgotten runs, and the weights that no run uses.

    Raises:
        LockHeld, DamagedStore: As `forget_run`.
    """
    # A scan looks for earlier runs after it has its lock. From now on, it ignores the marked ones.
    _need_no_listing(store)
    runs = store.all_runs()
    forgotten = [run for run in runs if run.marked("forgotten")]
    others = [run for run in runs if not run.marked("forgotten")]
    needed = _needed_shards(store, others, {run.id for run in forgotten})
    result = Forgotten()
    for run in forgotten:
        _delete(run, needed, result)
    result.freed_bytes += _delete_unused_weights(store)
    for run in others:
        if not names_in(run.folder):  # deleted by a process that died before its last step
            storage_of(run.folder).remove_empty_folders(run.folder)
    return result


def can_undo(run: Run) -> bool:
    """Whether a run may have placed files that an undo could take back."""
    try:
        return bool(run.journal) and not run.marked("undone")
    except DamagedStore:
        return True


def _need_no_listing(store: Store) -> None:
    for run in store.all_runs():
        if (lister := run.lister) is not None:
            raise LockHeld(
                f"run {run.id} is being listed by {lister} and may refer to earlier runs; wait until its scan has ended"
            )


def _needed_shards(store: Store, runs: Collection[Run], forgotten: Collection[str]) -> set[str]:
    """Paths of the shards of forgotten runs that the listings of these runs refer to."""
    needed: set[str] = set()
    if not forgotten:
        return needed
    for part in (part for run in runs for part in run.parts):
        try:
            for chunk in part.listed_chunks():
                needed.update(str(store.part(name).shard_path(at)) for name, at in _references(part, chunk, forgotten))
        except DamagedStore as error:
            raise DamagedStore(f"{error}; nobody knows what that run needs: forget it too") from error
    return needed


def _references(part: Part, chunk: int, runs: Collection[str]) -> Iterator[tuple[str, int]]:
    """The part and chunk of each shard of these runs that a listing refers to."""
    table = part.listing_table(chunk, ["known_part", "known_chunk"])
    known = table.filter(pc.is_valid(table["known_part"])).group_by(table.column_names).aggregate([])
    for name, number in zip(known["known_part"].to_pylist(), known["known_chunk"].to_pylist(), strict=True):
        if name.partition("/")[0] in runs:
            yield name, number


def _delete(run: Run, needed: Collection[str], result: Forgotten) -> None:
    """Delete a run's unneeded files, and at last the mark if nothing else is left."""
    undo = can_undo(run)
    unneeded: list[Location] = []
    kept = 0
    for path, size in run.files():
        name = str(path).removeprefix(f"{run.folder}/")
        if str(path) in needed:
            result.kept_bytes += size
            kept += 1
        elif undo and _FOR_UNDO.fullmatch(name):
            kept += 1
        elif name != _MARK:
            unneeded.append(path)
            result.freed_bytes += size
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in pool.map(lambda path: path.unlink(missing_ok=True), unneeded):
            pass
    if not kept:
        run.mark("forgotten", on=False)
    for folder in (run.logs_path, run.folder):
        storage_of(folder).remove_empty_folders(folder)


def _delete_unused_weights(store: Store) -> int:
    """Delete the weights that no run uses; return their size."""
    freed = 0
    for path, size in list(storage_of(store.root).files_below(store.root / "weights")):
        if _used(store, path):
            continue
        content = path.read_bytes()
        path.unlink(missing_ok=True)
        freed += size
        # A new run writes run.json first. If it then found the weights here, they are put back.
        if _used(store, path) and not path.exists():
            with new_file(path) as temporary:
                temporary.write_bytes(content)
            freed -= size
    return freed


def _used(store: Store, weights: Location) -> bool:
    """Whether a run uses a file of weights; where a run cannot be read, nobody knows."""
    if not weights.name.endswith(".safetensors"):
        return True  # being written
    for run in store.all_runs():
        if run.marked("forgotten"):
            continue
        try:
            if weights.stem in (run.spec.weights_digest, run.spec.heads):
                return True
        except DamagedStore:
            if (run.folder / "run.json").exists():
                return True
    return False
