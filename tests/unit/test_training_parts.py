"""The parts of a training: configuration, losses, learning rate, augmentation, colours, traits."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.nn import functional

from model.errors import ConfigurationError
from model.images.preprocessing import Preprocessing
from model.network.colour_histogram import BINS, histograms
from model.network.resnet18 import Network
from model.synthesis import Identity, draw
from model.training.augmentation import augment
from model.training.auxiliary_head import AttributeLoss, AttributeTargets
from model.training.config import (
    AugmentationConfig,
    Config,
    DataConfig,
    LossConfig,
    LossName,
    MinerName,
    ScheduleConfig,
)
from model.training.dataset import DrawnDataset
from model.training.fit_colours import fit_axes
from model.training.im2col import use_im2col
from model.training.initial_weights import initial_network
from model.training.losses import build_loss, build_miner
from model.training.optimizer import learning_rate

RECIPES = Path(__file__).parents[2] / "model" / "recipes"


class TestConfig:
    """Values from TOML and from the command line."""

    def test_defaults_are_the_articles(self) -> None:
        """Without a file the article's choices stand."""
        config = Config()
        assert (config.network.dimension, config.loss.name, config.optimizer.name) == (500, "triplet", "sgd")
        assert (config.optimizer.lr, config.optimizer.momentum, config.optimizer.weight_decay) == (1e-3, 0.9, 1e-6)
        assert (config.batch.pictures, config.batch.grouped, config.batch.random) == (10, 100, 100)

    @pytest.mark.parametrize(
        "path", sorted({*RECIPES.glob("*.toml")} - {RECIPES / "heads.toml"}), ids=lambda path: path.name
    )
    def test_recipes_can_be_read(self, path: Path) -> None:
        """Each shipped recipe is a valid configuration."""
        assert Config.from_toml(path).schedule.steps > 0

    def test_overrides(self, tmp_path: Path) -> None:
        """A value of the command line replaces that of the file; the digest follows the values."""
        path = tmp_path / "c.toml"
        path.write_text("seed = 3\n[optimizer]\nlr = 0.5\n")
        config = Config.from_toml(path, ["optimizer.lr=0.25", "loss.name=arcface", "network.init='a b'"])
        assert (config.seed, config.optimizer.lr, config.loss.name, config.network.init) == (3, 0.25, "arcface", "a b")
        assert config.digest != Config.from_toml(path).digest
        assert Config.from_values(config.plain()) == config

    @pytest.mark.parametrize(
        "override", ["optimizer.lr=0", "optimizer.speed=1", "nothing", "loss.name=x", "seed=-1", "network.colours=500"]
    )
    def test_wrong_values(self, override: str) -> None:
        """A wrong key or value is one clear error."""
        with pytest.raises(ConfigurationError):
            Config.from_toml(None, [override])

    def test_wrong_files(self, tmp_path: Path) -> None:
        """A missing file and one that is no TOML are named."""
        (tmp_path / "bad.toml").write_text("=")
        for name in ("bad.toml", "none.toml"):
            with pytest.raises(ConfigurationError, match=name):
                Config.from_toml(tmp_path / name)


class TestLosses:
    """Every loss with every miner learns something."""

    @pytest.mark.parametrize("loss", get_args(LossName))
    @pytest.mark.parametrize("miner", get_args(MinerName))
    def test_gradients(self, loss: LossName, miner: MinerName) -> None:
        """The loss is a finite number and its gradient is, too."""
        torch.manual_seed(1)
        config = LossConfig(name=loss, miner=miner)
        points = torch.randn(12, 8, requires_grad=True)
        embeddings, labels = functional.normalize(points, dim=1), torch.arange(4).repeat(3)
        found = build_miner(config)
        value = build_loss(config, characters=4, dimension=8)(
            embeddings, labels, found(embeddings, labels) if found else None
        )
        value.backward()
        assert value.isfinite()
        assert points.grad is not None
        assert points.grad.isfinite().all()

    def test_triplet_margin_is_on_inner_products(self) -> None:
        """The default loss of one triplet is max(0, 0.1 - (anchor . positive - anchor . negative))."""
        rows = functional.normalize(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.8, -0.59]]), dim=1)
        labels = torch.tensor([0, 0, 1])
        value = build_loss(LossConfig(), characters=2, dimension=2)(
            rows, labels, (torch.tensor([0]), torch.tensor([1]), torch.tensor([2]))
        )
        assert float(value) == pytest.approx(float(0.1 - (rows[0] @ rows[1] - rows[0] @ rows[2])), abs=1e-6)

    def test_unknown_parameter(self) -> None:
        """A parameter that the loss or the miner does not take is a configuration error."""
        with pytest.raises(ConfigurationError):
            build_loss(LossConfig(parameters={"speed": 1.0}), characters=2, dimension=2)
        with pytest.raises(ConfigurationError):
            build_miner(LossConfig(miner="batch-hard", miner_parameters={"speed": 1.0}))


