"""From a file's bytes to the network's square: the quick way (v2) beside the plain one (v1, Pillow alone).

    python benchmarks/decode.py [--kind jpeg] [--side 224] [--size 2048x1536] [--files 6] [--json FOLDER]

The last rows read JPEGs as runs do: to the small copy in which heads are looked for, the thumbnail.

Both ways take turns, file by file, in one thread of one process; the figures are processor time, the ratio is the
median over files. Then a thread for each core reads all files the quick way, and is told as a share of the limit.
`cosine` compares the embeddings of both by the shipped weights.

Where there is a GPU, JPEGs are also read by nvJPEG and by all of this machine's cores, by elapsed time; the plain way
of these rows is the cores.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from measure import Cost, Report, Row, cores, has_gpu, measured, on_all_cores, options
from pictures import SIZE, picture_file

from model.images.preprocessing import Fit, Preprocessing
from model.network.embedder import Embedder
from model.network.weights_file import DEFAULT_WEIGHTS
from workers.memory_budget import keep_freed_memory

KINDS = ("jpeg", "progressive", "png", "png smooth", "png alpha", "webp")
REDUCED = ("jpeg", "progressive")
"""Kinds whose reader makes a small picture in less time."""


def main() -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--kind", choices=KINDS, nargs="+", default=KINDS, help="of the files")
    parser.add_argument("--side", type=int, nargs="+", default=[96, 224], help="of the square, in pixels")
    parser.add_argument("--size", default="x".join(map(str, SIZE)), help="of the pictures, WIDTHxHEIGHT")
    parser.add_argument("--files", type=int, default=6, help="of each kind")
    parser.add_argument("--fit", choices=["pad", "stretch"], default="pad")
    chosen = parser.parse_args()
    width, height = map(int, chosen.size.split("x"))
    plain_way = "Pillow decodes every pixel and scales in one step (v1); of a GPU's rows all cores, each with v2"
    report = Report(
        "decode", plain_way, "as many times one thread as there are cores, reached by a thread for each core"
    )
    gpu = measured(has_gpu).value
    for side in chosen.side:
        for kind in chosen.kind:
            cost = measured(compare, kind, chosen.files, (width, height), chosen.fit, side)
            report.add(row(f"{kind} to {side} px", cost))
        if gpu:
            for found in measured(on_gpu, (width, height), chosen.fit, side).value:
                report.add(found)
    for kind in (kind for kind in chosen.kind if kind in REDUCED):
        cost = measured(compare, kind, chosen.files, (width, height), chosen.fit, None)
        report.add(row(f"{kind} to a thumbnail", cost))
    report.save(chosen.json)


def row(what: str, cost: Cost) -> Row:
    """The row of what `compare` has measured."""
    plain, quick, cosines, mean_bytes, all_cores_s = cost.value
    ratio = statistics.median(p / q for p, q in zip(plain, quick, strict=True))
    near = f", cosine mean {np.mean(cosines):.5f} least {min(cosines):.5f}" if cosines else ""
    remark = f"plain {1000 * statistics.mean(plain):.1f} ms, {mean_bytes / 1e6:.1f} MB a file{near}"
    spent = sum(quick)
    ratios = {"of_plain": ratio, "of_limit": spent / all_cores_s}
    return Row.of(what, len(quick), Cost(spent, spent, cost.peak_bytes), **ratios, remark=remark)


def compare(
    kind: str, files: int, size: tuple[int, int], fit: Fit, side: int | None
) -> tuple[list[float], list[float], list[float], float, float]:
    """What both ways take to a square of a side, or to a thumbnail.

    Seconds of processor time for each file, least of three; cosines; mean length of the files; elapsed seconds in which
    each core reads all files once the quick way.
    """
    keep_freed_memory()
    contents = [picture_file(kind, n, size) for n in range(files)]
    ways = [
        way.read_thumbnail if side is None else way.read
        for way in (Preprocessing(fit, side or 96, major_version=1), Preprocessing(fit, side or 96, major_version=2))
    ]
    times: tuple[list[list[float]], ...] = ([[] for _ in contents], [[] for _ in contents])
    for _ in range(3):
        for n, data in enumerate(contents):
            for way, taken in zip(ways, times, strict=True):
                start = time.thread_time()
                way(data)
                taken[n].append(time.thread_time() - start)
    cosines: list[float] = []
    embedder = Embedder.load(DEFAULT_WEIGHTS, precision="fp32", threads=1)
    if embedder.info.preprocessing.size_px == side:
        one, other = (embedder.embed(np.stack([way(data) for data in contents])) for way in ways)
        cosines = np.einsum("nd,nd->n", one, other).tolist()
    plain, quick = ([min(taken) for taken in way] for way in times)
    turns = [on_all_cores([lambda: [ways[1](data) for data in contents]] * cores(), 1) for _ in range(3)]
    return plain, quick, cosines, float(np.mean([len(data) for data in contents])), min(turns)


def on_gpu(size: tuple[int, int], fit: Fit, side: int, device: str = "cuda") -> list[Row]:
    """Rows of JPEGs read by all cores and by the GPU, best of three turns."""
    from model.images.nvjpeg import TOGETHER, NvJpegDecoder

    keep_freed_memory()
    files = [picture_file("jpeg", n, size) for n in range(8)] * 64
    way = Preprocessing(fit, side)
    jpegs = NvJpegDecoder(device)
    times = {}
    for name, threads, decoder in ((f"{cores()} cores", cores(), None), ("GPU", 2 * TOGETHER, jpegs)):
        turns = []
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(4):  # of which the first does not count
                start, used = time.perf_counter(), time.process_time()
                for _ in pool.map(lambda data, decoder=decoder: way.read(data, jpegs=decoder), files):
                    pass
                turns.append((time.perf_counter() - start, time.process_time() - used))
        times[name] = min(turns[1:])
    host_s = next(iter(times.values()))[0]
    remark = f"{jpegs.decoded} of {4 * len(files)} were decoded by the GPU"
    jpegs.close()
    return [
        Row(
            f"jpeg to {side} px: {name}",
            len(files),
            *took,
            of_plain=host_s / took[0],
            remark=remark if name == "GPU" else "",
        )
        for name, took in times.items()
    ]


if __name__ == "__main__":
    main()
