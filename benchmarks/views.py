"""The vectors of the labelled sets, whole pictures and heads as a run embeds them; kept in files on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.heads.detector import HeadDetector
from model.heads.picture_views import picture_views
from model.network.embedder import Embedder
from store.head_views import HeadViews

Set = tuple[NDArray[np.float32], HeadViews, NDArray[np.int64]]
"""Whole pictures, heads, and the number of each picture's character."""

TOGETHER = 16


def views_of(data: Path, weights: Path, kept: Path | None = None) -> dict[str, Set]:
    """The vectors of each set by name, from files where they are kept; else embedded, and kept."""
    if kept and any(kept.glob("views_*.npz")):
        return read_views(kept)
    if not data.is_dir():
        raise SystemExit(f"{data} is not there: nothing to measure on")
    found = {folder.name: embedded(folder, weights) for folder in sorted(data.iterdir()) if folder.is_dir()}
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        for name, (whole, heads, labels) in found.items():
            path, boxes, starts = kept / f"views_{name}.npz", heads.boxes, heads.starts
            np.savez(path, whole=whole, labels=labels, heads=heads.vectors, starts=starts, boxes=boxes)
    return found


def read_views(folder: Path) -> dict[str, Set]:
    """Whole pictures and heads that were embedded before."""
    found = {}
    for path in sorted(folder.glob("views_*.npz")):
        with np.load(path) as file:
            heads = HeadViews(file["starts"].astype(np.int64), file["heads"].astype(np.float32), file["boxes"])
            _, labels = np.unique(file["labels"], return_inverse=True)
            found[path.stem.removeprefix("views_")] = file["whole"].astype(np.float32), heads, labels.astype(np.int64)
    return found


def embedded(folder: Path, weights: Path) -> Set:
    """Whole pictures and heads of a folder with a folder per character."""
    embedder, detector = Embedder.load(weights), HeadDetector.load()
    prepare = embedder.info.preprocessing
    files, labels = labelled_files(folder)
    parts = []
    for start in range(0, len(files), TOGETHER):
        pictures = [prepare.read_thumbnail(file.read_bytes()) for file in files[start : start + TOGETHER]]
        parts.append(picture_views(pictures, prepare, detector, embedder.embed))
    return np.concatenate([whole for whole, _ in parts]), HeadViews.joined([heads for _, heads in parts]), labels


def labelled_files(folder: Path) -> tuple[list[Path], NDArray[np.int64]]:
    """The pictures of a set, and the number of each one's character."""
    files = sorted(path for path in folder.glob("*/*") if path.is_file())
    _, labels = np.unique([path.parent.name for path in files], return_inverse=True)
    return files, labels.astype(np.int64)
