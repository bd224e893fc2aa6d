"""What a pass measures before it names pictures: recorded once, used by every machine; older passes stay the same."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from model.images.preprocessing import Preprocessing
from model.matching.cohort import Cohort, add_cohort
from model.network.resnet18 import Network
from model.network.weights_file import save_network
from store.errors import DamagedStore
from store.head_views import HeadViews
from store.match import Match
from store.outcomes import Outcomes
from store.pass_calibration import PassCalibration
from tests.unit.parts import DIMENSION
from tests.unit.rows import read_assignments
from tests.unit.sites import Site
from tests.unit.sorting import SPEC, Sorting, at
from tests.unit.unit_vectors import unit
from workers.archive_sample import archive_sample
from workers.assigning import assign_part

WISHED = replace(SPEC, threshold=None, match=Match.CENTROID, whitened=True)
PICTURES = {f"{number:02d}.png": at(a=0.1 + number / 40) for number in range(20)} | {"broken.png": None}


@pytest.fixture
def site(quick_path: Path) -> Site:
    """The pictures as files."""
    site = Site(quick_path)
    for name in PICTURES:
        site.add(name)
    return site


def with_cohort(sorting: Sorting) -> None:
    """Weights in the store, with a cohort."""
    path = sorting.store.weights_path(sorting.run.spec.weights_digest)
    path.parent.mkdir(exist_ok=True)
    save_network(path, Network(DIMENSION), preprocessing=Preprocessing("pad", 32), threshold=0.25)
    add_cohort(path, Cohort(unit(np.random.default_rng(1).normal(size=(50, DIMENSION))), (2.0, -3.0, 0.0, -1.0)))


def test_measured_once(site: Site) -> None:
    """The first machine that assigns writes it down; whoever comes after works with that."""
    sorting = Sorting(site, PICTURES, WISHED)
    pass_ = sorting.run.pass_(1)
    assert pass_.calibration is None
    assign_part(sorting.store, sorting.run, 1, 0, 2)
    first = pass_.calibration
    assert first is not None and len(first.centre) == DIMENSION
    assert pass_.note_calibration(PassCalibration(0.001)) == first
    summary = sorting.reduce()
    assert pass_.calibration == first
    assert summary["threshold"] == pytest.approx(first.threshold, abs=1e-4)
    assert summary["strangers_named"] == pytest.approx(first.strangers_named, abs=1e-4)


def test_what_is_recorded_is_used(site: Site) -> None:
    """A threshold that another machine has recorded decides, not one's own."""
    sorting = Sorting(site, PICTURES, WISHED)
    sorting.run.pass_(1).note_calibration(PassCalibration(0.31))
    assert sorting.reduce()["outcomes"]["assigned"] == 9
    assert {name for name, outcome in sorting.outcomes().items() if outcome == "assigned"} == set(sorted(PICTURES)[:9])


def test_a_centre_of_other_vectors(site: Site) -> None:
    """A recorded centre that does not fit the vectors is damage, and the message says of what."""
    sorting = Sorting(site, PICTURES, WISHED)
    sorting.run.pass_(1).note_calibration(PassCalibration(0.3, centre=[0.1], head_centre=[0.1]))
    with pytest.raises(DamagedStore, match="calibration of pass 1: a centre of 1"):
        sorting.reduce()


def test_an_older_pass_stays_as_it_was(site: Site) -> None:
    """A pass of a version without these values is read, takes no mean off, and keeps its threshold."""
    sorting = Sorting(site, PICTURES)
    path = Path(str(sorting.run.folder)) / "passes" / "1" / "pass.json"
    old = {name: value for name, value in json.loads(path.read_text()).items() if name not in ("strangers", "whitened")}
    path.write_text(json.dumps(old))
    assert sorting.run.last_pass.spec == SPEC
    assert sorting.reduce()["threshold"] == SPEC.threshold
    assert sorting.outcomes()["08.png"] == "assigned"
    assert sorting.outcomes()["09.png"] == "unknown"


def test_older_assignments_are_read(site: Site) -> None:
    """Assignments of a version without later columns: the characters given are all that was found."""
    sorting = Sorting(site, PICTURES)
    sorting.reduce()
    path = sorting.run.pass_(1).assignments_path(0)
    before = read_assignments(path)
    assert all(len(row.views) == 1 for row in before)
    pq.write_table(pq.read_table(path).drop_columns(["confidence", "characters_found", "views"]), path)
    assert read_assignments(path) == [replace(row, views=()) for row in before]


def test_confidence_of_each_name(site: Site) -> None:
    """Every file with a name carries a chance, in the store and the report; the nearest the highest; no other does."""
    sorting = Sorting(site, PICTURES, WISHED)
    with_cohort(sorting)
    summary = sorting.reduce()
    rows = [
        row
        for chunk in sorting.run.archive.listed_chunks()
        for row in read_assignments(sorting.run.pass_(1).assignments_path(chunk))
    ]
    named = sorted((row for row in rows if row.confidence is not None), key=lambda row: row.distance or 0.0)
    assert {row.path for row in named} == {row.path for row in rows if row.characters}
    chances = [row.confidence or 0.0 for row in named]
    assert chances == sorted(chances, reverse=True)
    assert 0 < chances[-1] <= chances[0] < 1
    assert summary["confidence"] == pytest.approx(np.mean(chances), abs=1e-4)
    report = sorting.report()
    assert {name: row["confidence"] for name, row in report.items()} == {
        row.path: "" if row.confidence is None else f"{row.confidence:.4f}" for row in rows
    }


def test_without_a_cohort_no_chance_is_known(site: Site) -> None:
    """Weights without a cohort give names all the same."""
    sorting = Sorting(site, PICTURES, WISHED)
    summary = sorting.reduce()
    assert summary["confidence"] is None
    assert all(row["confidence"] == "" for row in sorting.report().values())


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_sample_of_a_small_archive_is_all_of_it(site: Site, chunk: int) -> None:
    """Every picture of a small archive is in the sample, once, in the order of the scan."""
    sorting = Sorting(site, PICTURES, chunk=chunk)
    vectors, heads = archive_sample(Outcomes(sorting.store), sorting.run.archive, DIMENSION)
    expected = [vector for _, vector in sorted(PICTURES.items()) if vector is not None]
    assert (vectors == np.array(expected)).all()
    assert len(heads) == len(expected)


def test_sample_of_a_large_archive(site: Site) -> None:
    """It has a few thousand pictures at most, out of the beginning, the middle and the end."""
    count = 6000
    spread: dict[str, NDArray[np.float32] | None] = {
        f"{number:05d}.png": unit(np.array([[number, count, 0, 0]], np.float64))[0] for number in range(count)
    }
    for name in spread:
        site.digests[name] = name.encode().ljust(32)
    sorting = Sorting(site, spread, chunk=50)
    vectors, heads = archive_sample(Outcomes(sorting.store), sorting.run.archive, DIMENSION)
    assert isinstance(heads, HeadViews)
    assert 3000 < len(vectors) <= 4096
    numbers = count * vectors[:, 0] / vectors[:, 1]
    assert np.bincount((numbers / count * 4).astype(int), minlength=4).min() > 600


def test_sample_of_nothing(site: Site) -> None:
    """An archive without a picture has an empty sample."""
    sorting = Sorting(site, {"broken.png": None})
    vectors, heads = archive_sample(Outcomes(sorting.store), sorting.run.archive, DIMENSION)
    assert vectors.shape == (0, DIMENSION)
    assert len(heads) == 0
