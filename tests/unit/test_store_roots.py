"""Named roots: one path, written down once, found by machines that have its folder in other places."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import OutsideRoots, UnknownRoot
from store.journal import Journal
from store.mode import Mode
from store.part import PartSpec, ScanTotals
from store.roots import ANYWHERE, Roots, parse_roots
from store.run import Run, RunSpec
from store.store import Store
from tests.unit.parts import KEY
from tests.unit.sites import Site
from tests.unit.trees import look
from workers.output import recover
from workers.placing import Placer
from workers.undo_run import undo_run

PARTS = st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1, max_size=5), max_size=3).map(
    lambda parts: "/".join(part for part in parts if part not in (".", ".."))
)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("", {}),
        ("a=/mnt/a", {"a": "/mnt/a"}),
        (" a=/mnt/a , b.2=/mnt/x=y,", {"a": "/mnt/a", "b.2": "/mnt/x=y"}),
        ('{"a": "/mnt/with, comma"}', {"a": "/mnt/with, comma"}),
    ],
)
def test_roots_are_read(text: str, places: dict[str, str]) -> None:
    """Pairs as everybody writes them in an environment, or JSON where a path has a comma."""
    assert parse_roots(text) == places


@pytest.mark.parametrize(
    "text", ["/mnt/a", "a=mnt", "a:b=/mnt", "a=/x,a=/y", '{"a": 1}', "{", '{"a": "/x", "a": "/y"}']
)
def test_other_forms_are_refused(text: str) -> None:
    """A root that is not what it was meant to be would send files elsewhere."""
    with pytest.raises(ValueError):
        parse_roots(text)


@given(below=PARTS)
def test_what_lies_in_a_root_is_found_wherever_it_is_mounted(below: str) -> None:
    """Written down on one machine and read on another, a path keeps what stands below the root."""
    one, other = Roots({"art": "/mnt/art"}), Roots({"art": "/srv/pictures/art"})
    stored = one.stored(os.path.join("/mnt/art", below))
    assert stored == one.stored(stored) == f"art:/{below.strip('/')}"
    assert other.here(stored) == os.path.normpath(os.path.join("/srv/pictures/art", below))
    assert other.stored(other.here(stored)) == f"art:/{os.path.normpath(below) if below else ''}"


def test_the_innermost_root_names_a_path() -> None:
    """Also where its parent is a root itself; a folder that only begins with the same letters is not inside."""
    roots = Roots({"all": "/mnt", "art": "/mnt/art"})
    assert roots.stored("/mnt/art/x") == "art:/x"
    assert roots.stored("/mnt/artless/x") == "all:/artless/x"
    assert roots.stored("/elsewhere") == "/elsewhere"


def test_without_roots_nothing_is_named_or_refused() -> None:
    """Machines that see the same paths need no setting."""
    assert ANYWHERE.stored("/a/b") == ANYWHERE.here("/a/b") == "/a/b"
    with pytest.raises(UnknownRoot, match="art=/path"):
        ANYWHERE.here("art:/x")
    assert ANYWHERE.shown("art:/x") == "art:/x"


def test_a_machine_with_roots_keeps_to_them(tmp_path: Path) -> None:
    """Whatever the store says: neither an absolute path, nor `..`, nor a symbolic link leads out."""
    (tmp_path / "art").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "art" / "way out").symlink_to(tmp_path / "secret")
    (tmp_path / "art" / "inside").symlink_to(tmp_path / "art")
    roots = Roots({"art": str(tmp_path / "art")})
    assert roots.here("art:/inside") == str(tmp_path / "art" / "inside")
    for stored in (str(tmp_path / "secret"), "art:/../secret", "art:/way out", "art:/way out/x", "relative"):
        with pytest.raises(OutsideRoots, match="OSHIWAKE_ROOTS"):
            roots.here(stored)


def test_a_root_behind_a_symbolic_link_names_both_its_forms(tmp_path: Path) -> None:
    """`/mnt/art` may be a link to where the disk really is."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "art").symlink_to(tmp_path / "disk")
    roots = Roots({"art": str(tmp_path / "art")})
    assert roots.stored(str(tmp_path / "art" / "x")) == roots.stored(str(tmp_path / "disk" / "x")) == "art:/x"


def test_an_earlier_scan_of_the_same_folder_is_known_on_another_machine(tmp_path: Path) -> None:
    """What was embedded below one mount point is not embedded again below another, nor when roots came later."""
    parts = []
    for places in ({}, {"art": "/mnt/art"}):
        run = Site(tmp_path).run()
        store = Store(tmp_path / "store", Roots(places))
        part = store.run(run.id).archive
        part.begin(PartSpec("/mnt/art/2026", KEY))
        part.finish_scan(ScanTotals(0, 0, 0, 0, 0))
        parts.append(part.name)
    assert {part.name for part in store.parts_of("/mnt/art/2026", KEY)} == set(parts)
    elsewhere = Store(tmp_path / "store", Roots({"art": "/srv/art"}))
    assert [part.name for part in elsewhere.parts_of("/srv/art/2026", KEY)] == parts[1:]


@pytest.mark.parametrize("named_at_first", [True, False])
@pytest.mark.parametrize("mode", ["hardlink", "copy", "move"])
def test_what_one_machine_placed_another_one_undoes(quick_path: Path, mode: Mode, named_at_first: bool) -> None:
    """The journal tells of folders by their names; one written before there were names learns them."""
    here, there = quick_path / "here", quick_path / "there"
    site = Site(here)
    for name in ("1.png", "deep/2.png"):
        site.add(name)
    before = look(here)
    first = Roots({"disk": str(here)})
    spec = RunSpec(str(site.archive), str(site.output), 1_700_000_000.0, "digest", "v1-pad-32", 16, "private")
    run = Store(quick_path / "store", first).create_run(spec)
    assert (run.spec.archive, run.spec.output) == ("disk:/archive", "disk:/out")
    for roots in [first] if named_at_first else [ANYWHERE, first]:
        with Journal(site.output, roots) as journal:
            recover(journal)
            wanted = [site.wanted(name, ["A"]) for name in ("1.png", "deep/2.png")]
            stands = Placer(journal, site.output, run.id, mode).place(wanted)
            assert [len(places) for places in stands] == [1, 1]
    here.rename(there)
    assert len(list((there / "out" / "A").iterdir())) == 2
    result = undo_run(Run(run.folder.parent, run.id, Roots({"disk": str(there)})))
    assert (result.reversed, result.left) == (2, [])
    assert look(there) == before


def test_a_journal_with_names_is_not_written_without_them(quick_path: Path) -> None:
    """Half of it would be names and half paths, and no machine would find what the other had placed."""
    Journal(quick_path / "out", Roots({"disk": str(quick_path)})).close()
    with pytest.raises(UnknownRoot, match="OSHIWAKE_ROOTS that map disk"):
        Journal(quick_path / "out")
    Journal(quick_path / "out", Roots({"disk": str(quick_path), "more": "/mnt"})).close()
