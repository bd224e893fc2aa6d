"""Animations of Pixiv: one picture each, and never a comic taken for one."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from model.errors import PictureError
from producer.references import find_references
from store.listing import Listed
from tests.unit.scanned import names
from tests.unit.trees import put
from workers.sources import Sources

PIXIV = "98765432_ugoira1920x1080.zip"


def frame(shown: int, suffix: str = "jpg") -> bytes:
    """A frame of which so many of ten things have faded in."""
    image = Pillow.new("RGB", (64, 48), "white")
    for n in range(shown):
        ImageDraw.Draw(image).ellipse((5 * n, 3 * n, 5 * n + 15, 3 * n + 11), fill=(25 * n, 200 - 20 * n, 90))
    data = io.BytesIO()
    image.save(data, {"jpg": "JPEG"}.get(suffix, suffix.upper()))
    return data.getvalue()


def frame_names(count: int, suffix: str = "jpg") -> list[str]:
    """As Pixiv numbers them."""
    return [f"{n:06d}.{suffix}" for n in range(count)]


def packed(path: Path, members: Mapping[str, bytes | str]) -> Path:
    """An archive file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def listed_frames(frames: list[str], **more: object) -> str:
    """An `animation.json`."""
    return json.dumps({"frames": [{"file": name, "delay": 80} for name in frames], **more})


FRAMES = dict.fromkeys(frame_names(3), b"x")
LIST = listed_frames(list(FRAMES))


@pytest.mark.parametrize(
    ("name", "members"),
    [
        (PIXIV, FRAMES),
        ("98765432_UGOIRA600X600.ZIP", {f"{n:06d}.PNG": b"x" for n in range(12)}),
        ("title_ugoira.zip", dict.fromkeys(["0.jpg", "1.jpg"], b"x")),
        (PIXIV, {**FRAMES, "__MACOSX/._000000.jpg": b"x", ".DS_Store": b"x"}),
        ("any.zip", {**FRAMES, "animation.json": LIST}),
        ("any.zip", {**FRAMES, "animation.json": json.dumps(json.loads(LIST)["frames"])}),
        ("any.zip", {**FRAMES, "animation.json": json.dumps({"ugokuIllustData": {"src": "", **json.loads(LIST)}})}),
        ("any.ugoira", {"b.png": b"x", "a.png": b"x", "animation.json": listed_frames(["b.png", "a.png", "b.png"])}),
        ("one.zip", {"000000.jpg": b"x", "animation.json": listed_frames(["000000.jpg"])}),
    ],
)
def test_an_animation_is_one_file(tmp_path: Path, name: str, members: dict[str, bytes | str]) -> None:
    """Told by its list of frames, or by Pixiv's name over numbered frames."""
    packed(tmp_path / name, members)
    assert names(tmp_path) == [name]


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("comic.zip", FRAMES),
        ("comic_ugoira.cbz", FRAMES),
        ("comic.cbz", {**FRAMES, "animation.json": LIST}),
        (PIXIV, {"000000.jpg": b"x", "000002.jpg": b"x"}),
        (PIXIV, {"000001.jpg": b"x", "000002.jpg": b"x"}),
        (PIXIV, {"000000.jpg": b"x", "000001.png": b"x"}),
        (PIXIV, {**FRAMES, "cover.jpg": b"x"}),
        (PIXIV, {**FRAMES, "notes.txt": b"x"}),
        (PIXIV, {f"pages/{name}": b"x" for name in FRAMES}),
        ("any.zip", {**FRAMES, "animation.json": listed_frames(frame_names(2))}),
        ("any.zip", {**FRAMES, "animation.json": listed_frames(frame_names(4))}),
        ("any.zip", {**FRAMES, "animation.json": "[]"}),
        ("any.zip", {**FRAMES, "animation.json": "{"}),
        ("any.zip", {**FRAMES, "animation.json": "[" * 100_000}),
        ("any.zip", {**FRAMES, "animation.json": '{"frames": [1, null, {"file": 3}, {}]}'}),
        ("any.zip", {**FRAMES, "animation.json": LIST + " " * (1 << 20)}),
        ("any.zip", {**FRAMES, "sub/animation.json": LIST}),
    ],
)
def test_anything_else_stays_many_files(tmp_path: Path, name: str, members: dict[str, bytes | str]) -> None:
    """Each of its members is listed."""
    packed(tmp_path / name, members)
    assert names(tmp_path) == [f"{name}!/{member}" for member in sorted(members)]


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_the_frame_that_shows_most_is_the_picture(tmp_path: Path, suffix: str) -> None:
    """Not the blank ones with which it begins and ends; the digest is that of the file that is placed."""
    shown = [0, 0, 2, 5, 10, 7, 1, 0]
    frames = dict(zip(frame_names(8, suffix), (frame(n, suffix) for n in shown), strict=True))
    path = packed(tmp_path / PIXIV, frames)
    content = Sources(bytes(tmp_path)).read(Listed(PIXIV.encode(), 1, 1))
    assert content.picture == frame(10, suffix)
    assert content.digest == hashlib.sha256(path.read_bytes()).digest()


def _no_picture(path: Path) -> None:
    packed(path, dict.fromkeys(frame_names(3), b"no picture"))


def _encrypted(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = -1
    while (at := data.find(b"PK\1\2", at + 1)) >= 0:
        data[at + 8] |= 1
    path.write_bytes(data)


def _too_large(path: Path) -> None:
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2")
    data[at + 24 : at + 28] = (1 << 30).to_bytes(4, "little")
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def _a_comic(path: Path) -> None:
    packed(path, {"cover.jpg": frame(3), "page.jpg": frame(4)})


@pytest.mark.parametrize("damage", [_no_picture, _encrypted, _too_large, _cut, _a_comic])
def test_a_damaged_animation_is_an_outcome(tmp_path: Path, damage: object) -> None:
    """Whatever became of it since the scan, it is one file that cannot be read."""
    path = packed(tmp_path / PIXIV, {name: frame(3) for name in frame_names(3)})
    damage(path)  # type: ignore[operator]
    with pytest.raises(PictureError) as caught:
        Sources(bytes(tmp_path), max_bytes=1 << 20).read(Listed(PIXIV.encode(), 1, 1))
    assert str(caught.value)


def test_a_reference_may_be_an_animation(tmp_path: Path) -> None:
    """In a character's folder, or named in a file; an archive file that is none is no picture by itself."""
    packed(tmp_path / "refs" / "Akari" / PIXIV, {name: frame(3) for name in frame_names(3)})
    packed(tmp_path / "comic.zip", {"cover.jpg": frame(3)})
    put(tmp_path / "1.jpg", frame(4))
    assert [(x.name, x.label) for x in find_references(tmp_path / "refs").files] == [(f"Akari/{PIXIV}", "Akari")]
    put(tmp_path / "refs.json", json.dumps({"Akari": [f"refs/Akari/{PIXIV}", "1.jpg", "comic.zip"]}).encode())
    found = find_references(tmp_path / "refs.json").files
    assert [Path(x.name).name for x in found] == ["1.jpg", PIXIV]
