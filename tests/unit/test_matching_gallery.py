"""What the rule works with: its values, and the references of a gallery."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.matching.gallery import Gallery
from model.matching.rule import assign
from store.rule import Rule
from tests.unit.unit_circle import at


class TestRule:
    @pytest.mark.parametrize("value", [-0.001, 2.001, math.nan, math.inf, -math.inf])
    @pytest.mark.parametrize("name", ["threshold", "margin", "band"])
    def test_out_of_range(self, name: str, value: float) -> None:
        """A value that is no distance is refused."""
        with pytest.raises(ValueError, match=r"0\.\.2"):
            Rule(**{"threshold": 0.5, name: value})  # type: ignore[arg-type]

    def test_unknown_match(self) -> None:
        """A rule that does not exist is refused with those that do."""
        with pytest.raises(ValueError, match="'median' is not one of centroid, max, mean, top3"):
            Rule(0.5, match="median")  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [0.0, 2.0])
    def test_ends_of_the_range(self, value: float) -> None:
        """0 and 2 are distances."""
        assert Rule(value, margin=value, band=value).threshold == value


class TestGallery:
    def test_nobody(self) -> None:
        """A gallery without a group is refused."""
        with pytest.raises(ValueError, match="at least one reference"):
            Gallery.build([])

    def test_empty_character(self) -> None:
        """A character without a reference is refused."""
        with pytest.raises(ValueError, match="at least one reference"):
            Gallery.build([("Akari", False, at(0)), ("Beniko", False, np.empty((0, 2), np.float32))])

    def test_layout(self) -> None:
        """The references stand one character after the other."""
        gallery = Gallery.build([("a", False, at(1, 2)), ("_not b", True, at(3)), ("c", False, at(4, 5, 6))])
        assert gallery.names == ("a", "_not b", "c")
        assert gallery.negative == (False, True, False)
        assert gallery.starts.tolist() == [0, 2, 3]
        assert gallery.embeddings.tolist() == at(1, 2, 3, 4, 5, 6).tolist()
        assert gallery.embeddings.dtype == np.float32

    def test_no_picture(self) -> None:
        """No embeddings, no decisions."""
        assert assign(np.empty((0, 2), np.float32), Gallery.build([("a", False, at(0))]), Rule(0.5)) == []
