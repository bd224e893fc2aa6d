"""Listings in object storage are never replaced."""

from __future__ import annotations

import pytest

from store.listing import Listed
from store.location import location
from tests.objects import ObjectServer
from tests.unit.parts import make_part

ROWS = [Listed(b"a.png", 1, 1), Listed(b"b.png", 1, 1)]


OTHER = [Listed(b"0 added.png", 1, 1), Listed(b"a.png", 1, 1)]


def test_an_object_that_lists_a_chunk_is_never_replaced(objects: ObjectServer) -> None:
    """The storage itself refuses it."""
    part = make_part(location("s3://art/stale/runs"), "20261123-0412/archive", [ROWS])
    with pytest.raises(FileExistsError):
        part.add_listings(0, [OTHER])
    assert part.listing(0) == ROWS
