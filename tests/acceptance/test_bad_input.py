"""Files, archive files and disks as nobody wants them: each file is accounted for, and nothing else comes to harm."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.heads.weights_file import DEFAULT_DETECTOR
from model.synthesis import Identity, draw
from tests.acceptance.conftest import WAIT_S, LocalCluster, Program, Undisturbed
from tests.acceptance.test_outcome import report
from tests.conftest import layout, snapshot
from tests.unit.rows import cell_text

LONG = "名" * 83 + "ab.png"
"""255 bytes."""

UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root, without root's right to pass over permissions."""


def picture(n: int) -> bytes:
    """A readable picture, not the same as any other's."""
    file = io.BytesIO()
    draw(Identity.from_seed(n % 3), 500 + n, size_px=48).save(file, "png")
    return file.getvalue()


def huge_header() -> bytes:
    """A PNG that says it is 30,000 x 30,000, with three bytes of pixels."""

    def chunk(body: bytes) -> bytes:
        return (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    header = b"IHDR" + (30_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(header) + chunk(b"IDAT" + zlib.compress(b"\0\0\0")) + chunk(b"IEND")


def books(archive: Path) -> None:
    """Archive files that ask for too much, lead elsewhere, or are locked."""
    with zipfile.ZipFile(archive / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("zeros.png", bytes(40_000_000))
        book.writestr("inflated.png", picture(20) + bytes(40_000_000))
        book.writestr("header.png", huge_header())
    with zipfile.ZipFile(archive / "ways out.zip", "w") as book:
        for n, name in enumerate(("../../up.png", "/tmp/absolute.png", "a/../../../over.png", "..", "C:\\w.png")):
            book.writestr(name, picture(30 + n))
    with zipfile.ZipFile(archive / "locked.zip", "w") as book:
        book.writestr("1.png", picture(40))
    locked = bytearray((archive / "locked.zip").read_bytes())
    locked[locked.rindex(b"PK\x01\x02") + 8] |= 1
    (archive / "locked.zip").write_bytes(locked)


def odd_names(archive: Path) -> list[Path]:
    """Readable pictures with names that are hard to handle."""
    deep = archive
    while len(bytes(deep)) < 4_000 - 210:
        deep = deep / ("d" * 200)
    deep = deep / ("e" * (4_000 - len(bytes(deep)) - 8))
    names = [archive / LONG, archive / "two" / LONG, archive / "line\nbreak.png", archive / "-rf *.png"]
    names += [Path(os.fsdecode(bytes(archive) + b"/\xff\xfe.png")), archive / "dir.png" / "in.png", deep / "deep.png"]
    for n, path in enumerate(names):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(n))
    return names


def test_one_run_over_everything_bad(farm: LocalCluster, tmp_path: Path) -> None:
    """Every file has one row and a reason; what is readable is placed, two names of 255 bytes too; nothing escapes."""
    program, c = farm.program, farm.program.collection
    program.env["OSHIWAKE_MAX_BYTES"] = "20000000"
    shutil.rmtree(c.archive)
    c.archive.mkdir()
    readable = odd_names(c.archive)
    books(c.archive)
    (c.archive / "empty.png").touch()
    (c.archive / "header.png").write_bytes(huge_header())
    os.mkfifo(c.archive / "pipe.png")
    (c.archive / "nowhere.png").symlink_to("gone")
    for n, name in enumerate(("deleted", "changed", "torn", "forbidden")):
        (c.archive / f"{name}.png").write_bytes(picture(70 + n))
    run_id = program.sort("enqueue", "--no-worker-check", rc=0).stdout.strip()
    (c.archive / "deleted.png").unlink()
    (c.archive / "changed.png").write_bytes(picture(80))
    (c.archive / "torn.png").write_bytes(picture(81)[:300])
    (c.archive / "forbidden.png").chmod(0)
    before = snapshot(c.archive)
    prefix = UNPRIVILEGED if os.geteuid() == 0 and shutil.which("setpriv") else ()
    for queue in ("embed", "reduce"):
        farm.start_worker(queue, queue, prefix)
    status = farm.finished()
    assert status["run"] == run_id and not status["errors"]
    rows = report(c)
    assert status["summary"]["files"] == len(rows) == sum(status["summary"]["outcomes"].values())
    for name, reason in REASONS.items():
        assert reason in rows[name]["reason"], (name, rows[name])
    placed = [row for row in rows.values() if row["placed"]]
    assert {cell_text(row["path"]) for row in placed} >= {
        "changed.png",
        "dir.png/in.png",
        "line\nbreak.png",
        "-rf *.png",
        LONG,
    }
    assert len(placed) == len(readable) + 5 + 1 + (0 if prefix else 1)
    assert all(not os.path.isabs(row["placed"]) and ".." not in Path(row["placed"]).parts for row in placed)
    assert len({row["placed"] for row in placed}) == len(placed)
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix == ".png") == []
    assert not Path("/tmp/absolute.png").exists()
    assert snapshot(c.archive) == before
    assert {worker["name"] for worker in status["workers"]} == {"embed@test", "reduce@test"}
    program("undo")
    assert snapshot(c.archive) == before and not c.output.exists()


REASONS = {
    "empty.png": "empty",
    "header.png": "pixels",
    "pipe.png": "not a regular file",
    "nowhere.png": "leads nowhere",
    "deleted.png": "is gone",
    "torn.png": "damaged",
    "forbidden.png": "permission denied",
    "bomb.zip!/zeros.png": "more than the limit",
    "bomb.zip!/inflated.png": "more than the limit",
    "bomb.zip!/header.png": "pixels",
    "locked.zip!/1.png": "encrypted",
}
"""What the report says of each bad file."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str, int], Path]]:
    """Mounts a small file system in memory; called again, it gives it another size."""
    mounted: list[Path] = []

    def mount(name: str, kibibytes: int) -> Path:
        place = tmp_path / name
        place.mkdir(exist_ok=True)
        options = f"size={kibibytes}k" + (",remount" if place in mounted else "")
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(place)]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("a small disk can be mounted by root only")
        mounted.append(place)
        return place

    yield mount
    for place in set(mounted):
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_full_disks_cost_a_resume_each(
    program: Program, undisturbed: Undisturbed, small_weights: Path, small_disk: Callable[[str, int], Path]
) -> None:
    """First the store has no room, then the output: each is named, nothing is half-made; with room made, it goes on."""
    c = program.collection
    weights_kib = (small_weights.stat().st_size + DEFAULT_DETECTOR.stat().st_size) // 1024
    store, disk = small_disk("small store", weights_kib + 60), small_disk("small disk", 150)
    program.env["OSHIWAKE_STORE"] = str(store)
    output = disk / "sorted"
    args = [c.archive, "--references", c.references, "--output", output, "--mode", "copy"]
    for command, full in ((["run", *args], store), (["resume"], output)):
        failed = program(*command, rc=2)
        assert str(full) in failed.stderr and re.search("No space left|disk is full", failed.stderr), failed.stderr
        assert "Traceback" not in failed.stderr + failed.stdout
        small_disk("small store", weights_kib + 8000)
        if full == output:
            small_disk("small disk", 8000)
    program("resume", rc=1)
    assert layout(output) == {**undisturbed.layout, "report.csv": layout(output)["report.csv"]}
    assert not [path for root in (store, disk) for path in root.rglob(".oshiwake-*")]
    program("undo")
    assert list(disk.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, to give up its rights")
def test_an_output_that_may_not_be_written_is_refused(program: Program) -> None:
    """Before anything is made, by a line that names it."""
    c = program.collection
    c.output.mkdir()
    c.output.chmod(0o555)
    process = program.start(*program.sort_args(), prefix=UNPRIVILEGED)
    _, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == 2 and str(c.output) in err and "you may not write to" in err, err
    assert not (c.store / "runs").exists()
