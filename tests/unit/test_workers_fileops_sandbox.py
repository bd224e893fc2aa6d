"""The fence: what is placed stays in the output folder, and comes from the roots, whatever links others put there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from store.file_operation import Action, Image, Operation
from store.location import Storage
from store.roots import Roots
from tests.unit.trees import look, put, sha
from workers.fileops.operation import OperationFailed, TargetExists
from workers.fileops.sandbox import Sandbox

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="only /proc tells where an open folder is")


@dataclass
class Place:
    """An archive and an output inside a root, and a folder that is none of our business."""

    root: Path

    def __post_init__(self) -> None:
        for name in ("art/archive", "art/out/A", "secret"):
            (self.root / name).mkdir(parents=True)
        put(self.root / "art" / "archive" / "1.png", b"one")
        put(self.root / "secret" / "diary", b"secret")

    @property
    def output(self) -> Path:
        return self.root / "art" / "out"

    @property
    def storage(self) -> Storage[Any]:
        return Roots({"art": str(self.root / "art")}).storage(bytes(self.output))

    def op(self, action: Action, source: str = "art/archive/1.png", target: str = "A/1.png") -> Operation:
        path = bytes(self.root / source)
        return Operation(action, Image(path), path, bytes(self.output / target), sha(b"one"), id=7)

    def swap(self, folder: str) -> None:
        """What an intruder does: another folder's name in the place of one of ours."""
        (self.output / folder).rename(self.output / f"{folder} ours")
        (self.output / folder).symlink_to(self.root / "secret")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(params=["roots", "no roots"])
def fence(place: Place, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    with Sandbox(place.output, place.storage if request.param == "roots" else None) as fence:
        yield fence


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK, Action.COPY, Action.MOVE])
def test_placing_and_taking_back(place: Place, fence: Sandbox, action: Action) -> None:
    """Inside the fence everything is as without it."""
    before = look(place.root)
    assert fence.apply(place.op(action)) == place.op(action)
    assert (place.output / "A" / "1.png").read_bytes() == b"one"
    assert fence.recover(place.op(action)) == place.op(action)
    with pytest.raises(TargetExists, match=f"{place.output}/A/1.png is taken"):
        fence.apply(place.op(Action.SYMLINK))
    fence.undo(place.op(action))
    assert look(place.root) == before


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK, Action.COPY, Action.MOVE, Action.RENAME])
def test_a_link_in_a_folders_place_is_not_followed(place: Place, fence: Sandbox, action: Action) -> None:
    """Neither to place something behind it, nor to settle, nor to take something away there."""
    place.swap("A")
    before = look(place.root)
    with pytest.raises(OperationFailed, match=r"/(A|archive): "):
        fence.apply(place.op(action))
    assert fence.recover(place.op(action, target="A/diary")) is None
    with pytest.raises(OperationFailed):
        fence.undo(place.op(action, target="A/diary"))
    assert look(place.root) == before


def test_a_link_put_there_after_the_look_is_not_followed_either(place: Place, fence: Sandbox) -> None:
    """The operation goes through the folder that was looked at, whatever its name means now."""
    fence.apply(place.op(Action.HARDLINK))
    place.swap("A")
    fence.apply(place.op(Action.COPY, target="A/2.png"))
    assert sorted(path.name for path in (place.output / "A ours").iterdir()) == ["1.png", "2.png"]
    assert [path.name for path in (place.root / "secret").iterdir()] == ["diary"]


def test_a_target_outside_the_output_is_refused(place: Place, fence: Sandbox) -> None:
    """Whatever a journal says that someone else has written."""
    for target in ("../../secret/1.png", "../archive/2.png", "A/../../2.png"):
        with pytest.raises(OperationFailed, match="out of the output folder"):
            fence.apply(place.op(Action.COPY, target=target))


def test_no_hard_link_to_what_lies_outside_the_roots(place: Place) -> None:
    """A link's content is not compared, so where its original lies is."""
    os.symlink(place.root / "secret" / "diary", place.root / "art" / "archive" / "2.png")
    op = place.op(Action.HARDLINK, "art/archive/2.png", "A/2.png")
    with (
        Sandbox(place.output, place.storage) as fence,
        pytest.raises(OperationFailed, match="OSHIWAKE_ROOTS"),
    ):
        fence.apply(op)
    assert not list((place.output / "A").iterdir())
    with Sandbox(place.output) as fence:  # without roots a link in the archive leads wherever its owner wants
        fence.apply(op)


def test_an_original_goes_back_only_inside_the_roots(place: Place) -> None:
    """The folder that it came from may have become a link."""
    with Sandbox(place.output, place.storage) as fence:
        fence.apply(place.op(Action.MOVE))
        (place.root / "art" / "archive").rmdir()
        (place.root / "art" / "archive").symlink_to(place.root / "secret")
        with pytest.raises(OperationFailed, match="OSHIWAKE_ROOTS"):
            fence.undo(place.op(Action.MOVE))
    assert (place.output / "A" / "1.png").read_bytes() == b"one"
