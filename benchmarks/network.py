"""The network alone: each engine and precision on a processor beside the plain one, torch eager in float32.

    python benchmarks/network.py [--batch 8 32] [--weights FILE] [--json FOLDER]

One thread, pictures of drawn characters, the engines take turns; figures are processor time, ratios medians over the
turns. Then an engine for each core works at the same time, and is told as a share of the limit; peak memory is that of
the process that holds them. `cosine` is to the plain engine. Measured: the shipped weights, and random ones of 500
numbers at 224 px.

Where there is a GPU, it is measured too, by elapsed time: the recorded work alone, its pictures on the GPU already, and
all the way from the host's memory and back, two batches under way. The plain way is then torch eager in float32 there.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import Report, Row, cores, has_gpu, measured, on_all_cores, options

from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS, load_network
from model.synthesis import Identity, draw

PLAIN = "torch fp32"
PRECISIONS = ("fp32", "bf16", "int8")
ROUNDS = 50


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--gpu-batch", type=int, nargs="+", default=[32, 64, 128, 256, 512])
    parser.add_argument("--weights", type=Path, help="measure these alone")
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args()
    plain_way = "torch eager, float32, channels_last, one thread; of a GPU's rows on the GPU"
    limit = "as many times one thread as there are cores, reached by an engine for each core"
    report = Report("network", plain_way, limit)
    gpu = measured(has_gpu).value
    with tempfile.TemporaryDirectory() as folder:
        random = Path(folder) / "random.safetensors"
        if chosen.weights is None:
            write_random(random)
        for path in [chosen.weights] if chosen.weights else [DEFAULT_WEIGHTS, random]:
            for batch in chosen.batch:
                cost = measured(compare, path, batch, chosen.turns)
                for name, values in cost.value.items():
                    spent = statistics.median(values["turns"])
                    ratio = statistics.median(values["ratios"])
                    remark = f"cosine mean {values['mean']:.6f} least {values['least']:.6f}"
                    if values["ready_s"]:
                        remark += f", ready after {values['ready_s']:.1f} s"
                    what = f"{values['side']} px, batch {batch}: {name}"
                    crowd = measured(together, path, name, batch)
                    ratios = {"of_plain": ratio, "of_limit": crowd.value}
                    report.add(Row(what, batch, spent, spent, crowd.peak_bytes, **ratios, remark=remark))
            for batch in [*chosen.gpu_batch, 0] if gpu else []:
                for row in measured(on_gpu, path, batch, chosen.turns).value:
                    report.add(row)
    report.save(chosen.json)


def write_random(path: Path, side: int = 224) -> None:
    """Weights of a network that has learned nothing but what pictures look like."""
    import torch

    from model.images.preprocessing import Preprocessing
    from model.network.resnet18 import Network
    from model.network.weights_file import save_network

    torch.manual_seed(0)
    network = Network(500).train()
    with torch.no_grad():
        network(torch.from_numpy(pictures(side, 16)).permute(0, 3, 1, 2) / 255)
    save_network(path, network.eval(), preprocessing=Preprocessing("pad", side), threshold=0.5)


def pictures(side: int, count: int) -> np.ndarray[Any, Any]:
    """Drawn characters, `(count, side, side, 3)` uint8."""
    return np.stack([np.asarray(draw(Identity.from_seed(700 + n), n, size_px=side)) for n in range(count)])


def compare(path: Path, batch: int, turns: int) -> dict[str, dict[str, Any]]:
    """Seconds of processor time for a batch by each engine, turn by turn."""
    embedders, ready = {}, {}
    for name in (PLAIN, *(f"OpenVINO {precision}" for precision in PRECISIONS)):
        start = time.perf_counter()
        embedders[name] = load(path, name, batch)
        ready[name] = time.perf_counter() - start if name != PLAIN else 0.0
    shown = pictures(embedders[PLAIN].info.preprocessing.size_px, batch)
    plain = embedders[PLAIN].embed(shown)
    times: dict[str, list[float]] = {name: [] for name in embedders}
    for _ in range(turns):
        for name, embedder in embedders.items():
            start = time.process_time()
            embedder.embed(shown)
            times[name].append(time.process_time() - start)
    found = {}
    for name, embedder in embedders.items():
        cosines = np.einsum("nd,nd->n", embedder.embed(shown), plain)
        found[name] = {
            "side": embedder.info.preprocessing.size_px,
            "turns": times[name],
            "ratios": [p / q for p, q in zip(times[PLAIN], times[name], strict=True)],
            "ready_s": ready[name],
            "mean": float(cosines.mean()),
            "least": float(cosines.min()),
        }
    return found


def load(path: Path, name: str, batch: int) -> Embedder:
    """One thread of an engine, by its name in the table."""
    if name == PLAIN:
        from model.network.torch_engine import TorchEngine

        network, info = load_network(path)
        return Embedder(TorchEngine(network, threads=1), info, batch=batch)
    return Embedder.load(path, batch=batch, precision=name.split()[1], threads=1)  # type: ignore[arg-type]


def together(path: Path, name: str, batch: int) -> float:
    """What an engine for each core, all at work, reaches of as many times one alone: the best of three turns each."""
    engines = [load(path, name, batch) for _ in range(cores())]
    shown = pictures(engines[0].info.preprocessing.size_px, batch)
    works = [lambda engine=engine: engine.embed(shown) for engine in engines]
    calls = max(1, round(0.5 / on_all_cores(works, 1)))
    alone_s, together_s = (min(on_all_cores(some, calls) for _ in range(3)) for some in (works[:1], works))
    return alone_s / together_s


def on_gpu(path: Path, batch: int, turns: int) -> list[Row]:
    """Rows of the recorded network in batches of one size, 0 for the one that it chooses itself."""
    import torch

    from model.network.cuda_engine import CudaEngine
    from model.network.torch_engine import TorchEngine

    network, info = load_network(path)
    side = info.preprocessing.size_px
    start = time.perf_counter()
    try:
        engine = CudaEngine(network, side, batch=batch)
    except torch.OutOfMemoryError as error:
        print(f"{side} px, batch {batch}: {error}", file=sys.stderr)
        return []
    ready_s = time.perf_counter() - start
    shown = pictures(side, 16)[np.arange(engine.batch) % 16]
    plain = TorchEngine(network, device="cuda")
    cosines = np.einsum("nd,nd->n", engine(shown), plain(shown))
    slots = [next(engine._turns) for _ in range(2)]

    def recorded() -> None:
        for n in range(2 * ROUNDS):
            with torch.cuda.stream(slots[n % 2]._stream):
                slots[n % 2]._graph.replay()
        torch.cuda.synchronize()

    def whole() -> None:
        for finish in [engine.start(shown) for _ in range(2 * ROUNDS)]:
            finish()

    def eager() -> None:
        plain(shown)

    count = 2 * ROUNDS * engine.batch
    plain_s = least(eager, turns)[0] / engine.batch
    rows = []
    for name, work in (("without upload", recorded), ("with upload", whole)):
        wall_s, cpu_s = least(work, turns)
        remark = (
            f"{engine.name}, cosine mean {cosines.mean():.6f} least {cosines.min():.6f}, ready after {ready_s:.1f} s"
        )
        what = f"{side} px, batch {engine.batch}{'' if batch else ' (chosen)'}: GPU {name}"
        rows.append(Row(what, count, wall_s, cpu_s, of_plain=plain_s * count / wall_s, remark=remark))
    return rows


def least(work: Callable[[], None], turns: int) -> tuple[float, float]:
    """Elapsed time and processor time of the fastest of some turns, after one that does not count."""
    work()
    times = []
    for _ in range(turns):
        start, used = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start, time.process_time() - used))
    return min(times)


if __name__ == "__main__":
    main()
