"""Manifests: scanning, tags, several characters, statistics, the split."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.charts import save_chart, svg_text
from model.dataset.manifest import Entry, read_manifest, settle, write_manifest
from model.dataset.rules import Rules
from model.dataset.scan import scan_folders
from model.dataset.split import parse_ratio, split_entries
from model.dataset.stats import histogram, stats_of
from model.dataset.tags import character_tags, read_summaries, scan_tags
from model.errors import ConfigurationError, DatasetError


def paint(path: Path, tone: int) -> Path:
    """A small picture whose content depends on the tone alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (tone, tone, 255 - tone)).save(path, "PNG")
    return path


def entry(digest: str, *names: str, split: str = "") -> Entry:
    """A picture that needs no file."""
    return Entry(f"/{digest}.png", names, digest, split)


def test_scan(tmp_path: Path) -> None:
    """Folders name characters, at any depth; what is no picture does not count, what is damaged is told."""
    paint(tmp_path / "a" / "1.png", 1)
    paint(tmp_path / "a" / "deep" / "2.png", 2)
    paint(tmp_path / "b" / "no suffix", 3)
    paint(tmp_path / "b" / ".hidden.png", 4)
    (tmp_path / "b" / "notes.txt").write_text("notes")
    (tmp_path / "b" / "empty.jpg").touch()
    cut = paint(tmp_path / "b" / "cut.png", 5)
    cut.write_bytes(cut.read_bytes()[:40])
    found = scan_folders(tmp_path, check=True)
    assert [(Path(one.path).name, one.characters) for one in found.entries] == [
        ("1.png", ("a",)),
        ("2.png", ("a",)),
        ("no suffix", ("b",)),
    ]
    assert [Path(path).name for path, _ in found.failures] == ["cut.png", "empty.jpg"]


def test_scan_needs_a_folder(tmp_path: Path) -> None:
    """A folder that is not there, or has pictures beside folders alone, is one clear error."""
    with pytest.raises(DatasetError, match="no such folder"):
        scan_folders(tmp_path / "none")
    paint(tmp_path / "1.png", 1)
    (tmp_path / "a").mkdir()
    with pytest.raises(DatasetError, match="no picture in a folder named after a character"):
        scan_folders(tmp_path)


def test_scan_of_an_output(tmp_path: Path) -> None:
    """Folders that mean no character teach nothing: what is unknown, what is to review, what is not wanted."""
    for number, name in enumerate(("a", "_unknown", "_review", "_not chibi", "_b")):
        paint(tmp_path / name / "1.png", number)
    assert [one.characters for one in scan_folders(tmp_path).entries] == [("_b",), ("a",)]


def test_scan_waits_for_no_pipe(tmp_path: Path) -> None:
    """What is neither file nor folder is told, not read."""
    paint(tmp_path / "a" / "1.png", 1)
    os.mkfifo(tmp_path / "a" / "2.png")
    found = scan_folders(tmp_path)
    assert len(found.entries) == 1
    assert found.failures == [(str(tmp_path / "a" / "2.png"), "not a regular file")]


