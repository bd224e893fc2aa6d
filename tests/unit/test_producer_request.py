"""What a person asks for: everything is checked before anything is made."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from model.errors import WeightsError
from model.images.preprocessing import Preprocessing
from model.network.resnet18 import Network
from model.network.weights_file import read_info, save_network
from producer.errors import BadRequest
from producer.references import References
from producer.request import RuleOptions, SortRequest, check_folders, need_writable
from store.listing import Listed
from store.match import Match
from store.mode import Mode
from store.run_pass import PassSpec

REFERENCES = References("/refs", b"/refs", [Listed(b"Beniko/x", 1, 1, label="Beniko"), Listed(b"A/x", 1, 1, label="A")])


EARLIER = PassSpec(
    references="/old",
    characters=["Z"],
    threshold=0.5,
    match=Match.MEAN,
    margin=0.1,
    band=0.2,
    multiple=True,
    mode=Mode.COPY,
)
"""A pass of a version that took no mean off and always had a threshold."""


def spec(options: RuleOptions, *, default: PassSpec | None = None) -> PassSpec:
    """The pass that comes of options."""
    return options.spec(REFERENCES, Mode.HARDLINK, default=default)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights with the threshold 0.25."""
    torch.manual_seed(20261123)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    save_network(path, Network(4), preprocessing=Preprocessing("pad", 32), threshold=0.25)
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An archive and references for one character."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "refs" / "Akari").mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(tmp_path / "refs" / "Akari" / "x.png")
    return tmp_path


def check(place: Path, weights: Path, **changes: object) -> SortRequest:
    """Check a request like that of the command line."""
    arguments: dict[str, object] = {
        "archive": place / "archive",
        "references": place / "refs",
        "output": place / "sorted",
        "weights": weights,
        "mode": "hardlink",
        "rule": RuleOptions(),
        **changes,
    }
    return SortRequest.check(**arguments)  # type: ignore[arg-type]


class TestRuleOptions:
    def test_nothing_asked(self) -> None:
        """Without options the threshold follows from the references, and the rest is the rule's default."""
        assert spec(RuleOptions()) == PassSpec(
            references="/refs",
            characters=["A", "Beniko"],
            threshold=None,
            match=Match.CENTROID,
            margin=0.02,
            band=0.0,
            multiple=False,
            strangers=0.1,
            mode=Mode.HARDLINK,
            whitened=True,
        )

    def test_everything_asked(self) -> None:
        """Each option arrives in its place."""
        found = spec(RuleOptions(threshold=0.5, match=Match.TOP3, margin=0.1, band=0.2, multiple=True))
        assert (found.threshold, found.match, found.margin, found.band, found.multiple) == (0.5, "top3", 0.1, 0.2, True)

    @pytest.mark.parametrize(
        "options",
        [
            RuleOptions(threshold=0.0),
            RuleOptions(match=Match.MAX),
            RuleOptions(margin=0.0),
            RuleOptions(band=0.0),
            RuleOptions(multiple=False),
        ],
    )
    def test_earlier_pass(self, options: RuleOptions) -> None:
        """What is not asked for stays as in the earlier pass; a zero or a no is asked for."""
        changed = {name: value for name, value in vars(options).items() if value is not None and name != "defaults"}
        wanted = replace(EARLIER, references="/refs", characters=["A", "Beniko"], mode=Mode.HARDLINK, **changed)
        assert spec(options, default=EARLIER) == wanted

    @pytest.mark.parametrize("value", [-0.1, 2.1, math.nan, math.inf])
    @pytest.mark.parametrize("name", ["threshold", "margin", "band"])
    def test_out_of_range(self, name: str, value: float) -> None:
        """A value that is no distance is wrong use."""
        with pytest.raises(BadRequest, match=r"0\.\.2"):
            spec(RuleOptions(**{name: value}))  # type: ignore[arg-type]

    def test_unknown_match(self) -> None:
        """A rule that does not exist is refused; it is not quietly another one."""
        with pytest.raises(BadRequest, match="'median' is not one of centroid, max, mean, top3"):
            spec(RuleOptions(match="median"))  # type: ignore[arg-type]

    @pytest.mark.parametrize("options", [RuleOptions(strangers=0.05), RuleOptions("auto", strangers=0.05)])
    def test_strangers_take_the_place_of_a_threshold(self, options: RuleOptions) -> None:
        """A wish about strangers replaces a recorded threshold, whose vectors had no mean taken off."""
        found = spec(options, default=EARLIER)
        assert (found.threshold, found.strangers, found.whitened) == (None, 0.05, True)
        assert (found.match, found.margin) == (EARLIER.match, EARLIER.margin)

    def test_auto(self) -> None:
        """`auto` goes back to the threshold that follows from the recorded share of strangers."""
        found = spec(RuleOptions("auto"), default=replace(EARLIER, strangers=0.2))
        assert (found.threshold, found.strangers) == (None, 0.2)

    def test_a_recorded_threshold_stays_one_of_its_vectors(self) -> None:
        """A threshold recorded for plain vectors is not compared with distances of centred ones."""
        assert not spec(RuleOptions(margin=0.0), default=EARLIER).whitened
        assert spec(RuleOptions(margin=0.0), default=replace(EARLIER, whitened=True)).whitened

    def test_strangers_and_a_threshold(self) -> None:
        """One of the two follows from the other: both at once are refused."""
        with pytest.raises(BadRequest, match="exclude each other"):
            spec(RuleOptions(0.3, strangers=0.1))

    @pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
    def test_strangers_out_of_range(self, value: float) -> None:
        """A share that is none is refused."""
        with pytest.raises(BadRequest, match=r"0\.\.1"):
            spec(RuleOptions(strangers=value))

    def test_defaults(self) -> None:
        """`--defaults` forgets what was recorded, but not what is asked for besides."""
        assert spec(RuleOptions(defaults=True), default=EARLIER) == spec(RuleOptions())
        assert spec(RuleOptions(margin=0.3, defaults=True), default=EARLIER) == spec(RuleOptions(margin=0.3))

    def test_what_is_kept_is_told(self) -> None:
        """The recorded values that are no defaults and not asked for anew, as one would give them."""
        kept = ["--threshold 0.5", "--match mean", "--margin 0.1", "--band 0.2", "--multiple"]
        assert RuleOptions().recorded(EARLIER) == kept
        assert RuleOptions(strangers=0.1, margin=0.3).recorded(EARLIER) == ["--match mean", "--band 0.2", "--multiple"]
        assert RuleOptions(defaults=True).recorded(EARLIER) == []
        assert RuleOptions().recorded(spec(RuleOptions())) == []
        assert RuleOptions().recorded(spec(RuleOptions(strangers=0.05))) == ["--strangers 5%"]


