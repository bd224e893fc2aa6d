"""Columns of bytes: what a plain loop over their values makes of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from store.columns import fixed_width, hexadecimal, readable_column, spread
from store.readable_names import readable_path

ROWS = st.lists(st.none() | st.binary(min_size=3, max_size=3), max_size=8)


@given(ROWS, st.integers(0, 3))
def test_fixed_width_and_hexadecimal(rows: list[bytes | None], first: int) -> None:
    """Row by row, also of a part of a column and of one in pieces; where there is nothing, zeros."""
    column = pa.array(rows, pa.binary(3))
    expected = [row or bytes(3) for row in rows]
    found = fixed_width(pa.chunked_array([column, column]), 3)
    assert found.shape == (2 * len(rows), 3) and found.tobytes() == b"".join(expected * 2)
    assert fixed_width(column[first:], 3).tobytes() == b"".join(expected[first:])
    assert hexadecimal(found).to_pylist() == [row.hex() for row in expected * 2]
    assert hexadecimal(found[:, :2]).to_pylist() == [row[:2].hex() for row in expected * 2]


@given(st.lists(st.binary(max_size=3) | st.sampled_from([b"a!/b", rb"\xff", rb"a\b"]), max_size=6))
def test_names_that_are_no_utf_8_are_escaped(names: list[bytes]) -> None:
    """As one by one."""
    expected = [readable_path(name) for name in names]
    assert readable_column(pa.array(names, pa.binary())).to_pylist() == expected


@given(st.lists(st.booleans(), max_size=8))
def test_a_column_is_spread(taken: list[bool]) -> None:
    """Each value in its row, nothing in the others."""
    rows = np.flatnonzero(np.array(taken, np.bool_))
    values = [f"value {n}" for n in range(len(rows))]
    expected: list[str | None] = [None] * len(taken)
    for row, value in zip(rows, values, strict=True):
        expected[row] = value
    assert spread(pa.array(values, pa.string()), rows, len(taken)).to_pylist() == expected
