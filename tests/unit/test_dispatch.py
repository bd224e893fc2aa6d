"""Further passes: what is refused leaves the run as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from producer.dispatch import Dispatcher
from producer.errors import BadRequest
from producer.request import RuleOptions
from store.part import PartSpec, ScanTotals
from store.run import PassSpec, Run
from store.store import Store
from tests.unit.parts import KEY
from tests.unit.sites import Site
from tests.unit.trees import put

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def undone(tmp_path: Path) -> Run:
    """A run that was done and then undone."""
    run = Site(tmp_path).run()
    put(tmp_path / "references" / "Akari" / "1.png", PNG)
    run.archive.begin(PartSpec(run.spec.archive, KEY))
    run.archive.finish_scan(ScanTotals(0, 0, 0, 0, 0))
    spec = PassSpec(str(tmp_path / "references"), ["Akari"], 0.3, "max", 0.02, 0.0, False, "hardlink")
    run.pass_(1).references.begin(PartSpec(spec.references, KEY))
    run.pass_(1).begin(spec)
    run.mark("undone")
    return run


@pytest.mark.parametrize(
    ("options", "references", "message"),
    [(RuleOptions(threshold=9.0), "references", "threshold"), (RuleOptions(), "missing", "no references")],
)
def test_a_refused_pass_leaves_an_undone_run_undone(
    tmp_path: Path, undone: Run, options: RuleOptions, references: str, message: str
) -> None:
    """A reduce that is refused begins no pass and does not make an undone run look done."""
    dispatcher = Dispatcher(Store(tmp_path / "store"), cast(Any, None), 256)
    with pytest.raises(BadRequest, match=message):
        dispatcher.assign_again(undone, options, tmp_path / references)
    assert undone.marked("undone")
    assert undone.passes == [1]
