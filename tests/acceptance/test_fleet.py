"""Workers that are slow, vanish, come, go, or are not fit for the run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.acceptance.conftest import LocalCluster, Program, wait_until
from tests.conftest import FILES, PLUGINS, snapshot

IN_HAND = "oshiwake:embed:in-hand"


def child_of(worker: subprocess.Popen[str]) -> int:
    """The process of a worker with one process that does the work."""
    children = Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
    return int(wait_until(lambda: children.read_text().split(), "the worker has a child")[0])


def _wait_in_hand(farm: LocalCluster, chunks: int) -> None:
    wait_until(lambda: farm.client().zcard(IN_HAND) == chunks, f"{chunks} chunks in hand")


def test_nobody_holds_the_last_chunks(farm: LocalCluster) -> None:
    """A worker that stands still, one that vanishes and a message that is lost cost the run seconds: a third worker,
    which joins late, takes over.
    """
    program, c = farm.program, farm.program.collection
    program.env.update({"PYTHONPATH": str(PLUGINS), "SLOW_S": "0.5"})
    slow, vanishing = farm.start_worker("embed", "slow"), farm.start_worker("embed", "vanishing")
    del program.env["SLOW_S"]
    program.sort("enqueue", "--no-worker-check", rc=0)
    _wait_in_hand(farm, 2)
    assert farm.client().rpop("embed")
    os.kill(child_of(slow), signal.SIGSTOP)
    os.killpg(vanishing.pid, signal.SIGKILL)
    start = time.monotonic()
    for queue, name in (("reduce", "reduce"), ("embed", "late")):
        farm.start_worker(queue, name)
    status = farm.finished()
    assert time.monotonic() - start < 60, "not the hour after which a message comes back"
    assert status["summary"]["files"] == FILES and not status["errors"]
    before = snapshot(c.store / "runs"), snapshot(c.output)
    os.kill(child_of(slow), signal.SIGCONT)
    slow.terminate()
    slow.communicate(timeout=60)
    assert (snapshot(c.store / "runs"), snapshot(c.output)) == before, "what comes late changes nothing"


def test_a_pass_that_is_lost_on_its_way_is_sent_again(farm: LocalCluster) -> None:
    """The connection of a reducer broke as the message was on its way to it; one that is idle sends it again."""
    program, client = farm.program, farm.client()
    client.lpush("oshiwake:reduce:took", 0)  # as if passes were begun at once: then 5 s is too long, else a minute
    farm.start_worker("embed", "embed")
    program.sort("enqueue", "--no-worker-check", rc=0)
    assert client.brpop(["reduce"], timeout=60)
    farm.start_worker("reduce", "reduce")
    assert farm.finished()["summary"]["files"] == FILES
    assert not client.exists("oshiwake:reduce:sent", "oshiwake:reduce:in-hand")


def test_a_worker_that_may_wait_finishes_its_chunk(farm: LocalCluster) -> None:
    """`producer worker`, told to stop, ends with the chunk in hand done, and takes no other."""
    program = farm.program
    program.env.update({"PYTHONPATH": str(PLUGINS), "SLOW_S": "0.3"})
    worker = program.start("worker", "--queues", "embed")
    wait_until(farm.listening, "the worker listens")
    program.sort("enqueue", "--no-worker-check", rc=0)
    _wait_in_hand(farm, 1)
    waiting = farm.client().llen("embed")
    worker.terminate()
    worker.communicate(timeout=60)
    shards = list((program.collection.store / "runs").rglob("shards/*.parquet"))
    assert farm.client().llen("embed") == waiting > 0 and shards
    assert not farm.client().hlen("unacked") and not farm.client().exists(IN_HAND)


def test_a_worker_that_may_not_wait_hands_its_chunk_back(farm: LocalCluster) -> None:
    """`producer worker`, told to stop, lets a chunk go on for the grace, then puts it back in the queue and ends."""
    program, c = farm.program, farm.program.collection
    program.env.update({"PYTHONPATH": str(PLUGINS), "OSHIWAKE_GRACE_S": "1"})
    hanging = next(path for path in (c.references / "Akari").iterdir())
    hanging.write_bytes(hanging.read_bytes() + b"!hang!!!")
    worker = program.start("worker", "--queues", "embed")
    wait_until(farm.listening, "the worker listens")
    program.sort("enqueue", "--no-worker-check", rc=0)
    _wait_in_hand(farm, 1)
    before = farm.client().llen("embed")
    worker.terminate()
    worker.communicate(timeout=30)
    assert farm.client().llen("embed") == before + 1
    assert not farm.client().hlen("unacked")


def test_a_worker_with_other_weights_refuses(farm: LocalCluster, tmp_path: Path, small_weights: Path) -> None:
    """It says which weights it found and which the run has; the others do its chunks, and the run ends well."""
    import torch

    from model.heads.weights_file import DEFAULT_DETECTOR, read_digest
    from model.images.preprocessing import Preprocessing
    from model.network.resnet18 import Network
    from model.network.weights_file import save_network

    program, c = farm.program, farm.program.collection
    program.sort("enqueue", "--no-worker-check", rc=0)
    heads = f"{read_digest(DEFAULT_DETECTOR)}.safetensors"
    [weights] = (path for path in (c.store / "weights").iterdir() if path.name != heads)
    other = tmp_path / "other store"
    (other / "weights").mkdir(parents=True)
    (other / "runs").symlink_to(c.store / "runs")
    torch.manual_seed(1)
    save_network(other / "weights" / weights.name, Network(16), preprocessing=Preprocessing("pad", 32), threshold=0.02)
    program.env["OSHIWAKE_STORE"] = str(other)
    wrong = farm.start_worker("embed", "wrong")
    program.env["OSHIWAKE_STORE"] = str(c.store)
    for queue, name in (("embed", "right"), ("reduce", "reduce")):
        farm.start_worker(queue, name)
    status = farm.finished()
    assert status["summary"]["files"] == FILES and not status["errors"]
    wrong.terminate()
    said = "".join(wrong.communicate(timeout=60))
    assert "WrongWeights" in said and "not the run's" in said and weights.stem in said


def test_a_gpu_that_is_not_there_is_no_slow_worker(program: Program, farm: LocalCluster) -> None:
    """`OSHIWAKE_DEVICE=cuda` without a GPU is wrong use, not a run on the processor."""
    program.env.update({"OSHIWAKE_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""})
    assert "no NVIDIA GPU is visible" in program("worker", rc=2).stderr
    plain = program.start("-A", "tasks", "worker", "-Q", "embed", program="celery")
    said = "".join(plain.communicate(timeout=60))
    assert plain.returncode == 1 and "no NVIDIA GPU is visible" in said
    assert json.loads(program("list", "--json").stdout) is not None, "commands that embed nothing go on"


def test_a_gpu_that_torch_is_missing_for_is_said_at_the_start(program: Program, farm: LocalCluster) -> None:
    """The worker embeds on the processor, and says what to install; asked for the GPU, it refuses."""
    program.env.update({"PYTHONPATH": str(PLUGINS), "WITHOUT": "torch", "CUDA_VISIBLE_DEVICES": "0,1"})
    worker = program.start("worker", "--queues", "embed")
    wait_until(farm.listening, "the worker listens")
    worker.terminate()
    said = "".join(worker.communicate(timeout=60))
    assert "queue embed" in said and "embed-cuda" not in said
    assert "2 GPUs are not used, because torch is not installed: pip install 'oshiwake[gpu]'" in said
    program.env["OSHIWAKE_DEVICE"] = "cuda"
    assert "torch is not installed: pip install 'oshiwake[gpu]'" in program("worker", rc=2).stderr