def test_learning_rate() -> None:
    """Warm-up rises, cosine and tail fall to nearly nothing, none stays."""
    warm = ScheduleConfig(steps=100, warmup_steps=10)
    assert [learning_rate(step, warm, 1.0) for step in (0, 4, 9, 99)] == pytest.approx([0.1, 0.5, 1.0, 1.0])
    cosine = ScheduleConfig(steps=100, decay="cosine")
    assert [learning_rate(step, cosine, 2.0) for step in (0, 50, 99)] == pytest.approx([2.0, 1.0, 0.0], abs=1e-3)
    tail = ScheduleConfig(steps=100, decay="linear-tail", tail=0.5)
    assert [learning_rate(step, tail, 1.0) for step in (0, 50, 75, 100)] == pytest.approx([1.0, 1.0, 0.5, 0.0])


FULL = AugmentationConfig(
    rotate_deg=20,
    hue=0.1,
    tint=0.5,
    grey=0.3,
    warp=0.05,
    texture=0.5,
    blur=0.5,
    jpeg=0.5,
    erase=0.5,
    frame=0.5,
    crop=0.3,
    stretch=1.5,
)


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 90))
@settings(deadline=None, derandomize=True, max_examples=40)
def test_augmentation(seed: int, width: int, height: int) -> None:
    """Any picture of any shape becomes a square, and the same one by the same seed."""
    picture = Image.effect_noise((width, height), 60).convert("RGB")
    first = augment(picture, FULL, Preprocessing("pad", 32), seed)
    assert first.shape == (32, 32, 3)
    assert (first == augment(picture, FULL, Preprocessing("pad", 32), seed)).all()


def test_augmentation_keeps_colours() -> None:
    """By default the mean colour of a picture hardly moves: hair stays the colour it has."""
    picture = Image.new("RGB", (64, 64), (200, 80, 120))
    for seed in range(30):
        found = augment(picture, AugmentationConfig(), Preprocessing("pad", 32), seed).reshape(-1, 3).mean(axis=0)
        assert found[0] == found.max()
        assert np.abs(found - [200, 80, 120]).max() < 60


def test_texture_keeps_hues() -> None:
    """Strands and grain change how light a pixel is, and not which colour it has; some change of pixels there is."""
    picture = Image.new("RGB", (64, 64), (150, 60, 90))
    plain = AugmentationConfig(brightness=0, contrast=0, saturation=0, blur=0, jpeg=0, texture=1)
    changed = 0.0
    for seed in range(30):
        found = augment(picture, plain, Preprocessing("pad", 32), seed).astype(float)
        shares = found / found.sum(axis=2, keepdims=True)
        assert np.abs(shares - np.array([150, 60, 90]) / 300).max() < 0.08
        changed = max(changed, found[:, :, 0].std())
    assert changed > 10


def test_bent_pictures_keep_their_edges() -> None:
    """A bent picture has no hole, and its middle is elsewhere."""
    picture = draw(Identity.from_seed(3), 1, 96)
    still = AugmentationConfig(
        crop=1, stretch=1, rotate_deg=0, flip=0, brightness=0, contrast=0, saturation=0, blur=0, jpeg=0
    )
    bent = still.model_copy(update={"warp": 0.1})
    plain = augment(picture, still, Preprocessing("pad", 96), 0).astype(float)
    moved = [augment(picture, bent, Preprocessing("pad", 96), seed).astype(float) for seed in range(8)]
    assert all(np.abs(one[[0, -1]] - plain[[0, -1]]).max() < 60 for one in moved)
    assert 2 <= sum(np.abs(one - plain).mean() > 1 for one in moved) < 8


class TestNarrowMaps:
    """Convolutions as matrix products say what convolutions say."""

    @pytest.mark.parametrize("size_px", [33, 64, 96])
    def test_same_numbers(self, size_px: int) -> None:
        """The network's output and its gradients stay, up to rounding."""
        torch.manual_seed(0)
        plain = Network(50).double().train()
        gathered = copy.deepcopy(plain)
        use_im2col(gathered)
        pictures = torch.rand(4, 3, size_px, size_px, dtype=torch.double)
        for network in (plain, gathered):
            (network(pictures) ** 3).sum().backward()
        assert plain.state_dict().keys() == gathered.state_dict().keys()
        for one, other in zip(plain.parameters(), gathered.parameters(), strict=True):
            torch.testing.assert_close(one.grad, other.grad)

    @pytest.mark.parametrize(
        ("side", "kernel", "stride", "padding"),
        [
            (side, *shape)
            for side in (1, 2, 3, 4)
            for shape in ((1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1), (2, 2, 0))
            if side + 2 * shape[2] >= shape[0]  # else the kernel is larger than the map
        ],
    )
    def test_any_convolution(self, side: int, kernel: int, stride: int, padding: int) -> None:
        """Whatever kernel, stride and padding: the same numbers, in the same shape."""
        torch.manual_seed(0)
        one = nn.Sequential(nn.Conv2d(5, 7, kernel, stride, padding))
        maps = torch.rand(3, 5, side, side + 1)
        wanted = one(maps)
        use_im2col(one)
        torch.testing.assert_close(one(maps), wanted)

    def test_narrow_maps_are_gathered(self) -> None:
        """At 64 px the last stage, with its maps of 2 x 2, makes no convolution any more."""
        network = Network(50).eval()
        calls = []
        for used in (False, True):
            if used:
                use_im2col(network)
            with torch.profiler.profile() as profile, torch.inference_mode():
                network(torch.rand(1, 3, 64, 64))
            calls.append({event.key: event.count for event in profile.key_averages()}["aten::conv2d"])
        assert calls == [20, 15]


