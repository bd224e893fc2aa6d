"""What limits 1, 8, 64 and 512 GPUs, by a simulation from what the stages were measured to cost.

Every worker fetches a chunk, reads it from the shared storage, decodes it on its own cores, puts it through its GPU,
and tells the broker. Storage and broker serve one after the other; a worker's own stages overlap, so the slowest of
them is what a chunk takes. Then the run is reduced: assigned, alone or shared, and placed by one process.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --set storage_mb_s=5000 --set cores_per_gpu=64 --gpus 8 16 32
    python benchmarks/scaling.py --costs my-costs.json --images 100000000

The defaults are explained, with where each was measured, in docs/scaling.md.
"""

from __future__ import annotations

import argparse
import heapq
import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

SIMULATED_CHUNKS = 64
"""For each GPU: enough for a steady state."""


@dataclass(frozen=True)
class Costs:
    """What the stages of one image or chunk take, and what there is of what all share.

    Attributes:
        file_mb: Mean size of a file.
        storage_mb_s: What the storage delivers to all machines together.
        decode_ms: Of one core, for one image, from bytes to a square of pixels.
        cores_per_gpu: Cores that decode for a GPU.
        infer_ms: Of a GPU, for one image.
        chunk_images: As `OSHIWAKE_CHUNK_IMAGES`.
        gap_ms: How long a worker stands still between two chunks: round trips to the broker.
        broker_ms: Of the broker's one thread, for one chunk: counters, messages, events.
        scan_ms: Of the producer, for one file: look, list, write, send.
        assign_ms: Of a reducer, for one image: read its embedding, compare it with all references.
        place_ms: Of the one process that places, for one image.
        reducers: Processes that share the assignment.
    """

    file_mb: float = 1.0
    storage_mb_s: float = 1000.0
    decode_ms: float = 14.0
    cores_per_gpu: float = 16.0
    infer_ms: float = 0.05
    chunk_images: int = 256
    gap_ms: float = 20.0
    broker_ms: float = 1.3
    scan_ms: float = 0.012
    assign_ms: float = 0.13
    place_ms: float = 0.2
    reducers: int = 1


MOVES = {
    "decode": "more cores a GPU (cores_per_gpu), OSHIWAKE_DECODE_THREADS",
    "gpu": "more GPUs; OSHIWAKE_BATCH",
    "storage": "faster or nearer storage (storage_mb_s)",
    "waiting": "OSHIWAKE_CHUNK_IMAGES up; OSHIWAKE_PREFETCH=2 when far",
    "broker": "OSHIWAKE_CHUNK_IMAGES up",
    "scan": "several runs, one for each part of the archive",
    "assigning": "more reducers (reducers)",
    "placing": "several runs, each with an output of its own",
}
"""What limits, and what moves it."""


@dataclass(frozen=True)
class Outcome:
    """What a simulation found.

    Attributes:
        gpus: How many.
        images_per_s: All together.
        busy: Share of the time in which each resource is busy; `waiting` is a worker's own standing still.
    """

    gpus: int
    images_per_s: float
    busy: dict[str, float]

    @property
    def limit(self) -> str:
        """The busiest."""
        return max(self.busy, key=lambda name: self.busy[name])


def simulate(costs: Costs, gpus: int) -> Outcome:
    """Let so many workers embed chunk after chunk."""
    images = costs.chunk_images
    broker_s = costs.broker_ms / 1000
    storage_s = images * costs.file_mb / costs.storage_mb_s
    decode_s = images * costs.decode_ms / costs.cores_per_gpu / 1000
    gpu_s = images * costs.infer_ms / 1000
    scan_s = images * costs.scan_ms / 1000
    chunks = SIMULATED_CHUNKS * gpus
    broker_free = storage_free = end = 0.0
    free = [(0.0, gpu) for gpu in range(gpus)]  # when each worker wants its next chunk
    for chunk in range(chunks):
        asks, gpu = heapq.heappop(free)
        broker_free = max(asks, broker_free, chunk * scan_s) + broker_s
        begins = broker_free + costs.gap_ms / 1000
        storage_free = max(begins, storage_free) + storage_s
        done = max(storage_free, begins + max(decode_s, gpu_s))
        end = max(end, done)
        heapq.heappush(free, (done, gpu))
    share = chunks / gpus / end  # chunks of one worker in a second
    busy = {
        "decode": share * decode_s,
        "gpu": share * gpu_s,
        "storage": chunks * storage_s / end,
        "waiting": share * costs.gap_ms / 1000,
        "broker": chunks * broker_s / end,
        "scan": chunks * scan_s / end,
    }
    return Outcome(gpus, chunks * images / end, busy)


def reduce_s(costs: Costs, images: int) -> tuple[float, float]:
    """Seconds to assign a run, and to place it."""
    return images * costs.assign_ms / 1000 / costs.reducers, images * costs.place_ms / 1000


def table(costs: Costs, gpus: list[int], images: int) -> str:
    """What limits each number of GPUs, as Markdown."""
    found = [simulate(costs, count) for count in gpus]
    names = list(found[0].busy)
    assign_s, place_s = reduce_s(costs, images)
    lines = [
        f"| GPUs | images/s | {' % | '.join(names)} % | embedded | assigned | placed | limit | moved by |",
        "|-" * (len(names) + 7) + "|",
    ]
    for one in found:
        busy = " | ".join(f"{100 * one.busy[name]:.0f}" for name in names)
        embed_s = images / one.images_per_s
        limit = max((embed_s, one.limit), (assign_s, "assigning"), (place_s, "placing"))[1]
        times = " | ".join(duration(seconds) for seconds in (embed_s, assign_s, place_s))
        lines.append(f"| {one.gpus} | {one.images_per_s:,.0f} | {busy} | {times} | {limit} | {MOVES[limit]} |")
    return "\n".join(lines)


def duration(seconds: float) -> str:
    """`4.2 h`, `12 min` or `30 s`."""
    if seconds >= 5400:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def _costs(given: argparse.Namespace) -> Costs:
    """The costs of the command line over those of the file over the defaults."""
    kinds = {field.name: int if field.type == "int" else float for field in fields(Costs)}
    values: dict[str, float] = json.loads(given.costs.read_text()) if given.costs else {}
    values |= dict(pair.split("=", 1) for pair in given.set)
    unknown = set(values) - set(kinds)
    if unknown:
        raise SystemExit(f"no such cost: {', '.join(sorted(unknown))}; there are {', '.join(kinds)}")
    return replace(Costs(), **{name: kinds[name](value) for name, value in values.items()})  # type: ignore[arg-type]


def main() -> None:
    """Simulate as the options say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64, 512])
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--costs", type=Path, metavar="FILE", help='costs as JSON, e.g. {"decode_ms": 6.5}')
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one cost; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was simulated as JSON too")
    given = parser.parse_args()
    costs = _costs(given)
    print("costs: " + ", ".join(f"{name} {value:g}" for name, value in asdict(costs).items()) + "\n")
    print(f"{given.images:,} images; % of the time in which each is busy while they are embedded\n")
    print(table(costs, given.gpus, given.images))
    if given.json:
        rows = [asdict(simulate(costs, count)) for count in given.gpus]
        given.json.write_text(json.dumps({"costs": asdict(costs), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
