"""Stored files that are damaged or hostile: each field is checked when it is read, and the file is named."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store.assignments import FinalOutcome
from store.errors import DamagedStore
from store.listing import CacheHit, Kind, Listed
from store.location import Location
from store.part import Part, PartSpec, ScanTotals
from store.pass_calibration import PassCalibration
from store.run import Run
from store.shard import Read, read_shard, write_shard
from store.store import Store
from tests.unit.parts import DIMENSION, SUMMARY, read_listing, vector, write_listing
from tests.unit.rows import Assigned, assignments, read_assignments, write_assignments
from tests.unit.sites import Site

OUT = "../../../../outside"
BAD_TEXTS: list[Any] = [3, None, True, [], {}, 1.5]
BAD_PATHS: list[Any] = [
    "",
    OUT,
    "x",
    "/a\0b",
    "/" + "x" * 5000,
    "art:/../x",
    "art://x",
    "s3://",
    "s3://b/../c",
    *BAD_TEXTS,
]
BAD_WEIGHTS: list[Any] = ["", OUT, "/etc/passwd", "a/b", "a\0b", "x" * 65, "..", ".", "a.b", "a\n", *BAD_TEXTS]
BAD_NUMBERS: list[Any] = ["1", None, True, [], -1, float("nan"), float("inf"), 1e300]
BAD_COUNTS: list[Any] = ["1", None, True, [], -1, 1.5, 1 << 60]
BAD_ADDRESSES: list[Any] = [*BAD_PATHS, "redis://far.example/0", "redis+socket://far.example/x", "/run/x.sock"]

BAD_OUTCOMES: list[Any] = [
    {**SUMMARY["outcomes"], name: value} for name in ("unknown", "x") for value in ("1", -1, 1.5)
]

FIELDS: dict[str, dict[str, list[Any]]] = {
    "run.json": {
        "archive": BAD_PATHS,
        "output": BAD_PATHS,
        "created_s": BAD_NUMBERS,
        "weights_digest": BAD_WEIGHTS,
        "preprocessing": BAD_TEXTS,
        "dimension": [*BAD_COUNTS, 0],
        "queue": ["", "both", *BAD_TEXTS],
        "more": ["x"],
        "schema": ["1", None, []],
    },
    "passes/1/pass.json": {
        "references": BAD_PATHS,
        "characters": ["A", [""], [3], {}, None, ["x" * 5000]],
        "threshold": [*(value for value in BAD_NUMBERS if value is not None), 2.5],
        "strangers": [*BAD_NUMBERS, 1.5],
        "whitened": ["yes", 1, None],
        "match": ["", "least", *BAD_TEXTS],
        "margin": BAD_NUMBERS,
        "band": BAD_NUMBERS,
        "multiple": ["yes", 1, None],
        "mode": ["", "delete", *BAD_TEXTS],
        "remark": BAD_TEXTS,
        "more": ["x"],
    },
    "passes/1/calibration.json": {
        "threshold": [*BAD_NUMBERS, 2.5],
        "centre": [3, None, ["x"], [float("nan")], [float("inf")], [None]],
        "directions": BAD_TEXTS,
        "head_centre": [3, None, ["x"], [float("nan")]],
        "strangers": [3, None, ["x"], [float("nan")], [-0.1], [2.5]],
        "strangers_named": ["x", -0.1, 1.5, float("nan")],
        "known_missed": ["x", -0.1, 1.5, float("nan")],
        "confidence": [3, None, ["x"], [float("nan")], [1.0] * 5],
        "references": BAD_COUNTS,
        "characters": BAD_COUNTS,
        "cohort": BAD_COUNTS,
        "remark": BAD_TEXTS,
        "more": ["x"],
    },
    "passes/1/summary.json": {
        "files": BAD_COUNTS,
        "outcomes": ["x", None, {}, *BAD_OUTCOMES],
        "read": ["x", None, {"images": "1"}, {"x": 1}],
        "failed": ["x", [3], None],
        "placed": [None, {"copy": None}],
        "report": BAD_TEXTS,
        "unsupported_kinds": ["x", None, {"SVG": "1"}, {"SVG": -1}],
        "far_characters": [3, ["x"], [{"name": "A"}], [{"name": 3, "nearest": 0.5}], [{"name": "A", "nearest": "x"}]],
        "far_character_count": BAD_COUNTS,
        "threshold": BAD_NUMBERS,
        "strangers_named": ["x", -0.1, 1.5],
        "known_missed": ["x", -0.1, 1.5],
        "confidence": ["x", -0.1, 1.5],
    },
    "archive/part.json": {"root": BAD_PATHS, "embedding_key": BAD_TEXTS, "more": ["x"]},
    "archive/scan.json": dict.fromkeys(ScanTotals.__dataclass_fields__, BAD_COUNTS) | {"more": [1]},
    "broker.json": {"url": BAD_ADDRESSES, "more": ["x"]},
    "journal.json": {"id": [*BAD_TEXTS, "../x", "\x1b[2J"], "more": ["x"]},
}

READ: dict[str, Callable[[Store, Run], object]] = {
    "run.json": lambda store, run: run.spec,
    "passes/1/pass.json": lambda store, run: run.last_pass.spec,
    "passes/1/calibration.json": lambda store, run: run.last_pass.calibration,
    "passes/1/summary.json": lambda store, run: run.last_pass.summary,
    "archive/part.json": lambda store, run: run.archive.root,
    "archive/scan.json": lambda store, run: run.archive.totals,
    "broker.json": lambda store, run: run.broker,
    "journal.json": lambda store, run: run.journal,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A run that has been through everything."""
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def run(site: Site) -> Run:
    """Its folder holds each of the files."""
    run = site.run()
    run.archive.begin(PartSpec(str(site.archive), "key"))
    run.archive.finish_scan(ScanTotals(0, 0, 0, 0, 0))
    run.last_pass.note_calibration(PassCalibration(0.3))
    run.last_pass.finish(SUMMARY)
    run.note_broker("redis+socket:///tmp/x/broker.sock")
    run.note_journal("0123456789abcdef" * 2)
    return run


