"""Processes that end with the one that started them."""

from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys

import pytest

from workers.parent_death import end_with_parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its parent's death")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_parent_that_died_before_is_noticed(number: signal.Signals) -> None:
    """Linux tells of no death that came before it was asked to."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    process = subprocess.Popen(["sleep", "60"], preexec_fn=functools.partial(end_with_parent, gone.pid, number))
    assert process.wait(timeout=30) == -number


def test_a_process_lives_as_long_as_its_parent() -> None:
    """It is left alone until then, and gets the signal after that."""
    code = (
        "import functools, os, signal, subprocess\nfrom workers.parent_death import end_with_parent\n"
        "child = subprocess.Popen(['sleep', '60'], preexec_fn=functools.partial(end_with_parent, os.getpid()))\n"
        "assert child.poll() is None\nprint(child.pid, flush=True)\ninput()\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    watched, watching = os.pipe()  # closed by the last process that holds it
    parent = subprocess.Popen(
        [sys.executable, "-c", code.replace("['sleep', '60']", f"['sleep', '60'], pass_fds=[{watching}]")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=[watching],
    )
    os.close(watching)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.communicate(b"\n", timeout=30)
    assert os.read(watched, 1) == b""
    os.close(watched)
