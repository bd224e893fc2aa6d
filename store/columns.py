"""Converts Arrow columns of bytes to text and numbers without an object per value."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from store.readable_names import ODD_NAME, readable_path

__all__ = ["fixed_width", "hexadecimal", "readable_column", "spread"]


def fixed_width(column: pa.Array | pa.ChunkedArray, width: int) -> NDArray[np.uint8]:
    """A column of fixed-size binary as `(n, width)` uint8, zeros for null."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if array.null_count:
        array = pc.fill_null(array, bytes(width))
    flat = np.frombuffer(array.buffers()[1] or b"", np.uint8, len(array) * width, array.offset * width)
    return flat.reshape(len(array), width)


def hexadecimal(values: NDArray[np.uint8]) -> pa.StringArray:
    """Rows of bytes as hexadecimal text: `(n, width)` uint8 to `n` strings of twice the length."""
    digits = np.ascontiguousarray(_PAIRS[values])  # (n, width) pairs of digits
    width = 2 * values.shape[1]
    return pa.Array.from_buffers(pa.binary(width), len(values), [None, pa.py_buffer(digits)]).cast(pa.string())


def readable_column(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """`readable_path` of a column, fast for the usual paths."""
    try:
        texts = values.cast(pa.string())
        if not pc.any(pc.match_substring_regex(texts, ODD_NAME)).as_py():
            return texts
    except pa.ArrowInvalid:
        pass  # not UTF-8
    return pa.array(map(readable_path, values.to_pylist()), pa.string())


def spread(column: pa.Array, rows: NDArray[np.int64], length: int) -> pa.Array:
    """Spread a column over the given rising rows of a longer one; null in the others."""
    if len(rows) == length:
        return column
    places = np.zeros(length, np.int64)
    places[rows] = np.arange(len(rows))
    missing = np.ones(length, np.bool_)
    missing[rows] = False
    return column.take(pa.array(places, mask=missing))


_PAIRS = np.array([f"{value:02x}".encode() for value in range(256)], "S2").view(np.uint16)