@pytest.fixture
def spoil(run: Run) -> Iterator[Callable[[str, str, Any], Location]]:
    """Puts another value into a file; puts the file back at the end."""
    before: dict[Location, bytes] = {}

    def change(name: str, field: str, value: Any) -> Location:
        path = run.folder / name
        before.setdefault(path, path.read_bytes())
        path.write_bytes(json.dumps({**json.loads(before[path]), field: value}).encode())
        return path

    yield change
    for path, content in before.items():
        path.write_bytes(content)


def told(read: Callable[[], object], path: Location) -> None:
    """Assert that one clear line names the file and the cause."""
    with pytest.raises(DamagedStore) as caught:
        read()
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and len(message) < len(str(path)) + 300
    assert caught.value.__cause__ is None or isinstance(caught.value.__cause__, Exception)


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in FIELDS.items() for field in fields])
def test_each_field_is_checked(
    name: str, field: str, site: Site, run: Run, spoil: Callable[[str, str, Any], Location]
) -> None:
    """As it stands it is read; with anything that this program would not write there, it is not."""
    store = Store(site.root / "store")
    assert READ[name](store, run) is not None
    for value in FIELDS[name][field]:
        told(lambda: READ[name](store, run), spoil(name, field, value))


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff", b'{"schema": 1}', b"[" * 100_000])
def test_what_is_no_such_file_at_all(name: str, content: bytes, site: Site, run: Run) -> None:
    """Empty, torn, of another form, or so deep that a parser gives up."""
    path = run.folder / name
    before = path.read_bytes()
    try:
        path.write_bytes(content)
        told(lambda: READ[name](Store(site.root / "store"), run), path)
    finally:
        path.write_bytes(before)


@pytest.mark.parametrize("digest", [value for value in BAD_WEIGHTS if isinstance(value, str)])
def test_a_digest_leads_to_no_file_elsewhere(digest: str, tmp_path: Path) -> None:
    """Neither to read weights nor to keep some, whoever asks."""
    store = Store(tmp_path / "a" / "b" / "store")
    (tmp_path / "w").write_bytes(b"weights")
    with pytest.raises(DamagedStore):
        store.weights_path(digest)
    with pytest.raises(DamagedStore):
        store.keep_weights(tmp_path / "w", digest)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["w"]


def other_values(path: Path, column: str, values: list[Any], kind: pa.DataType | None = None) -> None:
    """Put other values into a column of a Parquet file."""
    table = pq.read_table(path)
    at = table.schema.get_field_index(column)
    array = pa.array(values, kind or table.schema.field(column).type)
    pq.write_table(table.set_column(at, column, array).replace_schema_metadata(table.schema.metadata), path)


LISTING: dict[str, list[Any]] = {
    "path": [b"", b"/etc/passwd", b"../x", b"a/../../x", b"..", b"a/..", b"a\0b", b"x" * 9000, None],
    "kind": ["", "embedded!", None],
    "known_part": ["", OUT, "/etc", "a/b", "run/archive/..", "run/passes/../archive", "run/archive\n", "r\0/archive"],
    "known_chunk": [-1],
    "known_row": [-1],
    "label": [None],
    "member": [None],
    "size": [None],
}


@pytest.mark.parametrize("column", LISTING)
def test_each_column_of_a_listing(column: str, tmp_path: Path) -> None:
    """A path stays below the root, and what an earlier run is said to know stands in a part of a run."""
    path = tmp_path / "000000.parquet"
    rows = [Listed(b"a..b/..c.png", 1, 1, known=CacheHit("run/archive", 0, 0)), Listed(b"b", 1, 1)]
    for value in LISTING[column]:
        write_listing(path, rows)
        assert read_listing(path) == rows
        other_values(path, column, [value, pq.read_table(path)[column][1].as_py()])
        told(lambda: read_listing(path), path)
        path.unlink()
    write_listing(path, rows)
    other_values(path, column, [1.5, 2.5], pa.float64())
    told(lambda: read_listing(path), path)


def test_keys_of_objects_that_no_path_can_name_are_listed(tmp_path: Path) -> None:
    """Nobody reads them: they are unreadable as they stand."""
    rows = [Listed(b"a/../b", 1, 1, kind=Kind.UNREADABLE, reason="which no path can have")]
    write_listing(tmp_path / "x", rows)
    assert read_listing(tmp_path / "x") == rows


def test_a_part_outside_the_runs_is_not_opened(tmp_path: Path) -> None:
    """Whoever asks for it."""
    store = Store(tmp_path / "store")
    for name in (OUT, "/etc", "", "run", "run/archive/x"):
        with pytest.raises(DamagedStore):
            store.part(name)


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("kind", ["pending", "pending"], None),
        ("kind", ["", "x"], None),
        ("row", ["1", "2"], pa.string()),
        ("digest", ["1", "2"], pa.string()),
        ("embedding", ["1", "2"], pa.string()),
        ("embedding", [b"12345", b"12345"], pa.binary(5)),
        ("passing", [1, 2], pa.int8()),
        ("head_vectors", [[b"12345"], []], pa.list_(pa.binary(5))),
        ("head_vectors", [[bytes(16)], []], pa.list_(pa.binary(16))),  # without boxes
        ("head_vectors", [[None], []], pa.list_(pa.binary(16))),
        ("head_vectors", [None, []], pa.list_(pa.binary(16))),
        ("head_boxes", [[], [b"x" * 20]], pa.list_(pa.binary(20))),
        ("head_boxes", ["1", "2"], pa.string()),
    ],
)
def test_columns_of_a_shard(column: str, values: list[Any], kind: pa.DataType | None, tmp_path: Path) -> None:
    """Of the types that workers write."""
    path = tmp_path / "000000.parquet"
    reads = [Read(n, Kind.EMBEDDED, b"d" * 32, vector(n)) for n in (0, 1)]
    write_shard(path, reads, dimension=DIMENSION, embedding_key="key")
    assert len(read_shard(path).table) == 2
    other_values(path, column, values, kind)
    told(lambda: read_shard(path), path)


