"""The simulation of benchmarks/scaling.py against what a back of an envelope says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def _load() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "scaling.py"
    spec = importlib.util.spec_from_file_location("scaling", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["scaling"] = module
    spec.loader.exec_module(module)
    return module


scaling = _load()
AMPLE = {"storage_mb_s": 1e9, "decode_ms": 1.0, "cores_per_gpu": 100.0, "infer_ms": 0.02, "gap_ms": 0.1}
AMPLE |= {"broker_ms": 0.001, "scan_ms": 1e-6}


@pytest.mark.parametrize(
    ("scarce", "gpus", "images_per_s", "limit"),
    [
        ({"storage_mb_s": 100.0}, 8, 100.0, "storage"),
        ({"decode_ms": 200.0}, 8, 8 * 500.0, "decode"),
        ({"infer_ms": 2.0}, 8, 8 * 500.0, "gpu"),
        ({"broker_ms": 100.0}, 512, 2560.0, "broker"),
        ({"scan_ms": 1.0}, 512, 1000.0, "scan"),
        ({"gap_ms": 1000.0}, 4, 4 * 256.0, "waiting"),
    ],
)
def test_what_is_scarce_limits(scarce: dict[str, float], gpus: int, images_per_s: float, limit: str) -> None:
    """Where all else is ample, the rate is that of the scarce resource, and it is named."""
    found = scaling.simulate(scaling.Costs(**{**AMPLE, **scarce}), gpus)
    assert found.limit == limit
    assert found.images_per_s == pytest.approx(images_per_s, rel=0.05)


@given(
    st.fixed_dictionaries({name: st.floats(0.01, 100.0) for name in ("file_mb", "decode_ms", "infer_ms", "gap_ms")}),
    st.integers(1, 40),
)
@settings(deadline=None, max_examples=40, derandomize=True)
def test_no_rate_is_above_a_bound_and_more_gpus_are_never_slower(costs: dict[str, float], gpus: int) -> None:
    """Nothing is busy for more than all of the time."""
    fewer, more = (scaling.simulate(scaling.Costs(**costs), count) for count in (gpus, 2 * gpus))
    assert max(*fewer.busy.values(), *more.busy.values()) <= 1 + 1e-9
    assert more.images_per_s >= 0.99 * fewer.images_per_s


def test_a_cost_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip of the pen would otherwise simulate the defaults."""
    monkeypatch.setattr(sys, "argv", ["scaling.py", "--set", "storage=5"])
    with pytest.raises(SystemExit, match="no such cost: storage; there are file_mb"):
        scaling.main()