class TestFolders:
    def test_resolved(self, place: Path) -> None:
        """Both come back absolute and without links; nothing is made."""
        (place / "link").symlink_to("archive")
        assert check_folders(place / "link", place / "a" / ".." / "sorted", Mode.HARDLINK) == (
            place / "archive",
            place / "sorted",
        )
        assert not (place / "sorted").exists()

    def test_no_archive(self, place: Path) -> None:
        """A missing archive is named."""
        with pytest.raises(BadRequest, match="none: the folder does not exist"):
            check_folders(place / "none", place / "sorted", Mode.HARDLINK)

    def test_archive_is_a_file(self, place: Path) -> None:
        """A file is no archive."""
        with pytest.raises(BadRequest, match="is not a folder"):
            check_folders(place / "refs" / "Akari" / "x.png", place / "sorted", Mode.HARDLINK)

    @pytest.mark.parametrize("below", ["", "deeper", "deeper/still"])
    def test_output_is_a_file(self, below: str, place: Path) -> None:
        """An output that can never be a folder is told at once, not after hours of embedding."""
        (place / "file").touch()
        with pytest.raises(BadRequest, match="file is not a folder"):
            check_folders(place / "archive", place / "file" / below, Mode.HARDLINK)

    @pytest.mark.parametrize("name", ["x" * 300, "loop/x"])
    def test_output_cannot_be(self, name: str, place: Path) -> None:
        """An output whose path the system refuses is told in one line."""
        (place / "loop").symlink_to("loop")
        with pytest.raises(BadRequest) as caught:
            check_folders(place / "archive", place / name, Mode.HARDLINK)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        ("archive", "output"),
        [("archive", "archive"), ("archive", "archive/sorted"), ("archive", "archive/a/b"), ("archive", "")],
    )
    def test_in_one_another(self, archive: str, output: str, place: Path) -> None:
        """Neither may lie in the other."""
        with pytest.raises(BadRequest, match="one folder is inside the other"):
            check_folders(place / archive, place / output, Mode.HARDLINK)

    def test_in_one_another_through_a_link(self, place: Path) -> None:
        """Links hide nothing."""
        (place / "link").symlink_to("archive")
        with pytest.raises(BadRequest, match="one folder is inside the other"):
            check_folders(place / "archive", place / "link" / "sorted", Mode.HARDLINK)

    def test_similar_names_are_apart(self, place: Path) -> None:
        """A name that begins like the other's is another folder."""
        assert check_folders(place / "archive", place / "archive-sorted", Mode.HARDLINK)


class TestWritable:
    def test_a_folder_that_may_be_written(self, place: Path) -> None:
        """An output that is there, and one that is yet to be made."""
        need_writable(place)
        need_writable(place / "a" / "b")

    def test_a_folder_that_may_not_be_written(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The line names the folder that stands in the way."""
        monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != place)
        with pytest.raises(BadRequest, match="you may not write to"):
            need_writable(place / "a" / "b")


class TestRequest:
    def test_checked(self, place: Path, weights: Path) -> None:
        """A good request comes back whole, and nothing was made."""
        before = sorted(place.rglob("*"))
        request = check(place, weights)
        assert (request.archive, request.output, request.weights) == (str(place / "archive"), place / "sorted", weights)
        assert request.info == read_info(weights)
        assert (request.spec.threshold, request.spec.characters) == (None, ["Akari"])
        assert sorted(place.rglob("*")) == before

    def test_output_in_the_references(self, place: Path, weights: Path) -> None:
        """The output must not become a reference."""
        with pytest.raises(BadRequest, match=r"the references .* and the output .*: one folder is inside the other"):
            check(place, weights, output=place / "refs" / "sorted")

    def test_references_in_the_archive(self, place: Path, weights: Path) -> None:
        """References may lie in the archive: they are only read."""
        (place / "refs").rename(place / "archive" / "refs")
        assert check(place, weights, references=place / "archive" / "refs").references.characters == ["Akari"]

    def test_unusable_weights(self, place: Path) -> None:
        """Weights that cannot be read are named."""
        with pytest.raises(WeightsError, match="none"):
            check(place, place / "none")

    def test_no_references(self, place: Path, weights: Path) -> None:
        """Missing references are named."""
        with pytest.raises(BadRequest, match="no references at"):
            check(place, weights, references=place / "none")
