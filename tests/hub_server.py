"""A server on this machine that speaks as much of the hub's protocol as its client needs, and can be made to fail."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the server has, and what it has been asked.

    Attributes:
        files: Content by `repository/resolve/main/path`.
        cut: How many further answers end in the middle, as by a proxy that cuts.
        requests: Method, path and range of each request.
        address: To put into HF_ENDPOINT.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cut: int = 0
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    address: str = ""

    def put(self, repository: str, path: str, content: bytes) -> None:
        """Publish a file."""
        self.files[f"/{repository}/resolve/main/{path}"] = content


@contextmanager
def hub_server() -> Iterator[Hub]:
    """Serve a hub on a free loopback port until the end."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            wanted = self.headers.get("Range", "")
            hub.requests.append((self.command, self.path, wanted))
            content = hub.files.get(self.path.replace(f"/resolve/{COMMIT}/", "/resolve/main/"))
            if content is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
            self.send_response(206 if wanted else 200)
            part = content[start:]
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(part)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if not body:
                return
            if hub.cut and len(part) > 1000:
                hub.cut -= 1
                self.wfile.write(part[: len(part) // 2])
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(part)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
