"""The short form of `make chaos`: one run, killed at every kind of process, then undone under fire."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.faults import Fault, draw_faults

FAULTS = [
    Fault("kill producer", at=0.3),
    Fault("kill embed-child", at=0.3),
    Fault("kill broker, restart with its data", at=0.3),
    Fault("kill reducer before link", "link-5-before"),
    Fault("kill reducer after commit", "commit-6-after"),
    Fault("kill reducer after link", "link-40-after"),
]


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_like_an_undisturbed_one(tmp_path: Path, small_weights: Path) -> None:
    """Layout, report, counts, originals; no temporary file; no picture read more than once more a kill; then undo."""
    campaign = Campaign(tmp_path, small_weights, 80, seed=20261123)
    campaign.round_of(0, list(FAULTS), undo_kills=2)
    tally = campaign.tally
    assert tally.found == [] and tally.beyond <= 0
    assert tally.total >= len(FAULTS) - 1, f"some faults had no moment to come: {tally.kills}"


@pytest.mark.parametrize("seed", range(3))
def test_a_seed_makes_the_same_faults(seed: int) -> None:
    """What a long run found can be looked at again."""
    one, two = (draw_faults(random.Random(f"{seed} 4"), 20, "move", 60, 2000) for _ in range(2))
    assert one == two and len(one) == 20
