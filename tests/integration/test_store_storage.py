"""The promises of a storage, kept alike in a folder and in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.errors import LockHeld
from store.location import Location, location, storage_of
from store.roots import Roots

NAMES = ["1", "2", "3"]


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest) -> Location:
    """Somewhere with nothing in it."""
    if request.param == "bucket":
        request.getfixturevalue("objects")
        return location("s3://art/promises")
    return location(request.getfixturevalue("tmp_path")) / "promises"


def test_files_appear_whole(place: Location) -> None:
    """One or several, in place of another only where that is asked for; and they are found, read and taken away."""
    storage, path = storage_of(place), place / "a" / "x.txt"
    assert not storage.is_folder(bytes(place)) and not storage.mounted(bytes(place))
    path.parent.mkdir(parents=True, exist_ok=True)
    for content, replace in ((b"one", False), (b"three", True)):
        with storage.new_file(path, replace=replace) as temporary:
            temporary.write_bytes(content)
            assert not path.exists() or replace
    with pytest.raises(FileExistsError), storage.new_file(path, replace=False) as temporary:
        temporary.write_bytes(b"four")
    with storage.open(bytes(path)) as file:
        assert file.read() == path.read_bytes() == b"three" and storage.head(bytes(path), 2) == b"th"

    def write(temporary: Path, number: int) -> None:
        temporary.write_text(str(number))

    storage.new_files([path.parent / name for name in NAMES], write)
    assert {(found.name, size) for found, size in storage.files_below(place)} == {
        ("x.txt", 5),
        *((n, 1) for n in NAMES),
    }
    assert storage.folders_in(bytes(place), links=True) == [b"a"]
    assert storage.is_folder(bytes(place)) and storage.mounted(bytes(place))
    assert storage.exists(bytes(path)) and storage.modified_ns(bytes(path)) > 0
    assert str(storage.existing_folder(place)) == str(storage.output_folder(place)) == str(place)
    storage.clean_up(place)
    storage.remove_folder(path.parent)
    assert not path.exists() and not storage.exists(bytes(path))
    for gone in (lambda: storage.open(bytes(path)), lambda: storage.existing_folder(path.parent)):
        with pytest.raises(FileNotFoundError) as caught:
            gone()
        assert caught.value.errno and caught.value.strerror


def test_one_at_a_time_holds_a_lock(place: Location) -> None:
    """The other is told who; afterwards it is free."""
    storage, path = storage_of(place), place / "listing.lock"
    place.mkdir(parents=True, exist_ok=True)
    assert storage.holder(path) is None
    with storage.hold(path, "it is held") as check:
        check()
        assert (storage.holder(path) or "").startswith("process ")
        with pytest.raises(LockHeld, match="it is held by process"), storage.hold(path, "it is held"):
            pass
    assert storage.holder(path) is None


def test_a_confined_storage_reads_nothing_else(place: Location) -> None:
    """What lies elsewhere is refused, whole or in parts, before it is read."""
    (place / "a").mkdir(parents=True, exist_ok=True)
    path = bytes(place / "a" / "x")
    (place / "a" / "x").write_bytes(b"x")
    inside = Roots({"art": str(place)}).storage(path)
    outside = Roots({"art": str(place / "b")}).storage(path)
    with inside.open(path) as file:
        assert file.read() == b"x"
    for refused in (lambda: outside.open(path), lambda: outside.open_to_seek(path, None)):
        with pytest.raises(PermissionError, match="leads out"):
            refused()
