"""Scan a tree of files, wherever it lies."""

from __future__ import annotations

from typing import Any

from producer.bucket_scan import BucketScan
from producer.exclusion import NOTHING_ASKED, Exclusion
from producer.folder_scan import FolderScan
from producer.tree_scan import TreeScan
from store.location import Storage, choose, location, storage_of

__all__ = ["scan"]


def scan(
    root: bytes,
    excluded: tuple[bytes, ...] = (),
    exclusion: Exclusion = NOTHING_ASKED,
    storage: Storage[Any] | None = None,
) -> TreeScan:
    """The files below a folder, or the objects below a prefix; see `TreeScan` for the arguments."""
    arguments = root, storage or storage_of(root), excluded, exclusion
    return choose(location(root), lambda _: FolderScan(*arguments), lambda _: BucketScan(*arguments))
