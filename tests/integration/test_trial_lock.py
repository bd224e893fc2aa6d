"""Two messages with the same trial: one worker trains, and a message that comes back is told from another one."""

from __future__ import annotations

from tasks.lock import TrialLock
from tasks.redis_client import connect
from tasks.settings import Settings

WHAT = "study 20261123-0412-5f3a9c01 trial lr=0.1"


def test_one_message_holds_a_trial(settings: Settings) -> None:
    """Another message is turned away until the first has given up its claim."""
    redis = connect(settings.broker_url)
    first, second = TrialLock(redis, WHAT, "a"), TrialLock(redis, WHAT, "b")
    assert first.take() == 0
    first.renew()
    assert second.take() is None
    first.drop()
    assert second.take() == 0


def test_a_message_that_comes_back_counts_deaths(settings: Settings) -> None:
    """The same message again means that its worker died; it goes on, and is counted."""
    redis = connect(settings.broker_url)
    assert [TrialLock(redis, WHAT, "a").take() for _ in range(3)] == [0, 1, 2]
    assert TrialLock(redis, WHAT.replace("0.1", "0.2"), "b").take() == 0


def test_a_broker_that_is_away_stops_no_training(settings: Settings) -> None:
    """Renewing and dropping a claim without a broker do nothing."""
    claim = TrialLock(connect("redis://127.0.0.1:1/0"), WHAT, "a")
    claim.renew()
    claim.drop()