class TestColours:
    """The part of an embedding that tells colours."""

    def test_histogram_is_a_distribution(self) -> None:
        """Squares add up to 1, whatever the picture; one colour on a level lies in one bin."""
        pictures = torch.rand(3, 3, 50, 40)
        assert histograms(pictures).square().sum(1) == pytest.approx([1.0] * 3, abs=1e-5)
        red = torch.zeros(1, 3, 64, 64)
        red[:, 0] = 1.0
        assert histograms(red)[0].argmax() == 7 * 64
        assert histograms(torch.ones(1, 3, 64, 64))[0].argmax() == BINS - 1

    def test_nearby_colours_are_near(self) -> None:
        """A slightly other colour gives a slightly other histogram, a different one none in common."""
        tones = [torch.full((1, 3, 32, 32), value) for value in (0.30, 0.32, 0.80)]
        one, near, far = (histograms(tone)[0] for tone in tones)
        assert float(one @ near) > 0.9
        assert float(one @ far) == pytest.approx(0.0, abs=1e-6)

    def test_whole_embedding_has_unit_length(self) -> None:
        """Learned part and colours together lie on the sphere, with the wanted share."""
        torch.manual_seed(1)
        network = Network(24, colours=8).eval()
        with torch.inference_mode():
            found = network(torch.rand(4, 3, 32, 32))
        assert found.shape == (4, 24)
        assert found.norm(dim=1) == pytest.approx([1.0] * 4, abs=1e-5)
        assert found[:, 16:].square().sum(1) == pytest.approx([0.3] * 4, abs=1e-5)
        assert network.architecture == "resnet18-linear-colours8"

    def test_fitted_axes_tell_characters_apart(self) -> None:
        """A direction that differs within characters alone is given less than one that differs between them."""
        rng = np.random.default_rng(1)
        labels = np.repeat(np.arange(50), 6)
        table = rng.normal(size=(300, 16)) * 0.01
        table[:, 0] += rng.normal(size=300)
        table[:, 1] += rng.normal(size=50)[labels]
        axes, mean = fit_axes(table, labels, 4)
        assert axes.shape == (4, 16)
        assert np.linalg.norm(axes[:, 1]) > 4 * np.linalg.norm(axes[:, 0])
        assert mean == pytest.approx(table.mean(axis=0))

    def test_share_is_kept_by_weights(self, tmp_path: Path) -> None:
        """A network with colours is the same after writing and reading."""
        from model.network.weights_file import load_network, save_network

        network = Network(24, colours=8).eval()
        assert network.colours is not None
        network.colours.share.fill_(0.5)
        save_network(tmp_path / "w", network, preprocessing=Preprocessing("pad", 32), threshold=0.1)
        again, info = load_network(tmp_path / "w")
        pictures = torch.rand(2, 3, 32, 32)
        assert info.dimension == 24
        with torch.inference_mode():
            assert torch.equal(again(pictures), network(pictures))

    @pytest.mark.parametrize(("wanted", "found"), [(None, 0.5), (0.25, 0.25)])
    def test_share_of_first_weights(self, tmp_path: Path, wanted: float | None, found: float) -> None:
        """A training takes the share of the file that it begins with, or the one that it is told."""
        from model.network.weights_file import save_network

        network = Network(24, colours=8)
        assert network.colours is not None
        network.colours.share.fill_(0.5)
        save_network(tmp_path / "w", network, preprocessing=Preprocessing("pad", 32), threshold=0.1)
        config = Config.from_values({"network": {"init": str(tmp_path / "w"), "colour_share": wanted}})
        begun = initial_network(config)
        assert begun.colours is not None
        assert float(begun.colours.share) == found


def test_traits() -> None:
    """Traits are standard numbers per character, and their loss falls to nothing when they are read perfectly."""
    source = DrawnDataset(0, DataConfig(schemes_shared=0.0), 32)
    traits = AttributeTargets(source)
    found = traits([1, 2, 1])
    assert found.shape == (3, len(traits.names))
    assert (found[0] == found[2]).all()
    assert not (found[0] == found[1]).all()
    loss = AttributeLoss(traits, 8)
    torch.nn.init.zeros_(loss.read.weight)
    with torch.no_grad():
        loss.read.bias.copy_(torch.from_numpy(found[0]))
    assert float(loss(torch.zeros(1, 8), torch.tensor([1])).detach()) == pytest.approx(0.0, abs=1e-6)
