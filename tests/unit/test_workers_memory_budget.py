"""What pictures in decoding share."""

from __future__ import annotations

import threading
import time

from workers.memory_budget import MemoryBudget


def test_never_more_than_the_room() -> None:
    """However many threads meet, their pictures together stay within the room; each gets its turn."""
    room, lock = MemoryBudget(100), threading.Lock()
    now, most, done = 0, 0, 0

    def decode(size: int) -> None:
        nonlocal now, most, done
        with room.reserve() as take:
            take(size)
            take(size)  # the same picture a second way
            with lock:
                now += size
                most = max(most, now)
            time.sleep(0.002)
            with lock:
                now -= size
                done += 1

    sizes = [10, 60, 45, 99, 1, 100, 33, 50] * 6
    threads = [threading.Thread(target=decode, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (done, now) == (len(sizes), 0)
    assert 60 < most <= 100


def test_a_picture_larger_than_the_room_goes_alone() -> None:
    """It is read all the same, when nobody else decodes."""
    room, order = MemoryBudget(100), []

    def large() -> None:
        with room.reserve() as take:
            take(1000)
            order.append("large")

    with room.reserve() as take:
        take(1)
        thread = threading.Thread(target=large)
        thread.start()
        time.sleep(0.05)
        order.append("small")
    thread.join(30)
    assert order == ["small", "large"]


def test_what_fails_gives_its_room_back() -> None:
    """A picture that cannot be read does not keep others waiting."""
    room = MemoryBudget(100)
    for _ in range(3):
        try:
            with room.reserve() as take:
                take(100)
                raise ValueError
        except ValueError:
            pass
