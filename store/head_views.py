"""The heads that a detector found in pictures: a vector and a box for each, picture after picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from store.columns import fixed_width
from store.errors import DamagedStore
from store.location import Location

__all__ = ["BOX_VALUES", "HeadViews"]

BOX_VALUES = 5
"""Left, top, right and bottom as fractions of the picture, and the score of the detector."""

_BOX_BYTES = 4 * BOX_VALUES


@dataclass(frozen=True)
class HeadViews:
    """The heads of `n` pictures.

    Attributes:
        starts: `(n + 1,)` int64, rising: the heads of picture i are the rows `starts[i]:starts[i + 1]`.
        vectors: `(m, dim)` float32, unit length.
        boxes: `(m, 5)` float32: left, top, right, bottom as fractions of the picture, 0..1, and the score, 0..1.
    """

    starts: NDArray[np.int64]
    vectors: NDArray[np.float32]
    boxes: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    @classmethod
    def none(cls, pictures: int, dimension: int = 0) -> HeadViews:
        """No head in any of the pictures."""
        return cls(
            np.zeros(pictures + 1, np.int64),
            np.empty((0, dimension), np.float32),
            np.empty((0, BOX_VALUES), np.float32),
        )

    @classmethod
    def joined(cls, parts: Sequence[HeadViews]) -> HeadViews:
        """The heads of several groups of pictures, one after the other; at least one group."""
        counts = np.concatenate([np.diff(part.starts) for part in parts])
        # A group without any head may not know the dimension.
        vectors = [part.vectors for part in parts if len(part.vectors)] or [parts[0].vectors]
        return cls(_starts(counts), np.concatenate(vectors), np.concatenate([part.boxes for part in parts]))

    def take(self, pictures: NDArray[np.int64]) -> HeadViews:
        """The heads of some pictures, in the order asked for."""
        counts = np.diff(self.starts)[pictures]
        starts = _starts(counts)
        rows = np.arange(starts[-1]) + np.repeat(self.starts[:-1][pictures] - starts[:-1], counts)
        return HeadViews(starts, self.vectors[rows], self.boxes[rows])

    def surest(self) -> HeadViews:
        """Of each picture with heads the one with the highest score, the first of equals."""
        counts = np.diff(self.starts)
        pictures = np.repeat(np.arange(len(self)), counts)
        order = np.lexsort((np.arange(len(pictures)), -self.boxes[:, BOX_VALUES - 1], pictures))
        rows = order[self.starts[:-1][counts > 0]]
        return HeadViews(_starts(np.minimum(counts, 1)), self.vectors[rows], self.boxes[rows])

    def columns(self) -> dict[str, pa.Array]:
        """As columns of Arrow, `n` lists each: `head_vectors` and `head_boxes`."""
        ends = pa.array(self.starts.astype(np.int32))

        def lists(values: NDArray[np.float32]) -> pa.Array:
            data = np.ascontiguousarray(values, "<f4")
            width = pa.binary(4 * values.shape[1])
            return pa.ListArray.from_arrays(ends, pa.Array.from_buffers(width, len(data), [None, pa.py_buffer(data)]))

        return {"head_vectors": lists(self.vectors), "head_boxes": lists(self.boxes)}

    @classmethod
    def of_table(cls, table: pa.Table, dimension: int, path: Location) -> HeadViews:
        """Read the columns; a table without them is of an earlier version, which looked at whole pictures alone.

        Raises:
            DamagedStore: The columns do not fit each other, or a box is not within its picture.
        """
        if "head_vectors" not in table.column_names:
            return cls.none(len(table), dimension)
        counts, vectors = _flattened(table["head_vectors"], 4 * dimension, path)
        same, boxes = _flattened(table["head_boxes"], _BOX_BYTES, path)
        if not np.array_equal(counts, same):
            raise DamagedStore(f"{path}: head_boxes: not as many as head_vectors")
        if not ((boxes >= 0) & (boxes <= 1)).all():
            raise DamagedStore(f"{path}: head_boxes: not within the picture")
        return cls(_starts(counts), vectors, boxes)


def _flattened(column: pa.ChunkedArray, width: int, path: Location) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """How many values each list of a column has, and the values of all as rows of numbers."""
    kind = pa.list_(pa.binary(width))
    if not column.type.equals(kind) or column.null_count:
        raise DamagedStore(f"{path}: {column.type} instead of {kind}")
    lists = column.combine_chunks()
    values = lists.flatten()
    if values.null_count:
        raise DamagedStore(f"{path}: a value is missing")
    counts = np.diff(lists.offsets.to_numpy()).astype(np.int64)
    return counts, fixed_width(values, width).view("<f4")


def _starts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
