"""Sieges one after the other, until so many kills were survived; what was found is told in numbers."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from store.decision_log import DecisionLog
from store.run import Run
from store.store import Store
from tests.chaos.collections import draw_collection
from tests.chaos.correcting import correct_under_fire
from tests.chaos.faults import Fault, draw_faults
from tests.chaos.judging import Ending, reads, temporary_files
from tests.chaos.processes import Broker, Processes
from tests.chaos.siege import VISIBILITY_S, Siege, undo_under_fire
from tests.conftest import snapshot

__all__ = ["Campaign", "Tally"]

MODES = ("hardlink", "copy", "move", "symlink")
_CHUNK_IMAGES = 32
_SETTINGS = {
    "OSHIWAKE_CHUNK_IMAGES": str(_CHUNK_IMAGES),
    "OSHIWAKE_EMBED_LIMIT_S": str(VISIBILITY_S - 5),
    "OSHIWAKE_REDUCE_LIMIT_S": str(VISIBILITY_S - 5),
    "OSHIWAKE_VISIBILITY_S": str(VISIBILITY_S),
}


@dataclass
class Tally:
    """What was tried and what was found.

    Attributes:
        kills: Faults by name, those of undo among them.
        rounds: Runs brought to their end.
        resumes: How often `producer resume` was needed.
        read_again: Pictures read again, in all rounds.
        most_reads: How often one picture was read in a run at most.
        beyond: The same, less one and what may cost a reading in that run (all but the deaths of reducers): above 0 is
            wrong.
        found: What was not as in an undisturbed run, one line each.
    """

    kills: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    resumes: int = 0
    read_again: int = 0
    most_reads: int = 0
    beyond: int = -1
    found: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Kills in all."""
        return sum(self.kills.values())


