"""The compose file as a new user brings it up. `make compose`; it takes minutes, most of them the image."""

from __future__ import annotations

import base64
import csv
import functools
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from model.synthesis import Identity, draw
from tests.acceptance.conftest import wait_until

ROOT = Path(__file__).parents[2]
NAMES = ("Akari", "Dahlia", "桜 ひな")
COPIES = 40
SIZE = (1500, 1500)
"""So large that a worker alone is busy for longer than two more need to start."""
PORT = "5599"
METRICS_PORT = "9599"


def _reason_to_skip() -> str:
    if "OSHIWAKE_TEST_COMPOSE" not in os.environ:
        return "takes minutes; `make compose` runs it"
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        return "no Docker engine answers"
    return ""


pytestmark = [
    pytest.mark.skipif(bool(_reason_to_skip()), reason=_reason_to_skip()),
    pytest.mark.timeout(3600),
]


@dataclass(frozen=True)
class Compose:
    """The project, brought up beside nothing else."""

    folder: Path
    name: str

    def __call__(self, *args: str, limit_s: float = 300) -> str:
        """Run a compose command; return its standard output."""
        program = ["docker", "compose"] if _second_version() else ["docker-compose"]
        options: list[str | Path] = [
            "--file",
            ROOT / "docker-compose.yml",
            "--env-file",
            self.folder / ".env",
            "--project-name",
            self.name,
        ]
        result = subprocess.run([*program, *options, *args], capture_output=True, text=True, timeout=limit_s)
        assert result.returncode == 0, f"{args}: exit code {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def producer(self, *args: str) -> str:
        """A command that runs once."""
        return self("run", "--rm", "-T", "producer", *args)

    def status(self) -> Any:
        """The newest run."""
        return json.loads(self("run", "--rm", "-T", "producer", "status", "--json"))

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers."""
        return self("ps", "--quiet", service).split()

    def exec(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """A command inside a service's first container."""
        return docker("exec", self.containers(service)[0], *command)

    def flower(self, path: str, *, password: str | None = None) -> Any:
        """What Flower answers, or the number of its refusal."""
        request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}")
        if password:
            request.add_header("Authorization", "Basic " + base64.b64encode(f"oshiwake:{password}".encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code


def docker(*args: str) -> subprocess.CompletedProcess[str]:
    """Run docker."""
    return subprocess.run(["docker", *args], capture_output=True, text=True, timeout=120)


def inspect(container: str) -> Any:
    """What Docker knows of a container."""
    return json.loads(docker("inspect", container).stdout)[0]


def _second_version() -> bool:
    return subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0


def _draw(folder: Path) -> int:
    """Draw an archive and references; return how many files the archive has."""
    files = 0
    for identity, name in enumerate(NAMES):
        for n in range(3):
            path = folder / "references" / name / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(Identity.from_seed(identity), n, size_px=192, variety="gentle").save(path)
        for n in range(8):
            path = folder / "archive" / name / f"{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(Identity.from_seed(identity), 100 + n, size_px=192, variety="gentle").resize(SIZE).save(path)
            for copy in range(COPIES):  # of other bytes, so that each is a picture of its own
                path.with_name(f"{n}-{copy:02d}.png").write_bytes(path.read_bytes() + bytes([copy]))
            files += 1 + COPIES
    (folder / "archive" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return files + 1


@pytest.fixture
def compose() -> Iterator[Compose]:
    """A folder with `.env` and pictures, which any user may read, and the project of that name; down at the end."""
    folder = Path(tempfile.mkdtemp(prefix="oshiwake-compose-"))
    folder.chmod(0o755)
    uid = os.getuid() or 1000
    (folder / "sorted").mkdir()
    os.chown(folder / "sorted", uid, -1)
    values = {
        "REDIS_PASSWORD": secrets.token_hex(16),
        "FLOWER_PASSWORD": secrets.token_hex(16),
        "ARCHIVE": folder / "archive",
        "REFERENCES": folder / "references",
        "SORTED": folder / "sorted",
        "OSHIWAKE_UID": uid,
        "OSHIWAKE_CHUNK_IMAGES": 16,
        "FLOWER_PORT": PORT,
        "METRICS_PORT": METRICS_PORT,
        "COMPOSE_PROFILES": "cpu,metrics",
    }
    example = (ROOT / ".env.example").read_text().splitlines()
    named = {line.lstrip("#").partition("=")[0] for line in example}
    assert values.keys() <= named, "the example names everything"
    (folder / ".env").write_text("".join(f"{key}={value}\n" for key, value in values.items()))
    one = Compose(folder, f"oshiwake-test-{secrets.token_hex(3)}")
    try:
        yield one
    finally:
        one("down", "--volumes", "--timeout", "20", "--remove-orphans")
        shutil.rmtree(folder)


def _base() -> list[str]:
    """An engine that has the base image under its tag, and can perhaps pull nothing, takes that one."""
    tag = "python:3.11-slim-bookworm"
    found = subprocess.run(["docker", "image", "inspect", tag], capture_output=True)
    return ["--build-arg", f"BASE={tag}"] if found.returncode == 0 else []


def test_up_enqueue_scale_kill_finish_down(compose: Compose) -> None:
    """Workers are added, killed and taken away in mid-run; every file is accounted for; Flower keeps its history."""
    env = _values(compose)
    files = _draw(compose.folder)
    compose("build", *_base(), "embed", limit_s=3000)  # the image of all
    compose("up", "--detach")
    for service in ("redis", "embed", "reduce", "flower", "metrics"):
        wait_until(functools.partial(_healthy, compose, service), f"{service} is healthy", 180)
    _check_redis(compose)
    with urllib.request.urlopen(f"http://127.0.0.1:{METRICS_PORT}/metrics", timeout=10) as figures:
        assert b'queue="embed",worker="embed-cpu@' in figures.read()
    assert compose.exec("embed", "touch", "/archive/x").returncode, "the archive is only read"
    assert compose.exec("embed", "id", "-u").stdout.strip() == env["OSHIWAKE_UID"]

    run = compose.producer("enqueue", "/archive").split()[-1]
    compose("up", "--detach", "--no-recreate", "--scale", "embed=3")
    workers = compose.containers("embed")
    assert len(workers) == 3
    _kill_one_at_work(compose, workers)
    assert compose.status()["state"] in ("embedding", "scanning"), "it was in mid-run"
    compose("up", "--detach", "--no-recreate", "--scale", "embed=1")

    status = wait_until(lambda: (s := compose.status())["state"] == "done" and s, "the run is done", 600)
    assert status["run"] == run and not status["errors"]
    _check_sorted(compose.folder / "sorted", files, int(env["OSHIWAKE_UID"]))

    assert compose.flower("/api/tasks") == 401
    before = _tasks(compose, env)
    assert len(before) > files // 16 and any("broken" not in t["result"] for t in before.values())
    compose("restart", "flower")
    wait_until(lambda: _healthy(compose, "flower") and _tasks(compose, env).keys() >= before.keys(), "Flower remembers")


def _values(compose: Compose) -> dict[str, str]:
    return dict(line.split("=", 1) for line in (compose.folder / ".env").read_text().splitlines())


def _healthy(compose: Compose, service: str) -> bool:
    found = compose.containers(service)
    return bool(found) and all(inspect(one)["State"].get("Health", {}).get("Status") == "healthy" for one in found)


def _check_redis(compose: Compose) -> None:
    [container] = compose.containers("redis")
    assert not any(inspect(container)["NetworkSettings"]["Ports"].values()), "no port is published"
    assert "NOAUTH" in docker("exec", "--env", "REDISCLI_AUTH=", container, "redis-cli", "dbsize").stdout
    for name, value in (("maxmemory-policy", "noeviction"), ("appendonly", "yes")):
        assert compose.exec("redis", "redis-cli", "config", "get", name).stdout.split() == [name, value]
    shown = docker("top", container, "-eo", "pid,args").stdout
    assert "redis-server" in shown and _values(compose)["REDIS_PASSWORD"] not in shown, "`ps` shows no password"


def _kill_one_at_work(compose: Compose, workers: list[str]) -> None:
    """Kill a container that has a chunk in hand, as a power cut would: nothing is told, nothing handed back."""

    def count(*command: str) -> int:
        return int(compose.exec("redis", "redis-cli", *command).stdout)

    def named() -> int:
        return compose.exec("redis", "redis-cli", "zrange", "oshiwake:workers", "0", "-1").stdout.count("embed-cpu@")

    wait_until(lambda: named() == 3, "three workers, named after their device", 240)
    wait_until(lambda: count("zcard", "oshiwake:embed:in-hand") == 3, "all at work", 240)
    assert docker("kill", workers[-1]).returncode == 0


def _check_sorted(folder: Path, files: int, uid: int) -> None:
    [report] = folder.glob("report*.csv")
    rows = list(csv.DictReader(report.read_text().splitlines()))
    assert len(rows) == files == len({row["path"] for row in rows}), "every file is in the report once"
    assert [row["path"] for row in rows if row["outcome"] == "unreadable"] == ["broken.png"]
    placed = [row for row in rows if row["placed"]]
    assert len(placed) == files - 1
    assert all((folder / row["placed"]).stat().st_uid == uid for row in placed)
    for row in (row for row in rows if row["outcome"] == "assigned"):
        assert row["placed"].startswith(row["path"].split("/")[0] + "/"), "drawn alike, filed under the right name"
    assert {row["placed"].split("/")[0] for row in placed} >= set(NAMES)


def _tasks(compose: Compose, env: dict[str, str]) -> dict[str, Any]:
    found = compose.flower("/api/tasks?limit=1000", password=env["FLOWER_PASSWORD"])
    assert isinstance(found, dict)
    return found
