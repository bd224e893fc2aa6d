"""Nothing leaves the machine: no process looks a name up or turns to an address beyond loopback."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.conftest import WAIT_S, Program
from tests.conftest import PLUGINS

_ADDRESS = re.compile(r'htons\((?P<port>\d+)\).*?(?:inet_addr\("(?P<v4>[^"]+)"\)|inet_pton\(AF_INET6, "(?P<v6>[^"]+)")')
_DNS = 53

Command = tuple[str, Callable[[Program], list[str | Path]], int]


def _run(program: Program) -> list[str | Path]:
    return program.sort_args()


def _similarity(program: Program) -> list[str | Path]:
    pictures = sorted(program.collection.references.rglob("*.png"))
    return ["similarity", *pictures[:2]]


def _calibrate(program: Program) -> list[str | Path]:
    output = program.collection.store.parent / "calibration.json"
    return ["calibrate", program.collection.references, "--weights", program.env["OSHIWAKE_WEIGHTS"], "-o", output]


COMMANDS: dict[str, Command] = {
    "run": ("producer", _run, 1),
    "similarity": ("producer", _similarity, 0),
    "calibrate": ("reid", _calibrate, 0),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("watcher", ["python", "strace"])
def test_nothing_leaves_the_machine(name: str, watcher: str, program: Program, tmp_path: Path) -> None:
    """Of all processes of a command, watched from inside Python and from outside by the kernel; no home is touched."""
    if watcher == "strace":
        _need_strace()
    home, calls = tmp_path / "home", tmp_path / "calls"
    home.mkdir()
    program.env["HOME"] = str(home)
    for variable in ("CI", "TF_BUILD", "JENKINS_URL"):  # there OpenVINO says nothing by itself
        program.env.pop(variable, None)
    prefix: list[str] = []
    if watcher == "python":
        program.env.update({"PYTHONPATH": str(PLUGINS), "CALLS": str(calls)})
    else:
        prefix = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(calls)]
    binary, arguments, rc = COMMANDS[name]
    process = program.start(*arguments(program), program=binary, prefix=prefix)
    out, err = process.communicate(timeout=WAIT_S * 2)
    assert process.returncode == rc, out + err
    said = calls.read_text(errors="replace")
    assert (said if watcher == "python" else _beyond(said)) == ""
    assert list(home.iterdir()) == []


def _beyond(trace: str) -> str:
    """The lines of a trace that name an address which is not of loopback, or the port of name servers."""
    lines = []
    for line in trace.splitlines():
        if found := _ADDRESS.search(line):
            inside = found["v6"] in ("::1", "::ffff:127.0.0.1") or (found["v4"] or "").startswith("127.")
            if not inside or int(found["port"]) == _DNS:
                lines.append(line)
    return "\n".join(lines)


def _need_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    if subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine lets nobody trace processes")


@pytest.mark.parametrize(
    ("line", "beyond"),
    [
        ('connect(3, {sa_family=AF_INET, sin_port=htons(6379), sin_addr=inet_addr("127.0.0.1")}, 16) = 0', False),
        ('connect(3, {sa_family=AF_UNIX, sun_path="/tmp/broker.sock"}, 110) = 0', False),
        ('connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0', True),
        ('connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.7")}, 16) = 0', True),
        (
            "sendto(3, ..., 0, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0),"
            ' inet_pton(AF_INET6, "2001:db8::1", &sin6_addr), sin6_scope_id=0}, 28) = 9',
            True,
        ),
    ],
)
def test_the_watcher_tells_what_is_beyond(line: str, beyond: bool) -> None:
    """A look-up through a name server on this machine leaves it too."""
    assert bool(_beyond(line)) is beyond
