"""Further passes: what is refused leaves the run as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from producer.dispatch import Dispatcher, create_run
from producer.errors import BadRequest
from producer.request import RuleOptions, SortRequest
from store.journal import Journal
from store.mode import Mode
from store.part import PartSpec, ScanTotals
from store.run import Run
from store.run_pass import PassSpec
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
    spec = PassSpec(references=str(tmp_path / "references"), characters=["Akari"], threshold=0.3, mode=Mode.HARDLINK)
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
        dispatcher.assign_again(undone, options, str(tmp_path / references))
    assert undone.marked("undone")
    assert undone.passes == [1]


@pytest.mark.parametrize("sorted_before", [True, False])
def test_a_run_knows_whether_its_output_was_sorted_into_before(
    tmp_path: Path, small_weights: Path, sorted_before: bool
) -> None:
    """So a reducer that does not see that output refuses instead of making another one."""
    put(tmp_path / "references" / "Akari" / "1.png", PNG)
    (tmp_path / "archive").mkdir()
    if sorted_before:
        Journal(tmp_path / "out").close()
    request = SortRequest.check(
        tmp_path / "archive",
        tmp_path / "references",
        tmp_path / "out",
        weights=small_weights,
        mode=Mode.COPY,
        rule=RuleOptions(),
    )
    run = create_run(Store(tmp_path / "store"), request, "shared")
    assert run.journal == ("" if sorted_before else None)
