"""Objects as an archive: the same files in the same order as in a folder, and the same bytes."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from pathlib import Path

import pytest

from model.errors import UnreadablePicture, UnsupportedPicture
from producer.errors import BadRequest
from producer.exclusion import Exclusion
from producer.references import find_references
from producer.request import RuleOptions, SortRequest
from producer.scan import scan
from store.errors import OutsideRoots
from store.listing import Kind, Listed
from store.roots import Roots
from tests.objects import ObjectServer
from tests.unit.trees import put
from workers.sources import Sources, TransientFailure

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)

NAMES = [
    *("a.png", "a/1.png", "a/b/2.png", "a b/3.png", "a-b/4.png", "a!.png", "a0.png", "A/5.png", "B.png"),
    *("絵/6.png", "絵.png", "~.png", " .png", "a+b.png", "a%20b.png", "a&b=c?d.png", "a/b.png", "a/b-c/7.png"),
    *(f"many/{n:02d}.png" for n in range(20)),
    *(f"folders/{n:02d}/x.png" for n in range(20)),
]


def names(files: list[Listed]) -> list[str]:
    """The files as a person reads them."""
    return [listed.name for listed in files]


def test_the_order_is_that_of_a_tree_of_files(objects: ObjectServer, tmp_path: Path) -> None:
    """Also where a server has another one, over pages of few entries, with members of archive files."""
    for name in NAMES:
        put(tmp_path / "tree" / name)
    with zipfile.ZipFile(tmp_path / "tree" / "book.cbz", "w") as book:
        for n in (3, 1, 2):
            book.writestr(f"{n}.png", PNG)
    put(tmp_path / "tree" / "broken.zip", b"no archive")
    root = os.fsencode(objects.upload(tmp_path / "tree", "order"))
    found, expected = list(scan(root)), list(scan(bytes(tmp_path / "tree")))
    assert names(found) == names(expected) and len(found) == len(NAMES) + 4
    assert [(x.size, x.kind) for x in found] == [(x.size, x.kind) for x in expected]
    assert [x.sort_key for x in found] == sorted(x.sort_key for x in found)
    assert names(list(scan(root, (root + b"/folders", root + b"/a")))) == [
        name for name in names(found) if not name.startswith(("folders/", "a/"))
    ]


def test_keys_that_no_path_can_name_are_listed_as_unreadable(objects: ObjectServer) -> None:
    """A key may have empty parts and dots; each object is accounted for, and none means another file."""
    for key in ("odd//etc/passwd", "odd/x//y.png", "odd/./a.png", "odd/../b.png", "odd/marker/", "odd/plain.png"):
        objects.files.call_s3("put_object", Bucket="art", Key=key, Body=b"" if key.endswith("/") else PNG)
    found = {listed.path: listed.kind for listed in scan(b"s3://art/odd")}
    assert found.pop(b"plain.png") is Kind.PENDING
    assert set(found) == {b"/etc/passwd", b"x//y.png", b"./a.png", b"../b.png"}
    assert set(found.values()) == {Kind.UNREADABLE}


def test_what_is_written_twice_within_a_second_has_changed(objects: ObjectServer) -> None:
    """Servers tell the time in seconds; the tag tells the rest."""
    times = []
    for content in (b"one", b"two"):
        objects.put("twice/x.png", content)
        times.append(next(iter(scan(b"s3://art/twice"))).mtime_ns)
    assert times[0] != times[1]


def test_objects_are_read(objects: ObjectServer, tmp_path: Path) -> None:
    """Pictures whole, members of archive files, and of a film the first bytes only."""
    with zipfile.ZipFile(tmp_path / "book.cbz", "w") as book:
        book.writestr("1.png", PNG)
    for name, content in {
        "a.png": PNG,
        "named.txt": PNG,
        "film.mkv": bytes(100),
        "text.png": b"not found",
        "empty.png": b"",
        "empty": b"",
        "book.cbz": (tmp_path / "book.cbz").read_bytes(),
    }.items():
        objects.put(f"read/{name}", content)
    listed = {x.name: x for x in scan(b"s3://art/read")}
    sources = Sources(b"s3://art/read", max_bytes=10_000)
    for name in ("a.png", "named.txt", "book.cbz!/1.png"):
        assert sources.read(listed[name]).picture == PNG
    for name in ("film.mkv", "empty"):
        with pytest.raises(UnsupportedPicture):
            sources.read(listed[name])
    for name, reason in (("text.png", "no picture inside"), ("empty.png", "empty")):
        with pytest.raises(UnreadablePicture, match=reason):
            sources.read(listed[name])
    with pytest.raises(UnreadablePicture, match="limit"):
        sources.read(Listed(b"a.png", 10_001, 1))
    for gone in (Listed(b"gone.png", 1, 1), Listed(b"gone.cbz", 1, 1, b"1.png")):
        with pytest.raises(TransientFailure, match="gone"):
            sources.read(gone)


def test_an_archive_file_that_is_replaced_is_read_anew(objects: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once its directory is no more trusted; until then what it holds is refused, never mixed up."""
    listed = Listed(b"book.zip", 1, 1, b"1.png")
    sources = Sources(b"s3://art/replaced")
    for tail in (b"old", b"new, and longer"):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as book:
            book.writestr("0.png", bytes(3_000_000))
            book.writestr("1.png", PNG + tail)
        objects.put("replaced/book.zip", content.getvalue())
        if tail == b"old":
            assert sources.read(listed).picture == PNG + tail
            assert len(list(scan(b"s3://art/replaced"))) == 2
    with pytest.raises(TransientFailure):
        sources.read(Listed(b"book.zip", 1, 1, b"0.png"))
    monkeypatch.setattr("store.location.object_storage.TRUSTED_S", -1.0)
    assert sources.read(listed).picture == PNG + tail


