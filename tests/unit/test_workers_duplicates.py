"""Duplicates: the same as a plain table of all digests, in a fraction of its memory."""

from __future__ import annotations

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
    duplicates = Duplicates(iter([digests[:7], digests[7:]]))
    for _ in range(2):
        first: dict[bytes, str] = {}
        for digest, name in zip(digests, names, strict=True):
            expected = first.setdefault(digest, name)
            assert duplicates.first_of(digest, name) == (None if expected == name else expected)


def test_an_archive_without_pictures() -> None:
    """Nothing is a duplicate of nothing."""
    assert Duplicates([]).first_of(bytes(32), "a") is None
