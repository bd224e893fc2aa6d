"""What is measured before pictures are named: threshold, expectations, confidence, doubts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from model.matching.calibration import calibrate, name_chances, whitening_of
from model.matching.cohort import Cohort
from model.matching.confidence import chances, features, fit, for_pass
from model.matching.doubt import doubtful
from model.matching.expectation import expectation
from model.matching.gallery import Gallery
from model.matching.leave_one_out import leave_one_out
from model.matching.rule import Nearest, decide
from model.matching.whitening import Whitening
from store.head_views import HeadViews
from store.match import Match
from store.pass_calibration import PassCalibration
from store.rule import Rule
from tests.unit.unit_vectors import Floats, characters, unit

COHORT = Cohort(unit(np.random.default_rng(5).normal(size=(300, 64))), (2.0, -3.0, 2.5, -1.0))
NOTHING = np.empty((0, 64), np.float32), HeadViews.none(0, 64)


def gallery_of(vectors: Floats) -> Gallery:
    """A gallery of `(c, k, dim)` references."""
    return Gallery.build([(str(n), False, rows) for n, rows in enumerate(vectors)])


def archive_of(vectors: Floats) -> tuple[Floats, HeadViews]:
    """Pictures without heads."""
    rows = vectors.reshape(-1, vectors.shape[-1])
    return rows, HeadViews.none(len(rows), rows.shape[1])


def named(found: PassCalibration, gallery: Gallery, pictures: Floats, rule: Rule) -> float:
    """The share of pictures that get a name."""
    whitening = whitening_of(found, 64)
    whole, heads = whitening.applied(*archive_of(pictures))
    decisions = decide(
        whole, gallery.whitened(whitening), replace(rule, threshold=found.threshold, margin=0.0), heads=heads
    )
    return float((np.diff(decisions.given.ends) > 0).mean())


class TestThreshold:
    @pytest.mark.parametrize("match", list(Match))
    @pytest.mark.parametrize(("known", "most"), [(2, 0.5), (4, 0.4), (12, 0.2), (40, 0.15)])
    def test_strangers_are_as_wished(self, match: Match, known: int, most: float) -> None:
        """Over many archives about the wished share of strangers gets a name; the more characters, the closer to it."""
        shares = []
        for seed in range(8):
            everybody = characters(seed, 2 * known + 40, 6)
            gallery, strangers = gallery_of(everybody[:known, :3]), everybody[known:]
            archive = archive_of(np.concatenate([everybody[:known, 3:].reshape(-1, 64), strangers.reshape(-1, 64)]))
            found = calibrate(gallery, Rule(match=match), archive, COHORT, fallback=0.5)
            shares.append(named(found, gallery, strangers, Rule(match=match)))
        assert 0.03 < np.mean(shares) < most

    def test_a_larger_wish_is_a_larger_threshold(self) -> None:
        """The threshold rises with the wished share, from a name for nobody to one for everybody."""
        everybody = characters(3, 20, 4)
        found = [
            calibrate(
                gallery_of(everybody[:10, :3]), Rule(strangers=share), archive_of(everybody), COHORT, fallback=0.5
            )
            for share in (0.0, 0.05, 0.1, 0.3, 1.0)
        ]
        thresholds = [one.threshold for one in found]
        assert thresholds == sorted(thresholds)
        assert thresholds[0] == 0.0
        assert [one.strangers_named for one in found] == pytest.approx([0.0, 0.05, 0.1, 0.3, 1.0], abs=0.01)

    def test_a_given_threshold(self) -> None:
        """It is kept, and what to expect of it is told all the same."""
        everybody = characters(3, 20, 4)
        wished = calibrate(gallery_of(everybody[:10]), Rule(), archive_of(everybody), COHORT, fallback=0.5)
        found = calibrate(
            gallery_of(everybody[:10]), Rule(wished.threshold), archive_of(everybody), COHORT, fallback=0.5
        )
        assert found == wished
        strict = calibrate(gallery_of(everybody[:10]), Rule(0.01), archive_of(everybody), COHORT, fallback=0.5)
        assert strict.threshold == 0.01
        assert strict.strangers_named == 0.0
        assert strict.known_missed == 1.0

    def test_nobody_can_tell(self) -> None:
        """One character, no cohort: the threshold of the weights, and a remark."""
        found = calibrate(gallery_of(characters(1, 1, 3)), Rule(), NOTHING, None, fallback=0.4)
        assert (found.threshold, found.strangers, found.strangers_named) == (0.4, [], None)
        assert "weights" in found.remark
        assert name_chances(nearest(np.array([0.1], np.float32), 0.1), found) is None

    def test_one_character_with_a_cohort(self) -> None:
        """The cohort alone tells a threshold; few of it are within."""
        everybody = characters(1, 30, 6)
        gallery = gallery_of(everybody[:1, :3])
        found = calibrate(gallery, Rule(), archive_of(everybody), COHORT, fallback=0.4)
        assert (found.characters, found.references, found.cohort, found.remark) == (1, 3, 300, "")
        assert named(found, gallery, everybody[1:], Rule()) < 0.25
        assert named(found, gallery, everybody[:1, 3:], Rule()) > 0.6

    def test_without_an_archive(self) -> None:
        """References alone are enough, as for `reid calibrate`."""
        found = calibrate(gallery_of(characters(1, 8, 3)), Rule(), NOTHING, COHORT, fallback=0.4)
        assert found.strangers_named == pytest.approx(0.1, abs=0.01)

    def test_negatives_are_no_strangers(self) -> None:
        """Negatives neither set the threshold nor count as characters."""
        everybody = characters(2, 10, 3)
        groups = [(str(n), False, rows) for n, rows in enumerate(everybody[:8])]
        alone = calibrate(Gallery.build(groups), Rule(), archive_of(everybody), COHORT, fallback=0.4)
        negatives = [(f"_not {n}", True, rows) for n, rows in enumerate(everybody[8:])]
        found = calibrate(Gallery.build([*negatives, *groups]), Rule(), archive_of(everybody), COHORT, fallback=0.4)
        assert found == alone
        none = calibrate(Gallery.build(negatives), Rule(), archive_of(everybody), COHORT, fallback=0.4)
        assert (none.threshold, none.characters) == (0.4, 0)


class TestExpectation:
    def test_missed_is_told_beforehand(self) -> None:
        """Over many archives, the share of known pictures that is told to be missed is the one that is."""
        told, true = [], []
        for seed in range(10):
            everybody = characters(seed, 40, 8, noise=1.8)
            gallery = gallery_of(everybody[:20, :3])
            found = calibrate(gallery, Rule(), archive_of(everybody[:, 3:]), COHORT, fallback=0.5)
            told.append(found.known_missed)
            true.append(1 - named(found, gallery, everybody[:20, 3:], Rule()))
        assert np.mean([one for one in told if one is not None]) == pytest.approx(np.mean(true), abs=0.1)
        assert 0.1 < np.mean(true) < 0.9

    def test_single_references_tell_nothing(self) -> None:
        """With one reference each there is nothing to compare a character with."""
        everybody = characters(1, 10, 1)
        assert (
            calibrate(gallery_of(everybody), Rule(), archive_of(everybody), COHORT, fallback=0.5).known_missed is None
        )

    @pytest.mark.parametrize(
        ("shares", "sentence"),
        [
            (
                (0.1, 0.3),
                "threshold 0.21: about 1 of 10 strangers gets a name; about 3 of 10 known pictures stay unknown",
            ),
            ((0.02, None), "threshold 0.21: about 2 of 100 strangers get a name"),
            (
                (None, 0.1, 0.9),
                "threshold 0.21: about 1 of 10 known pictures stays unknown; about 9 of 10 names are right",
            ),
            ((0.002, 0.998), "threshold 0.21: hardly any strangers get a name; nearly all known pictures stay unknown"),
            ((None, None), ""),
        ],
    )
    def test_in_words(self, shares: tuple[float | None, ...], sentence: str) -> None:
        """What is known is said in words, and nothing else."""
        assert expectation(0.21, *shares) == sentence


class TestCentre:
    def test_not_centred(self) -> None:
        """A pass of an older version has its vectors as they are."""
        everybody = characters(2, 10, 3)
        found = calibrate(gallery_of(everybody), Rule(0.3), archive_of(everybody), COHORT, fallback=0.4, whitened=False)
        assert (found.centre, found.head_centre, found.directions) == ([], [], "")
        assert (whitening_of(found, 64).whole == Whitening.nothing(64).whole).all()

    def test_of_other_vectors(self) -> None:
        """A whitening of another length is refused."""
        with pytest.raises(ValueError, match="not 64"):
            whitening_of(PassCalibration(0.3, centre=[0.1], head_centre=[0.1]), 64)

    def test_it_is_written_down_whole(self) -> None:
        """What is read back does the same with vectors, to the last bit."""
        everybody = characters(2, 10, 3)
        found = calibrate(gallery_of(everybody), Rule(), archive_of(everybody), COHORT, fallback=0.4)
        rows, none = archive_of(everybody)
        again, _ = whitening_of(found, 64).applied(rows, none)
        known = archive_of(everybody)
        assert (again == Whitening.of(known, known, 10).applied(rows, none)[0]).all()

    @pytest.mark.parametrize("text", ["!", "AAAA", "AAA", "AADAfw==" * 64, "A" * 4 * 64 * 64 * 4])
    def test_damaged_directions(self, text: str) -> None:
        """Directions that are no numbers, or of another shape, are refused."""
        with pytest.raises(ValueError):
            whitening_of(PassCalibration(0.3, centre=[0.1] * 64, head_centre=[0.1] * 64, directions=text), 64)


def nearest(distances: NDArray[np.float32], gap: float) -> Nearest:
    """Pictures at these distances from their nearest character, the next one farther by a gap; or none, if infinite."""
    places = np.zeros(len(distances), np.int64)
    beyond = (distances + np.float32(gap)).astype(np.float32)
    return Nearest(places, distances, places, beyond, np.isfinite(beyond))


class TestConfidence:
    def test_fit_finds_what_made_the_names(self) -> None:
        """Intercept and slopes of many drawn names are found again, and say the same as what a pass keeps of them."""
        random = np.random.default_rng(1)
        distances, gaps = (random.uniform(0, 0.5, 60_000).astype(np.float32) for _ in range(2))
        gaps[::10] = np.inf
        of_pass = for_pass((2.0, -3.0, 2.5, -1.0), 0.5, 0.4)
        expected = chances(distances, gaps, of_pass)
        right = random.random(len(expected)) < expected
        told = features(distances, gaps, 0.5, 0.4)
        assert 1 / (1 + np.exp(-told @ [2.0, -3.0, 2.5, -1.0])) == pytest.approx(expected, abs=1e-5)
        found = fit(told, right, np.ones(len(right)))
        assert found[1:3] == pytest.approx((-3.0, 2.5), abs=0.15)
        assert found[0] + 0.4 * found[3] == pytest.approx(1.6, abs=0.1)

    def test_nearer_is_surer(self) -> None:
        """So is one with the next character farther away; a threshold of one's own changes nothing. Never 0 or 1."""
        everybody = characters(4, 30, 5)
        given = []
        for rule in (Rule(), Rule(1.5)):
            found = calibrate(gallery_of(everybody[:20, :3]), rule, archive_of(everybody), COHORT, fallback=0.5)
            for gap in (0.1, 0.2, math.inf):
                chance = name_chances(nearest(np.linspace(0, 2, 50, dtype=np.float32), gap), found)
                assert chance is not None and (np.diff(chance) < 0).all() and 0 < chance[-1] < chance[0] < 1
                given.append(chance)
        assert (given[0] < given[1]).all()
        assert (np.array(given[:3]) == np.array(given[3:])).all()


class TestDoubt:
    def test_clean_and_planted(self) -> None:
        """Hardly a clean reference is doubted; one of another character is, and the reason names that one."""
        everybody = characters(6, 20, 4, noise=0.8)
        clean = gallery_of(everybody)
        assert len(doubtful(clean, leave_one_out(clean, Match.CENTROID), Match.CENTROID)) <= 4
        everybody[3, 1] = characters(6, 20, 5, noise=0.8)[12, 4]
        planted = gallery_of(everybody)
        found = {
            one.row: one.reason for one in doubtful(planted, leave_one_out(planted, Match.CENTROID), Match.CENTROID)
        }
        assert "nearer to 12 (" in found[3 * 4 + 1]

    def test_nothing_to_judge_by(self) -> None:
        """An only reference is not doubted, nor is that of an only character."""
        for everybody in (characters(1, 6, 1), characters(1, 1, 4)):
            gallery = gallery_of(everybody)
            assert doubtful(gallery, leave_one_out(gallery, Match.CENTROID), Match.CENTROID) == []
