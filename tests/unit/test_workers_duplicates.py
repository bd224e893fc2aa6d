"""Duplicates: the same as a plain table of all digests, in a fraction of its memory."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workers.duplicates import Duplicates

# Few distinct beginnings and ends, so that digests are often the same, and often begin the same.
DIGESTS = st.tuples(
    st.sampled_from([bytes(8), b"\xff" * 8, b"\x01" + bytes(7)]), st.binary(min_size=1, max_size=1)
).map(lambda parts: parts[0] + parts[1] * 24)


@given(st.lists(DIGESTS, max_size=30))
def test_duplicates_are_those_of_a_plain_table(digests: list[bytes]) -> None:
    """For each file the first with its bytes, or nothing for that one itself; also when asked again."""
    names = [f"{n}.png" for n in range(len(digests))]
    rows = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    duplicates = Duplicates(iter([rows[:7], rows[7:]]))
    for _ in range(2):
        first: dict[bytes, str] = {}
        expected = [first.setdefault(digest, name) for digest, name in zip(digests, names, strict=True)]
        found = duplicates.find(rows[:5], names[:5].__getitem__)
        found |= {5 + row: name for row, name in duplicates.find(rows[5:], names[5:].__getitem__).items()}
        assert found == {n: name for n, name in enumerate(expected) if name != names[n]}


def test_an_archive_without_pictures() -> None:
    """Nothing is a duplicate of nothing."""
    assert Duplicates([]).find(np.zeros((1, 32), np.uint8), lambda _: "a") == {}