def test_scan_reads_no_film(tmp_path: Path) -> None:
    """Of what is no picture only the first bytes are read, however large it is."""
    paint(tmp_path / "a" / "1.png", 1)
    for name in ("film.mkv", "film.png"):
        with (tmp_path / "a" / name).open("wb") as file:
            file.truncate(1 << 28)
    tracemalloc.start()
    try:
        found = scan_folders(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert len(found.entries) == 1
    assert found.failures == [(str(tmp_path / "a" / "film.png"), "not a picture, in spite of its name")]


SHARED = [entry("1", "a"), entry("2", "a"), entry("3", "a"), entry("3", "b"), entry("4", "b"), entry("5", "c")]


def test_scan_of_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A picture whose name a manifest cannot hold is told; other files of such names do not count."""
    paint(tmp_path / "a" / "1.png", 1)
    (tmp_path / "a" / os.fsdecode(b"\xff.txt")).write_text("notes")
    odd = paint(tmp_path / "a" / os.fsdecode(b"\xff.png"), 2)
    found = scan_folders(tmp_path)
    assert [Path(one.path).name for one in found.entries] == ["1.png"]
    assert [path for path, _ in found.failures] == [str(odd)]


def test_several() -> None:
    """A picture of two characters is dropped, given to the first, or kept for both; lonely characters drop out."""
    assert {one.digest: one.characters for one in settle(SHARED, "drop")} == {"1": ("a",), "2": ("a",)}
    assert {one.digest: one.characters for one in settle(SHARED, "first")} == {"1": ("a",), "2": ("a",), "3": ("a",)}
    kept = {one.digest: one.characters for one in settle(SHARED, "keep")}
    assert kept == {"1": ("a",), "2": ("a",), "3": ("a", "b"), "4": ("b",)}


def test_manifest_keeps_everything(tmp_path: Path) -> None:
    """What is written is read; what is no manifest is refused."""
    entries = [entry("1", "桜", "b", split="test"), entry("2", "桜")]
    write_manifest(tmp_path / "m.parquet", entries)
    assert read_manifest(tmp_path / "m.parquet") == entries
    (tmp_path / "x.parquet").write_text("no")
    for name in ("x.parquet", "none.parquet"):
        with pytest.raises(DatasetError):
            read_manifest(tmp_path / name)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), min_size=1, max_size=80),
    st.tuples(st.integers(1, 5), st.integers(0, 3), st.integers(0, 3)),
    st.integers(0, 99),
)
@settings(deadline=None, derandomize=True)
def test_split_is_disjoint(pairs: list[tuple[int, int]], ratio: tuple[int, int, int], seed: int) -> None:
    """No character and no picture is in two parts, everything is in one, and the same seed gives the same."""
    entries = settle([entry(str(digest), f"c{name}") for digest, name in pairs], "keep")
    done = split_entries(entries, ratio, seed)
    place: dict[str, str] = {}
    for one in done:
        for key in (*one.characters, one.digest):
            assert place.setdefault(key, one.split) == one.split
        assert one.split in ("training", "development", "test")
    assert done == split_entries(entries, ratio, seed)


def test_split_keeps_the_ratio() -> None:
    """3:1:1 of 100 characters are 60, 20 and 20; another seed gives others."""
    entries = [entry(f"{c}-{k}", f"c{c}") for c in range(100) for k in range(2)]
    done = split_entries(entries, parse_ratio("3:1:1"), 1)
    counts = [
        len({one.characters for one in done if one.split == name}) for name in ("training", "development", "test")
    ]
    assert counts == [60, 20, 20]
    assert done != split_entries(entries, parse_ratio("3:1:1"), 2)


@pytest.mark.parametrize("text", ["3:1", "a:b:c", "0:1:1", "-3:1:1", ""])
def test_bad_ratio(text: str) -> None:
    """A ratio is three numbers, the first above 0."""
    with pytest.raises(ConfigurationError):
        parse_ratio(text)


def test_stats(tmp_path: Path) -> None:
    """The article's figures, and a histogram as SVG and PNG."""
    entries = [entry(f"a{k}", "a") for k in range(5)] + [entry(f"b{k}", "b") for k in range(2)] + [entry("c", "c")]
    found = stats_of(entries)
    assert (found.pictures, found.characters, found.mean, found.exactly_two, found.largest) == (7, 2, 3.5, 1, ("a", 5))
    text = svg_text(histogram(found))
    assert text.startswith("<svg") and "pictures of a character" in text and text == svg_text(histogram(found))
    save_chart(histogram(found), tmp_path / "h.png")
    with Image.open(tmp_path / "h.png") as picture:
        assert picture.width > 500
    save_chart(histogram(stats_of([])), tmp_path / "none.svg")


SUMMARIES = {
    "博麗霊夢": "『東方Project』に登場するキャラクターで、主人公の一人。",
    "初音ミク": "クリプトン・フューチャー・メディアから発売されているVOCALOID。",
    "レイマリ": "『東方Project』に登場する霊夢と魔理沙のカップリングである。",
    "東方Project": "東方Projectとは、上海アリス幻樂団が制作するゲームである。",
    "紅魔館": "『東方Project』に登場する架空の組織である。",
    "Rei Ayanami": "Rei Ayanami is a fictional character from the anime Neon Genesis Evangelion.",
    "Saber": "Saber is one of the main characters; she is voiced by Ayako Kawasumi.",
    "Evangelion": "Neon Genesis Evangelion is a Japanese anime series produced by Gainax.",
    "hololive": "hololive is a group of virtual idols.",
    "sword": "A bladed weapon.",
    "empty": "",
}


def test_rules() -> None:
    """Japanese and English summaries tell characters from pairs, works, groups and things."""
    found = character_tags(SUMMARIES, Rules.read())
    assert found == {"博麗霊夢", "初音ミク", "Rei Ayanami", "Saber"}


def test_bad_rules(tmp_path: Path) -> None:
    """A pattern that is none, or another key, is named."""
    path = tmp_path / "rules.toml"
    for text in ('[x]\nnames = ["("]', "[x]\nnmes = []", "x = 1", "="):
        path.write_text(text)
        with pytest.raises(ConfigurationError, match=r"rules\.toml"):
            Rules.read(path)


def test_tags(tmp_path: Path) -> None:
    """Pictures with a character's tag are listed, missing ones and odd lines told, the latter by their number."""
    for name, tone in (("1", 1), ("2", 2), ("3", 3)):
        paint(tmp_path / f"{name}.png", tone)
    lines = [
        {"image": "1.png", "tags": ["Saber", "sword"]},
        {"image": "2.png", "tags": ["Saber", "Rei Ayanami"]},
        {"image": "3.png", "tags": ["sword"]},
        {"image": "4.png", "tags": ["Saber"]},
    ]
    file = tmp_path / "posts.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    (tmp_path / "tags.json").write_text(json.dumps(SUMMARIES))
    characters = character_tags(read_summaries(tmp_path / "tags.json"), Rules.read())
    found = scan_tags(file, characters, tmp_path)
    assert [one.characters for one in found.entries] == [("Saber",), ("Saber", "Rei Ayanami")]
    assert [Path(path).name for path, _ in found.failures] == ["4.png"]
    odd = ['{"image": "1.png", "tags": [', "null", '{"image": 1, "tags": []}', '{"image": "1.png", "tags": "Saber"}']
    file.write_text("\n".join([*odd, json.dumps(lines[0])]))
    found = scan_tags(file, characters, tmp_path)
    assert [one.characters for one in found.entries] == [("Saber",)]
    assert [Path(where).name for where, _ in found.failures] == [f"posts.jsonl:{n}" for n in (1, 2, 3, 4)]


@pytest.mark.parametrize("text", ["[\n1\n]", "image,tags", '{"image": 1}'])
def test_no_json_lines(tmp_path: Path, text: str) -> None:
    """A file without one right line is something else, which the first line shows."""
    (tmp_path / "posts.jsonl").write_text(text)
    with pytest.raises(DatasetError, match=r"posts\.jsonl:1"):
        scan_tags(tmp_path / "posts.jsonl", frozenset(), tmp_path)