def test_what_is_passed_over_is_that_of_a_folder(objects: ObjectServer, tmp_path: Path) -> None:
    """The same rules, the same numbers, the same animations."""
    tree = tmp_path / "tree"
    for name in ("@eaDir/a.png", ".h/b.png", "._c.png", "d.png.part", "raw/e.png", "f.PSD", "g.png", "x/Thumbs.db"):
        put(tree / name)
    with zipfile.ZipFile(tree / "1_ugoira600x600.zip", "w") as frames, zipfile.ZipFile(tree / "h.zip", "w") as book:
        for n in range(2):
            frames.writestr(f"{n:06d}.png", PNG + bytes(n))
            book.writestr(f"__MACOSX/{n}.png", PNG)
    root = os.fsencode(objects.upload(tree, "passed"))
    for exclusion in (Exclusion(), Exclusion(["raw", "*.psd"]), Exclusion(["x/*"], include_hidden=True)):
        there, here = scan(root, exclusion=exclusion), scan(bytes(tree), exclusion=exclusion)
        assert names(list(there)) == names(list(here))
        assert there.passed == here.passed and here.passed.unfinished == 1
    content = Sources(root).read(Listed(b"1_ugoira600x600.zip", 1, 1))
    assert content.picture == PNG + bytes(1)
    assert content.digest == hashlib.sha256((tree / "1_ugoira600x600.zip").read_bytes()).digest()


def test_a_storage_that_does_not_answer_is_a_clear_error(
    objects: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_weights: Path
) -> None:
    """What is wrong with an archive in object storage is said before anything is made."""
    put(tmp_path / "refs" / "Akari" / "1.png", PNG)
    objects.put("some/a.png", PNG)

    def refused(message: str, archive: str = "s3://art/some", output: str = str(tmp_path / "out"), **more: str) -> None:
        with pytest.raises(BadRequest, match=message):
            SortRequest.check(
                archive,
                more.get("references", tmp_path / "refs"),
                output,
                weights=small_weights,
                mode=more.get("mode", "hardlink"),  # type: ignore[arg-type]
                rule=RuleOptions(),
                roots=Roots({"art": "s3://art/some", "disk": str(tmp_path)} if "roots" in more else {}),
            )

    refused("no object below that prefix", "s3://art/none")
    refused("no such object or bucket", "s3://no-such-bucket/x")
    refused("--mode hardlink does not work .* use --mode copy", output="s3://art/sorted")
    refused("one folder is inside the other", output="s3://art/some/sorted", mode="copy")
    refused("one folder is inside the other", output="s3://art", mode="copy")
    refused("no such object or bucket", output="s3://no-such-bucket/sorted", mode="copy")
    refused("in none of OSHIWAKE_ROOTS", output="s3://art/sorted", mode="copy", roots="yes")
    refused("--mode copy", mode="move")
    refused("--mode copy", mode="symlink")
    refused("no references", references="s3://art/none")
    refused("OSHIWAKE_ROOTS", "s3://art", roots="yes")
    assert not (tmp_path / "out").exists()


def test_references_in_a_bucket(objects: ObjectServer) -> None:
    """A folder per character, told by content like any other."""
    for name in ("Akari/1.png", "Akari/deep/2.png", "桜/3.jpg", ".hidden/4.png"):
        objects.put(f"refs/{name}", PNG)
    objects.put("refs/Akari/notes.txt", b"notes")
    found = find_references("s3://art/refs/")
    assert found.source == "s3://art/refs" and found.root == b"s3://art/refs"
    assert [(x.label, x.name) for x in found.files] == [
        ("Akari", "Akari/1.png"),
        ("Akari", "Akari/deep/2.png"),
        ("桜", "桜/3.jpg"),
    ]
    for name in ("Fate/Saber/1.png", "Fate/_not/2.png", "Fate/Rin/notes.txt"):
        objects.put(f"series/{name}", PNG if name.endswith("png") else b"notes")
    with pytest.raises(BadRequest, match="no reference picture of 'Fate/Rin'"):
        find_references("s3://art/series")
    objects.put("series/Fate/Rin/3.png", PNG)
    assert find_references("s3://art/series").characters == ["Fate/Rin", "Fate/Saber", "Fate/_not"]


def test_a_root_may_be_a_prefix() -> None:
    """The same names for a mounted folder on one machine and the bucket on another; nothing outside the prefix."""
    bucket, mounted = Roots({"art": "s3://art/2026/"}), Roots({"art": "/mnt/art"})
    assert bucket.stored("s3://art/2026/june/x.png") == "art:/june/x.png" == mounted.stored("/mnt/art/june/x.png")
    assert bucket.here("art:/june") == "s3://art/2026/june"
    for outside in ("s3://art/2025", "s3://art/2026/../2025", "art:/../2025", "/mnt/art"):
        with pytest.raises(OutsideRoots):
            bucket.here(outside)
