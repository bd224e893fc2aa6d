"""The broker of a private run: nobody else on the machine can reach it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from tasks.connection import connect
from tasks.private_broker import private_broker


def test_nobody_else_can_reach_it(tmp_path: Path) -> None:
    """It listens on no port, only on a socket of ours in a folder of ours; afterwards both are gone."""
    with private_broker(tmp_path / "broker.log") as broker:
        client: Any = connect(broker.url)
        assert client.config_get("port")["port"] == "0"
        pid = client.info("server")["process_id"]
        listening = [line.split() for name in ("tcp", "tcp6") for line in _table(pid, name)]
        assert not [row for row in listening if row[3] == "0A" and row[9] in _sockets(pid)]
        assert stat.S_IMODE(broker.folder.stat().st_mode) == 0o700
        places = [path for path in broker.folder.iterdir() if path.is_socket()]
        assert len(places) == 1 and stat.S_IMODE(places[0].stat().st_mode) & 0o077 == 0
    assert not broker.folder.exists()


def _table(pid: int, name: str) -> list[str]:
    return Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]


def _sockets(pid: int) -> set[str]:
    """The numbers of a process's sockets."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return {link.removeprefix("socket:[").rstrip("]") for link in links if link.startswith("socket:")}
