"""How often a chunk is tried, and by whom."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tasks.retry_policy import ATTEMPTS, FIRST, Attempts


def test_a_worker_alone_tries_three_times() -> None:
    """What fails may pass by itself; then the run is told."""
    tries: Attempts | None = FIRST
    for _ in range(ATTEMPTS - 1):
        assert tries is not None
        tries = tries.after_failure("one", ())
    assert tries is not None and tries.attempt == ATTEMPTS
    assert tries.after_failure("one", ()) is None


def test_one_unfit_worker_uses_up_one_attempt() -> None:
    """It may come first a hundred times, while another lives that has not failed."""
    tries = FIRST
    for _ in range(100):
        following = tries.after_failure("unfit", ["fit"])
        assert following is not None
        tries = following
    assert tries == Attempts(2, frozenset({"unfit"}))


@given(st.lists(st.sampled_from("abcd"), max_size=40))
def test_the_run_is_told_once_three_have_failed(workers: list[str]) -> None:
    """Whoever comes in whatever order: exactly when three different workers have failed, while others live."""
    tries: Attempts | None = FIRST
    for n, worker in enumerate(workers):
        assert tries is not None
        tries = tries.after_failure(worker, ["another"])
        if tries is None:
            assert len(set(workers[: n + 1])) == ATTEMPTS > len(set(workers[:n]))
            return
    assert len(set(workers)) < ATTEMPTS


def test_they_travel_in_a_message() -> None:
    """As JSON, and a message of an older program counts as the first try."""
    tries = Attempts(2, frozenset({"b", "a"}))
    assert Attempts.of(json.loads(json.dumps(tries.headers))) == tries
    assert Attempts.of({}) == FIRST
