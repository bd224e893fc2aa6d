"""Hosts as network namespaces, and links between them that are slow, lose packets, and can be cut. Needs root.

A link is a pair of tun devices whose packets pass through a thread here: what `tc netem` does in the kernel, also where
the kernel was built without it.
"""

from __future__ import annotations

import contextlib
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

__all__ = ["Link", "hosts", "inside"]

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_PREFIX = "oshiwake-"


def inside(host: str) -> list[str]:
    """The words before a command that is to run on a host."""
    return ["ip", "netns", "exec", _PREFIX + host]


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[None]:
    """Hosts that see nothing but themselves; gone at the end, with their links."""
    with contextlib.ExitStack() as leaving:
        for name in names:
            _ip("netns", "add", _PREFIX + name)
            leaving.callback(_ip, "netns", "del", _PREFIX + name)
            _ip("-n", _PREFIX + name, "link", "set", "lo", "up")
        yield


class Link:
    """A link between two hosts.

    Attributes:
        address: Of the first host, as the second one sees it.
        packets: How many have passed.
    """

    def __init__(self, first: str, second: str, number: int, *, delay_s: float, loss: float) -> None:
        """Connect two hosts.

        Args:
            first: One host.
            second: The other.
            number: 0..255, another for each link.
            delay_s: How long a packet is under way, in each direction.
            loss: Share of the packets that never arrive, in each direction.
        """
        self.address = f"10.77.{number}.1"
        self.packets = 0
        self._delay_s, self._loss = delay_s, loss
        self._random = random.Random(number)
        self._cut = False
        self._ports: set[bytes] = set()
        self._forgotten: set[bytes] = set()
        self._ends = [
            _tun(f"osh{number}a", first, self.address, f"10.77.{number}.2"),
            _tun(f"osh{number}b", second, f"10.77.{number}.2", self.address),
        ]
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """From now on nothing arrives."""
        self._cut = True

    def mend(self, *, forget: bool = False) -> None:
        """Packets arrive again; with `forget`, none of open connections: a firewall on the way has lost its table."""
        self._forgotten = set(self._ports) if forget else set()
        self._cut = False

    def close(self) -> None:
        """End the link."""
        self._closing.set()
        self._thread.join()
        for end in self._ends:
            os.close(end)

    def _carry(self) -> None:
        late: list[tuple[float, int, int, bytes]] = []  # due time, order, where to, packet
        order = 0
        while not self._closing.is_set():
            wait_s = max(0.0, min(0.1, late[0][0] - time.monotonic() if late else 0.1))
            for end in select.select(self._ends, [], [], wait_s)[0]:
                packet = os.read(end, 65536)
                if self._lost(packet):
                    continue
                order += 1
                other = self._ends[1 - self._ends.index(end)]
                heapq.heappush(late, (time.monotonic() + self._delay_s, order, other, packet))
            while late and late[0][0] <= time.monotonic():
                _, _, end, packet = heapq.heappop(late)
                self.packets += 1
                os.write(end, packet)

    def _lost(self, packet: bytes) -> bool:
        ports = packet[20:24]  # of IPv4 without options, which is all that is sent here
        if ports in self._forgotten or ports[2:] + ports[:2] in self._forgotten:
            return True
        self._ports.add(ports)
        return self._cut or self._random.random() < self._loss


def _tun(device: str, host: str, address: str, peer: str) -> int:
    """A tun device on a host; what is sent there is read here."""
    end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH14x", device.encode(), _IFF_TUN | _IFF_NO_PI))
    _ip("link", "set", device, "netns", _PREFIX + host)
    _ip("-n", _PREFIX + host, "addr", "add", address, "peer", peer, "dev", device)
    _ip("-n", _PREFIX + host, "link", "set", device, "up")
    return end


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
