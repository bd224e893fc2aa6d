"""A real S3 server, as a process, reached over HTTP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ports import free_port

SECRET = "hush-hush-not-to-be-seen"
PAGE = 7
"""Entries of a listing at a time, so that small folders have several pages."""


class ObjectServer:
    """The server, with one bucket, and the environment in which programs reach it."""

    def __init__(self, url: str, log: Path) -> None:
        self._log = log
        self.env = {
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": url,
        }

    @property
    def files(self) -> Any:
        """The server's objects; of use while `env` is the environment."""
        from s3fs import S3FileSystem

        return S3FileSystem(use_listings_cache=False)

    def requests(self) -> list[str]:
        """All requests that the server has answered so far, as `GET /art/key`."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return [line.split('"')[1].rpartition(" ")[0] for line in lines if " HTTP/1." in line]

    def put(self, key: str, content: bytes) -> str:
        """Write an object; return its address."""
        self.files.pipe_file(f"art/{key}", content)
        return f"s3://art/{key}"

    def upload(self, folder: Path, prefix: str) -> str:
        """Write every file below a folder; return the address of what came of it."""
        files = self.files
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                files.pipe_file(f"art/{prefix}/{path.relative_to(folder)}", path.read_bytes())
        return f"s3://art/{prefix}"


@pytest.fixture(scope="session")
def object_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    """The server, one for all tests of this process."""
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    pytest.importorskip("moto", reason="moto, an S3 server to test with, is not installed")
    port, log = free_port(), tmp_path_factory.mktemp("objects") / "requests.log"
    with log.open("wb") as said:
        server = subprocess.Popen(
            [Path(sys.executable).parent / "moto_server", "-H", "127.0.0.1", "-p", str(port)],
            env=os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        urllib.request.urlopen(urllib.request.Request(f"{url}/art", method="PUT")).close()
        yield ObjectServer(url, log)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


@pytest.fixture
def objects(object_server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """The server, with the environment set to reach it."""
    for name, value in object_server.env.items():
        monkeypatch.setenv(name, value)
    return object_server


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.1)