class Campaign:
    """Rounds over one collection."""

    def __init__(self, folder: Path, weights: Path, pictures: int, seed: int) -> None:
        self.folder = folder
        self.tally = Tally()
        self._seed = seed
        self._pictures = pictures
        self._collection = draw_collection(folder / "collection", pictures)
        self._processes = Processes.of(self._collection, folder / "scratch", weights, **_SETTINGS)
        self._before = snapshot(self._collection.archive)
        self._endings: dict[str, Ending] = {}
        self._chunks = 0

    def round(self, number: int, kills: int) -> None:
        """One run under so many faults at most, drawn from the seed, compared, undone, compared."""
        mode = MODES[number % len(MODES)]
        self._undisturbed(mode)
        rng = self._rng(number)
        self.round_of(number, draw_faults(rng, kills, mode, self._chunks, self._pictures), rng.randint(0, 2))

    def round_of(self, number: int, faults: list[Fault], undo_kills: int) -> None:
        """The same with given faults; as many kills, drawn from the seed, come while it is undone."""
        mode = MODES[number % len(MODES)]
        undisturbed = self._undisturbed(mode)
        private = number % 4 == 3
        print(f"round {number}, {mode}, {'private' if private else 'shared'}: {[f.point or f.name for f in faults]}")
        siege = self._siege(number, mode, private, faults)
        try:
            run = siege.carry_through(self._chunks)
            self._judge(number, run, siege, undisturbed)
            corrected = correct_under_fire(self._processes, mode, self._rng(number), undo_kills)
            self.tally.found += [f"round {number} ({mode}): {line}" for line in corrected.found]
            self.tally.kills.update(corrected.struck)
            for one in (corrected.run, run):
                self.tally.kills["undo"] += undo_under_fire(self._processes, one, self._rng(number), undo_kills)
            self._judge_undone(number, [] if mode == "move" else corrected.stays)
        except AssertionError as error:  # the next rounds are worth their time all the same
            self.tally.found.append(f"round {number} ({mode}): {error}")
        finally:
            left = self._processes.end()
        if siege.broker is None and left:
            self.tally.found.append(f"round {number}: processes left running")
        self.tally.kills.update({name: n for name, n in siege.struck.items() if not name.startswith("every")})
        self.tally.resumes += siege.resumes
        self.tally.rounds += 1

    def _rng(self, number: int) -> random.Random:
        return random.Random(f"{self._seed} {number}")

    def _siege(self, number: int, mode: str, private: bool, faults: list[Fault]) -> Siege:
        self._clear()
        broker = None
        workers: dict[str, str] = {}
        for name in ("OSHIWAKE_BROKER_URL", "OSHIWAKE_REDUCE_FAN_OUT"):
            self._processes.env.pop(name, None)
        if not private:
            broker = Broker(self._processes)
            broker.start(empty=True)
            self._processes.env["OSHIWAKE_BROKER_URL"] = broker.url
            workers = {"embed-1": "embed", "reduce-1": "reduce"}
            if number % 3 == 1:
                workers |= {"embed-2": "embed", "reduce-2": "reduce"}
                self._processes.env["OSHIWAKE_REDUCE_FAN_OUT"] = "8"  # the two share the assignment
        return Siege(self._processes, broker, mode, faults, self._rng(number), workers, twice=number % 3 == 1)

    def _clear(self) -> None:
        for path in (self._collection.output, self._collection.store):
            shutil.rmtree(path, ignore_errors=True)
        (self._processes.folder / "reads").unlink(missing_ok=True)
        for point in (self._processes.folder / "kills").iterdir():
            point.unlink()

    def _undisturbed(self, mode: str) -> Ending:
        """How a run ends that nothing happens to."""
        if mode not in self._endings:
            c = self._collection
            self._clear()
            args: list[str | Path] = [
                "run",
                c.archive,
                "--references",
                c.references,
                "--output",
                c.output,
                "--mode",
                mode,
            ]
            assert self._processes.start("undisturbed", *args).wait(600) == 1, "a few files are unreadable"
            run = Store(c.store).latest()
            self._chunks = len(run.archive.listed_chunks())
            self._endings[mode] = Ending.of(c, run.last_pass.summary or {})
            assert self._processes.start("undisturbed", "undo").wait(600) == 0
            assert snapshot(c.archive) == self._before
            self._processes.end()
        return self._endings[mode]

    def _judge(self, number: int, run: Run, siege: Siege, undisturbed: Ending) -> None:
        found = Ending.of(self._collection, run.last_pass.summary or {}).differences(undisturbed)
        if siege.mode != "move" and snapshot(self._collection.archive) != self._before:
            found.append("an original was changed")
        found += [f"temporary file {path}" for path in temporary_files(self._collection)]
        kills = sum(n for name, n in siege.struck.items() if "reduce" not in name)
        counts = reads(self._processes.folder / "reads")
        most = max(counts.values(), default=0)
        if most > 1 + kills:
            found.append(f"a picture was read {most} times, with {kills} faults that may cost a reading")
        self.tally.most_reads = max(self.tally.most_reads, most)
        self.tally.beyond = max(self.tally.beyond, most - 1 - kills)
        self.tally.read_again += sum(counts.values()) - len(counts)
        self.tally.found += [f"round {number} ({siege.mode}): {line}" for line in found]

    def _judge_undone(self, number: int, stays: list[Path]) -> None:
        if snapshot(self._collection.archive) != self._before:
            self.tally.found.append(f"round {number}: after undo the archive is not as before")
        output = self._collection.output
        kept = [path for path in output.rglob("*") if not path.is_dir() and path.parent.name != "decisions"]
        if sorted(kept) != sorted(stays):
            self.tally.found.append(f"round {number}: after undo {kept} are there, not {stays}")
        # A command that was killed after it had decided was given again: the same may be said twice.
        if {one.character for one in DecisionLog(output).read()} != {"Mio"}:
            self.tally.found.append(f"round {number}: after undo the decisions are not those of commands")
        self.tally.found += [f"round {number}: after undo {path}" for path in temporary_files(self._collection)]