@pytest.mark.parametrize(
    ("column", "values", "kind"),
    [
        ("outcome", ["lost"], None),
        ("outcome", [None], None),
        ("characters", ["A"], pa.string()),
        ("distance", ["A"], pa.string()),
        ("placed", [1], pa.int8()),
    ],
)
def test_columns_of_assignments(column: str, values: list[Any], kind: pa.DataType | None, tmp_path: Path) -> None:
    """Of the types that reducers write."""
    path = tmp_path / "000000.parquet"
    write_assignments(path, assignments([Assigned("a", FinalOutcome.UNKNOWN)]))
    assert len(read_assignments(path)) == 1
    other_values(path, column, values, kind)
    told(lambda: read_assignments(path), path)


def test_a_part_that_is_damaged_makes_nothing_known(
    site: Site, run: Run, spoil: Callable[[str, str, Any], Location]
) -> None:
    """An old run with a spoilt file does not keep a new one from beginning."""
    store = Store(site.root / "store")
    assert [part.name for part in store.parts_of(str(site.archive), "key")] == [f"{run.id}/archive"]
    spoil("archive/part.json", "root", OUT)
    assert list(store.parts_of(str(site.archive), "key")) == []
    assert isinstance(Part(store.runs, f"{run.id}/archive"), Part)
